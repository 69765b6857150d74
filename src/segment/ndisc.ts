/**
 * IPv6 neighbour discovery (RFC 4861) of one packet: whether a solicitation is to be taken seriously, and the advertisement
 * that it becomes, in place. Whose the target is is the caller's to know.
 */
import { finish, onesComplementSum, pseudoHeaderSum6 } from '../header/checksum.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN, IPV6_HLEN, NEXTHDR_ICMP } from '../header/ipv6.ts'
import { CHECKSUM_NONE, type SkBuff } from '../skb/sk-buff.ts'
import { isIcmpv6Right } from './echo.ts'

/** Whether the IPv6 packet at `nh`, which is whole, is a good solicitation (RFC 4861 sec. 7.1.1), but for its options and addresses. */
export function isSolicitation(skb: SkBuff, nh: number): boolean {
  const { bytes } = skb
  if (ipv6.nextHeader(bytes, nh) !== NEXTHDR_ICMP) return false
  const h = nh + IPV6_HLEN
  const length = ipv6.payloadLength(bytes, nh)
  if (length < icmpv6.NDISC_HLEN || icmpv6.type(bytes, h) !== icmpv6.NDISC_NEIGHBOUR_SOLICITATION) return false
  if (icmpv6.code(bytes, h) !== 0 || ipv6.hopLimit(bytes, nh) !== icmpv6.NDISC_HOP_LIMIT) return false
  return isIcmpv6Right(skb, nh, h, h + length)
}

/** Whether the slot has room for the advertisement that the solicitation at `nh` becomes, which may be longer than it. */
export function hasAdvertisementRoom(skb: SkBuff, nh: number): boolean {
  return nh + IPV6_HLEN + icmpv6.NDISC_HLEN + icmpv6.ND_OPT_LL_ADDR_LEN <= skb.end
}

/**
 * Makes the solicitation at `nh` the advertisement for its target, to where it came from, with `flags` and the hardware
 * address in `hardware` at `hardwareAt`. The link header is the caller's. There must be room. Answers where the ICMPv6
 * message is.
 */
export function toAdvertisement(
  skb: SkBuff,
  nh: number,
  flags: number,
  hardware: Uint8Array,
  hardwareAt: number,
): number {
  const { bytes } = skb
  const h = nh + IPV6_HLEN
  const end = h + icmpv6.NDISC_HLEN + icmpv6.ND_OPT_LL_ADDR_LEN
  const tail = skb.data + skb.len
  if (end > tail) skb.put(end - tail)
  else skb.trim(end - skb.data)
  const from = ipv6.source(nh)
  const target = icmpv6.target(h)
  bytes.copyWithin(ipv6.destination(nh), from, from + IPV6_ALEN)
  bytes.copyWithin(from, target, target + IPV6_ALEN)
  ipv6.setPayloadLength(bytes, nh, end - h)
  icmpv6.toAdvertisement(bytes, h, flags, hardware, hardwareAt)
  icmpv6.setChecksum(bytes, h, 0)
  const pseudo = pseudoHeaderSum6(bytes, nh, NEXTHDR_ICMP, end - h)
  icmpv6.setChecksum(bytes, h, finish(onesComplementSum(bytes, h, end - h, pseudo)))
  skb.ipSummed = CHECKSUM_NONE
  return h
}
