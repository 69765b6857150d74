/**
 * Replies to the sender of a frame, made in its own slot: turned around unchanged, as for a ping;
 * and replies to address resolution, ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861). The
 * caller decides for which addresses it replies: the simulated hosts', or the far network's.
 */
import * as arp from '../../packet/arp.ts'
import * as ethernet from '../../packet/ethernet.ts'
import * as icmp from '../../packet/icmp.ts'
import * as icmpv6 from '../../packet/icmpv6.ts'
import { checksumUpdate, finish, get16, onesComplementSum, put16 } from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff } from '../../skb/sk-buff.ts'
import { ICMP_CHECK, isIcmpChecksumRight, type Packet, pseudoHeaderSum } from './packet.ts'

/** TTL and hop limit of packets that hosts send (net.ipv4.ip_default_ttl). */
export const IPDEFTTL = 64
/** Offsets of IPv4's word of TTL and protocol, and of IPv6's hop limit. */
const TTL = 8
const HOP_LIMIT = 7

const ALL_NODES_MAC = ethernet.groupAddress(ipv6.ALL_NODES) as Uint8Array

/**
 * Sends the packet back: swaps hardware and IP addresses and resets the TTL or hop limit. Only the
 * IPv4 header checksum changes, because sums do not depend on the order of their terms.
 */
export function turnAround(skb: SkBuff, { isIpv6, nh }: Packet): void {
  const { bytes } = skb
  ethernet.swapAddresses(bytes, skb.data)
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
  put16(bytes, h + field, check === 0 && protocol === ipv4.IPPROTO_UDP ? 0xffff : check)
}

/**
 * Ping (RFC 792, RFC 4443 sec. 4): turns an echo request into its reply, in place. Options,
 * extension headers, tags, padding, identifier and data are kept; the TTL or hop limit is reset.
 * The first fragment of a request holds the type; later ones are only sent back. Checksums are
 * verified if the frame holds everything they cover, and adjusted by increment (RFC 1624). Returns
 * false, with the frame untouched, if it is not an echo request. The caller decides beforehand
 * whether to reply for the addresses.
 */
export function echo(skb: SkBuff, packet: Packet): boolean {
  const { isIpv6, h, end } = packet
  if (packet.isFragment && skb.ipSummed === CHECKSUM_PARTIAL) return false
  if (!packet.isLaterFragment) {
    const request = isIpv6 ? icmpv6.ICMPV6_ECHO_REQUEST : icmp.ICMP_ECHO
    if (end - h < icmp.ICMP_HLEN || icmp.type(skb.bytes, h) !== request) return false
    if (!packet.isFragment && !isIcmpChecksumRight(skb, packet)) return false
    // A partial checksum holds the pseudo-header's sum, which is the same in both directions.
    const setType = skb.ipSummed === CHECKSUM_PARTIAL ? icmp.setType : icmp.changeType
    setType(skb.bytes, h, isIpv6 ? icmpv6.ICMPV6_ECHO_REPLY : icmp.ICMP_ECHOREPLY)
  }
  turnAround(skb, packet)
  return true
}

/** Turns the ARP request at `at` into the reply to its sender: the target has the address `mac`. */
export function toArpReply(
  { bytes, data }: SkBuff,
  at: number,
  mac: Uint8Array,
  macAt: number,
): void {
  ethernet.copyAddress(bytes, ethernet.destinationAt(data), bytes, arp.shaAt(at))
  ethernet.copyAddress(bytes, ethernet.sourceAt(data), mac, macAt)
  arp.toReply(bytes, at, mac, macAt)
}

/**
 * Returns the position of the sender's hardware address in a solicitation; -1 if that is invalid
 * (RFC 4861 sec. 7.1.1), is fragmented (RFC 6980), or has no room in its slot for the
 * advertisement, which may be longer. The checksum is up to the caller.
 */
export function solicitorAt({ bytes, data, end }: SkBuff, packet: Packet): number {
  const { nh, h, sourceAt } = packet
  const length = packet.end - h
  if (h !== nh + ipv6.IPV6_HLEN || length < icmpv6.NDISC_HLEN) return -1
  if (
    icmpv6.type(bytes, h) !== icmpv6.NDISC_NEIGHBOUR_SOLICITATION ||
    icmpv6.code(bytes, h) !== 0
  ) {
    return -1
  }
  if (ipv6.hopLimit(bytes, nh) !== icmpv6.NDISC_HOP_LIMIT) return -1
  const option = icmpv6.sourceLinkAddress(bytes, h, length)
  const isValid = ipv6.isUnspecified(bytes, sourceAt)
    ? option === 0
    : ipv6.isUnicastAddress(bytes, sourceAt)
  const mac = option > 0 ? option : ethernet.sourceAt(data)
  if (option < 0 || !isValid || !ethernet.isStationAddress(bytes, mac)) return -1
  return h + icmpv6.NDISC_HLEN + icmpv6.ND_OPT_LL_ADDR_LEN <= end ? mac : -1
}

/**
 * Turns a solicitation into the advertisement that its target has the address `mac`; the caller has
 * put the solicitor's address into the link header. For an unspecified source, as in duplicate
 * address detection, it goes to all nodes (RFC 4861 sec. 7.2.4). `router` is NA_ROUTER or 0.
 */
export function toAdvertisement(
  skb: SkBuff,
  packet: Packet,
  mac: Uint8Array,
  macAt: number,
  router = 0,
): void {
  const { bytes, data } = skb
  const { nh, h, sourceAt, destinationAt } = packet
  const end = h + icmpv6.NDISC_HLEN + icmpv6.ND_OPT_LL_ADDR_LEN
  const tail = data + skb.len
  if (end > tail) {
    skb.put(end - tail)
  } else {
    skb.trim(end - data)
  }
  const isDetection = ipv6.isUnspecified(bytes, sourceAt)
  if (isDetection) {
    ethernet.copyAddress(bytes, ethernet.destinationAt(data), ALL_NODES_MAC)
    for (let i = 0; i < ipv6.IPV6_ALEN; i++) {
      bytes[destinationAt + i] = ipv6.ALL_NODES[i]
    }
  } else {
    bytes.copyWithin(destinationAt, sourceAt, sourceAt + ipv6.IPV6_ALEN)
  }
  ethernet.copyAddress(bytes, ethernet.sourceAt(data), mac, macAt)
  const target = icmpv6.targetAt(h)
  bytes.copyWithin(sourceAt, target, target + ipv6.IPV6_ALEN)
  ipv6.setPayloadLength(bytes, nh, end - h)
  packet.end = end
  icmpv6.toAdvertisement(
    bytes,
    h,
    router | icmpv6.NA_OVERRIDE | (isDetection ? 0 : icmpv6.NA_SOLICITED),
    mac,
    macAt,
  )
  fillChecksum(skb, packet, ICMP_CHECK)
  setPlain(skb)
}
