/** IP (RFC 1122 sec. 3.2, RFC 8200) without reassembly: ping fragments return one by one. */

import { type Packet, parse4, parse6 } from 'vnet/internal/drivers/far/packet'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import { ICMP_ECHO } from 'vnet/internal/packet/icmp'
import { ICMPV6_ECHO_REQUEST } from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import * as drop from 'vnet/internal/skb/drop-reason'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import { NO_ROUTE, PROTOCOL_UNREACHABLE, receiveIcmp, sendError } from './icmp.ts'
import type { HostState } from './state.ts'
import { receiveTcp } from './tcp.ts'
import { receiveUdp } from './udp.ts'

/** Takes over a frame to the hardware address of the host with index `host`, -1 for a group. */
export function receiveIp(state: HostState, skb: SkBuff, isIpv6: boolean, host: number): void {
  const { packet, segment } = state
  const nh = skb.data + ETH_HLEN
  const fault = isIpv6 ? parse6(packet, skb, nh) : parse4(packet, skb, nh)
  packet.host = host
  if (fault !== 0) segment.drop(skb, fault)
  else if (host < 0) receiveGroup(state, skb, packet)
  else receiveUnicast(state, skb, packet)
}

function receiveUnicast(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, h, nh, protocol, destinationAt } = packet
  if (!isUnicast(bytes, packet.sourceAt, isIpv6)) segment.drop(skb, drop.SKB_DROP_REASON_IP_INADDRERRORS)
  else if (table.byIp(bytes, destinationAt, isIpv6) !== packet.host) receiveOther(state, skb, packet)
  else if (protocol === (isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP)) receiveIcmp(state, skb, packet)
  else if (packet.isFragment) segment.drop(skb, drop.SKB_DROP_REASON_FRAG_REASM)
  else if (protocol === ipv4.IPPROTO_UDP) receiveUdp(state, skb, packet)
  else if (protocol === ipv4.IPPROTO_TCP) receiveTcp(state, skb, packet)
  else if (isIpv6 && (protocol === ipv6.NEXTHDR_NONE || h !== nh + ipv6.IPV6_HLEN))
    segment.drop(skb, drop.SKB_DROP_REASON_UNHANDLED_PROTO)
  else sendError(state, skb, packet, PROTOCOL_UNREACHABLE)
}

function receiveGroup(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, protocol, sourceAt, destinationAt } = packet
  // A broadcast frame with a packet to one host is ignored (RFC 1122 sec. 3.3.6).
  const isGroup = isIpv6 ? bytes[destinationAt] === 0xff : table.byIp(bytes, destinationAt, false) < 0
  const isHandled = protocol === ipv4.IPPROTO_UDP || (isIpv6 && protocol === ipv6.NEXTHDR_ICMP)
  if (isIpv6 ? bytes[sourceAt] === 0xff : bytes[sourceAt] >= 224)
    segment.drop(skb, drop.SKB_DROP_REASON_IP_INADDRERRORS)
  else if (!isGroup || !isHandled) segment.take(skb)
  else if (packet.isFragment) segment.drop(skb, drop.SKB_DROP_REASON_FRAG_REASM)
  else if (protocol === ipv4.IPPROTO_UDP) receiveUdp(state, skb, packet)
  else receiveIcmp(state, skb, packet)
}

/** The frame is to the host, but the packet is not. A router replies with "no route". */
function receiveOther(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, host, destinationAt } = packet
  if (isIpv6 && bytes[destinationAt] === 0xff) {
    packet.host = -1
    receiveGroup(state, skb, packet)
  } else if (table.kind(host).router && table.hasAddress(host, isIpv6) && mayCauseError(skb, packet)) {
    sendError(state, skb, packet, NO_ROUTE)
  } else {
    segment.drop(skb, drop.SKB_DROP_REASON_IP_INADDRERRORS)
  }
}

/** Errors are sent about whole packets and first fragments to one host, but not about errors. */
function mayCauseError({ bytes }: SkBuff, packet: Packet): boolean {
  const { isIpv6, h, protocol, destinationAt } = packet
  if (packet.isLaterFragment || !isUnicast(bytes, destinationAt, isIpv6)) return false
  if (isIpv6 && ipv6.isLinkLocal(bytes, destinationAt)) return false
  if (protocol !== (isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP)) return true
  return bytes[h] === (isIpv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO)
}

function isUnicast(bytes: Uint8Array, at: number, isIpv6: boolean): boolean {
  return isIpv6 ? ipv6.isUnicastAddress(bytes, at) : ipv4.isUnicastAddress(bytes, at)
}
