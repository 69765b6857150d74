/**
 * Replies to address resolution, made from the requests in place: ARP (RFC 826) and IPv6 neighbour
 * discovery (RFC 4861). The caller decides for which addresses it replies: the simulated hosts', or
 * the far network's.
 */
import * as arp from '../../packet/arp.ts'
import * as ethernet from '../../packet/ethernet.ts'
import { copyAddress, isStationAddress } from '../../packet/ethernet.ts'
import * as icmpv6 from '../../packet/icmpv6.ts'
import { ND_OPT_LL_ADDR_LEN, NDISC_HLEN } from '../../packet/icmpv6.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { IPV6_ALEN, IPV6_HLEN } from '../../packet/ipv6.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { ICMP_CHECK, type Packet } from './packet.ts'
import { fillChecksum, setPlain } from './reply.ts'

/** ff02::1 and its Ethernet address (RFC 2464 sec. 7). */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)

/** Turns the ARP request at `at` into the reply to its sender: the target has the address `mac`. */
export function toArpReply({ bytes, data }: SkBuff, at: number, mac: Uint8Array, macAt: number): void {
  copyAddress(bytes, ethernet.destinationAt(data), bytes, arp.shaAt(at))
  copyAddress(bytes, ethernet.sourceAt(data), mac, macAt)
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
  if (h !== nh + IPV6_HLEN || length < NDISC_HLEN) return -1
  if (icmpv6.type(bytes, h) !== icmpv6.NDISC_NEIGHBOUR_SOLICITATION || icmpv6.code(bytes, h) !== 0) return -1
  if (ipv6.hopLimit(bytes, nh) !== icmpv6.NDISC_HOP_LIMIT) return -1
  const option = icmpv6.sourceLinkAddress(bytes, h, length)
  const isValid = ipv6.isUnspecified(bytes, sourceAt) ? option === 0 : ipv6.isUnicastAddress(bytes, sourceAt)
  const mac = option > 0 ? option : ethernet.sourceAt(data)
  if (option < 0 || !isValid || !isStationAddress(bytes, mac)) return -1
  return h + NDISC_HLEN + ND_OPT_LL_ADDR_LEN <= end ? mac : -1
}

/**
 * Turns a solicitation into the advertisement that its target has the address `mac`. The caller has
 * put the hardware address of the solicitor into the link header. If the source is unspecified, as
 * in duplicate address detection, the advertisement goes to all nodes instead (RFC 4861 sec.
 * 7.2.4). `router` is NA_ROUTER or 0.
 */
export function toAdvertisement(skb: SkBuff, packet: Packet, mac: Uint8Array, macAt: number, router = 0): void {
  const { bytes, data } = skb
  const { nh, h, sourceAt, destinationAt } = packet
  const end = h + NDISC_HLEN + ND_OPT_LL_ADDR_LEN
  const tail = data + skb.len
  if (end > tail) skb.put(end - tail)
  else skb.trim(end - data)
  const isDetection = ipv6.isUnspecified(bytes, sourceAt)
  if (isDetection) {
    copyAddress(bytes, ethernet.destinationAt(data), ALL_NODES_MAC)
    for (let i = 0; i < IPV6_ALEN; i++) bytes[destinationAt + i] = ALL_NODES[i]
  } else {
    bytes.copyWithin(destinationAt, sourceAt, sourceAt + IPV6_ALEN)
  }
  copyAddress(bytes, ethernet.sourceAt(data), mac, macAt)
  const target = icmpv6.targetAt(h)
  bytes.copyWithin(sourceAt, target, target + IPV6_ALEN)
  ipv6.setPayloadLength(bytes, nh, end - h)
  packet.end = end
  icmpv6.toAdvertisement(bytes, h, router | icmpv6.NA_OVERRIDE | (isDetection ? 0 : icmpv6.NA_SOLICITED), mac, macAt)
  fillChecksum(skb, packet, ICMP_CHECK)
  setPlain(skb)
}
