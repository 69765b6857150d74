/** Finds the interface to attach to, and refuses interfaces that a wire cannot be attached to. */
import { EBUSY, ENETDOWN, ENODEV, EOPNOTSUPP, VnetError } from '../base/errno.ts'
import type { Native } from '../linux/native.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, getRoutes, type Link, RouteSocket, setLink } from '../linux/rtnetlink.ts'
import { readSysctl, writeSysctl } from '../linux/sysctl.ts'
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, ETH_MAX_MTU, IFF_UP } from '../netdev/if.ts'
import { attachedBy } from './tcx.ts'

/** An interface that a wire can be attached to. */
export interface Target {
  /** The user's text: the interface, with its network namespace if given. */
  readonly text: string
  /** undefined is our own. */
  readonly netns: string | undefined
  readonly link: Link
  /** True if a default route of its namespace leads through it. */
  readonly hasDefaultRoute: boolean
}

/** Returns the name of a TAP of an attachment: `a` faces the network, `b` the network stack. */
export function attachTapName(ifindex: number, end: 'a' | 'b'): string {
  return `wire${ifindex}${end}`
}

/** Throws a VnetError with a one-line message if nothing can be attached to the interface. */
export function findTarget(
  native: Native,
  { name, netns }: { readonly name: string; readonly netns: string | undefined },
): Target {
  const text = netns === undefined ? name : `${netns}/${name}`
  const refusal = (errno: number, why: string) => new VnetError(errno, `attach ${text}`, why)
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined) throw refusal(ENODEV, 'there is no such interface; `ip link` lists them')
    if (link.type !== ARPHRD_ETHER && link.type !== ARPHRD_LOOPBACK) {
      throw refusal(EOPNOTSUPP, `${link.kind ?? 'it'} has no Ethernet headers, which a wire needs`)
    }
    const { ifindex } = link
    const by = attachedBy(native, { nsfd, ifindex })
    if (by !== undefined) throw refusal(EBUSY, `process ${by} is attached to it`)
    const taps = [attachTapName(ifindex, 'a'), attachTapName(ifindex, 'b')]
    const taken = taps.find(tap => getLink(sock, { name: tap }) !== undefined)
    if (taken !== undefined) throw refusal(EBUSY, `another process is attached to it, or made ${taken}`)
    if (link.kind === 'tun' && /^wire\d+[ab]$/.test(name)) throw refusal(EBUSY, 'it belongs to an attachment')
    if ((link.flags & IFF_UP) === 0) throw refusal(ENETDOWN, `it is down: ip link set ${name} up`)
    const hasDefaultRoute = getRoutes(sock).some(({ prefixLen, oif }) => prefixLen === 0 && oif === ifindex)
    return { text, netns, link, hasDefaultRoute }
  })
}

const SETTINGS = [
  ['net/ipv4/conf/lo/route_localnet', '1'],
  ['net/ipv4/conf/lo/accept_local', '1'],
  // The kernel uses the larger of the two.
  ['net/ipv4/conf/all/rp_filter', '0'],
  ['net/ipv4/conf/lo/rp_filter', '0'],
] as const

/**
 * Prepares lo for a wire. A frame from the wire is received like a frame from a network, without
 * the route that it was sent by, so IPv4 must accept local addresses there. Returns a function that
 * restores the settings. Throws a VnetError with the remedy if a setting may not be changed; all
 * are restored then.
 */
export function prepareLoopback(native: Native, { text, netns, link }: Target): () => void {
  const undo: ((nsfd: number) => void)[] = []
  const restore = () => {
    inNetns(native, netns, nsfd => {
      for (const back of undo.splice(0).reverse()) back(nsfd)
    })
  }
  try {
    inNetns(native, netns, nsfd => {
      for (const [name, value] of SETTINGS) undo.push(...set(native, nsfd, text, name, value))
      if (link.mtu <= ETH_MAX_MTU) return
      setMtu(native, nsfd, link.ifindex, ETH_MAX_MTU)
      undo.push(there => setMtu(native, there, link.ifindex, link.mtu))
    })
    return restore
  } catch (error) {
    restore()
    throw error
  }
}

/** Returns functions that restore the setting; none if it has the value already. */
function set(native: Native, nsfd: number, text: string, name: string, value: string): ((nsfd: number) => void)[] {
  const before = readSysctl(native, nsfd, name)
  if (before === value) return []
  try {
    writeSysctl(native, nsfd, name, value)
  } catch (error) {
    const remedy = `vnet may not change a setting: sysctl -w ${name.replaceAll('/', '.')}=${value}`
    throw error instanceof VnetError ? new VnetError(error.errno, `attach ${text}`, remedy) : error
  }
  return [there => writeSysctl(native, there, name, before)]
}

/** Sets the MTU of lo, at most a TAP's while attached: larger frames would be dropped. */
function setMtu(native: Native, nsfd: number, ifindex: number, mtu: number): void {
  using sock = RouteSocket.open(native, nsfd)
  if (getLink(sock, { ifindex }) !== undefined) setLink(sock, ifindex, { mtu })
}
