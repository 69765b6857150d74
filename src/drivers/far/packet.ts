/**
 * Packet: where the parts of the IP packet in a frame are, and whether its checksums are right. One
 * record is filled again for each frame, so parsing allocates nothing.
 */
import {
  fold,
  get16,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import {
  SKB_DROP_REASON_IP_CSUM,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_SOURCE_ROUTE,
  SKB_NOT_DROPPED_YET,
} from '../../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type SkBuff } from '../../skb/sk-buff.ts'

/** Bytes of ICMP and ICMPv6 before the checksum. */
export const ICMP_CHECK = 2

/** Offset and M flag in a fragment header: 0 in one that holds a whole packet (RFC 6946). */
const FRAGMENT_MASK = 0xfff9

/** Returns an empty record, which parse4() and parse6() fill for each frame. */
export function createPacket() {
  return {
    isIpv6: false,
    /** Position of the IP header. */
    nh: 0,
    /** Position of the transport header, after options and extension headers. */
    h: 0,
    /** Position after the last byte of the packet; padding may follow. */
    end: 0,
    /** The protocol of the header at `h`: IPPROTO_*, NEXTHDR_*. */
    protocol: 0,
    sourceAt: 0,
    destinationAt: 0,
    isFragment: false,
    /** A fragment other than the first: it has no transport header, and `h` means nothing. */
    isLaterFragment: false,
    /** Index of the host that the frame is addressed to, -1 for a group. */
    host: -1,
  }
}
export type Packet = ReturnType<typeof createPacket>

/** Reads the IPv4 packet at `nh`. Returns 0, or the SKB_DROP_REASON_* of a malformed packet. */
export function parse4(packet: Packet, skb: SkBuff, nh: number): number {
  const { bytes } = skb
  const header = ipv4.parse(bytes, nh, skb.data + skb.len - nh)
  if (header < 0) return SKB_DROP_REASON_IP_INHDR
  if (onesComplementSum(bytes, nh, header) !== 0xffff) return SKB_DROP_REASON_IP_CSUM
  if (ipv4.hasSourceRoute(bytes, nh)) return SKB_DROP_REASON_IP_SOURCE_ROUTE
  setPositions(packet, false, nh, nh + header)
  packet.end = nh + ipv4.totalLength(bytes, nh)
  packet.protocol = ipv4.protocol(bytes, nh)
  packet.isFragment = ipv4.isFragment(bytes, nh)
  packet.isLaterFragment = ipv4.fragmentOffset(bytes, nh) !== 0
  return SKB_NOT_DROPPED_YET
}

/** Reads the IPv6 packet at `nh`. Returns as parse4 does. */
export function parse6(packet: Packet, skb: SkBuff, nh: number): number {
  const { bytes } = skb
  if (ipv6.parse(bytes, nh, skb.data + skb.len - nh) < 0) return SKB_DROP_REASON_IP_INHDR
  const length = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const upper = ipv6.upperLayer(bytes, nh, length)
  if (upper < 0) return SKB_DROP_REASON_IP_INHDR
  const offset = upper >>> 8
  setPositions(packet, true, nh, nh + offset)
  packet.end = nh + length
  packet.protocol = upper & 0xff
  packet.isFragment = offset !== ipv6.IPV6_HLEN && isFragment6(bytes, nh, length)
  packet.isLaterFragment = offset === 0
  return SKB_NOT_DROPPED_YET
}

/** Notes where a header of `packet` is, without touching the frame. */
export function setPositions(packet: Packet, isIpv6: boolean, nh: number, h: number): void {
  packet.isIpv6 = isIpv6
  packet.nh = nh
  packet.h = h
  packet.sourceAt = isIpv6 ? ipv6.sourceAt(nh) : ipv4.sourceAt(nh)
  packet.destinationAt = isIpv6 ? ipv6.destinationAt(nh) : ipv4.destinationAt(nh)
}

function isFragment6(bytes: Uint8Array, nh: number, length: number): boolean {
  const upper = ipv6.upperLayer(bytes, nh, length, false)
  const header = nh + (upper >>> 8)
  return (
    (upper & 0xff) === ipv6.NEXTHDR_FRAGMENT && (get16(bytes, header + 2) & FRAGMENT_MASK) !== 0
  )
}

/** The sum of the pseudo-header; 0 for ICMP, which has none. */
export function pseudoHeaderSum(
  bytes: Uint8Array,
  { isIpv6, nh, h, end, protocol }: Packet,
): number {
  if (isIpv6) return pseudoHeaderSum6(bytes, nh, protocol, end - h)
  return protocol === ipv4.IPPROTO_ICMP ? 0 : pseudoHeaderSum4(bytes, nh, protocol, end - h)
}

/**
 * Whether the transport checksum, `offset` bytes into the header, is right. A full one is verified.
 * A partial one is trusted if it is this header's own, as between two devices of a kernel. `view`
 * covers the same memory as `skb.bytes`; it makes long sums faster.
 */
export function isChecksumRight(
  skb: SkBuff,
  packet: Packet,
  offset: number,
  view?: DataView,
): boolean {
  const { bytes, ipSummed } = skb
  const { h, end } = packet
  if (ipSummed === CHECKSUM_PARTIAL) return skb.csumStart === h && skb.csumOffset === offset
  if (ipSummed === CHECKSUM_UNNECESSARY) return true
  return fold(onesComplementSum(bytes, h, end - h, pseudoHeaderSum(bytes, packet), view)) === 0xffff
}

/** The same for a whole ICMP message: a partial checksum must be the sum of the pseudo-header. */
export function isIcmpChecksumRight(skb: SkBuff, packet: Packet): boolean {
  if (!isChecksumRight(skb, packet, ICMP_CHECK)) return false
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return true
  return get16(skb.bytes, packet.h + ICMP_CHECK) === pseudoHeaderSum(skb.bytes, packet)
}
