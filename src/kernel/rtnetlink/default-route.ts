/** Default routes, and rules for which table a packet goes by. include/uapi/linux/rtnetlink.h, fib_rules.h. */
import { EINVAL, isErrno } from '../../core/errno.ts'
import { type MessageBuilder, NLM_F_CREATE, NLM_F_REPLACE } from '../../netlink/index.ts'
import { type Family, formatAddress } from '../cidr.ts'
import { AF_INET } from '../uapi.ts'
import { nameOf } from './link.ts'
import type { RouteSocket } from './route-socket.ts'
import {
  FR_ACT_TO_TBL,
  FRA_IIFNAME,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PRIORITY,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTM_NEWRULE,
  RTN_LOCAL,
  RTN_THROW,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTPROT_STATIC,
} from './uapi.ts'

export interface DefaultRoute {
  readonly family: Family
  /** Interface index. */
  readonly oif: number
  /** Every address is the host's own, as AnyIP has it; else every address is behind the interface. */
  readonly local?: boolean
  /** 1 to 255; RT_TABLE_MAIN unless given. */
  readonly table?: number
}

/** `ip route replace [local] default dev IF [table N]`. */
export function setDefaultRoute(sock: RouteSocket, route: DefaultRoute): void {
  const { family, oif, local = false, table = RT_TABLE_MAIN } = route
  const scope = local ? RT_SCOPE_HOST : RT_SCOPE_LINK
  const type = local ? RTN_LOCAL : RTN_UNICAST
  sock.request({
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: () => `RTM_NEWROUTE default on ${nameOf(sock, oif)}`,
    write: builder =>
      builder.payload(Uint8Array.of(family, 0, 0, 0, table, RTPROT_STATIC, scope, type, 0, 0, 0, 0)).u32(RTA_OIF, oif),
  })
}

export interface GatewayRoute {
  /** Interface index. */
  readonly oif: number
  /** 4 octets. */
  readonly via: Uint8Array
  /** Of several default routes the one with the lowest is taken, of those the first. */
  readonly metric: number
}

/**
 * `ip route prepend default via GATEWAY dev IF onlink metric N`: the first of its metric, and no other goes for it. VnetError
 * EEXIST when it is there, ENETDOWN when the link is down.
 */
export function addGatewayRoute(sock: RouteSocket, route: GatewayRoute): void {
  try {
    requestGatewayRoute(sock, route)
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error
    makeLocalTable(sock, route.via)
    requestGatewayRoute(sock, route)
  }
}

function requestGatewayRoute(sock: RouteSocket, route: GatewayRoute): void {
  sock.request({
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    what: () => `RTM_NEWROUTE default via ${formatAddress(route.via)} on ${nameOf(sock, route.oif)}`,
    write: builder => writeGatewayRoute(builder, route),
  })
}

/** Takes it away; VnetError ESRCH when it is not there. */
export function delGatewayRoute(sock: RouteSocket, route: GatewayRoute): void {
  sock.request({
    type: RTM_DELROUTE,
    what: () => `RTM_DELROUTE default via ${formatAddress(route.via)} on ${nameOf(sock, route.oif)}`,
    write: builder => writeGatewayRoute(builder, route),
  })
}

/**
 * A namespace that never had an address has no table of local ones, and as long as it has none the kernel takes no router's address for
 * one. A route that says no more than that others decide, there for a moment, makes the table.
 */
function makeLocalTable(sock: RouteSocket, dst: Uint8Array): void {
  const rtmsg = [AF_INET, 32, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_THROW, 0, 0, 0, 0]
  const write = (builder: MessageBuilder) => builder.payload(Uint8Array.from(rtmsg)).binary(RTA_DST, dst)
  const what = () => `RTM_NEWROUTE throw ${formatAddress(dst)} table local`
  sock.request({ type: RTM_NEWROUTE, flags: NLM_F_CREATE, what, write })
  sock.request({ type: RTM_DELROUTE, what, write })
}

function writeGatewayRoute(builder: MessageBuilder, { oif, via, metric }: GatewayRoute): void {
  const rtmsg = [AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST, RTNH_F_ONLINK, 0, 0, 0]
  builder.payload(Uint8Array.from(rtmsg)).u32(RTA_OIF, oif).binary(RTA_GATEWAY, via)
  if (metric !== 0) builder.u32(RTA_PRIORITY, metric)
}

/** `ip rule add iif IF lookup TABLE`: what comes in by the interface, and is for no address of the host's, goes by that table. */
export function addIncomingRule(
  sock: RouteSocket,
  rule: { readonly family: Family; readonly iif: string; readonly table: number },
): void {
  const { family, iif, table } = rule
  sock.request({
    type: RTM_NEWRULE,
    flags: NLM_F_CREATE,
    what: () => `RTM_NEWRULE iif ${iif} table ${table}`,
    write: builder =>
      builder.payload(Uint8Array.of(family, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0)).name(FRA_IIFNAME, iif),
  })
}
