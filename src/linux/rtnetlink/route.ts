/**
 * Routes and rules: reads the routing tables (RTM_GETROUTE), finds routes that conflict with a new
 * address, and sets default routes. Source: include/uapi/linux/rtnetlink.h, fib_rules.h.
 */
import { EEXIST, EINVAL, isErrno, VnetError } from '../../base/errno.ts'
import * as netlink from '../../netlink/index.ts'
import {
  formatAddress,
  formatPrefix,
  networkOf,
  type Prefix,
  prefixesIntersect,
  sameBytes,
  toPrefix,
} from '../../packet/address.ts'
import * as uapi from '../uapi.ts'
import { familyOf, getAddresses, IFA_F_NODAD } from './address.ts'
import { getLink, nameOf } from './link.ts'
import type { RouteRequest, RouteSocket } from './route-socket.ts'

export const RT_TABLE_LOCAL = 255
const FRA_DST = 1
const FRA_IIFNAME = 3
const FRA_PRIORITY = 6
const FRA_FWMARK = 10
const FRA_DPORT_RANGE = 24

/** A route of a routing table, as far as vnet compares routes. */
export interface Route {
  readonly family: uapi.AddressFamily
  /** 4 or 16 bytes; zeros for a default route. */
  readonly dst: Uint8Array
  readonly prefixLen: number
  /** The interface index, of the first next hop; undefined without one (a blackhole route). */
  readonly oif: number | undefined
  /** RTN_* */
  readonly type: number
  /** The address of the next hop; undefined without one, or with several. */
  readonly via?: Uint8Array | undefined
  readonly table: number
  /** Of several routes to a network, the kernel uses the one with the smallest metric. */
  readonly metric: number
  /** True with several next hops, or with one of another family, which `via` does not show. */
  readonly complex?: boolean
}

const routePolicy = netlink.policy({
  dst: netlink.binary(uapi.RTA_DST, 4, 16),
  oif: netlink.s32(uapi.RTA_OIF),
  gateway: netlink.binary(uapi.RTA_GATEWAY, 4, 16),
  metric: netlink.u32(uapi.RTA_PRIORITY),
  multipath: netlink.binary(uapi.RTA_MULTIPATH),
  table: netlink.u32(uapi.RTA_TABLE),
  otherVia: netlink.binary(uapi.RTA_VIA),
})

/** A struct rtmsg. */
function rtmsg({
  family = 0,
  dstLen = 0,
  table = 0,
  protocol = 0,
  scope = uapi.RT_SCOPE_UNIVERSE,
  type = 0,
  flags = 0,
}) {
  return Uint8Array.of(family, dstLen, 0, 0, table, protocol, scope, type, flags, 0, 0, 0)
}

/** All IPv4 and IPv6 routes of the socket's namespace, in every table, without cached ones. */
export function getRoutes(sock: RouteSocket): Route[] {
  return [...routesOf(sock, uapi.AF_INET), ...routesOf(sock, uapi.AF_INET6)]
}

function routesOf(sock: RouteSocket, family: uapi.AddressFamily): Route[] {
  const write = (builder: netlink.MessageBuilder) => builder.payload(rtmsg({ family }))
  const what = () => 'RTM_GETROUTE'
  return sock.dump({ type: uapi.RTM_GETROUTE, what, write }, (bytes, { type, offset, length }) => {
    if (type !== uapi.RTM_NEWROUTE || length < uapi.RTMSG || bytes[offset] !== family) {
      return undefined
    }
    const attributes = netlink.decodeAttributes(
      routePolicy,
      bytes,
      offset + uapi.RTMSG,
      length - uapi.RTMSG,
    )
    const {
      dst,
      oif,
      gateway,
      metric = 0,
      multipath,
      otherVia,
      table = bytes[offset + 4],
    } = attributes
    return {
      family,
      dst: dst?.slice() ?? new Uint8Array(family === uapi.AF_INET ? 4 : 16),
      prefixLen: bytes[offset + 1],
      oif:
        oif ??
        (multipath !== undefined && multipath.length >= 8
          ? netlink.getU32(multipath, 4)
          : undefined),
      type: bytes[offset + 7],
      via: gateway?.slice(),
      table,
      metric,
      complex: multipath !== undefined || otherVia !== undefined,
    }
  })
}

/**
 * Returns whether every IPv6 address without duplicate address detection has its local route, which
 * the kernel adds shortly after the address: it accepts no packet for the address before.
 */
export function hasLocalRoutes(sock: RouteSocket, ifindex: number): boolean {
  const all = getAddresses(sock, ifindex)
  const addresses = all.filter(
    ({ bytes, flags }) => bytes.length === 16 && (flags & IFA_F_NODAD) !== 0,
  )
  if (addresses.length === 0) return true
  const locals = routesOf(sock, uapi.AF_INET6).filter(
    ({ type, prefixLen }) => type === uapi.RTN_LOCAL && prefixLen === 128,
  )
  return addresses.every(({ bytes }) => locals.some(({ dst }) => sameBytes(dst, bytes)))
}

/**
 * Describes the route that conflicts with an address, in a few words, or returns undefined if none
 * does. Routes of the interface `except` do not conflict. Throws a VnetError, EINVAL if `address`
 * is malformed.
 */
export function conflictWith(
  sock: RouteSocket,
  address: string,
  except: string,
): string | undefined {
  const route = overlappingRoute(
    getRoutes(sock),
    toPrefix(address),
    getLink(sock, { name: except })?.ifindex,
  )
  if (route === undefined) return undefined
  const holder = route.oif === undefined ? undefined : getLink(sock, { ifindex: route.oif })?.name
  return `${holder ?? 'no interface'} has a route to ${formatPrefix({ bytes: route.dst, prefixLen: route.prefixLen })}`
}

/**
 * Returns the first unicast or local route of an interface other than `exceptIfindex` that overlaps
 * the network `cidr`: it would lose traffic to an address of that network, or take it. Default
 * routes do not conflict. Nor do the halves that VPNs make of one (a /1, 2000::/3), link-local
 * routes and multicast routes.
 */
export function overlappingRoute(
  routes: readonly Route[],
  cidr: Prefix,
  exceptIfindex?: number,
): Route | undefined {
  return routes.find(route => {
    const { dst, prefixLen, oif, type } = route
    if (type !== uapi.RTN_UNICAST && type !== uapi.RTN_LOCAL) return false
    if (exceptIfindex !== undefined && oif === exceptIfindex) return false
    if (isDefault(route) || isLinkLocalOrMulticast(dst)) return false
    return prefixesIntersect({ bytes: dst, prefixLen }, cidr)
  })
}

function isDefault({ family, dst, prefixLen }: Route): boolean {
  return prefixLen <= 1 || (family === uapi.AF_INET6 && prefixLen === 3 && dst[0] === 0x20)
}

function isLinkLocalOrMulticast(dst: Uint8Array): boolean {
  if (dst.length === 4) return (dst[0] === 169 && dst[1] === 254) || dst[0] >> 4 === 0xe
  return dst[0] === 0xff || (dst[0] === 0xfe && dst[1] >> 6 === 2)
}

/** A route to a network over the link of interface index `oif`. */
export interface NetworkRoute {
  readonly dst: Prefix
  readonly oif: number
  /** The gateway on the link; undefined if the network is on the link itself. */
  readonly via?: Uint8Array | undefined
  /** 1 to 255; RT_TABLE_MAIN by default. */
  readonly table?: number
  /** Whether packets to the network are for this machine. */
  readonly isLocal?: boolean
  /** Of routes to the same network, the kernel uses the one with the lowest. Default 0. */
  readonly metric?: number
}

/** `ip route replace [local] PREFIX [via GATEWAY] dev IF [table N]`. Throws a VnetError. */
export function setNetworkRoute(sock: RouteSocket, route: NetworkRoute): void {
  sock.request(networkRequest(sock, netlink.NLM_F_CREATE | netlink.NLM_F_REPLACE, route))
}

/**
 * `ip route add PREFIX [via GATEWAY] dev IF [table N]`. Does nothing, and so takes no rights, if
 * the kernel uses this route already, whatever its metric. Throws a VnetError: EEXIST if the table
 * has another route to the network: the new one could take its traffic.
 */
export function addNetworkRoute(sock: RouteSocket, route: NetworkRoute): void {
  const { dst, table = uapi.RT_TABLE_MAIN } = route
  const network = networkOf(dst)
  const [used] = routesOf(sock, familyOf(dst.bytes))
    .filter(known => known.table === table && known.type === uapi.RTN_UNICAST)
    .filter(known => known.prefixLen === dst.prefixLen && sameBytes(known.dst, network))
    .sort((a, b) => a.metric - b.metric)
  const request = networkRequest(sock, netlink.NLM_F_CREATE | netlink.NLM_F_EXCL, route)
  if (used === undefined) {
    sock.request(request)
  } else if (!leadsTo(used, route)) {
    throw new VnetError(EEXIST, request.what())
  }
}

function networkRequest(sock: RouteSocket, flags: number, route: NetworkRoute): RouteRequest {
  const { dst, oif, via, table = uapi.RT_TABLE_MAIN, isLocal = false, metric } = route
  const family = familyOf(dst.bytes)
  const onLink = isLocal ? uapi.RT_SCOPE_HOST : uapi.RT_SCOPE_LINK
  const scope = via === undefined && family === uapi.AF_INET ? onLink : uapi.RT_SCOPE_UNIVERSE
  const type = isLocal ? uapi.RTN_LOCAL : uapi.RTN_UNICAST
  const header = { family, dstLen: dst.prefixLen, table, protocol: uapi.RTPROT_STATIC, scope, type }
  const over = via === undefined ? '' : ` via ${formatAddress(via)}`
  return {
    type: uapi.RTM_NEWROUTE,
    flags,
    what: () => ['RTM_NEWROUTE', `${formatPrefix(dst)}${over} on ${nameOf(sock, oif)}`],
    write(builder) {
      builder.payload(rtmsg(header)).binary(uapi.RTA_DST, networkOf(dst)).u32(uapi.RTA_OIF, oif)
      if (via !== undefined) {
        builder.binary(uapi.RTA_GATEWAY, via)
      }
      if (metric !== undefined) {
        builder.u32(uapi.RTA_PRIORITY, metric)
      }
    },
  }
}

/** Whether a route to the same network has the same next hop. */
function leadsTo({ oif, via, complex }: Route, route: NetworkRoute): boolean {
  if (complex || oif !== route.oif) return false
  return via === undefined || route.via === undefined
    ? via === route.via
    : sameBytes(via, route.via)
}

/** A default route with metric 0, which none precedes, by interface index and IPv4 gateway. */
export type GatewayRoute = Readonly<{ oif: number; via: Uint8Array }>

/**
 * `ip route prepend default via GATEWAY dev IF onlink`: puts the route before others of its metric
 * and removes none. Throws a VnetError: EEXIST if the route exists, ENETDOWN if the link is down.
 */
export function addGatewayRoute(sock: RouteSocket, route: GatewayRoute): void {
  const request = gatewayRequest(sock, uapi.RTM_NEWROUTE, route)
  try {
    sock.request(request)
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error
    makeLocalTable(sock, route.via)
    sock.request(request)
  }
}

/** Removes the route. Throws VnetError ESRCH if it does not exist. */
export function delGatewayRoute(sock: RouteSocket, route: GatewayRoute): void {
  sock.request(gatewayRequest(sock, uapi.RTM_DELROUTE, route))
}

function gatewayRequest(sock: RouteSocket, type: number, { oif, via }: GatewayRoute): RouteRequest {
  const command = type === uapi.RTM_NEWROUTE ? 'RTM_NEWROUTE' : 'RTM_DELROUTE'
  const header = {
    family: uapi.AF_INET,
    table: uapi.RT_TABLE_MAIN,
    protocol: uapi.RTPROT_STATIC,
    type: uapi.RTN_UNICAST,
  }
  return {
    type,
    flags: type === uapi.RTM_NEWROUTE ? netlink.NLM_F_CREATE : 0,
    what: () => [command, `default via ${formatAddress(via)} on ${nameOf(sock, oif)}`],
    write: builder =>
      builder
        .payload(rtmsg({ ...header, flags: uapi.RTNH_F_ONLINK }))
        .u32(uapi.RTA_OIF, oif)
        .binary(uapi.RTA_GATEWAY, via),
  }
}

/**
 * Makes the kernel create the table of local addresses. A namespace that never had an address lacks
 * it, and then the kernel refuses every gateway. Any route in it creates the table: a throw route,
 * which has no effect, is added and removed.
 */
function makeLocalTable(sock: RouteSocket, dst: Uint8Array): void {
  const header = {
    family: uapi.AF_INET,
    dstLen: 32,
    table: RT_TABLE_LOCAL,
    protocol: uapi.RTPROT_STATIC,
    type: uapi.RTN_THROW,
  }
  const write = (builder: netlink.MessageBuilder) =>
    builder.payload(rtmsg(header)).binary(uapi.RTA_DST, dst)
  const what = () => ['RTM_NEWROUTE', `throw ${formatAddress(dst)} table local`] as const
  sock.request({ type: uapi.RTM_NEWROUTE, flags: netlink.NLM_F_CREATE, what, write })
  sock.request({ type: uapi.RTM_DELROUTE, what, write })
}

/** Selects the packets that a table routes. A field that is missing matches every packet. */
export interface RoutingRule {
  readonly family: uapi.AddressFamily
  readonly table: number
  /** Rules with smaller numbers apply first. The kernel chooses one before the last by default. */
  readonly priority?: number
  readonly iif?: string
  /** The mark that the packet filter has set. */
  readonly fwmark?: number
  /** An address, and the first and the last port at it. */
  readonly to?: { readonly address: Uint8Array; readonly ports: readonly [number, number] }
}

/**
 * `ip rule add [pref N] [iif IF] [fwmark N] [to ADDRESS dport N-M] lookup TABLE`. Throws a
 * VnetError.
 */
export function addRule(sock: RouteSocket, rule: RoutingRule): void {
  const { family, table, priority, iif, fwmark, to } = rule
  // struct fib_rule_hdr has the layout of struct rtmsg.
  const header = rtmsg({
    family,
    dstLen: to === undefined ? 0 : 8 * to.address.length,
    table,
    type: uapi.FR_ACT_TO_TBL,
  })
  sock.request({
    type: uapi.RTM_NEWRULE,
    flags: netlink.NLM_F_CREATE,
    what: () => ['RTM_NEWRULE', `iif ${iif} table ${table}`],
    write(builder) {
      builder.payload(header)
      if (iif !== undefined) {
        builder.name(FRA_IIFNAME, iif)
      }
      if (priority !== undefined) {
        builder.u32(FRA_PRIORITY, priority)
      }
      if (fwmark !== undefined) {
        builder.u32(FRA_FWMARK, fwmark)
      }
      if (to === undefined) return
      const [first, last] = to.ports
      builder.binary(FRA_DST, to.address)
      // struct fib_rule_port_range.
      builder.binary(FRA_DPORT_RANGE, new Uint8Array(Uint16Array.of(first, last).buffer))
    },
  })
}
