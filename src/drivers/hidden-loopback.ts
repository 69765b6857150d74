/**
 * Hidden loopback: a frame's network number is flipped, so that what the host sends to one network comes back to it from
 * the neighbouring one, and it talks to itself without knowing. IPv4: the lowest bit of the third octet of source and
 * destination (a /24 becomes its neighbour). IPv6: the lowest bit of the eighth octet (a /64 becomes its neighbour).
 *
 * What is translated. Untagged or 802.1Q/802.1ad tagged IPv4 and IPv6, padding and options kept. The source must be
 * unicast; the destination must be, or be multicast or 255.255.255.255, which stays as it is. Every checksum over an
 * address stays right by increment (RFC 1624): IPv4's own, TCP, UDP (zero stays zero), UDP-Lite, DCCP, ICMPv6. A partial
 * checksum, the field at csumStart + csumOffset when that is the outer transport header's own, holds the pseudo-header's
 * sum and stays partial; the field of a tunnel's outer header is a full one. ICMP errors have the quoted addresses
 * flipped where they are unicast, with the quoted header's sum, the quoted transport's (a full one, or the partial one
 * of a packet that never left the host), a redirect's gateway and the message's own checksum to match. Later fragments
 * have no transport header. Other protocols, ESP among them, are carried unread.
 *
 * What is not, and the reason answered; the frame is then as it was, to the octet:
 *   PKT_TOO_SMALL         ends before its EtherType
 *   UNHANDLED_PROTO       neither IPv4 nor IPv6
 *   NEIGH                 ARP, neighbour discovery (ICMPv6 133 to 137): reflected, the host would find its address taken
 *   IP_INHDR              version or lengths that do not fit the frame, an IPv6 extension header that is cut
 *   IP_SOURCE_ROUTE       IPv6 routing header, IPv4 LSRR or SSRR: there are more addresses than two
 *   IP_AUTH               AH covers the addresses (RFC 4302)
 *   L4_HDR                ends before a transport checksum that covers the addresses
 *   IP_NOT_TRANSLATABLE   source not unicast, or destination neither unicast nor multicast
 *   SKB_CSUM              a partial checksum outside the frame
 *
 * Not unicast here: 0/8, 127/8, 169.254/16, 224/4, 240/4, ::, ::1, fe80::/10, ff00::/8, and 0:0:0:1:: and 0:0:0:1::1,
 * which would become :: and ::1. Flipping twice gives the first frame back.
 *
 * Nothing here allocates or throws, whatever the octets are.
 */
import { checksumGrow } from '../header/checksum.ts'
import { copyAddress, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, isMulticastAddress } from '../header/ethernet.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_AH, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { NEXTHDR_ICMP, NEXTHDR_NONE, NEXTHDR_ROUTING } from '../header/ipv6.ts'
import { get16, put16 } from '../header/octets.ts'
import { networkOffset } from '../header/vlan.ts'
import {
  SKB_DROP_REASON_IP_AUTH,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_IP_SOURCE_ROUTE,
  SKB_DROP_REASON_L4_HDR,
  SKB_DROP_REASON_NEIGH,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  SKB_NOT_DROPPED_YET,
} from '../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../skb/sk-buff.ts'
import {
  adjust,
  BIT_IPV4,
  BIT_IPV6,
  checksumField,
  FLIPPED_IPV4,
  FLIPPED_IPV6,
  flip,
  grow,
  isGroup4,
  isUnicast4,
  isUnicast6,
  isZeroNone,
} from './hidden-loopback-address.ts'
import { flipIcmp, flipIcmpv6 } from './hidden-loopback-icmp.ts'

/**
 * Flips the frame in place and sets its `mac`, `nh`, `h` (0 without a transport header) and `protocol` (the EtherType of
 * what `nh` points at). Answers 0, or the SKB_DROP_REASON_* why it cannot be; the frame is then untouched. The frame
 * stays the caller's.
 */
export function flipNetwork(skb: SkBuff): number {
  const { bytes, data } = skb
  const nh = data + 14
  const h = nh + 20
  // Untagged IPv4 without options that carries TCP or UDP between unicast addresses: nearly every frame.
  // Whatever is not quite that takes the long way, which knows the reasons.
  if (skb.len < 42 || bytes[data + 12] !== 0x08 || bytes[data + 13] !== 0 || bytes[nh] !== 0x45) return flipFrame(skb)
  if (((bytes[nh + 6] & 0x1f) | bytes[nh + 7]) !== 0) return flipFrame(skb)
  const protocol = bytes[nh + 9]
  const udp = protocol === IPPROTO_UDP
  if (!udp && protocol !== IPPROTO_TCP) return flipFrame(skb)
  const field = udp ? h + 6 : h + 16
  const end = nh + get16(bytes, nh + 2)
  if (end < field + 2 || end > data + skb.len) return flipFrame(skb)
  const partial = skb.ipSummed === CHECKSUM_PARTIAL
  if (partial && (skb.csumStart !== h || skb.csumStart + skb.csumOffset !== field)) return flipFrame(skb)
  if (!isUnicast4(bytes, nh + 12) || !isUnicast4(bytes, nh + 16)) return flipFrame(skb)

  const source = bytes[nh + 14]
  const destination = bytes[nh + 18]
  bytes[nh + 14] = source ^ 1
  bytes[nh + 18] = destination ^ 1
  if (((source ^ destination) & 1) === 0) {
    const growth = (source & 1) === 0 ? 2 * BIT_IPV4 : 0xffff - 2 * BIT_IPV4
    put16(bytes, nh + 10, checksumGrow(get16(bytes, nh + 10), growth))
    grow(bytes, field, growth, partial, udp)
  }
  skb.mac = data
  skb.nh = nh
  skb.h = h
  skb.protocol = ETH_P_IP
  return SKB_NOT_DROPPED_YET
}

/**
 * Addresses a flipped frame to its receiver: the destination MAC becomes `address` (with IFF_NOARP the kernel writes the
 * sender's, and the frame would be for another host). A group address stays.
 */
export function addressToHost(skb: SkBuff, address: Uint8Array): void {
  if (!isMulticastAddress(skb.bytes, skb.data)) copyAddress(skb.bytes, skb.data, address)
}

/** The far end's form of an address of 4 or 16 octets: its network number flipped. A copy. */
export function flipAddress(address: Uint8Array): Uint8Array {
  const flipped = address.slice()
  flipped[flipped.length === 4 ? FLIPPED_IPV4 : FLIPPED_IPV6] ^= 1
  return flipped
}

function flipFrame(skb: SkBuff): number {
  const { bytes, data, len } = skb
  const offset = networkOffset(bytes, data, len)
  if (offset < 0) return SKB_DROP_REASON_PKT_TOO_SMALL
  const type = get16(bytes, data + offset - 2)
  if (type === ETH_P_IP) return flipIpv4(skb, data + offset)
  if (type === ETH_P_IPV6) return flipIpv6(skb, data + offset)
  return type === ETH_P_ARP ? SKB_DROP_REASON_NEIGH : SKB_DROP_REASON_UNHANDLED_PROTO
}

function flipIpv4(skb: SkBuff, nh: number): number {
  const { bytes } = skb
  const header = ipv4.parse(bytes, nh, skb.data + skb.len - nh)
  if (header < 0) return SKB_DROP_REASON_IP_INHDR
  if (ipv4.hasSourceRoute(bytes, nh)) return SKB_DROP_REASON_IP_SOURCE_ROUTE
  const protocol = ipv4.protocol(bytes, nh)
  if (protocol === IPPROTO_AH) return SKB_DROP_REASON_IP_AUTH
  const end = nh + ipv4.totalLength(bytes, nh)
  const h = ipv4.fragmentOffset(bytes, nh) !== 0 || nh + header === end ? 0 : nh + header
  const field = ipv4.fragmentOffset(bytes, nh) !== 0 ? 0 : checksumField(protocol, nh + header, false)
  if (field !== 0 && field + 2 > end) return SKB_DROP_REASON_L4_HDR
  if (!isUnicast4(bytes, nh + 12)) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const toUnicast = isUnicast4(bytes, nh + 16)
  if (!toUnicast && !isGroup4(bytes, nh + 16)) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const partial = partialField(skb)
  if (partial < 0) return SKB_DROP_REASON_SKB_CSUM

  let delta = flip(bytes, nh + 14, BIT_IPV4)
  if (toUnicast) delta += flip(bytes, nh + 18, BIT_IPV4)
  adjust(bytes, nh + 10, delta, false, false)
  if (field !== 0) adjust(bytes, field, delta, partial === field, isZeroNone(protocol))
  else if (protocol === IPPROTO_ICMP && h !== 0) {
    const changed = flipIcmp(bytes, h, end)
    // What a partial checksum still has to add up is the message as it now is.
    if (changed !== 0 && partial !== h + 2) adjust(bytes, h + 2, changed, false, false)
  }
  return done(skb, nh, h, ETH_P_IP)
}

function flipIpv6(skb: SkBuff, nh: number): number {
  const { bytes } = skb
  if (ipv6.parse(bytes, nh, skb.data + skb.len - nh) < 0) return SKB_DROP_REASON_IP_INHDR
  const length = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const upper = ipv6.upperLayer(bytes, nh, length)
  if (upper < 0) return SKB_DROP_REASON_IP_INHDR
  const protocol = upper & 0xff
  const offset = upper >>> 8
  if (protocol === NEXTHDR_ROUTING) return SKB_DROP_REASON_IP_SOURCE_ROUTE
  if (protocol === IPPROTO_AH) return SKB_DROP_REASON_IP_AUTH
  const end = nh + length
  const h = offset === 0 || protocol === NEXTHDR_NONE || nh + offset === end ? 0 : nh + offset
  const field = offset === 0 ? 0 : checksumField(protocol, nh + offset, true)
  if (field !== 0 && field + 2 > end) return SKB_DROP_REASON_L4_HDR
  const isIcmp = protocol === NEXTHDR_ICMP && h !== 0
  if (isIcmp && icmpv6.isNeighbourDiscovery(icmpv6.type(bytes, h))) return SKB_DROP_REASON_NEIGH
  if (!isUnicast6(bytes, nh + 8)) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const toUnicast = isUnicast6(bytes, nh + 24)
  if (!toUnicast && bytes[nh + 24] !== 0xff) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const partial = partialField(skb)
  if (partial < 0) return SKB_DROP_REASON_SKB_CSUM

  let delta = flip(bytes, nh + 15, BIT_IPV6)
  if (toUnicast) delta += flip(bytes, nh + 31, BIT_IPV6)
  if (field !== 0) {
    const changed = isIcmp ? flipIcmpv6(bytes, h, end) : 0
    adjust(bytes, field, partial === field ? delta : delta + changed, partial === field, isZeroNone(protocol))
  }
  return done(skb, nh, h, ETH_P_IPV6)
}

function done(skb: SkBuff, nh: number, h: number, protocol: number): number {
  skb.mac = skb.data
  skb.nh = nh
  skb.h = h
  skb.protocol = protocol
  return SKB_NOT_DROPPED_YET
}

/** Position of the partial checksum, 0 when the frame has none, -1 when it is not in the frame. */
function partialField(skb: SkBuff): number {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return 0
  const field = skb.csumStart + skb.csumOffset
  return skb.csumStart < skb.data || skb.csumOffset < 0 || field + 2 > skb.data + skb.len ? -1 : field
}
