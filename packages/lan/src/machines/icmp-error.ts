/**
 * Errors of the simulated hosts: ICMP (RFC 792, RFC 1122 sec. 3.2.2) and ICMPv6 (RFC 4443 sec. 3.1)
 * "destination unreachable", in the frame of the packet that caused them. They quote as much of it
 * as fits. Callers send no errors about a group, a fragment, another error, or a packet without a
 * unicast source. The rate is limited here.
 *
 * An error quotes the packet as sent on a wire: the first segment of a GSO datagram, with a
 * complete checksum.
 */

import { ICMP_CHECK, type Packet, setPositions } from 'vnet/internal/drivers/far/packet'
import { fillChecksum, fillHeader } from 'vnet/internal/drivers/far/reply'
import { skbChecksumHelp } from 'vnet/internal/netdev/gso'
import { pseudoHeaderSum4, pseudoHeaderSum6 } from 'vnet/internal/packet/checksum'
import { ETH_HLEN, swapAddresses } from 'vnet/internal/packet/ethernet'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import { IPPROTO_ICMP, IPPROTO_UDP, IPV4_ALEN, IPV4_HLEN } from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { IPV6_ALEN, IPV6_HLEN, NEXTHDR_ICMP } from 'vnet/internal/packet/ipv6'
import { put32 } from 'vnet/internal/packet/octets'
import * as udp from 'vnet/internal/packet/udp'
import { SKB_DROP_REASON_NOMEM, SKB_DROP_REASON_SKB_CSUM } from 'vnet/internal/skb/drop-reason'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from 'vnet/internal/skb/sk-buff'
import type { HostState } from './state.ts'

type IcmpError = ReturnType<typeof error>

/** An error in both families; `word6` follows the checksum of ICMPv6. */
const error = (code4: number, type6: number, code6: number, word6: number) => ({ code4, type6, code6, word6 })

export const PORT_UNREACHABLE = error(icmp.ICMP_PORT_UNREACH, icmpv6.ICMPV6_DEST_UNREACH, icmpv6.ICMPV6_PORT_UNREACH, 0)
/** ICMPv6 points at the field of the fixed header that names the protocol. */
export const PROTOCOL_UNREACHABLE = error(icmp.ICMP_PROT_UNREACH, icmpv6.ICMPV6_PARAMPROB, icmpv6.ICMPV6_UNK_NEXTHDR, 6)
export const NO_ROUTE = error(icmp.ICMP_NET_UNREACH, icmpv6.ICMPV6_DEST_UNREACH, icmpv6.ICMPV6_NOROUTE, 0)

/** The length of an error with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
const MAX_LENGTH_4 = 576
const MAX_LENGTH_6 = 1280

/**
 * Takes over a frame and sends the error about its packet. It is sent from the address that the
 * packet was sent to, or from the first address of the host if that is not its own.
 */
export function sendError(state: HostState, skb: SkBuff, packet: Packet, error: IcmpError): void {
  if (!prepareQuote(state, skb, packet)) return
  const { bytes, data } = skb
  const { isIpv6, nh: quote, host, sourceAt, destinationAt } = packet
  const header = isIpv6 ? IPV6_HLEN : IPV4_HLEN
  const room = header + icmp.ICMP_HLEN
  skb.trim(quote - data + (isIpv6 ? MAX_LENGTH_6 : MAX_LENGTH_4) - room)
  bytes.copyWithin(data - room, data, data + ETH_HLEN)
  skb.push(room)
  swapAddresses(bytes, skb.data)

  const isOwn = state.table.byIp(bytes, destinationAt, isIpv6) === host
  const first = isOwn ? undefined : state.table.address(host, isIpv6)
  setPositions(packet, isIpv6, quote - room, quote - icmp.ICMP_HLEN)
  packet.end = skb.data + skb.len
  packet.protocol = isIpv6 ? NEXTHDR_ICMP : IPPROTO_ICMP
  const { h } = packet
  for (let i = 0; i < (isIpv6 ? IPV6_ALEN : IPV4_ALEN); i++) {
    bytes[packet.sourceAt + i] = first === undefined ? bytes[destinationAt + i] : first[i]
    bytes[packet.destinationAt + i] = bytes[sourceAt + i]
  }
  fillHeader(skb, packet)
  bytes[h] = isIpv6 ? error.type6 : icmp.ICMP_DEST_UNREACH
  bytes[h + 1] = isIpv6 ? error.code6 : error.code4
  put32(bytes, h + 4, isIpv6 ? error.word6 : 0)
  fillChecksum(skb, packet, ICMP_CHECK)
  state.counters.unreachable++
  state.forward(skb)
}

/** Cuts the frame to its packet, as on a wire. Returns false, the frame freed, if none is sent. */
function prepareQuote(state: HostState, skb: SkBuff, packet: Packet): boolean {
  const { segment } = state
  const { isIpv6, nh } = packet
  if (skb.headroom() < (isIpv6 ? IPV6_HLEN : IPV4_HLEN) + icmp.ICMP_HLEN) {
    segment.drop(skb, SKB_DROP_REASON_NOMEM)
    return false
  }
  if (!state.errors.take()) {
    state.counters.limited++
    segment.take(skb)
    return false
  }
  const { bytes, data } = skb
  skb.trim(nh - data + (isIpv6 ? IPV6_HLEN + ipv6.payloadLength(bytes, nh) : ipv4.totalLength(bytes, nh)))
  if (skb.gsoSize !== 0) keepFirstSegment(skb, packet)
  if (skbChecksumHelp(skb)) return true
  segment.drop(skb, SKB_DROP_REASON_SKB_CSUM)
  return false
}

/** Other GSO frames than UDP's need no change: the length limit of a quote cuts them. */
function keepFirstSegment(skb: SkBuff, { isIpv6, nh }: Packet): void {
  const { bytes, gsoSize, gsoType } = skb
  const h = skb.csumStart
  skb.gsoSize = 0
  skb.gsoType = 0
  if (gsoType !== SKB_GSO_UDP_L4 || skb.ipSummed !== CHECKSUM_PARTIAL || h < nh) return
  const length = Math.min(udp.UDP_HLEN + gsoSize, skb.data + skb.len - h)
  skb.trim(h + length - skb.data)
  udp.setLength(bytes, h, length)
  if (isIpv6) {
    ipv6.setPayloadLength(bytes, nh, h + length - nh - IPV6_HLEN)
    udp.setChecksum(bytes, h, pseudoHeaderSum6(bytes, nh, IPPROTO_UDP, length))
  } else {
    ipv4.setTotalLength(bytes, nh, h + length - nh)
    ipv4.fillHeaderChecksum(bytes, nh)
    udp.setChecksum(bytes, h, pseudoHeaderSum4(bytes, nh, IPPROTO_UDP, length))
  }
}
