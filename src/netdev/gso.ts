/**
 * The offloads of a network card (NIC), in software: completing a partial checksum
 * (skb_checksum_help) and cutting a GSO frame into frames that fit the MTU (skb_gso_segment).
 * Neither is on the path of a frame between two interfaces of one machine.
 */
import { callerOf } from '../base/exception.ts'
import {
  finish,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../packet/checksum.ts'
import { ETH_P_IP, ETH_P_IPV6 } from '../packet/ethernet.ts'
import * as ipv4 from '../packet/ipv4.ts'
import * as ipv6 from '../packet/ipv6.ts'
import { get16, put16 } from '../packet/octets.ts'
import * as tcp from '../packet/tcp.ts'
import * as udp from '../packet/udp.ts'
import { networkOffset } from '../packet/vlan.ts'
import type { Ring } from '../skb/index.ts'
import {
  FRAME_MAX,
  handedOn,
  OWNER_HOLDER,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_SKB_GSO_SEG,
} from '../skb/index.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '../skb/sk-buff.ts'
import { NETIF_F_CSUM_MASK, NETIF_F_GSO_UDP_L4, NETIF_F_TSO, NETIF_F_TSO6 } from './if.ts'

/**
 * Completes a partial checksum in place: the sum from csumStart to the end of the frame, which
 * includes the pseudo-header's sum in the field, is complemented into the field. The frame is then
 * CHECKSUM_NONE. A frame without a partial checksum is not changed. Returns false if the field lies
 * outside the frame, and logs a warning and returns false for a GSO frame, because each segment has
 * its own checksum: the frame is then unchanged. (skb_checksum_help)
 */
export function skbChecksumHelp(skb: SkBuff): boolean {
  if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, skbChecksumHelp, 'skb_checksum_help')
  if (skb.gsoSize !== 0) return warnBadOffload(skb)
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return true
  const { bytes, csumStart, csumOffset } = skb
  const end = skb.data + skb.len
  if (csumStart < skb.data || csumOffset < 0 || csumStart + csumOffset + 2 > end) return false
  const check = finish(onesComplementSum(bytes, csumStart, end - csumStart))
  put16(bytes, csumStart + csumOffset, check === 0 && csumOffset === udp.UDP_CHECK ? 0xffff : check)
  skb.ipSummed = CHECKSUM_NONE
  return true
}

/** The driver asks for a checksum of a frame that is to be cut first. (skb_warn_bad_offload) */
function warnBadOffload({ dev, len, gsoSize }: SkBuff): false {
  const caller = callerOf(skbChecksumHelp)
  const frame = `of a frame of ${len} bytes with gsoSize ${gsoSize}${caller === undefined ? '' : `, ${caller}`}`
  dev?.limitedLog?.warn('skb_checksum_help', `skb_checksum_help ${frame}: cut it by skbGsoSegment`)
  return false
}

/**
 * The most segments of a frame. Linux's TCP sends segments of at least 76 bytes (TCP_MIN_MSS
 * without the timestamps), which are 861 in a frame of 64 KiB. Packet sockets can choose any size.
 */
export const GSO_SEGS_MAX = 1024

/**
 * Cuts a GSO frame (TCPv4, TCPv6 or UDP_L4; VLAN tags, IP and TCP options are kept) into frames of
 * at most `gsoSize` bytes of payload, each in its own slot from the frame's pool, and pushes them
 * on `into` in order. Their checksums are full; with `partial` they are CHECKSUM_PARTIAL if the
 * frame was, for a receiver that merges them again (gro.ts). Returns how many; the frame is then
 * freed. On failure returns -SKB_DROP_REASON_SKB_GSO_SEG (unknown kind, headers that do not fit,
 * more than GSO_SEGS_MAX segments) or -SKB_DROP_REASON_NOMEM (pool or ring too small): `into` is
 * then unchanged, and the caller still owns the frame.
 *
 * IPv4's identification goes up by one a segment. FIN and PSH are on the last segment only, CWR is
 * on the first only (RFC 3168 sec. 6.1.2). A UDP checksum of zero that is not partial remains zero.
 * (skb_gso_segment, tcp_gso_segment, __udp_gso_segment)
 */
export function skbGsoSegment(skb: SkBuff, into: Ring, partial = false): number {
  if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, skbGsoSegment, 'skb_gso_segment')
  const { bytes, data, gsoSize } = skb
  const protocol = gsoProtocol(skb)
  const h = transportOf(skb, protocol)
  const header = h < 0 ? -1 : headerOf(skb, h, protocol)
  if (header < 0) return -SKB_DROP_REASON_SKB_GSO_SEG
  const network = networkOffset(bytes, data, skb.len)
  const end = endOf(bytes, data + network)
  const isTcp = protocol === ipv4.IPPROTO_TCP
  const payload = h + header
  const headers = payload - data
  const total = end - payload
  if (headers + Math.min(gsoSize, total) > FRAME_MAX) return -SKB_DROP_REASON_SKB_GSO_SEG
  const count = Math.max(1, Math.ceil(total / gsoSize))
  if (count > GSO_SEGS_MAX) return -SKB_DROP_REASON_SKB_GSO_SEG
  if (into.capacity - into.length < count) return -SKB_DROP_REASON_NOMEM
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < count; i++) {
    const from = payload + i * gsoSize
    const size = Math.min(gsoSize, end - from)
    const segment = skb.pool.alloc(headers + size)
    if (segment === undefined) {
      unpush(into, i)
      return -SKB_DROP_REASON_NOMEM
    }
    const at = segment.put(headers + size)
    bytes.copyWithin(at, data, payload)
    bytes.copyWithin(at + headers, from, from + size)
    segment.dev = skb.dev
    segment.queueMapping = skb.queueMapping
    segment.pktType = skb.pktType
    segment.protocol = skb.protocol
    segment.mac = at
    segment.nh = at + network
    segment.h = at + h - data
    if (isTcp) {
      editTcp(bytes, segment.h, i * gsoSize, i === 0, i === count - 1)
    } else {
      udp.setLength(bytes, segment.h, header + size)
    }
    const none = !isTcp && skb.ipSummed !== CHECKSUM_PARTIAL && udp.checksum(bytes, h) === 0
    finishSegment(segment, protocol, i, none, partial && skb.ipSummed === CHECKSUM_PARTIAL, view)
    into.push(segment)
  }
  skb.free()
  return count
}

/** The number of frames that skbGsoSegment makes of a frame (gso_segs); 1 if it cannot be cut. */
export function gsoSegs(skb: SkBuff): number {
  const payload = payloadAt(skb)
  if (payload < 0) return 1
  const { bytes, data, len, gsoSize } = skb
  const end = endOf(bytes, data + networkOffset(bytes, data, len))
  return Math.max(1, Math.ceil((end - payload) / gsoSize))
}

/** Returns whether skbGsoSegment can cut a frame: its headers fit its GSO kind. */
export function canSegment(skb: SkBuff): boolean {
  return payloadAt(skb) >= 0
}

/** Returns the position of the payload, -1 for a frame that cannot be cut. */
function payloadAt(skb: SkBuff): number {
  const protocol = gsoProtocol(skb)
  const h = transportOf(skb, protocol)
  const header = h < 0 ? -1 : headerOf(skb, h, protocol)
  return header < 0 ? -1 : h + header
}

/** Returns the position of the transport header, -1 for a frame that cannot be cut. */
function transportOf(skb: SkBuff, protocol: number): number {
  const { bytes, data, len } = skb
  const network = protocol === 0 || skb.gsoSize <= 0 ? -1 : networkOffset(bytes, data, len)
  return network < 0 ? -1 : transportHeader(skb, data + network, protocol)
}

/** Returns the length of the transport header at `h`, -1 for a frame that cannot be cut. */
function headerOf(skb: SkBuff, h: number, protocol: number): number {
  const { bytes, data, len } = skb
  if (skb.ipSummed === CHECKSUM_PARTIAL && skb.csumStart !== h) return -1
  const length = endOf(bytes, data + networkOffset(bytes, data, len)) - h
  return protocol === ipv4.IPPROTO_TCP ? tcp.parse(bytes, h, length) : udp.parse(bytes, h, length)
}

/** Returns the position after the IP packet at `nh`. */
function endOf(bytes: Uint8Array, nh: number): number {
  return (
    nh +
    (isIpv4(bytes, nh)
      ? ipv4.totalLength(bytes, nh)
      : ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh))
  )
}

/** Returns the transport protocol of a GSO frame's kind, 0 if the kind is unknown. */
function gsoProtocol(skb: SkBuff): number {
  if (skb.gsoType === SKB_GSO_UDP_L4) return ipv4.IPPROTO_UDP
  const kind = skb.gsoType & ~SKB_GSO_TCP_ECN
  return kind === SKB_GSO_TCPV4 || kind === SKB_GSO_TCPV6 ? ipv4.IPPROTO_TCP : 0
}

const isIpv4 = (bytes: Uint8Array, nh: number): boolean => get16(bytes, nh - 2) === ETH_P_IP

/** Returns the transport header's position; -1 unless the frame is whole and of its GSO kind. */
function transportHeader(skb: SkBuff, nh: number, protocol: number): number {
  const { bytes, gsoType } = skb
  const length = skb.data + skb.len - nh
  const type = get16(bytes, nh - 2)
  if (type === ETH_P_IP && (gsoType & SKB_GSO_TCPV6) === 0) {
    const header = ipv4.parse(bytes, nh, length)
    if (header < 0 || ipv4.protocol(bytes, nh) !== protocol || ipv4.isFragment(bytes, nh)) return -1
    return nh + header
  }
  if (
    type === ETH_P_IPV6 &&
    (gsoType & SKB_GSO_TCPV4) === 0 &&
    ipv6.parse(bytes, nh, length) >= 0
  ) {
    const upper = ipv6.upperLayer(bytes, nh, ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh), false)
    return upper >= 0 && (upper & 0xff) === protocol ? nh + (upper >>> 8) : -1
  }
  return -1
}

function editTcp(
  bytes: Uint8Array,
  h: number,
  advance: number,
  isFirst: boolean,
  isLast: boolean,
): void {
  tcp.setSequenceNumber(bytes, h, tcp.sequenceNumber(bytes, h) + advance)
  let flags = tcp.flags(bytes, h)
  if (!isFirst) {
    flags &= ~tcp.TCP_CWR
  }
  if (!isLast) {
    flags &= ~(tcp.TCP_FIN | tcp.TCP_PSH)
  }
  tcp.setFlags(bytes, h, flags)
}

/** Writes a segment's IP lengths and identification, and no, a partial or a full checksum. */
function finishSegment(
  segment: SkBuff,
  protocol: number,
  index: number,
  none: boolean,
  partial: boolean,
  view: DataView,
): void {
  const { bytes, nh, h } = segment
  const end = segment.data + segment.len
  let sum: number
  if (isIpv4(bytes, nh)) {
    ipv4.setTotalLength(bytes, nh, end - nh)
    ipv4.setIdentification(bytes, nh, ipv4.identification(bytes, nh) + index)
    ipv4.fillHeaderChecksum(bytes, nh)
    sum = pseudoHeaderSum4(bytes, nh, protocol, end - h)
  } else {
    ipv6.setPayloadLength(bytes, nh, end - nh - ipv6.IPV6_HLEN)
    sum = pseudoHeaderSum6(bytes, nh, protocol, end - h)
  }
  const offset = protocol === ipv4.IPPROTO_TCP ? tcp.TCP_CHECK : udp.UDP_CHECK
  const field = h + offset
  if (partial) {
    put16(bytes, field, sum)
    segment.ipSummed = CHECKSUM_PARTIAL
    segment.csumStart = h
    segment.csumOffset = offset
    return
  }
  put16(bytes, field, 0)
  if (none) return
  const check = finish(onesComplementSum(bytes, h, end - h, sum, view))
  put16(bytes, field, check === 0 && protocol === ipv4.IPPROTO_UDP ? 0xffff : check)
}

/** Takes the last `n` frames out of a ring and frees them. The others go round once, in order. */
function unpush(ring: Ring, n: number): void {
  for (let others = ring.length - n; others > 0; others--) {
    const skb = ring.shift()
    if (skb !== undefined) {
      ring.push(skb)
    }
  }
  for (let i = 0; i < n; i++) {
    ring.shift()?.free()
  }
}

/** Whether a device takes a GSO frame or a partial checksum unchanged (netif_needs_gso). */
export function canOffload(skb: SkBuff, features: number): boolean {
  if ((features & NETIF_F_CSUM_MASK) === 0) return false
  if (skb.gsoSize === 0) return true
  const { gsoType } = skb
  if ((gsoType & SKB_GSO_TCPV4) !== 0) return (features & NETIF_F_TSO) !== 0
  if ((gsoType & SKB_GSO_TCPV6) !== 0) return (features & NETIF_F_TSO6) !== 0
  return (gsoType & SKB_GSO_UDP_L4) !== 0 && (features & NETIF_F_GSO_UDP_L4) !== 0
}
