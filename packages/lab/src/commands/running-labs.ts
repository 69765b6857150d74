/** The labs that run, as other processes find them: by the files of their control sockets. */
import { statSync } from 'node:fs'
import { attempt, EACCES, ESRCH, formatAddress, parsePrefix, VnetError } from 'vnet'
import type { EntryInterface } from 'vnet/control'
import { listed } from 'vnet/kit/base'
import {
  directoriesOf,
  labPlace,
  otherUserLine,
  otherUsers,
  ownNamespace,
  type RunDirectory,
  readDirectories,
  withPlaces,
} from 'vnet/kit/control'
import { closing, type Native, sharesUserNamespace } from 'vnet/kit/linux'
import { addressesOf, getRoutes, openNetnsOf, type Route, RouteSocket } from 'vnet/kit/net'
import { networkOf, sameBytes } from 'vnet/kit/packet'
import { pidNamespaceHasEnded } from '../kernel/leftovers.ts'
import { type Host, withoutPrefix } from '../model/hosts.ts'
import { NAT64_NETWORK } from '../model/subnet.ts'

/** A lab with links; a lab without links is not visible. */
export interface RunningLab {
  /** `NAME`, or `NAME-PID` if another lab has the same name. */
  readonly name: string
  /** `NAME-PID`, the value of VNET_LAB. */
  readonly id: string
  readonly pid: number
  /** The user of the directory in which it was found. */
  readonly uid: number
  readonly vnet: string
  /** The interfaces of each host, in the order in which they were made. */
  readonly hosts: ReadonlyMap<string, readonly EntryInterface[]>
}

/** A host of a running lab, which may be another user's: see checkOwner. */
export type RunningHost = Readonly<{ lab: RunningLab; host: string }>

/**
 * Returns the running labs of `user`, or by default the labs of this user and of root. Leaves out a
 * lab if its PID namespace has ended: its files remain until the next lab starts.
 */
export function runningLabs(
  user?: number,
  directories: readonly RunDirectory[] = directoriesOf({ user }),
  hasEnded = pidNamespaceHasEnded,
): RunningLab[] {
  const here = ownNamespace('pid')
  const running = readDirectories(directories).filter(
    ({ pidns }) => pidns === here || !hasEnded(pidns),
  )
  return withPlaces(running).flatMap(({ vnet, pid, uid, interfaces }) => {
    const labs = new Map<string, { name: string; hosts: Map<string, EntryInterface[]> }>()
    for (const each of interfaces) {
      const { lab, host } = labPlace(each.place ?? each.netns) ?? {}
      const { lab: id } = labPlace(each.alias) ?? {}
      if (lab === undefined || host === undefined || id === undefined) continue
      const { hosts } = labs.get(id) ?? { hosts: new Map<string, EntryInterface[]>() }
      labs.set(id, { name: lab, hosts: hosts.set(host, [...(hosts.get(host) ?? []), each]) })
    }
    return [...labs].map(([id, { name, hosts }]) => ({ name, id, pid, uid, vnet, hosts }))
  })
}

/**
 * Returns the host that `text`, [LAB:]HOST, names in a lab of runningLabs(). Without LAB, a program
 * of `vnet lab FILE` means the hosts of its own lab, VNET_LAB. Returns a line for people if no
 * host, or more than one, has this name.
 */
export function findHost(text: string, user?: number): RunningHost | string {
  const labs = runningLabs(user)
  const all = labs.flatMap(running =>
    [...running.hosts.keys()].map(host => ({ lab: running, host })),
  )
  const nameOf = (each: RunningHost) => `${each.lab.name}:${each.host}`
  const [name = '', lab = process.env.VNET_LAB] = text.split(':').reverse()
  const hosts = all.filter(each => each.host === name)
  const own = hosts.filter(each => lab === each.lab.name || lab === each.lab.id)
  // Several labs of one name may have hosts of different names, as `vnet run` has.
  const alike = hosts.filter(each => each.lab.id === `${lab}-${each.lab.pid}`)
  const named =
    [own, alike].find(({ length }) => length > 0) ?? all.filter(each => each.host === text)
  const [found] = named
  if (found !== undefined && named.length === 1) return found
  const users = user === undefined && found === undefined ? otherUsers() : []
  const others = users.map(each => `; ${otherUserLine(each, 'lab list')}`).join('')
  if (labs.length === 0) return `no host is called ${text}: no lab with a link is running${others}`
  if (found === undefined) {
    return `no host is called ${text}; there are ${listed(all.map(nameOf))}${others}`
  }
  return `${named.length} hosts are called ${text}: ${listed(named.map(nameOf))}${others}`
}

/**
 * Throws a VnetError unless the process of the lab belongs to the lab's user, who wrote the file in
 * which the process is named: root would otherwise enter the namespaces of any process that a file
 * names. The process of another user must also be in a user namespace of its own, so that a program
 * there has only the rights of that namespace. Otherwise the program would run as root, in a
 * network of that user.
 */
export function checkOwner({ lab: { name, pid, uid }, host }: RunningHost): void {
  const owner = attempt(() => statSync(`/proc/${pid}`).uid)
  if (owner === undefined) throw new VnetError(ESRCH, `enter ${host}`, `the lab ${name} has ended`)
  if (owner !== uid) {
    throw new VnetError(EACCES, `enter ${host}`, `process ${pid} belongs to another user`)
  }
  if (uid !== process.geteuid?.() && sharesUserNamespace(pid)) {
    throw new VnetError(
      EACCES,
      `enter ${host}`,
      `process ${pid} of user ${uid} is not in a user namespace of its own`,
    )
  }
}

/** Returns a descriptor of the host's network namespace. Throws a VnetError if the lab ended. */
export function openHost(native: Native, { lab, host }: RunningHost): number {
  const [{ inode }] = lab.hosts.get(host) as [EntryInterface]
  try {
    const nsfd = openNetnsOf(native, lab.pid, inode)
    if (nsfd !== undefined) return nsfd
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') {
      throw new VnetError(EACCES, `enter ${host}`, `process ${lab.pid} belongs to another user`)
    }
  }
  throw new VnetError(ESRCH, `enter ${host}`, `the lab ${lab.name} has ended`)
}

/** Reads the addresses of all hosts of a lab from the kernel, and whether they use a NAT64. */
export function readHosts(native: Native, lab: RunningLab): Host[] {
  /** Interfaces in one network are ends of one link. */
  const links = new Map<string, number>()
  const linkOf = (addresses: readonly string[]): number => {
    const prefix = parsePrefix(addresses[0] ?? '')
    const network = prefix === undefined ? `none ${links.size}` : formatAddress(networkOf(prefix))
    const link = links.get(network) ?? links.size
    links.set(network, link)
    return link
  }
  /** The next hops to IPv4 hosts past a NAT64, by the hosts that have such a route. */
  const hops = new Map<string, string>()
  const hosts = [...lab.hosts].map(([name, interfaces]) => {
    const nsfd = openHost(native, { lab, host: name })
    return closing(native, nsfd, () => {
      using sock = RouteSocket.open(native, nsfd)
      const read = (each: EntryInterface) => {
        const addresses = addressesOf(sock, each.name)
        return { name: each.name, link: linkOf(addresses), addresses }
      }
      const routes = getRoutes(sock)
      const { via } = routes.find(isToNat64) ?? {}
      if (via !== undefined) {
        hops.set(name, formatAddress(via))
      }
      return {
        name,
        interfaces: interfaces.map(read),
        isOnline: routes.some(({ prefixLen }) => prefixLen === 0),
      }
    })
  })
  // The route of the NAT64 itself leads to a host that has none.
  const onward = hosts.filter(({ name }) => hops.has(name))
  const routed = new Set(
    onward.flatMap(each => each.interfaces.flatMap(own => own.addresses.map(withoutPrefix))),
  )
  return hosts.map(host => ({ ...host, hasDns64: routed.has(hops.get(host.name) ?? '') }))
}

function isToNat64({ dst, prefixLen }: Route): boolean {
  return prefixLen === NAT64_NETWORK.prefixLen && sameBytes(dst, NAT64_NETWORK.bytes)
}
