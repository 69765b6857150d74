/**
 * TCP for the simulated hosts. A segment to a closed port is reset (RFC 9293 sec. 3.10.7.1). A
 * segment to an open port, and an ICMP error about a packet from there, goes to the services, for
 * example sockets in a network namespace that has all addresses. On link-local addresses all ports
 * are closed. Frames cross whole, with GSO and partial checksums; only their hardware addresses
 * change. The host is found by its IP address, so the services may have a point-to-point or NOARP
 * interface.
 */

import {
  ethernet,
  icmp,
  ipv4,
  ipv6,
  SKB_DROP_REASON_L4_HDR,
  SKB_DROP_REASON_NEIGH_FAILED,
  SKB_DROP_REASON_TCP_CSUM,
  type SkBuff,
  tcp,
} from 'vnet'
import { isChecksumRight, type Packet } from 'vnet/kit/drivers'
import { OWNER_STAGE } from 'vnet/kit/netdev'
import { makeReply } from './reply.ts'
import type { HostState, Services } from './state.ts'

/** Takes over a frame with a segment to a host. */
export function receiveTcp(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table, services } = state
  const { bytes } = skb
  const { isIpv6, h, end, host } = packet
  const header = tcp.parse(bytes, h, end - h)
  if (header < 0) {
    segment.drop(skb, SKB_DROP_REASON_L4_HDR)
    return
  }
  const flags = tcp.flags(bytes, h)
  // Node throws for a link-local address of another namespace: its interface has no name here.
  const isLinkLocal = isIpv6 && ipv6.isLinkLocal(bytes, packet.destinationAt)
  if (
    services !== undefined &&
    !isLinkLocal &&
    table.kind(host).tcp.has(tcp.destinationPort(bytes, h))
  ) {
    const opens = (flags & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN
    if (opens && !state.connections.take(bytes, ethernet.sourceAt(skb.data))) {
      state.counters.refused++
      segment.take(skb)
    } else {
      toServices(state, services, skb, packet)
    }
  } else if (!isChecksumRight(skb, packet, tcp.TCP_CHECK, state.view)) {
    segment.drop(skb, SKB_DROP_REASON_TCP_CSUM)
  } else if ((flags & tcp.TCP_RST) !== 0) {
    segment.take(skb)
  } else {
    reset(state, skb, packet, end - h - header)
  }
}

/** Takes over a frame with an ICMP or ICMPv6 error to a host. */
export function receiveIcmpError(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table, services } = state
  const { isIpv6, h, end, host } = packet
  const quote = h + icmp.ICMP_HLEN
  const port = isIpv6 ? quotedPort6(skb.bytes, quote, end) : quotedPort4(skb.bytes, quote, end)
  if (services !== undefined && table.kind(host).tcp.has(port)) {
    toServices(state, services, skb, packet)
  } else {
    segment.take(skb)
  }
}

/** Takes over a frame to an open port and learns its sender, to which replies will go. */
function toServices(state: HostState, services: Services, skb: SkBuff, packet: Packet): void {
  const { bytes, data } = skb
  const { isIpv6, sourceAt } = packet
  if (state.table.byIp(bytes, sourceAt, isIpv6) < 0) {
    state.neighbours(isIpv6).learn(bytes, sourceAt, bytes, ethernet.sourceAt(data))
  }
  ethernet.copyAddress(bytes, data, services.address)
  state.segment.stats.out++
  services.receive(skb)
}

/** Takes over a frame of the services. Consumes one without a host: their kernel's own traffic. */
export function fromServices(state: HostState, skb: SkBuff): void {
  const { segment, table } = state
  segment.stats.in++
  skb.dev = undefined
  skb.owner = OWNER_STAGE
  const { bytes, data } = skb
  const type = skb.len < ethernet.ETH_HLEN ? 0 : ethernet.etherType(bytes, data)
  const isIpv6 = type === ethernet.ETH_P_IPV6
  const length = isIpv6 ? ipv6.IPV6_ALEN : ipv4.IPV4_ALEN
  const from = data + ethernet.ETH_HLEN + (isIpv6 ? 8 : 12)
  const to = from + length
  const isWhole = (isIpv6 || type === ethernet.ETH_P_IP) && to + length <= data + skb.len
  const host = isWhole ? table.byIp(bytes, from, isIpv6) : -1
  if (host < 0) {
    segment.take(skb)
    return
  }
  const receiver = table.byIp(bytes, to, isIpv6)
  const neighbours = state.neighbours(isIpv6)
  const mac = receiver >= 0 ? receiver * ethernet.ETH_ALEN : neighbours.find(bytes, to)
  if (mac < 0) {
    segment.drop(skb, SKB_DROP_REASON_NEIGH_FAILED)
    return
  }
  ethernet.copyAddress(bytes, data, receiver >= 0 ? table.macs : neighbours.macs, mac)
  ethernet.copyAddress(bytes, ethernet.sourceAt(data), table.macs, host * ethernet.ETH_ALEN)
  state.forward(skb)
}

/** Resets the connection of a segment with `length` bytes of data (RFC 9293 sec. 3.10.7.1). */
function reset(state: HostState, skb: SkBuff, packet: Packet, length: number): void {
  const { bytes } = skb
  const { h } = packet
  const flags = tcp.flags(bytes, h)
  const port = tcp.sourcePort(bytes, h)
  tcp.setSourcePort(bytes, h, tcp.destinationPort(bytes, h))
  tcp.setDestinationPort(bytes, h, port)
  if ((flags & tcp.TCP_ACK) !== 0) {
    tcp.create(bytes, h, tcp.acknowledgmentNumber(bytes, h), 0, tcp.TCP_RST)
  } else {
    const control = (flags & tcp.TCP_SYN) / tcp.TCP_SYN + (flags & tcp.TCP_FIN)
    tcp.create(
      bytes,
      h,
      0,
      tcp.sequenceNumber(bytes, h) + length + control,
      tcp.TCP_RST | tcp.TCP_ACK,
    )
  }
  makeReply(skb, packet, tcp.TCP_HLEN, tcp.TCP_CHECK)
  state.counters.reset++
  state.forward(skb)
}

/** The source port of a quoted TCP segment, -1 if the quote is not one. */
function quotedPort4(bytes: Uint8Array, at: number, end: number): number {
  const isTcp =
    end - at >= ipv4.IPV4_HLEN &&
    ipv4.version(bytes, at) === 4 &&
    ipv4.protocol(bytes, at) === ipv4.IPPROTO_TCP
  const h = at + ipv4.headerLength(bytes, at)
  return isTcp && h + 4 <= end && ipv4.fragmentOffset(bytes, at) === 0
    ? tcp.sourcePort(bytes, h)
    : -1
}

function quotedPort6(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < ipv6.IPV6_HLEN || ipv6.version(bytes, at) !== 6) return -1
  const upper = ipv6.upperLayer(bytes, at, end - at)
  const h = at + (upper >>> 8)
  return upper >= 0 && (upper & 0xff) === ipv4.IPPROTO_TCP && h > at && h + 4 <= end
    ? tcp.sourcePort(bytes, h)
    : -1
}
