/** Finds the interface to attach to, and refuses interfaces that a wire cannot be attached to. */
import { EBUSY, ENETDOWN, ENODEV, EOPNOTSUPP, VnetError } from '../base/errno.ts'
import type { Native } from '../linux/native.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, getRoutes, type Link, RouteSocket } from '../linux/rtnetlink.ts'
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, IFF_UP } from '../netdev/if.ts'
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
