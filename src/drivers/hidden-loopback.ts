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
import { checksumGrow, growthOf, pseudoHeaderSum4, pseudoHeaderSum6, sumGrow } from '../header/checksum.ts'
import { copyAddress, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, isMulticastAddress } from '../header/ethernet.ts'
import * as icmp from '../header/icmp.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_AH, IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../header/ipv4.ts'
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

/** What the flipped bit weighs in the 16-bit word it is in. */
const BIT_IPV4 = 0x100
const BIT_IPV6 = 1
/** The least an error quotes when its length field counts (RFC 4884 sec. 4.1); smaller values are what was once unused. */
const MIN_QUOTE_LENGTH = 128

/**
 * Flips the frame in place and sets its `mac`, `nh`, `h` (0 without a transport header) and `protocol` (the EtherType of
 * what `nh` points at). Answers 0, or the SKB_DROP_REASON_* why it cannot be; the frame is then untouched. The frame
 * stays the caller's.
 */
export function flipNetwork(skb: SkBuff): number {
  const { bytes, data } = skb
  const nh = data + 14
  const h = nh + 20
  // Untagged IPv4 without options or fragments that carries TCP or UDP between unicast addresses: nearly every frame.
  // Whatever is not quite that takes the long way, which knows the reasons.
  if (bytes[data + 12] !== 0x08 || bytes[data + 13] !== 0 || skb.len < 42 || bytes[nh] !== 0x45) return flipFrame(skb)
  if (((bytes[nh + 6] & 0x3f) | bytes[nh + 7]) !== 0) return flipFrame(skb)
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
  flipped[flipped.length === 4 ? 2 : 7] ^= 1
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
    if (partial !== h + 2) adjust(bytes, h + 2, changed, false, false)
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

/** Flips what an ICMP error says of addresses; answers by how much the words after its checksum grew. */
function flipIcmp(bytes: Uint8Array, h: number, end: number): number {
  const type = icmp.type(bytes, h)
  if (!icmp.isError(type) || icmp.parse(bytes, h, end - h) < 0) return 0
  let delta = 0
  if (type === icmp.ICMP_REDIRECT && isUnicast4(bytes, h + 4)) delta += flip(bytes, h + 6, BIT_IPV4)
  return delta + flipQuote4(bytes, h + 8, quoteEnd(h + 8, icmp.quoteLength(bytes, h), end))
}

function flipIcmpv6(bytes: Uint8Array, h: number, end: number): number {
  if (!icmpv6.isError(icmpv6.type(bytes, h)) || icmpv6.parse(bytes, h, end - h) < 0) return 0
  return flipQuote6(bytes, h + 8, quoteEnd(h + 8, icmpv6.quoteLength(bytes, h), end))
}

function quoteEnd(quote: number, length: number, end: number): number {
  return length >= MIN_QUOTE_LENGTH && quote + length < end ? quote + length : end
}

/** Flips the addresses of a quoted IPv4 header that the quote holds whole, and its sums; answers as flipIcmp. */
function flipQuote4(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 16 || ipv4.version(bytes, q) !== 4 || ipv4.headerLength(bytes, q) < ipv4.IPV4_HLEN) return 0
  const protocol = ipv4.protocol(bytes, q)
  const field = quotedField4(bytes, q, length)
  const partial = field !== 0 && get16(bytes, field) === quotedPseudoSum4(bytes, q, length)
  let delta = 0
  if (isUnicast4(bytes, q + 12)) delta += flip(bytes, q + 14, BIT_IPV4)
  if (length >= 20 && isUnicast4(bytes, q + 16)) delta += flip(bytes, q + 18, BIT_IPV4)
  const changed = delta + adjust(bytes, q + 10, delta, false, false)
  return field === 0 ? changed : changed + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/** Position of the transport checksum in a quote, 0 when there is none or it cannot be told where. */
function quotedField4(bytes: Uint8Array, q: number, length: number): number {
  if (length < ipv4.IPV4_HLEN) return 0
  const header = ipv4.headerLength(bytes, q)
  const total = ipv4.totalLength(bytes, q)
  // Behind a source route the pseudo-header names another destination than the header does.
  if (header > length || ipv4.fragmentOffset(bytes, q) !== 0 || ipv4.hasSourceRoute(bytes, q)) return 0
  const field = checksumField(ipv4.protocol(bytes, q), q + header, false)
  return field + 2 > q + (total < length ? total : length) ? 0 : field
}

function quotedPseudoSum4(bytes: Uint8Array, q: number, length: number): number {
  const header = ipv4.headerLength(bytes, q)
  const protocol = ipv4.protocol(bytes, q)
  const size = ipv4.totalLength(bytes, q) - header
  return pseudoHeaderSum4(bytes, q, protocol, transportLength(bytes, q + header, q + length, protocol, size))
}

function flipQuote6(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 24 || ipv6.version(bytes, q) !== 6) return 0
  const size = ipv6.IPV6_HLEN + (length < ipv6.IPV6_HLEN ? 0 : ipv6.payloadLength(bytes, q))
  const upper = length < ipv6.IPV6_HLEN ? 0 : ipv6.upperLayer(bytes, q, size < length ? size : length)
  const protocol = upper & 0xff
  const h = upper < 0 ? 0 : upper >>> 8
  let field = h === 0 ? 0 : checksumField(protocol, q + h, true)
  if (field + 2 > q + size || field + 2 > end) field = 0
  const partial =
    field !== 0 &&
    get16(bytes, field) === pseudoHeaderSum6(bytes, q, protocol, transportLength(bytes, q + h, end, protocol, size - h))
  let delta = 0
  if (isUnicast6(bytes, q + 8)) delta += flip(bytes, q + 15, BIT_IPV6)
  if (length >= 40 && isUnicast6(bytes, q + 24)) delta += flip(bytes, q + 31, BIT_IPV6)
  return field === 0 ? delta : delta + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/** The length a quote's pseudo-header has: UDP's own field, which also holds in a first fragment, else from the IP header. */
function transportLength(bytes: Uint8Array, h: number, end: number, protocol: number, size: number): number {
  return protocol === IPPROTO_UDP && h + 6 <= end ? get16(bytes, h + 4) : size
}

/** Position of the checksum over the addresses in the transport header at `h`, 0 when the protocol has none. */
function checksumField(protocol: number, h: number, isIpv6: boolean): number {
  if (protocol === IPPROTO_TCP) return h + 16
  if (protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE || protocol === IPPROTO_DCCP) return h + 6
  return isIpv6 && protocol === NEXTHDR_ICMP ? h + 2 : 0
}

/** Whether a checksum of 0 means that there is none (RFC 768), or is not allowed (RFC 3828 sec. 3.1). */
function isZeroNone(protocol: number): boolean {
  return protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE
}

/** Position of the partial checksum, 0 when the frame has none, -1 when it is not in the frame. */
function partialField(skb: SkBuff): number {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return 0
  const field = skb.csumStart + skb.csumOffset
  return skb.csumStart < skb.data || skb.csumOffset < 0 || field + 2 > skb.data + skb.len ? -1 : field
}

/** Flips the lowest bit of an octet; answers by how much its 16-bit word grew. */
function flip(bytes: Uint8Array, at: number, weight: number): number {
  const octet = bytes[at]
  bytes[at] = octet ^ 1
  return (octet & 1) === 0 ? weight : -weight
}

/** Adjusts the checksum at `field` to words it covers that grew by `delta`; answers by how much the field grew. */
function adjust(bytes: Uint8Array, field: number, delta: number, partial: boolean, zeroIsNone: boolean): number {
  const before = get16(bytes, field)
  grow(bytes, field, growthOf(delta), partial, zeroIsNone)
  return get16(bytes, field) - before
}

/** With `zeroIsNone` a checksum of 0 stays, and one that becomes 0 is written as 0xffff. */
function grow(bytes: Uint8Array, field: number, growth: number, partial: boolean, zeroIsNone: boolean): void {
  const before = get16(bytes, field)
  if (partial) {
    put16(bytes, field, sumGrow(before, growth))
  } else if (before !== 0 || !zeroIsNone) {
    const after = checksumGrow(before, growth)
    put16(bytes, field, after === 0 && zeroIsNone ? 0xffff : after)
  }
}

/** Whether the IPv4 address at `at` has a far end. */
function isUnicast4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  return first !== 0 && first !== 127 && first < 224 && (first !== 169 || bytes[at + 1] !== 254)
}

/** Whether it is multicast or 255.255.255.255. */
function isGroup4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  return first >>> 4 === 0xe || (first & bytes[at + 1] & bytes[at + 2] & bytes[at + 3]) === 0xff
}

/** Whether the IPv6 address at `at` has a far end. */
function isUnicast6(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  if (first === 0xff || (first === 0xfe && (bytes[at + 1] & 0xc0) === 0x80)) return false
  let rest = (bytes[at + 7] & 0xfe) | (bytes[at + 15] & 0xfe)
  for (let i = 0; i < 15; i++) if (i !== 7) rest |= bytes[at + i]
  return rest !== 0
}
