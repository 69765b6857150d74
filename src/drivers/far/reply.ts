/**
 * Replies to the sender of a frame, made in its own slot: turned around unchanged, as for a ping,
 * or with new link and IP headers directly before the data.
 */
import { checksumUpdate, finish, onesComplementSum } from '../../packet/checksum.ts'
import { ETH_HLEN, swapAddresses } from '../../packet/ethernet.ts'
import * as icmp from '../../packet/icmp.ts'
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from '../../packet/icmpv6.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import { IPPROTO_UDP, IPV4_ALEN, IPV4_HLEN } from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { IPV6_ALEN, IPV6_HLEN } from '../../packet/ipv6.ts'
import { get16, put16 } from '../../packet/octets.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff } from '../../skb/sk-buff.ts'
import { isIcmpChecksumRight, type Packet, pseudoHeaderSum, setPositions } from './packet.ts'

/** TTL and hop limit of packets that hosts send (net.ipv4.ip_default_ttl). */
export const IPDEFTTL = 64
/** Offsets of IPv4's word of TTL and protocol, and of IPv6's hop limit. */
const TTL = 8
const HOP_LIMIT = 7

/**
 * Sends the packet back: swaps hardware and IP addresses and resets the TTL or hop limit. Only the
 * IPv4 header checksum changes, because sums do not depend on the order of their words.
 */
export function turnAround(skb: SkBuff, { isIpv6, nh }: Packet): void {
  const { bytes } = skb
  swapAddresses(bytes, skb.data)
  if (isIpv6) {
    ipv6.swapAddresses(bytes, nh)
    bytes[nh + HOP_LIMIT] = IPDEFTTL
    return
  }
  ipv4.swapAddresses(bytes, nh)
  const before = get16(bytes, nh + TTL)
  bytes[nh + TTL] = IPDEFTTL
  const check = checksumUpdate(ipv4.headerChecksum(bytes, nh), before, get16(bytes, nh + TTL))
  ipv4.setHeaderChecksum(bytes, nh, check)
}

/**
 * Makes the frame a reply that carries the `length` bytes at `packet.h`, with the checksum at
 * `field` from there. The slot must reach that far. Options and extension headers are removed.
 */
export function makeReply(skb: SkBuff, packet: Packet, length: number, field: number): void {
  const { bytes, data } = skb
  const { isIpv6, h, sourceAt } = packet
  const nh = h - (isIpv6 ? IPV6_HLEN : IPV4_HLEN)
  if (nh !== packet.nh) {
    // In both families the two addresses end the fixed header.
    const addresses = 2 * (isIpv6 ? IPV6_ALEN : IPV4_ALEN)
    bytes.copyWithin(h - addresses, sourceAt, sourceAt + addresses)
    bytes.copyWithin(nh - ETH_HLEN, data, data + ETH_HLEN)
  }
  skb.data = nh - ETH_HLEN
  skb.len = 0
  skb.put(h + length - skb.data)
  setPlain(skb)
  swapAddresses(bytes, skb.data)
  if (isIpv6) ipv6.swapAddresses(bytes, nh)
  else ipv4.swapAddresses(bytes, nh)
  setPositions(packet, isIpv6, nh, h)
  packet.end = h + length
  fillHeader(skb, packet)
  fillChecksum(skb, packet, field)
}

/** Writes an IP header, except for the addresses, which must be set. */
export function fillHeader({ bytes }: SkBuff, { isIpv6, nh, h, end, protocol }: Packet, hops = IPDEFTTL): void {
  if (isIpv6) {
    ipv6.create(bytes, nh, protocol, end - h, hops)
    return
  }
  ipv4.create(bytes, nh, protocol, end - h, hops)
  ipv4.fillHeaderChecksum(bytes, nh)
}

/** Marks a frame as one packet with complete checksums. */
export function setPlain(skb: SkBuff): void {
  skb.ipSummed = CHECKSUM_NONE
  skb.gsoSize = 0
  skb.gsoType = 0
}

/** Writes the transport checksum, `field` bytes into the header. */
export function fillChecksum({ bytes }: SkBuff, packet: Packet, field: number): void {
  const { h, end, protocol } = packet
  put16(bytes, h + field, 0)
  const check = finish(onesComplementSum(bytes, h, end - h, pseudoHeaderSum(bytes, packet)))
  put16(bytes, h + field, check === 0 && protocol === IPPROTO_UDP ? 0xffff : check)
}

/**
 * Ping (RFC 792, RFC 4443 sec. 4): an echo request becomes its reply, in place. Options, extension
 * headers, tags, padding, identifier and data are kept; the TTL or hop limit is reset. The first
 * fragment of a request holds the type; later ones are only sent back.
 *
 * Checksums are verified if the frame holds everything they cover, and adjusted by increment (RFC
 * 1624). Returns false, with the frame untouched, if it is not an echo request. The caller decides
 * whether to reply for the addresses.
 */
export function echo(skb: SkBuff, packet: Packet): boolean {
  const { isIpv6, h, end } = packet
  if (packet.isFragment && skb.ipSummed === CHECKSUM_PARTIAL) return false
  if (!packet.isLaterFragment) {
    const request = isIpv6 ? ICMPV6_ECHO_REQUEST : icmp.ICMP_ECHO
    if (end - h < icmp.ICMP_HLEN || icmp.type(skb.bytes, h) !== request) return false
    if (!packet.isFragment && !isIcmpChecksumRight(skb, packet)) return false
    // A partial checksum holds the pseudo-header's sum, which is the same in both directions.
    const setType = skb.ipSummed === CHECKSUM_PARTIAL ? icmp.setType : icmp.changeType
    setType(skb.bytes, h, isIpv6 ? ICMPV6_ECHO_REPLY : icmp.ICMP_ECHOREPLY)
  }
  turnAround(skb, packet)
  return true
}
