/**
 * Hidden loopback: the network number of a frame is flipped, so that a frame to one network returns
 * from the neighbouring network, and a machine talks to itself without knowing. IPv4: the lowest
 * bit of the third byte of source and destination (a /24 becomes its neighbour). IPv6: the lowest
 * bit of the eighth byte (a /64 becomes its neighbour). Flipping twice restores the frame.
 *
 * It translates IPv4 and IPv6, untagged or with 802.1Q or 802.1ad tags; padding and options are
 * kept. The source must be unicast. The destination must be unicast, or else multicast or
 * 255.255.255.255, which is kept. Every checksum that covers an address is adjusted by increment
 * (RFC 1624): IPv4's own, TCP, UDP (zero remains zero), UDP-Lite, DCCP, ICMPv6.
 *
 * - A partial checksum, in the field at csumStart + csumOffset, holds the sum of the pseudo-header
 *   and remains partial if that field belongs to the outer transport header. The outer header of a
 *   tunnel has a full one.
 * - An ICMP error has the unicast addresses in its quote flipped, and the gateway of a redirect.
 *   The checksums of the quoted header, of the quoted transport (full, or
 *   partial if the packet never left its sender) and of the message are adjusted to match.
 * - Later fragments have no transport header. Other protocols, such as ESP, are carried unread.
 *
 * A frame that cannot be translated is not changed, for one of these reasons:
 *
 *   PKT_TOO_SMALL         ends before its EtherType
 *   UNHANDLED_PROTO       neither IPv4 nor IPv6
 *   NEIGH                 ARP and neighbour discovery (ICMPv6 133 to 137): if they were reflected,
 *                         the sender would find its own address taken
 *   IP_INHDR              version or lengths that do not fit the frame, a cut IPv6 extension header
 *   IP_SOURCE_ROUTE       IPv6 routing header, IPv4 LSRR or SSRR: there are more than two addresses
 *   IP_AUTH               AH covers the addresses (RFC 4302)
 *   L4_HDR                ends before a transport checksum that covers the addresses
 *   IP_NOT_TRANSLATABLE   source not unicast, or destination neither unicast nor multicast
 *   SKB_CSUM              a partial checksum outside the frame
 *
 * These addresses do not count as unicast: 0/8, 127/8, 169.254/16, 224/4, 240/4, ::, ::1,
 * fe80::/10, ff00::/8, and 0:0:0:1:: and 0:0:0:1::1, which would become :: and ::1.
 *
 * Nothing here allocates or throws on any input.
 */
import { checksumGrow, pseudoHeaderSum4, pseudoHeaderSum6 } from '../../packet/checksum.ts'
import {
  copyAddress,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  isMulticastAddress,
} from '../../packet/ethernet.ts'
import * as icmp from '../../packet/icmp.ts'
import * as icmpv6 from '../../packet/icmpv6.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { get16, put16 } from '../../packet/octets.ts'
import { networkOffset } from '../../packet/vlan.ts'
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
} from '../../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../../skb/sk-buff.ts'
import {
  adjust,
  BIT_IPV4,
  BIT_IPV6,
  checksumField,
  flip,
  grow,
  isGroup4,
  isUnicast4,
  isUnicast6,
  isZeroNone,
} from './address.ts'

/** The shortest quote with a valid length field (RFC 4884 sec. 4.1), which was once unused. */
const MIN_QUOTE_LENGTH = 128

/**
 * Flips the frame in place and sets its `mac`, `nh`, `h` (0 without a transport header) and
 * `protocol` (the EtherType of the header at `nh`). Returns 0, or the SKB_DROP_REASON_* of a frame
 * that cannot be flipped, which is left untouched. The caller still owns the frame.
 */
export function flipNetwork(skb: SkBuff): number {
  const { bytes, data } = skb
  const nh = data + 14
  const h = nh + 20
  // Nearly every frame is untagged IPv4 without options, with TCP or UDP between unicast addresses.
  // All others take the slow path, which returns the reasons.
  if (skb.len < 42 || bytes[data + 12] !== 0x08 || bytes[data + 13] !== 0 || bytes[nh] !== 0x45) {
    return flipFrame(skb)
  }
  if (((bytes[nh + 6] & 0x1f) | bytes[nh + 7]) !== 0) return flipFrame(skb)
  const protocol = ipv4.protocol(bytes, nh)
  const udp = protocol === ipv4.IPPROTO_UDP
  if (!udp && protocol !== ipv4.IPPROTO_TCP) return flipFrame(skb)
  const field = udp ? h + 6 : h + 16
  const end = nh + get16(bytes, nh + 2)
  if (end < field + 2 || end > data + skb.len) return flipFrame(skb)
  const partial = skb.ipSummed === CHECKSUM_PARTIAL
  if (partial && (skb.csumStart !== h || skb.csumStart + skb.csumOffset !== field)) {
    return flipFrame(skb)
  }
  if (!isUnicast4(bytes, ipv4.sourceAt(nh)) || !isUnicast4(bytes, ipv4.destinationAt(nh))) {
    return flipFrame(skb)
  }

  const source = bytes[ipv4.sourceAt(nh) + 2]
  const destination = bytes[ipv4.destinationAt(nh) + 2]
  bytes[ipv4.sourceAt(nh) + 2] = source ^ 1
  bytes[ipv4.destinationAt(nh) + 2] = destination ^ 1
  if (((source ^ destination) & 1) === 0) {
    const growth = (source & 1) === 0 ? 2 * BIT_IPV4 : 0xffff - 2 * BIT_IPV4
    put16(bytes, nh + 10, checksumGrow(get16(bytes, nh + 10), growth))
    grow(bytes, field, growth, partial, udp)
  }
  return done(skb, nh, h, ETH_P_IP)
}

/**
 * Sets the destination MAC of a flipped frame to `address`, the receiver's. With IFF_NOARP the
 * kernel writes the sender's, so the receiver would ignore the frame. A group address is kept.
 */
export function addressToHost(skb: SkBuff, address: Uint8Array): void {
  if (!isMulticastAddress(skb.bytes, skb.data)) {
    copyAddress(skb.bytes, skb.data, address)
  }
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
  if (protocol === ipv4.IPPROTO_AH) return SKB_DROP_REASON_IP_AUTH
  const end = nh + ipv4.totalLength(bytes, nh)
  const h = ipv4.fragmentOffset(bytes, nh) !== 0 || nh + header === end ? 0 : nh + header
  const field =
    ipv4.fragmentOffset(bytes, nh) !== 0 ? 0 : checksumField(protocol, nh + header, false)
  if (field !== 0 && field + 2 > end) return SKB_DROP_REASON_L4_HDR
  if (!isUnicast4(bytes, ipv4.sourceAt(nh))) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const toUnicast = isUnicast4(bytes, ipv4.destinationAt(nh))
  if (!toUnicast && !isGroup4(bytes, ipv4.destinationAt(nh))) {
    return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  }
  const partial = partialField(skb)
  if (partial < 0) return SKB_DROP_REASON_SKB_CSUM

  let delta = flip(bytes, ipv4.sourceAt(nh) + 2, BIT_IPV4)
  if (toUnicast) {
    delta += flip(bytes, ipv4.destinationAt(nh) + 2, BIT_IPV4)
  }
  adjust(bytes, nh + 10, delta, false, false)
  if (field !== 0) {
    adjust(bytes, field, delta, partial === field, isZeroNone(protocol))
  } else if (protocol === ipv4.IPPROTO_ICMP && h !== 0) {
    const changed = flipIcmp(bytes, h, end)
    // A partial checksum is completed over the flipped message, so it needs no adjustment.
    if (changed !== 0 && partial !== h + 2) {
      adjust(bytes, h + 2, changed, false, false)
    }
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
  if (protocol === ipv6.NEXTHDR_ROUTING) return SKB_DROP_REASON_IP_SOURCE_ROUTE
  if (protocol === ipv4.IPPROTO_AH) return SKB_DROP_REASON_IP_AUTH
  const end = nh + length
  const h = offset === 0 || protocol === ipv6.NEXTHDR_NONE || nh + offset === end ? 0 : nh + offset
  const field = offset === 0 ? 0 : checksumField(protocol, nh + offset, true)
  if (field !== 0 && field + 2 > end) return SKB_DROP_REASON_L4_HDR
  const isIcmp = protocol === ipv6.NEXTHDR_ICMP && h !== 0
  if (isIcmp && icmpv6.isNeighbourDiscovery(icmpv6.type(bytes, h))) return SKB_DROP_REASON_NEIGH
  if (!isUnicast6(bytes, ipv6.sourceAt(nh))) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  const toUnicast = isUnicast6(bytes, ipv6.destinationAt(nh))
  if (!toUnicast && bytes[ipv6.destinationAt(nh)] !== 0xff) {
    return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  }
  const partial = partialField(skb)
  if (partial < 0) return SKB_DROP_REASON_SKB_CSUM

  let delta = flip(bytes, nh + 15, BIT_IPV6)
  if (toUnicast) {
    delta += flip(bytes, nh + 31, BIT_IPV6)
  }
  if (field !== 0) {
    const changed = isIcmp ? flipIcmpv6(bytes, h, end) : 0
    adjust(
      bytes,
      field,
      partial === field ? delta : delta + changed,
      partial === field,
      isZeroNone(protocol),
    )
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

/** The position of the partial checksum; 0 without one, -1 if it lies outside the frame. */
function partialField(skb: SkBuff): number {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return 0
  const field = skb.csumStart + skb.csumOffset
  return skb.csumStart < skb.data || skb.csumOffset < 0 || field + 2 > skb.data + skb.len
    ? -1
    : field
}

/**
 * Flips the addresses in an ICMP error. Returns by how much the sum after its checksum has grown.
 * The packet that it quotes may be cut at any byte: an address or checksum that is not whole is
 * kept.
 */
function flipIcmp(bytes: Uint8Array, h: number, end: number): number {
  const type = icmp.type(bytes, h)
  if (!icmp.isError(type) || icmp.parse(bytes, h, end - h) < 0) return 0
  let delta = 0
  if (type === icmp.ICMP_REDIRECT && isUnicast4(bytes, h + 4)) {
    delta += flip(bytes, h + 6, BIT_IPV4)
  }
  return delta + flipQuote4(bytes, h + 8, quoteEnd(h + 8, icmp.quoteLength(bytes, h), end))
}

function flipIcmpv6(bytes: Uint8Array, h: number, end: number): number {
  if (!icmpv6.isError(icmpv6.type(bytes, h)) || icmpv6.parse(bytes, h, end - h) < 0) return 0
  return flipQuote6(bytes, h + 8, quoteEnd(h + 8, icmpv6.quoteLength(bytes, h), end))
}

function quoteEnd(quote: number, length: number, end: number): number {
  return length >= MIN_QUOTE_LENGTH && quote + length < end ? quote + length : end
}

/** Flips the addresses that a quote holds whole, and adjusts its checksums. Returns as flipIcmp. */
function flipQuote4(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 16 || ipv4.version(bytes, q) !== 4 || ipv4.headerLength(bytes, q) < ipv4.IPV4_HLEN) {
    return 0
  }
  const protocol = ipv4.protocol(bytes, q)
  const field = quotedField4(bytes, q, length)
  const partial = field !== 0 && get16(bytes, field) === quotedPseudoSum4(bytes, q, length)
  let delta = 0
  if (isUnicast4(bytes, q + 12)) {
    delta += flip(bytes, q + 14, BIT_IPV4)
  }
  if (length >= 20 && isUnicast4(bytes, q + 16)) {
    delta += flip(bytes, q + 18, BIT_IPV4)
  }
  const changed = delta + adjust(bytes, q + 10, delta, false, false)
  return field === 0
    ? changed
    : changed + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/** The position of the transport checksum in a quote; 0 if it is absent or unknown. */
function quotedField4(bytes: Uint8Array, q: number, length: number): number {
  if (length < ipv4.IPV4_HLEN) return 0
  const header = ipv4.headerLength(bytes, q)
  const total = ipv4.totalLength(bytes, q)
  // Behind a source route the pseudo-header names another destination than the header does.
  if (header > length || ipv4.fragmentOffset(bytes, q) !== 0 || ipv4.hasSourceRoute(bytes, q)) {
    return 0
  }
  const field = checksumField(ipv4.protocol(bytes, q), q + header, false)
  return field + 2 > q + (total < length ? total : length) ? 0 : field
}

function quotedPseudoSum4(bytes: Uint8Array, q: number, length: number): number {
  const header = ipv4.headerLength(bytes, q)
  const protocol = ipv4.protocol(bytes, q)
  const size = ipv4.totalLength(bytes, q) - header
  return pseudoHeaderSum4(
    bytes,
    q,
    protocol,
    transportLength(bytes, q + header, q + length, protocol, size),
  )
}

function flipQuote6(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 24 || ipv6.version(bytes, q) !== 6) return 0
  const size = ipv6.IPV6_HLEN + (length < ipv6.IPV6_HLEN ? 0 : ipv6.payloadLength(bytes, q))
  const upper = length < ipv6.IPV6_HLEN ? 0 : ipv6.upperLayer(bytes, q, length)
  const protocol = upper & 0xff
  const h = upper < 0 ? 0 : upper >>> 8
  let field = h === 0 ? 0 : checksumField(protocol, q + h, true)
  if (field + 2 > q + size || field + 2 > end) {
    field = 0
  }
  const partial =
    field !== 0 &&
    get16(bytes, field) ===
      pseudoHeaderSum6(bytes, q, protocol, transportLength(bytes, q + h, end, protocol, size - h))
  let delta = 0
  if (isUnicast6(bytes, q + 8)) {
    delta += flip(bytes, q + 15, BIT_IPV6)
  }
  if (length >= 40 && isUnicast6(bytes, q + 24)) {
    delta += flip(bytes, q + 31, BIT_IPV6)
  }
  return field === 0 ? delta : delta + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/** A quote's length: UDP's field, right in a first fragment too, or `size`, by the IP header. */
function transportLength(
  bytes: Uint8Array,
  h: number,
  end: number,
  protocol: number,
  size: number,
): number {
  return protocol === ipv4.IPPROTO_UDP && h + 6 <= end ? get16(bytes, h + 4) : size
}
