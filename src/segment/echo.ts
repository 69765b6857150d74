/**
 * Ping (RFC 792, RFC 4443 sec. 4): an echo request becomes its reply, in place. Options, extension headers, tags, padding,
 * identifier and data are kept; TTL or hop limit starts anew. In a fragmented request the first fragment has the type; the
 * others only go back. Whose the addresses are is the caller's to know.
 *
 * Checksums are verified, where the frame holds all they cover, and then kept right by increment (RFC 1624).
 */
import { checksumUpdate, fold, onesComplementSum, pseudoHeaderSum6 } from '../header/checksum.ts'
import { destination, isStationAddress, source } from '../header/ethernet.ts'
import * as icmp from '../header/icmp.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv4 from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { NEXTHDR_FRAGMENT, NEXTHDR_ICMP } from '../header/ipv6.ts'
import { get16 } from '../header/octets.ts'
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type SkBuff } from '../skb/sk-buff.ts'
import { turnAround4, turnAround6 } from './turn-around.ts'

/** Offset of the checksum in ICMP and ICMPv6. */
const CHECK = 2
/** Offset and M flag of a fragment header: 0 in one that holds the whole packet (RFC 6946). */
const FRAGMENT_MASK = 0xfff9

/**
 * Answers an IPv4 packet at `nh`; its protocol is ICMP. -1 when there is no answer, the frame untouched; else the position of
 * the transport header, 0 without one.
 */
export function echo4(skb: SkBuff, nh: number): number {
  const { bytes } = skb
  const header = ipv4.parse(bytes, nh, skb.data + skb.len - nh)
  if (header < 0 || onesComplementSum(bytes, nh, header) !== 0xffff || ipv4.hasSourceRoute(bytes, nh)) return -1
  if (!isBetweenStations(skb)) return -1
  const first = ipv4.fragmentOffset(bytes, nh) === 0
  const h = nh + header
  const end = nh + ipv4.totalLength(bytes, nh)
  if (first) {
    if (icmp.parse(bytes, h, end - h) < 0 || icmp.type(bytes, h) !== icmp.ICMP_ECHO) return -1
    if (!isSummed(skb, h, end, 0, ipv4.isFragment(bytes, nh))) return -1
    setEchoType(skb, h, icmp.ICMP_ECHOREPLY)
  } else if (skb.ipSummed === CHECKSUM_PARTIAL) {
    return -1
  }
  turnAround4(skb, nh)
  return first ? h : 0
}

/** The same for an IPv6 packet at `nh`, whatever it carries. */
export function echo6(skb: SkBuff, nh: number): number {
  const { bytes } = skb
  if (ipv6.parse(bytes, nh, skb.data + skb.len - nh) < 0) return -1
  const length = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const upper = ipv6.upperLayer(bytes, nh, length)
  if (upper < 0 || (upper & 0xff) !== NEXTHDR_ICMP) return -1
  if (!isBetweenStations(skb)) return -1
  const first = upper >>> 8 !== 0
  const h = nh + (upper >>> 8)
  const end = nh + length
  if (first) {
    if (icmpv6.parse(bytes, h, end - h) < 0 || icmpv6.type(bytes, h) !== icmpv6.ICMPV6_ECHO_REQUEST) return -1
    const pseudo = pseudoHeaderSum6(bytes, nh, NEXTHDR_ICMP, end - h)
    if (!isSummed(skb, h, end, pseudo, isFragment6(bytes, nh, length))) return -1
    setEchoType(skb, h, icmpv6.ICMPV6_ECHO_REPLY)
  } else if (skb.ipSummed === CHECKSUM_PARTIAL) {
    return -1
  }
  turnAround6(skb, nh)
  return first ? h : 0
}

/** Whether the checksum of the ICMPv6 message between `h` and `end` is right, or partial and its own. */
export function isIcmpv6Right(skb: SkBuff, nh: number, h: number, end: number): boolean {
  return isSummed(skb, h, end, pseudoHeaderSum6(skb.bytes, nh, NEXTHDR_ICMP, end - h), false)
}

/** Whether the IPv6 packet of `length` octets at `nh` is a piece of one. */
export function isFragment6(bytes: Uint8Array, nh: number, length: number): boolean {
  const upper = ipv6.upperLayer(bytes, nh, length, false)
  const header = nh + (upper >>> 8)
  return (upper & 0xff) === NEXTHDR_FRAGMENT && (get16(bytes, header + 2) & FRAGMENT_MASK) !== 0
}

/** The same for ICMP, whose pseudo-header sum is 0; of a first fragment the checksum cannot be told. */
export function isSummed(skb: SkBuff, h: number, end: number, pseudo: number, isFragment: boolean): boolean {
  if (skb.ipSummed === CHECKSUM_PARTIAL) {
    if (skb.csumStart !== h || skb.csumOffset !== CHECK || isFragment) return false
    return get16(skb.bytes, h + CHECK) === pseudo
  }
  if (isFragment || skb.ipSummed === CHECKSUM_UNNECESSARY) return true
  return fold(pseudo + onesComplementSum(skb.bytes, h, end - h)) === 0xffff
}

/** Makes a request the reply. A partial checksum holds the pseudo-header's sum, which is the same both ways. */
function setEchoType(skb: SkBuff, h: number, type: number): void {
  const { bytes } = skb
  const before = get16(bytes, h)
  icmp.setType(bytes, h, type)
  if (skb.ipSummed === CHECKSUM_PARTIAL) return
  const check = checksumUpdate(icmp.checksum(bytes, h), before, get16(bytes, h))
  // Both are zero where anything but zeros is summed; of nothing but zeros the checksum is 0xffff.
  icmp.setChecksum(bytes, h, check === 0 ? 0xffff : check)
}

function isBetweenStations({ bytes, data }: SkBuff): boolean {
  return isStationAddress(bytes, destination(data)) && isStationAddress(bytes, source(data))
}
