/**
 * The routing tables by rtnetlink (RTM_GETROUTE), and whether an address would be in another interface's way.
 * include/uapi/linux/rtnetlink.h, struct rtmsg.
 */
import { binary, decodeAttributes, getU32, type MessageBuilder, policy, s32, u32 } from '../../netlink/index.ts'
import { type Cidr, type Family, prefixesIntersect } from '../cidr.ts'
import { AF_INET, AF_INET6 } from '../uapi.ts'
import { getAddresses, type InterfaceAddress } from './address.ts'
import type { RouteSocket } from './route-socket.ts'
import {
  IFA_F_NODAD,
  RTA_DST,
  RTA_MULTIPATH,
  RTA_OIF,
  RTA_TABLE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_LOCAL,
  RTN_UNICAST,
} from './uapi.ts'

export interface Route {
  readonly family: Family
  /** 4 or 16 octets; zeros for a default route. */
  readonly dst: Uint8Array
  readonly prefixLen: number
  /** Interface index; of a route with several next hops the first one's; undefined when it has none (blackhole ...). */
  readonly oif: number | undefined
  /** RT_TABLE_*, or any number. */
  readonly table: number
  /** RTN_* */
  readonly type: number
  /** RTPROT_* */
  readonly protocol: number
}

const routePolicy = policy({
  dst: binary(RTA_DST, 4, 16),
  oif: s32(RTA_OIF),
  table: u32(RTA_TABLE),
  multipath: binary(RTA_MULTIPATH),
})

const RTMSG = 12

/** All IPv4 and IPv6 routes of the socket's namespace, of every table; cached ones are left out. */
export function getRoutes(sock: RouteSocket): Route[] {
  return [...routesOf(sock, AF_INET), ...routesOf(sock, AF_INET6)]
}

function routesOf(sock: RouteSocket, family: Family): Route[] {
  const write = (builder: MessageBuilder) => builder.payload(Uint8Array.of(family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
  const what = () => 'RTM_GETROUTE'
  return sock.dump({ type: RTM_GETROUTE, what, write }, (bytes, { type, offset, length }) => {
    if (type !== RTM_NEWROUTE || length < RTMSG || bytes[offset] !== family) return undefined
    const { dst, oif, table, multipath } = decodeAttributes(routePolicy, bytes, offset + RTMSG, length - RTMSG)
    return {
      family,
      dst: dst?.slice() ?? new Uint8Array(family === AF_INET ? 4 : 16),
      prefixLen: bytes[offset + 1],
      oif: oif ?? firstNextHop(multipath),
      table: table ?? bytes[offset + 4],
      protocol: bytes[offset + 5],
      type: bytes[offset + 7],
    }
  })
}

/**
 * Whether every IPv6 address of an interface that was added without duplicate address detection has its local route: the
 * kernel makes that a little after the address, and takes no packet for it before.
 */
export function hasLocalRoutes(sock: RouteSocket, ifindex: number): boolean {
  const isAtOnce = ({ family, flags }: InterfaceAddress) => family === AF_INET6 && (flags & IFA_F_NODAD) !== 0
  const addresses = getAddresses(sock, ifindex).filter(isAtOnce)
  if (addresses.length === 0) return true
  const locals = routesOf(sock, AF_INET6).filter(({ type, prefixLen }) => type === RTN_LOCAL && prefixLen === 128)
  return addresses.every(({ bytes }) => locals.some(({ dst }) => dst.every((octet, i) => octet === bytes[i])))
}

/** The interface of the first struct rtnexthop. */
function firstNextHop(multipath: Uint8Array | undefined): number | undefined {
  return multipath !== undefined && multipath.length >= 8 ? getU32(multipath, 4) : undefined
}

/**
 * The first route that an address with the network `cidr` would take addresses from, or lose its own to: unicast and local
 * routes of other interfaces than `exceptIfindex` whose prefix meets the network. Not in the way are default routes, also
 * those in halves that VPNs make (a /1, 2000::/3), link-local and multicast ones: they are met by everything or by nothing.
 */
export function overlappingRoute(routes: readonly Route[], cidr: Cidr, exceptIfindex?: number): Route | undefined {
  return routes.find(route => {
    const { family, dst, prefixLen, oif, type } = route
    if (type !== RTN_UNICAST && type !== RTN_LOCAL) return false
    if (exceptIfindex !== undefined && oif === exceptIfindex) return false
    if (isDefault(route) || isLinkLocalOrMulticast(dst)) return false
    return prefixesIntersect({ family, bytes: dst, prefixLen }, cidr)
  })
}

function isDefault({ family, dst, prefixLen }: Route): boolean {
  return prefixLen <= 1 || (family === AF_INET6 && prefixLen === 3 && dst[0] === 0x20)
}

function isLinkLocalOrMulticast(dst: Uint8Array): boolean {
  if (dst.length === 4) return (dst[0] === 169 && dst[1] === 254) || dst[0] >> 4 === 0xe
  return dst[0] === 0xff || (dst[0] === 0xfe && dst[1] >> 6 === 2)
}
