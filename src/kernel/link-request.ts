/** What core asks of an interface (LinkRequest), by rtnetlink, and whether the kernel is through with it. */
import { EEXIST, ESRCH, isErrno } from '../core/errno.ts'
import { IFF_NOARP, IFF_UP } from '../core/if.ts'
import type { DefaultRoute, LinkRequest } from '../core/port.ts'
import { formatCidr, toCidr } from './cidr.ts'
import { sameOctets } from './link-state.ts'
import {
  addAddress,
  addGatewayRoute,
  delGatewayRoute,
  getAddresses,
  getLink,
  hasLocalRoutes,
  type Link,
  type LinkChanges,
  type RouteSocket,
  setLink,
} from './rtnetlink.ts'
import { IF_OPER_UNKNOWN, IF_OPER_UP } from './uapi.ts'

/** That of routes which nobody gave one: no other route comes before such a one, and of several the last made is the first. */
const METRIC = 0

/** Makes those of the changes that are rtnetlink's and not so yet, of `link` as just read by `sock`. Throws a VnetError. */
export function requestLink(sock: RouteSocket, link: Link, request: LinkRequest): void {
  const changes = differences(link, request)
  if (changes !== undefined) setLink(sock, link.ifindex, changes)
  for (const address of request.addresses ?? []) requestAddress(sock, link.ifindex, address)
  if (request.up !== undefined) requestUp(sock, link.ifindex, request.up)
  if (request.defaultRoute !== undefined) requestDefaultRoute(sock, link.ifindex, request.defaultRoute)
}

/**
 * Whether the kernel's own workers are through. Until then the host sends nothing on a link whose carrier just came, and
 * takes nothing for an IPv6 address that is just there. `carrierSet`: somebody has turned the carrier on or off.
 */
export function isSettled(sock: RouteSocket, link: Link, carrierSet: boolean): boolean {
  if ((link.flags & IFF_UP) === 0) return true
  // A carrier that was there from the beginning never becomes anything else than unknown.
  const acted = link.operstate === IF_OPER_UP || (link.operstate === IF_OPER_UNKNOWN && !carrierSet)
  return (!link.carrier || acted) && hasLocalRoutes(sock, link.ifindex)
}

/** What of a request the interface does not have yet; undefined when nothing. */
function differences(link: Link, { mtu, address, noarp, txQueueLen }: LinkRequest): LinkChanges | undefined {
  const changes: { -readonly [K in keyof LinkChanges]: LinkChanges[K] } = {}
  if (mtu !== undefined && mtu !== link.mtu) changes.mtu = mtu
  if (txQueueLen !== undefined && txQueueLen !== link.txQueueLen) changes.txQueueLen = txQueueLen
  if (address !== undefined && !sameOctets(address, link.address)) changes.address = address
  if (noarp !== undefined && noarp !== ((link.flags & IFF_NOARP) !== 0)) {
    changes.flags = { set: noarp ? IFF_NOARP : 0, mask: IFF_NOARP }
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

function requestAddress(sock: RouteSocket, ifindex: number, text: string): void {
  const cidr = toCidr(text)
  const wanted = formatCidr(cidr)
  if (getAddresses(sock, ifindex).some(known => formatCidr(known) === wanted)) return
  try {
    addAddress(sock, ifindex, cidr, { nodad: true })
  } catch (error) {
    if (!isErrno(error, EEXIST)) throw error
  }
}

function requestUp(sock: RouteSocket, ifindex: number, up: boolean): void {
  const link = getLink(sock, { ifindex })
  if (link === undefined || ((link.flags & IFF_UP) !== 0) === up) return
  setLink(sock, ifindex, { flags: { set: up ? IFF_UP : 0, mask: IFF_UP } })
}

function requestDefaultRoute(sock: RouteSocket, oif: number, { via, there }: DefaultRoute): void {
  const route = { oif, via, metric: METRIC }
  try {
    if (there) addGatewayRoute(sock, route)
    else delGatewayRoute(sock, route)
  } catch (error) {
    // So it is already.
    if (!isErrno(error, there ? EEXIST : ESRCH)) throw error
  }
}
