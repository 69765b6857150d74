/**
 * ICMP (RFC 792), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861) for the simulated hosts. The
 * reply to duplicate address detection (RFC 4862 sec. 5.4) goes to all nodes: the address is taken.
 * Errors are "destination unreachable" (RFC 1122 sec. 3.2.2, RFC 4443 sec. 3.1).
 */

import {
  CHECKSUM_PARTIAL,
  checksum,
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_NEIGH_FAILED,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_GSO_UDP_L4,
  type SkBuff,
  skbChecksumHelp,
  udp,
} from 'vnet'
import {
  echo,
  fillChecksum,
  ICMP_CHECK,
  isIcmpChecksumRight,
  type Packet,
  setPositions,
  solicitorAt,
  toAdvertisement,
} from 'vnet/kit/drivers'
import { put32 } from 'vnet/kit/packet'
import { fillHeader } from './reply.ts'
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
  if (
    type === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT &&
    ipv6.hopLimit(bytes, nh) === icmpv6.NDISC_HOP_LIMIT
  ) {
    learnAdvertised(state, bytes, packet)
  }
  if (host < 0) {
    receiveGroupMessage6(state, skb, packet, type)
  } else if (icmpv6.isError(type)) {
    receiveIcmpError(state, skb, packet)
  } else {
    state.done(skb, callHandler(state, skb, packet, host))
  }
}

function receiveGroupMessage6(state: HostState, skb: SkBuff, packet: Packet, type: number): void {
  // A frame that returns while a handler runs overwrites the record.
  const message = { ...packet }
  let succeeded = true
  for (const index of state.handlers.icmpv6.get(type) ?? []) {
    succeeded = callHandler(state, skb, message, index) && succeeded
  }
  state.done(skb, succeeded)
}

/** Returns false if the handler of the host throws. */
function callHandler(
  state: HostState,
  { bytes, data }: SkBuff,
  packet: Packet,
  index: number,
): boolean {
  const { nh, h, end, sourceAt, destinationAt } = packet
  const type = icmpv6.type(bytes, h)
  const handler = state.table.kind(index).icmpv6.get(type)
  if (handler === undefined) return true
  const mac = bytes.slice(ethernet.sourceAt(data), ethernet.sourceAt(data) + ethernet.ETH_ALEN)
  return state.handlers.call(index, `icmpv6 ${type}`, () =>
    handler({
      data: bytes.subarray(h, end),
      source: { address: bytes.slice(sourceAt, sourceAt + ipv6.IPV6_ALEN), mac },
      destination: { address: bytes.slice(destinationAt, destinationAt + ipv6.IPV6_ALEN) },
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
  if (!isDetection) {
    state.neighbours6.learn(bytes, sourceAt, bytes, solicitor)
  }
  const target = table.byIp(bytes, icmpv6.targetAt(h), true)
  if (target < 0 || (host >= 0 && host !== target)) {
    segment.take(skb)
    return
  }
  ethernet.copyAddress(bytes, data, bytes, solicitor)
  const router = table.kind(target).router ? icmpv6.NA_ROUTER : 0
  toAdvertisement(skb, packet, table.macs, target * ethernet.ETH_ALEN, router)
  state.counters.neighbour++
  if (isDetection) {
    state.sendOut(skb)
  } else {
    state.forward(skb)
  }
}

/** Learns from an advertisement after verifying its checksum. The caller still owns the frame. */
function learnAdvertised(
  { table, neighbours6 }: HostState,
  bytes: Uint8Array,
  { h, end }: Packet,
): void {
  if (end - h < icmpv6.NDISC_HLEN) return
  const target = icmpv6.targetAt(h)
  const option = icmpv6.targetLinkAddress(bytes, h, end - h)
  if (option <= 0 || !ethernet.isStationAddress(bytes, option)) return
  if (ipv6.isUnicastAddress(bytes, target) && table.byIp(bytes, target, true) < 0) {
    neighbours6.learn(bytes, target, bytes, option)
  }
}

type IcmpError = ReturnType<typeof icmpError>

/** An error in both families; `word6` follows the checksum of ICMPv6. */
const icmpError = (code4: number, type6: number, code6: number, word6: number) => ({
  code4,
  type6,
  code6,
  word6,
})

export const PORT_UNREACHABLE = icmpError(
  icmp.ICMP_PORT_UNREACH,
  icmpv6.ICMPV6_DEST_UNREACH,
  icmpv6.ICMPV6_PORT_UNREACH,
  0,
)
/** ICMPv6 points at the field of the fixed header that names the protocol. */
export const PROTOCOL_UNREACHABLE = icmpError(
  icmp.ICMP_PROT_UNREACH,
  icmpv6.ICMPV6_PARAMPROB,
  icmpv6.ICMPV6_UNK_NEXTHDR,
  6,
)
export const NO_ROUTE = icmpError(
  icmp.ICMP_NET_UNREACH,
  icmpv6.ICMPV6_DEST_UNREACH,
  icmpv6.ICMPV6_NOROUTE,
  0,
)

/** The length of an error with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
const MAX_LENGTH_4 = 576
const MAX_LENGTH_6 = 1280

/**
 * Takes over a frame and sends the error about its packet in the same frame. The error quotes as
 * much of the packet as fits, as it would be on a wire: of a GSO datagram the first segment, with a
 * complete checksum. It is sent from the address that the packet was sent to or, if that is not the
 * host's own, from the host's first address. Callers send no error about a group, a fragment,
 * another error, or a packet without a unicast source. The rate is limited here.
 */
export function sendError(state: HostState, skb: SkBuff, packet: Packet, error: IcmpError): void {
  if (!prepareQuote(state, skb, packet)) return
  const { bytes, data } = skb
  const { isIpv6, nh: quote, host, sourceAt, destinationAt } = packet
  const header = isIpv6 ? ipv6.IPV6_HLEN : ipv4.IPV4_HLEN
  const room = header + icmp.ICMP_HLEN
  skb.trim(quote - data + (isIpv6 ? MAX_LENGTH_6 : MAX_LENGTH_4) - room)
  bytes.copyWithin(data - room, data, data + ethernet.ETH_HLEN)
  skb.push(room)
  ethernet.swapAddresses(bytes, skb.data)

  const isOwn = state.table.byIp(bytes, destinationAt, isIpv6) === host
  const first = isOwn ? undefined : state.table.address(host, isIpv6)
  setPositions(packet, isIpv6, quote - room, quote - icmp.ICMP_HLEN)
  packet.end = skb.data + skb.len
  packet.protocol = isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP
  const { h } = packet
  for (let i = 0; i < (isIpv6 ? ipv6.IPV6_ALEN : ipv4.IPV4_ALEN); i++) {
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
  if (skb.headroom() < (isIpv6 ? ipv6.IPV6_HLEN : ipv4.IPV4_HLEN) + icmp.ICMP_HLEN) {
    segment.drop(skb, SKB_DROP_REASON_NOMEM)
    return false
  }
  if (!state.errors.take()) {
    state.counters.limited++
    segment.take(skb)
    return false
  }
  const { bytes, data } = skb
  skb.trim(
    nh -
      data +
      (isIpv6 ? ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh) : ipv4.totalLength(bytes, nh)),
  )
  if (skb.gsoSize !== 0) {
    keepFirstSegment(skb, packet)
  }
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
    ipv6.setPayloadLength(bytes, nh, h + length - nh - ipv6.IPV6_HLEN)
    udp.setChecksum(bytes, h, checksum.pseudoHeaderSum6(bytes, nh, ipv4.IPPROTO_UDP, length))
  } else {
    ipv4.setTotalLength(bytes, nh, h + length - nh)
    ipv4.fillHeaderChecksum(bytes, nh)
    udp.setChecksum(bytes, h, checksum.pseudoHeaderSum4(bytes, nh, ipv4.IPPROTO_UDP, length))
  }
}
