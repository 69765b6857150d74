/**
 * The far network: seen from the network stack of a device, every address with a far end
 * (../flip/hidden-loopback.ts) is a host. A frame that queries one of them is turned into the reply
 * in place:
 *
 *   ARP request               reply from the far address, to the sender
 *   neighbour solicitation    advertisement: solicited, override, not a router
 *   ICMP and ICMPv6 echo      reply, unless the address has its own network stack
 *
 * Other frames are not changed. In particular, a query for an address of the device itself gets no
 * reply. Nor does a query that claims an address (ARP probes and announcements, RFC 5227; duplicate
 * address detection, RFC 4862 sec. 5.4): the address must be found to be free. Nor does a query
 * that is malformed, has a wrong checksum, or lacks a required unicast address. Nothing here
 * allocates or throws on any input.
 */
import * as arp from '../../packet/arp.ts'
import * as ethernet from '../../packet/ethernet.ts'
import * as icmpv6 from '../../packet/icmpv6.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_ALEN,
  isUnicastAddress,
} from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { get16 } from '../../packet/octets.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../../skb/sk-buff.ts'
import { FLIPPED_IPV4, FLIPPED_IPV6, isUnicast4, isUnicast6 } from '../flip/address.ts'
import { createPacket, isIcmpChecksumRight, parse4, parse6 } from './packet.ts'
import { echo, solicitorAt, toAdvertisement, toArpReply } from './reply.ts'

const SPA = 14
const TPA = 24

/** Makes a far network. Its hosts have the hardware address in `address`, which is not copied. */
export function farNetwork(address: Uint8Array) {
  // The packet is filled again for each frame, so that parsing allocates nothing.
  return { address, packet: createPacket() }
}
export type FarNetwork = ReturnType<typeof farNetwork>

/** The IP addresses of a device, 4 or 16 bytes each. */
type Addresses = readonly Uint8Array[]

/**
 * Turns a frame that a device transmits into the reply of the far network, with `mac`, `nh`, `h`
 * and `protocol` set. Returns false, with the frame untouched, for a frame without a reply. The
 * caller still owns the skb in both cases. `own` are the addresses of the device, and `receiver`
 * the addresses of the device that gets flipped frames: an echo request to one of these is left to
 * the network stack there.
 */
export function answerFar(
  skb: SkBuff,
  far: FarNetwork,
  own: Addresses,
  receiver: Addresses,
): boolean {
  if (skb.gsoSize !== 0) return false
  const { bytes, data } = skb
  const offset = networkOffset(bytes, data, skb.len)
  if (offset < 0) return false
  const nh = data + offset
  const type = get16(bytes, nh - 2)
  let isAnswered = false
  if (type === ethernet.ETH_P_ARP) {
    isAnswered = answerArp(skb, nh, far, own)
  } else if (type === ethernet.ETH_P_IP) {
    // The protocol is read first, even past the end of the frame: most frames carry TCP or UDP.
    const isIcmp = bytes[nh + 9] === IPPROTO_ICMP && parse4(far.packet, skb, nh) === 0
    isAnswered = isIcmp && answerEcho(skb, far, own, receiver)
  } else if (type === ethernet.ETH_P_IPV6) {
    const next = bytes[nh + 6]
    const isIcmp = next !== IPPROTO_TCP && next !== IPPROTO_UDP && parse6(far.packet, skb, nh) === 0
    isAnswered =
      isIcmp &&
      far.packet.protocol === ipv6.NEXTHDR_ICMP &&
      (answerEcho(skb, far, own, receiver) || answerSolicitation(skb, far, own))
  }
  if (!isAnswered) return false
  skb.mac = data
  skb.nh = nh
  skb.h = type === ethernet.ETH_P_ARP || far.packet.isLaterFragment ? 0 : far.packet.h
  skb.protocol = type
  return true
}

function answerArp(skb: SkBuff, at: number, { address }: FarNetwork, own: Addresses): boolean {
  const { bytes } = skb
  if (
    arp.parse(bytes, at, skb.data + skb.len - at) < 0 ||
    arp.op(bytes, at) !== arp.ARPOP_REQUEST
  ) {
    return false
  }
  if (!isUnicastAddress(bytes, at + SPA) || isSame(bytes, at + SPA, at + TPA, IPV4_ALEN)) {
    return false
  }
  if (!isUnicast4(bytes, at + TPA) || isAmong(bytes, at + TPA, own, false)) return false
  if (!ethernet.isStationAddress(bytes, arp.shaAt(at)) || skb.ipSummed === CHECKSUM_PARTIAL) {
    return false
  }
  toArpReply(skb, at, address, 0)
  return true
}

function answerSolicitation(skb: SkBuff, { address, packet }: FarNetwork, own: Addresses): boolean {
  const { bytes, data } = skb
  const { h, sourceAt } = packet
  const solicitor = solicitorAt(skb, packet)
  const target = icmpv6.targetAt(h)
  if (
    solicitor < 0 ||
    ipv6.isUnspecified(bytes, sourceAt) ||
    isSame(bytes, sourceAt, target, ipv6.IPV6_ALEN)
  ) {
    return false
  }
  if (!isUnicast6(bytes, target) || isAmong(bytes, target, own, true)) return false
  if (!isIcmpChecksumRight(skb, packet)) return false
  ethernet.copyAddress(bytes, ethernet.destinationAt(data), bytes, solicitor)
  toAdvertisement(skb, packet, address, 0)
  return true
}

function answerEcho(
  skb: SkBuff,
  { packet }: FarNetwork,
  own: Addresses,
  receiver: Addresses,
): boolean {
  const { bytes, data } = skb
  const { isIpv6, sourceAt, destinationAt } = packet
  const isUnicast = isIpv6 ? isUnicast6 : isUnicast4
  if (!isUnicast(bytes, sourceAt) || !isUnicast(bytes, destinationAt)) return false
  if (
    !ethernet.isStationAddress(bytes, ethernet.destinationAt(data)) ||
    !ethernet.isStationAddress(bytes, ethernet.sourceAt(data))
  ) {
    return false
  }
  if (
    isAmong(bytes, destinationAt, own, isIpv6) ||
    isAmong(bytes, destinationAt, receiver, isIpv6, 1)
  ) {
    return false
  }
  return echo(skb, packet)
}

function isSame(bytes: Uint8Array, at: number, other: number, length: number): boolean {
  let i = 0
  while (i < length && bytes[at + i] === bytes[other + i]) {
    i++
  }
  return i === length
}

/** Whether the address at `at` is in `addresses`; with `flip` 1, once its network is flipped. */
function isAmong(
  bytes: Uint8Array,
  at: number,
  addresses: Addresses,
  isIpv6: boolean,
  flip = 0,
): boolean {
  const length = isIpv6 ? ipv6.IPV6_ALEN : IPV4_ALEN
  const flipped = isIpv6 ? FLIPPED_IPV6 : FLIPPED_IPV4
  for (let n = 0; n < addresses.length; n++) {
    const address = addresses[n]
    if (address.length !== length) continue
    let i = 0
    while (i < length && address[i] === (i === flipped ? bytes[at + i] ^ flip : bytes[at + i])) {
      i++
    }
    if (i === length) return true
  }
  return false
}
