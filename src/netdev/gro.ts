/**
 * Generic receive offload: consecutive TCP segments or UDP datagrams of a flow become one GSO
 * frame, so that the kernel's stack runs once for all of them (dev_gro_receive, tcp_gro_receive,
 * udp_gro_receive). Only the frame received last is ever continued, so no frame overtakes another.
 *
 * Frames are merged only if `skbGsoSegment` would cut them into the same bytes again. The headers
 * differ only in lengths, checksums and counters. The flags of TCP are ACK alone, with PSH on the
 * last segment. All payloads have one size; the last may be shorter.
 *
 * The checksum of a GSO frame is partial: a kernel that forwards it computes the sums of all its
 * segments again. So a full sum is verified before it is replaced, and a segment with a wrong sum
 * is not merged: the kernel drops it. A partial sum remains partial.
 */
import {
  finish,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../packet/checksum.ts'
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, etherType } from '../packet/ethernet.ts'
import * as ipv4 from '../packet/ipv4.ts'
import * as ipv6 from '../packet/ipv6.ts'
import { put16 } from '../packet/octets.ts'
import * as tcp from '../packet/tcp.ts'
import * as udp from '../packet/udp.ts'
import { OWNER_PORT } from '../skb/error.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '../skb/sk-buff.ts'
import { NETIF_F_GRO, NETIF_F_GSO_UDP_L4, NETIF_F_TSO, NETIF_F_TSO6 } from './if.ts'

/** The longest frame with a link header, whatever the kernel takes beyond (GRO_LEGACY_MAX_SIZE). */
const GRO_MAX = ETH_HLEN + 0xffff
/** The most datagrams of a frame (UDP_MAX_SEGMENTS before Linux 6.9). */
const DATAGRAMS_MAX = 64
/** Offset of the transport header from the start of the frame. */
const H_IPV4 = ETH_HLEN + ipv4.IPV4_HLEN
const H_IPV6 = ETH_HLEN + ipv6.IPV6_HLEN

export class Gro {
  readonly #view: DataView
  /** The frame received last, if it may be continued. Its queue owns it. */
  #head: SkBuff | undefined
  /** Frames merged into it. The fields below are valid if it is not 0. */
  #count = 0
  #protocol = 0
  /** Offsets of the transport header and of the payload from the start of the frame. */
  #h = 0
  #payload = 0
  #nextSequence = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** True if a frame has been continued, and may be continued further. */
  get open(): boolean {
    return this.#count !== 0
  }

  /** Merges a frame and returns true: the caller frees it. Otherwise it queues and holds it. */
  receive(skb: SkBuff, features: number): boolean {
    const head = this.#head
    if (head === undefined) return false
    if (this.#merge(head, skb, features)) return true
    this.flush()
    return false
  }

  /** Holds a frame that the next may continue. It must not change or move on before `flush`. */
  hold(skb: SkBuff): void {
    this.#head = skb.gsoSize === 0 ? skb : undefined
  }

  /** napi_gro_flush: completes the held frame. */
  flush(): void {
    if (this.#count !== 0) {
      this.#complete(this.#head as SkBuff)
    }
    this.#head = undefined
    this.#count = 0
  }

  #merge(head: SkBuff, skb: SkBuff, features: number): boolean {
    const protocol = skb.gsoSize === 0 ? protocolOf(skb) : 0
    if (protocol === 0) return false
    const { bytes, data, len } = skb
    const h = transportOffset(skb)
    if (!canMerge(features, protocol, h)) return false
    const header = headerLength(protocol, bytes, data + h, len - h)
    const payload = h + header
    const size = len - payload
    if (header === 0 || size <= 0) return false
    if (head.len + size > GRO_MAX) return false
    if (this.#count === 0 && !this.#begin(head, protocol, h, payload)) return false
    const gsoSize = head.gsoSize === 0 ? head.len - payload : head.gsoSize
    if (size > gsoSize || protocol !== this.#protocol || h !== this.#h) return false
    if (!this.#continues(head.data, data)) return false
    if (this.#count === 0 && !this.#mayStand(head)) return false
    if (!this.#mayStand(skb)) return false
    // A frame that a wire held is in a small slot.
    if (size > head.tailroom() && !(expand(head) && size <= head.tailroom())) return false

    bytes.copyWithin(head.__put(size), data + payload, data + len)
    head.gsoSize = gsoSize
    this.#count++
    let isLast = size < gsoSize
    if (protocol === ipv4.IPPROTO_TCP) {
      this.#nextSequence = (this.#nextSequence + size) | 0
      const flags = tcp.flags(bytes, data + h)
      tcp.setFlags(bytes, head.data + h, flags)
      isLast ||= flags !== tcp.TCP_ACK
    } else {
      isLast ||= this.#count === DATAGRAMS_MAX - 1
    }
    if (isLast) {
      this.flush()
    }
    return true
  }

  /** Returns true if a frame can be the first of several, with the offsets of the next one. */
  #begin(head: SkBuff, protocol: number, h: number, payload: number): boolean {
    const { bytes, data, len } = head
    if (protocolOf(head) !== protocol || transportOffset(head) !== h) return false
    if (headerLength(protocol, bytes, data + h, len - h) === 0) return false
    if (protocol === ipv4.IPPROTO_TCP && tcp.flags(bytes, data + h) !== tcp.TCP_ACK) return false
    this.#protocol = protocol
    this.#h = h
    this.#payload = payload
    this.#nextSequence = (this.#view.getInt32(data + h + 4) + len - payload) | 0
    return true
  }

  /** Returns true if the frame at `b` follows the one at `a`, by all of its headers. */
  #continues(a: number, b: number): boolean {
    const view = this.#view
    const h = this.#h
    for (let i = 0; i < ETH_HLEN - 2; i += 4) {
      if (view.getInt32(a + i) !== view.getInt32(b + i)) {
        return false
      }
    }
    // The ports; lengths and checksums of datagrams are their own.
    if (this.#protocol === ipv4.IPPROTO_UDP && view.getInt32(a + h) !== view.getInt32(b + h)) {
      return false
    }
    if (this.#protocol === ipv4.IPPROTO_TCP && !this.#continuesTcp(a + h, b + h)) return false
    return h === H_IPV4
      ? this.#continues4(a + ETH_HLEN, b + ETH_HLEN)
      : this.#continues6(a + ETH_HLEN, b + ETH_HLEN)
  }

  #continuesTcp(a: number, b: number): boolean {
    const view = this.#view
    for (let i = 0; i < this.#payload - this.#h; i += 4) {
      if (view.getInt32(a + i) === view.getInt32(b + i)) continue
      if (i === 4) continue
      if (
        i === 12 &&
        ((view.getInt32(a + i) ^ view.getInt32(b + i)) & ~(tcp.TCP_PSH << 16)) === 0
      ) {
        continue
      }
      if (i === 16 && view.getInt16(a + i + 2) === view.getInt16(b + i + 2)) continue
      return false
    }
    return view.getInt32(b + 4) === this.#nextSequence
  }

  /** The identification counts up, whatever the flags are: skbGsoSegment makes it so. */
  #continues4(a: number, b: number): boolean {
    const view = this.#view
    return (
      view.getInt16(a) === view.getInt16(b) &&
      ((view.getInt32(a + 4) + ((this.#count + 1) << 16)) | 0) === view.getInt32(b + 4) &&
      view.getInt16(a + 8) === view.getInt16(b + 8) &&
      view.getInt32(a + 12) === view.getInt32(b + 12) &&
      view.getInt32(a + 16) === view.getInt32(b + 16)
    )
  }

  #continues6(a: number, b: number): boolean {
    const view = this.#view
    if (view.getInt32(a) !== view.getInt32(b) || view.getInt16(a + 6) !== view.getInt16(b + 6)) {
      return false
    }
    for (let i = 8; i < ipv6.IPV6_HLEN; i += 4) {
      if (view.getInt32(a + i) !== view.getInt32(b + i)) {
        return false
      }
    }
    return true
  }

  /** Whether a frame's checksum is right or partial: the merged frame's may replace it. */
  #mayStand({ bytes, data, len, ipSummed, csumStart, csumOffset }: SkBuff): boolean {
    const h = data + this.#h
    if (ipSummed === CHECKSUM_PARTIAL) {
      return csumStart === h && csumOffset === checkOffset(this.#protocol)
    }
    if (ipSummed !== CHECKSUM_NONE) return false
    const length = data + len - h
    return (
      finish(
        onesComplementSum(bytes, h, length, this.#pseudoHeaderSum(bytes, data, length), this.#view),
      ) === 0
    )
  }

  #pseudoHeaderSum(bytes: Uint8Array, data: number, length: number): number {
    const sum = this.#h === H_IPV4 ? pseudoHeaderSum4 : pseudoHeaderSum6
    return sum(bytes, data + ETH_HLEN, this.#protocol, length)
  }

  /** tcp_gro_complete, udp_gro_complete, inet_gro_complete */
  #complete(head: SkBuff): void {
    const { bytes, data, len } = head
    const nh = data + ETH_HLEN
    const h = data + this.#h
    if (this.#h === H_IPV4) {
      ipv4.setTotalLength(bytes, nh, len - ETH_HLEN)
      ipv4.fillHeaderChecksum(bytes, nh)
      head.gsoType = SKB_GSO_TCPV4
    } else {
      ipv6.setPayloadLength(bytes, nh, len - H_IPV6)
      head.gsoType = SKB_GSO_TCPV6
    }
    if (this.#protocol === ipv4.IPPROTO_UDP) {
      udp.setLength(bytes, h, len - this.#h)
      head.gsoType = SKB_GSO_UDP_L4
    }
    const check = checkOffset(this.#protocol)
    put16(bytes, h + check, this.#pseudoHeaderSum(bytes, data, len - this.#h))
    head.ipSummed = CHECKSUM_PARTIAL
    head.csumStart = h
    head.csumOffset = check
  }
}

const checkOffset = (protocol: number): number =>
  protocol === ipv4.IPPROTO_TCP ? tcp.TCP_CHECK : udp.UDP_CHECK

/**
 * Whether a device with `features` takes GSO frames of a protocol, over IPv4 or IPv6 by the offset
 * `h` of the transport header. UDP takes NETIF_F_GRO too: without it, datagrams that a wire has cut
 * remain single.
 */
function canMerge(features: number, protocol: number, h: number): boolean {
  if (protocol === ipv4.IPPROTO_UDP) return (~features & (NETIF_F_GRO | NETIF_F_GSO_UDP_L4)) === 0
  return (features & (h === H_IPV4 ? NETIF_F_TSO : NETIF_F_TSO6)) !== 0
}

/**
 * Returns the length of the transport header at `h`, of a packet with `length` bytes from there on.
 * Returns 0 for a TCP header that is too short, and for a datagram that ends before its packet or
 * has no checksum: cut again, it would have one.
 */
function headerLength(protocol: number, bytes: Uint8Array, h: number, length: number): number {
  if (protocol === ipv4.IPPROTO_UDP) {
    return udp.length(bytes, h) === length && udp.checksum(bytes, h) !== 0 ? udp.UDP_HLEN : 0
  }
  const header = tcp.dataOffset(bytes, h)
  return header < tcp.TCP_HLEN ? 0 : header
}

/** Returns the transport header's offset in a frame of a known protocol. */
function transportOffset({ bytes, data }: SkBuff): number {
  return etherType(bytes, data) === ETH_P_IP ? H_IPV4 : H_IPV6
}

/** Returns the protocol of a frame of one whole TCP or UDP packet; 0 for other frames. */
function protocolOf({ bytes, data, len }: SkBuff): number {
  const nh = data + ETH_HLEN
  if (len < H_IPV4 + udp.UDP_HLEN) return 0
  const type = etherType(bytes, data)
  let protocol = 0
  if (type === ETH_P_IP) {
    if (
      bytes[nh] !== 0x45 ||
      ipv4.isFragment(bytes, nh) ||
      ipv4.totalLength(bytes, nh) !== len - ETH_HLEN
    ) {
      return 0
    }
    if (finish(onesComplementSum(bytes, nh, ipv4.IPV4_HLEN)) === 0) {
      protocol = ipv4.protocol(bytes, nh)
    }
  } else if (
    type === ETH_P_IPV6 &&
    ipv6.version(bytes, nh) === 6 &&
    ipv6.payloadLength(bytes, nh) === len - H_IPV6
  ) {
    protocol = ipv6.nextHeader(bytes, nh)
  }
  return protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP ? protocol : 0
}

/** Like `head.expand()`, for a frame that its queue owns. */
function expand(head: SkBuff): boolean {
  const { owner } = head
  head.owner = OWNER_PORT
  const expanded = head.expand()
  head.owner = owner
  return expanded
}
