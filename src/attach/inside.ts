/**
 * Finds where to attach for the interfaces of another network namespace: at the other ends of its
 * veths, so that nothing is visible inside.
 */
import { statSync } from 'node:fs'
import { EINVAL, ENODEV, EOPNOTSUPP, ESRCH, UsageError, VnetError } from '../base/index.ts'
import type { Native } from '../linux/native.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, getLinks, type Link, nsidOf, RouteSocket } from '../linux/rtnetlink.ts'
import { ARPHRD_ETHER, IFF_UP } from '../netdev/if.ts'
import { type Container, engineSockets, findContainer } from './engine.ts'

/** A namespace as the user names it, and optionally one of its interfaces. */
export interface Inside {
  readonly container?: string | undefined
  readonly pid?: number | undefined
  /** All veths by default. */
  readonly interface?: string | undefined
  /** The namespace of the other ends; undefined is our own. */
  readonly netns?: string | undefined
}

/** A namespace that was found, with the container if it was named by one. */
export type Found = Wanted & { readonly container?: Container }

/** Finds the namespace, for otherEnds(). Rejects with a VnetError with a one-line message. */
export async function findInside({
  container,
  pid,
  netns,
  interface: only,
}: Inside): Promise<Found> {
  if (container !== undefined && pid !== undefined) {
    throw new UsageError('give --container or --pid, not both')
  }
  if (container === undefined) return { text: `--pid ${pid}`, netns, only, path: netnsOf(pid ?? 0) }
  const found = await findContainer(container, engineSockets())
  const text = `container ${container}`
  if (found.pid === 0) throw new VnetError(ESRCH, text, 'it is not running')
  return { text, netns, only, path: netnsOf(found.pid), container: found }
}

/** Returns the names of the container of an interface inside; undefined if it was named by pid. */
export function namesIn({ container }: Pick<Found, 'container'>, inside: string) {
  return container && { container: container.name, id: container.id, interface: inside }
}

/**
 * Returns the path of a process's network namespace. Throws a VnetError if the process does not
 * exist.
 */
export function netnsOf(pid: number): string {
  const path = `/proc/${pid}/ns/net`
  if (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined) return path
  throw new VnetError(ESRCH, `process ${pid}`, 'there is no such process here')
}

interface Wanted {
  /** For errors. */
  readonly text: string
  /** The namespace of the veths. */
  readonly path: string
  /** The namespace of their other ends; undefined is our own. */
  readonly netns: string | undefined
  readonly only: string | undefined
}

/** The end of a veth in the namespace that was asked for, and the name of the end inside. */
export interface End {
  readonly name: string
  readonly ifindex: number
  readonly inside: string
}

/**
 * Returns the other ends, in the namespace `netns`, of the veths of a namespace. Throws a VnetError
 * if it has no end there.
 */
export const otherEnds = (native: Native, wanted: Wanted): End[] => endsOf(native, wanted).ends

/** Returns the same, and the interfaces inside that frames pass without a veth. */
export function endsOf(native: Native, wanted: Wanted): { ends: End[]; others: readonly Link[] } {
  const { text, path, netns, only } = wanted
  const refusal = (errno: number, why: string) => new VnetError(errno, text, why)
  return inNetns(native, netns, outside =>
    inNetns(native, path, inside => {
      using here = RouteSocket.open(native, outside)
      using there = RouteSocket.open(native, inside)
      if (inside < 0 ? outside < 0 : here.isIn(inside)) {
        throw refusal(EINVAL, "it has the host's network: attach to an interface by its name")
      }
      const links = getLinks(there).filter(link =>
        only === undefined ? link.name !== 'lo' : link.name === only,
      )
      if (only !== undefined && links.length === 0) {
        throw refusal(ENODEV, `it has no interface ${only}`)
      }
      if (links.length === 0) throw refusal(ENODEV, 'it has no network')
      const veths = links.filter(({ kind }) => kind === 'veth')
      const [first] = links as [Link]
      if (veths.length === 0) {
        throw refusal(
          EOPNOTSUPP,
          `${first.name} is no veth: attach inside, to ${path}/${first.name}`,
        )
      }
      const found = veths.flatMap(veth => {
        const other = veth.peer === undefined ? undefined : getLink(here, { ifindex: veth.peer })
        // Indexes of two namespaces may be equal by chance.
        const isIt =
          other?.kind === 'veth' && other.peer === veth.ifindex && isOf(here, other, inside)
        return isIt ? { name: other.name, ifindex: other.ifindex, inside: veth.name } : []
      })
      // Veths to other containers, or to a namespace inside this one, are not the caller's.
      if (found.length > 0) return { ends: found, others: links.filter(isShared) }
      const { name } = veths[0] as Link
      throw refusal(
        ENODEV,
        `the other end of ${name} is in another namespace: name that by --netns`,
      )
    }),
  )
}

/** Whether it is on an interface of the host, or was the host's: the container did not make it. */
function isShared({ type, kind, flags }: Link): boolean {
  return (
    type === ARPHRD_ETHER &&
    (flags & IFF_UP) !== 0 &&
    (kind === undefined || /^(macvlan|ipvlan)$/.test(kind))
  )
}

/** Whether the other end of `link` is in the namespace `inside`. */
function isOf(sock: RouteSocket, { peerNsid }: Link, inside: number): boolean {
  return peerNsid !== undefined && (inside < 0 || nsidOf(sock, inside) === peerNsid)
}
