/**
 * A frame back to where it came from, in place: hardware and protocol addresses change sides, TTL or hop limit starts anew.
 * No checksum but IPv4's own changes, since sums do not know an order.
 */
import { checksumUpdate } from '../header/checksum.ts'
import { swapAddresses } from '../header/ethernet.ts'
import * as ipv4 from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { get16 } from '../header/octets.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/** What a host gives its packets to live (RFC 1700). */
export const IPDEFTTL = 64
/** Offsets of IPv4's word of TTL and protocol, and of IPv6's hop limit. */
const TTL = 8
const HOP_LIMIT = 7

/** For the IPv4 packet at `nh`. */
export function turnAround4(skb: SkBuff, nh: number): void {
  const { bytes } = skb
  swapAddresses(bytes, skb.data)
  ipv4.swapAddresses(bytes, nh)
  const life = get16(bytes, nh + TTL)
  bytes[nh + TTL] = IPDEFTTL
  const check = checksumUpdate(ipv4.headerChecksum(bytes, nh), life, get16(bytes, nh + TTL))
  ipv4.setHeaderChecksum(bytes, nh, check)
}

/** For the IPv6 packet at `nh`. */
export function turnAround6(skb: SkBuff, nh: number): void {
  const { bytes } = skb
  swapAddresses(bytes, skb.data)
  ipv6.swapAddresses(bytes, nh)
  bytes[nh + HOP_LIMIT] = IPDEFTTL
}
