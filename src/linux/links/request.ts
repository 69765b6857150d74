/** Carries out a LinkRequest by rtnetlink, and checks whether the kernel has finished it. */
import {
  EEXIST,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  ESRCH,
  isErrno,
  VnetError,
} from '../../base/errno.ts'
import { IFF_NOARP, IFF_UP } from '../../netdev/if.ts'
import type { DefaultRoute, LinkRequest, LinkRoute } from '../../netdev/port.ts'
import { formatPrefix, sameBytes, toPrefix } from '../../packet/address.ts'
import * as rtnetlink from '../rtnetlink.ts'
import { IF_OPER_UNKNOWN, IF_OPER_UP } from '../uapi.ts'

/** Makes the changes that `link`, just read through `sock`, lacks. Throws a VnetError. */
export function requestLink(
  sock: rtnetlink.RouteSocket,
  link: rtnetlink.Link,
  request: LinkRequest,
): void {
  const changes = differences(link, request)
  if (changes !== undefined) {
    rtnetlink.setLink(sock, link.ifindex, changes)
  }
  for (const address of request.addresses ?? []) {
    requestAddress(sock, link.ifindex, address)
  }
  if (request.up !== undefined) {
    requestUp(sock, link.ifindex, request.up)
  }
  if (request.defaultRoute !== undefined) {
    requestDefaultRoute(sock, link.ifindex, request.defaultRoute)
  }
  for (const route of request.routes ?? []) {
    requestRoute(sock, link.ifindex, route)
  }
}

/**
 * Returns whether the kernel's workers have finished. Until then the kernel sends nothing on a link
 * with a carrier that just came on, and accepts nothing for an IPv6 address that was just added.
 * `carrierSet` is true if the carrier was ever turned on or off.
 */
export function isSettled(
  sock: rtnetlink.RouteSocket,
  link: rtnetlink.Link,
  carrierSet: boolean,
): boolean {
  if ((link.flags & IFF_UP) === 0) return true
  // With a carrier that was on from the start, the operational state remains "unknown".
  const acted = link.operstate === IF_OPER_UP || (link.operstate === IF_OPER_UNKNOWN && !carrierSet)
  return (!link.carrier || acted) && rtnetlink.hasLocalRoutes(sock, link.ifindex)
}

/** The changes of a request that the interface does not have yet, or undefined. */
function differences(
  link: rtnetlink.Link,
  { mtu, address, noarp, txQueueLen }: LinkRequest,
): rtnetlink.LinkChanges | undefined {
  const changes: { -readonly [K in keyof rtnetlink.LinkChanges]: rtnetlink.LinkChanges[K] } = {}
  if (mtu !== undefined && mtu !== link.mtu) {
    changes.mtu = mtu
  }
  if (txQueueLen !== undefined && txQueueLen !== link.txQueueLen) {
    changes.txQueueLen = txQueueLen
  }
  if (address !== undefined && !sameBytes(address, link.address)) {
    changes.address = address
  }
  if (noarp !== undefined && noarp !== ((link.flags & IFF_NOARP) !== 0)) {
    changes.flags = { set: noarp ? IFF_NOARP : 0, mask: IFF_NOARP }
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

function requestAddress(sock: rtnetlink.RouteSocket, ifindex: number, text: string): void {
  const cidr = toPrefix(text)
  const wanted = formatPrefix(cidr)
  if (rtnetlink.getAddresses(sock, ifindex).some(known => formatPrefix(known) === wanted)) return
  try {
    rtnetlink.addAddress(sock, ifindex, cidr, { nodad: true })
  } catch (error) {
    if (!isErrno(error, EEXIST)) throw error
  }
}

function requestUp(sock: rtnetlink.RouteSocket, ifindex: number, up: boolean): void {
  const link = rtnetlink.getLink(sock, { ifindex })
  if (link === undefined || ((link.flags & IFF_UP) !== 0) === up) return
  rtnetlink.setLink(sock, ifindex, { flags: { set: up ? IFF_UP : 0, mask: IFF_UP } })
}

function requestRoute(sock: rtnetlink.RouteSocket, oif: number, { to, via }: LinkRoute): void {
  try {
    rtnetlink.addNetworkRoute(sock, { dst: to, oif, via })
  } catch (error) {
    throw error instanceof VnetError
      ? new VnetError(error.errno, error.what, routeAdvice(error))
      : error
  }
}

/** The kernel's message, if there is one, and what to do. */
function routeAdvice({ errno, advice }: VnetError): string | undefined {
  if (errno === EEXIST) {
    return 'that network has another route, which stays as it is; remove it first'
  }
  const isUnreachable = errno === ENETUNREACH || errno === EHOSTUNREACH
  // EINVAL has many causes, such as a broadcast address for the router.
  if (!isUnreachable && (errno !== EINVAL || advice !== undefined)) return advice
  const router = 'the router must be in a network of `addresses`, or of a route before this one'
  return advice === undefined ? router : `${advice}; ${router}`
}

function requestDefaultRoute(
  sock: rtnetlink.RouteSocket,
  oif: number,
  { via, there }: DefaultRoute,
): void {
  const route = { oif, via }
  try {
    if (there) {
      rtnetlink.addGatewayRoute(sock, route)
    } else {
      rtnetlink.delGatewayRoute(sock, route)
    }
  } catch (error) {
    // Already done.
    if (!isErrno(error, there ? EEXIST : ESRCH)) throw error
  }
}
