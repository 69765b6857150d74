/**
 * The ports of routers, and messages that only these ports get (RFC 4541 sec. 2.1.1): hosts do not
 * need each other's reports and solicitations, which would be most of the traffic of many hosts.
 */
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethernet, icmpv6, ipv4, ipv6, type SkBuff } from 'vnet'
import { get16 } from 'vnet/kit/packet'

/** The last bytes of 224.0.0.x and ff02::x: all nodes, all routers, all that read reports. */
const NODES = 1
const ROUTERS = 2
const REPORTS = 22

/** Message types, RFC 9776 sec. 4 and RFC 9777 sec. 5.1. */
const IGMP_HOST_MEMBERSHIP_QUERY = 0x11
const IGMPV3_HOST_MEMBERSHIP_REPORT = 0x22
const ICMPV6_MGM_QUERY = 130
const ICMPV6_MLD2_REPORT = 143
/** Types of group records that join from any source. */
const MODE_IS_EXCLUDE = 2
const CHANGE_TO_EXCLUDE_MODE = 4

/** Returns whether a multicast frame is an IGMPv3 or MLDv2 report, or a router solicitation. */
export function isForRouters(skb: SkBuff): boolean {
  const group = groupOf(skb)
  if (group !== REPORTS && group !== ROUTERS) return false
  const type = typeOf(skb)
  if (group === ROUTERS) return type === icmpv6.NDISC_ROUTER_SOLICITATION
  // Data may have the same address: 32 groups of IPv4 share one.
  return type === IGMPV3_HOST_MEMBERSHIP_REPORT || type === ICMPV6_MLD2_REPORT
}

/** Routers send advertisements, queries, and reports of membership in a group of routers. */
export function isFromRouter(skb: SkBuff): boolean {
  const group = groupOf(skb)
  if (group === NODES) {
    const type = typeOf(skb)
    return (
      type === IGMP_HOST_MEMBERSHIP_QUERY ||
      type === ICMPV6_MGM_QUERY ||
      type === icmpv6.NDISC_ROUTER_ADVERTISEMENT
    )
  }
  return group === REPORTS && joinsRouters(skb)
}

/** The last byte of the group 224.0.0.x or ff02::x of an IPv4 or IPv6 frame, or -1. */
function groupOf({ bytes, data }: SkBuff): number {
  const protocol = ethernet.etherType(bytes, data)
  if ((bytes[data + 3] | bytes[data + 4]) !== 0) return -1
  const isIpv6 =
    protocol === ETH_P_IPV6 &&
    bytes[data] === 0x33 &&
    bytes[data + 1] === 0x33 &&
    bytes[data + 2] === 0
  const isIpv4 =
    protocol === ETH_P_IP && bytes[data] === 1 && bytes[data + 1] === 0 && bytes[data + 2] === 0x5e
  return isIpv6 || isIpv4 ? bytes[data + 5] : -1
}

/** The type of an ICMPv6 or IGMP message, or -1. */
function typeOf(skb: SkBuff): number {
  const at = messageAt(skb)
  return at < 0 ? -1 : skb.bytes[at]
}

/** The position of the ICMPv6 or IGMP message, which has at least 8 bytes, or -1. */
function messageAt({ bytes, data, len }: SkBuff): number {
  const at = data + ETH_HLEN
  const length = len - ETH_HLEN
  if (ethernet.etherType(bytes, data) === ETH_P_IP) {
    const header = ipv4.parse(bytes, at, length)
    return header < 0 || ipv4.protocol(bytes, at) !== ipv4.IPPROTO_IGMP || header + 8 > length
      ? -1
      : at + header
  }
  if (ipv6.parse(bytes, at, length) < 0) return -1
  const upper = ipv6.upperLayer(bytes, at, length)
  const offset = upper >> 8
  return (upper & 0xff) !== ipv6.NEXTHDR_ICMP || offset <= 0 || offset + 8 > length
    ? -1
    : at + offset
}

/** Whether a report has a record that joins a group of routers. IGMP and MLD records look alike. */
function joinsRouters(skb: SkBuff): boolean {
  const { bytes, tail } = skb
  const at = messageAt(skb)
  if (at < 0) return false
  const length = ethernet.etherType(bytes, skb.data) === ETH_P_IP ? ipv4.IPV4_ALEN : ipv6.IPV6_ALEN
  let record = at + 8
  for (let left = get16(bytes, at + 6); left > 0 && record + 4 + length <= tail; left--) {
    const type = bytes[record]
    const joins = type === MODE_IS_EXCLUDE || type === CHANGE_TO_EXCLUDE_MODE
    if (joins && isRouterGroup(bytes, record + 4, length)) return true
    record += 4 + length + length * get16(bytes, record + 2) + 4 * bytes[record + 1]
  }
  return false
}

function isRouterGroup(bytes: Uint8Array, at: number, length: number): boolean {
  if (get16(bytes, at) !== (length === ipv4.IPV4_ALEN ? 0xe000 : 0xff02)) return false
  for (let i = at + 2; i < at + length - 1; i++) {
    if (bytes[i] !== 0) {
      return false
    }
  }
  const last = bytes[at + length - 1]
  return last === ROUTERS || last === REPORTS
}
