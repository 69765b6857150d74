/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443) for the simulated hosts, with neighbour discovery (RFC
 * 4861). The reply to a solicitation for a host's address goes to its sender. The reply to
 * duplicate address detection (RFC 4862 sec. 5.4) goes to all nodes, and means that the address is
 * taken.
 */

import { isIcmpChecksumRight, type Packet } from 'vnet/internal/drivers/far/packet'
import { echo, solicitorAt, toAdvertisement } from 'vnet/internal/drivers/far/reply'
import * as ethernet from 'vnet/internal/packet/ethernet'
import { copyAddress, ETH_ALEN, isStationAddress } from 'vnet/internal/packet/ethernet'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { IPV6_ALEN } from 'vnet/internal/packet/ipv6'
import {
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_NEIGH_FAILED,
} from 'vnet/internal/skb/drop-reason'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import type { HostState } from './state.ts'
import { receiveIcmpError } from './tcp.ts'

/** Takes over a frame with an ICMP packet to a host, or an ICMPv6 packet to a host or a group. */
export function receiveIcmp(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment } = state
  const { isIpv6, h, end, host } = packet
  if (host >= 0 && echo(skb, packet)) {
    state.counters.echo++
    state.forward(skb)
  } else if (packet.isFragment) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
  } else if (end - h < icmp.ICMP_HLEN) {
    segment.drop(skb, SKB_DROP_REASON_IP_INHDR)
  } else if (!isIcmpChecksumRight(skb, packet)) {
    segment.drop(skb, SKB_DROP_REASON_ICMP_CSUM)
  } else if (isIpv6) {
    receiveMessage6(state, skb, packet)
  } else if (icmp.isError(icmp.type(skb.bytes, h))) {
    receiveIcmpError(state, skb, packet)
  } else {
    segment.take(skb)
  }
}

function receiveMessage6(state: HostState, skb: SkBuff, packet: Packet): void {
  const { bytes } = skb
  const { nh, h, host } = packet
  const type = icmpv6.type(bytes, h)
  if (type === icmpv6.NDISC_NEIGHBOUR_SOLICITATION) {
    receiveSolicitation(state, skb, packet)
    return
  }
  if (type === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT && ipv6.hopLimit(bytes, nh) === icmpv6.NDISC_HOP_LIMIT) {
    learnAdvertised(state, bytes, packet)
  }
  if (icmpv6.isError(type) && host >= 0) {
    receiveIcmpError(state, skb, packet)
    return
  }
  if (host >= 0) {
    state.done(skb, callHandler(state, skb, packet, host))
    return
  }
  // A frame that returns while a handler runs overwrites the record.
  const message = { ...packet }
  let succeeded = true
  for (const index of state.handlers.icmpv6(type)) {
    succeeded = callHandler(state, skb, message, index) && succeeded
  }
  state.done(skb, succeeded)
}

/** Returns false if the handler of the host throws. */
function callHandler(state: HostState, { bytes, data }: SkBuff, packet: Packet, index: number): boolean {
  const { nh, h, end, sourceAt, destinationAt } = packet
  const type = icmpv6.type(bytes, h)
  const handler = state.table.kind(index).icmpv6.get(type)
  if (handler === undefined) return true
  const mac = bytes.slice(ethernet.sourceAt(data), ethernet.sourceAt(data) + ETH_ALEN)
  return state.handlers.call(index, `icmpv6 ${type}`, () =>
    handler({
      data: bytes.subarray(h, end),
      source: { address: bytes.slice(sourceAt, sourceAt + IPV6_ALEN), mac },
      destination: { address: bytes.slice(destinationAt, destinationAt + IPV6_ALEN) },
      hopLimit: ipv6.hopLimit(bytes, nh),
      host: state.table.describe(index),
    }),
  )
}

/** Takes over a frame with a solicitation, its checksum verified. */
function receiveSolicitation(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes, data } = skb
  const { h, host, sourceAt } = packet
  const solicitor = solicitorAt(skb, packet)
  const isDetection = ipv6.isUnspecified(bytes, sourceAt)
  if (solicitor < 0) {
    segment.drop(skb, SKB_DROP_REASON_NEIGH_FAILED)
    return
  }
  // Another station that sends from a host's address must not be learned.
  if (table.byIp(bytes, sourceAt, true) >= 0) {
    segment.take(skb)
    return
  }
  if (!isDetection) state.neighbours6.learn(bytes, sourceAt, bytes, solicitor)
  const target = table.byIp(bytes, icmpv6.targetAt(h), true)
  if (target < 0 || (host >= 0 && host !== target)) {
    segment.take(skb)
    return
  }
  copyAddress(bytes, data, bytes, solicitor)
  const router = table.kind(target).router ? icmpv6.NA_ROUTER : 0
  toAdvertisement(skb, packet, table.macs, target * ETH_ALEN, router)
  state.counters.neighbour++
  if (isDetection) state.sendOut(skb)
  else state.forward(skb)
}

/** Learns from an advertisement after verifying its checksum. The caller still owns the frame. */
function learnAdvertised({ table, neighbours6 }: HostState, bytes: Uint8Array, { h, end }: Packet): void {
  if (end - h < icmpv6.NDISC_HLEN) return
  const target = icmpv6.targetAt(h)
  const option = icmpv6.targetLinkAddress(bytes, h, end - h)
  if (option <= 0 || !isStationAddress(bytes, option)) return
  if (ipv6.isUnicastAddress(bytes, target) && table.byIp(bytes, target, true) < 0) {
    neighbours6.learn(bytes, target, bytes, option)
  }
}
