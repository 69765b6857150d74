/**
 * Generic receive offload: consecutive TCP segments of a flow become one GSO frame, so that the
 * kernel's stack runs once for all of them (dev_gro_receive, tcp_gro_receive, tcp_gro_complete).
 * Only the frame received last is ever continued, so no frame overtakes another.
 *
 * Segments are merged only if `skbGsoSegment` would cut them into the same bytes again. The headers
 * differ only in lengths, checksums and counters. The flags are ACK alone, with PSH on the last
 * segment. All payloads have one size; the last may be shorter.
 *
 * The checksum of a GSO frame is partial: a kernel that forwards it computes the sums of all its
 * segments again. So a full sum is verified before it is replaced, and a segment with a wrong sum
 * is not merged: the kernel drops it. A partial sum remains partial.
 */
import { finish, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../packet/checksum.ts'
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, etherType } from '../packet/ethernet.ts'
import * as ipv4 from '../packet/ipv4.ts'
import { IPPROTO_TCP, IPV4_HLEN } from '../packet/ipv4.ts'
import * as ipv6 from '../packet/ipv6.ts'
import { IPV6_HLEN } from '../packet/ipv6.ts'
import { put16 } from '../packet/octets.ts'
import * as tcp from '../packet/tcp.ts'
import { TCP_ACK, TCP_CHECK, TCP_HLEN, TCP_PSH } from '../packet/tcp.ts'
import { OWNER_PORT } from '../skb/error.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SKB_GSO_TCPV6, type SkBuff } from '../skb/sk-buff.ts'
import { NETIF_F_TSO, NETIF_F_TSO6 } from './if.ts'

/** The longest frame with a link header, whatever the kernel takes beyond (GRO_LEGACY_MAX_SIZE). */
const GRO_MAX = ETH_HLEN + 0xffff
/** Offset of the transport header from the start of the frame. */
const H_IPV4 = ETH_HLEN + IPV4_HLEN
const H_IPV6 = ETH_HLEN + IPV6_HLEN

export class Gro {
  readonly #view: DataView
  /** The frame received last, if it may be continued. Its queue owns it. */
  #head: SkBuff | undefined
  /** Segments merged into it. The fields below are valid if it is not 0. */
  #count = 0
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
    if (this.#count !== 0) this.#complete(this.#head as SkBuff)
    this.#head = undefined
    this.#count = 0
  }

  #merge(head: SkBuff, skb: SkBuff, features: number): boolean {
    const h = skb.gsoSize === 0 ? transportOffset(skb) : 0
    if (h === 0 || (features & (h === H_IPV4 ? NETIF_F_TSO : NETIF_F_TSO6)) === 0) return false
    const { bytes, data, len } = skb
    const payload = h + tcp.dataOffset(bytes, data + h)
    const size = len - payload
    if (payload < h + TCP_HLEN || size <= 0) return false
    if (head.len + size > GRO_MAX) return false
    if (this.#count === 0 && !this.#begin(head, h, payload)) return false
    const gsoSize = head.gsoSize === 0 ? head.len - payload : head.gsoSize
    if (size > gsoSize || h !== this.#h || !this.#continues(head.data, data)) return false
    if (this.#count === 0 && !this.#mayStand(head)) return false
    if (!this.#mayStand(skb)) return false
    // A frame that a wire held is in a small slot.
    if (size > head.tailroom() && !(expand(head) && size <= head.tailroom())) return false

    bytes.copyWithin(head.__put(size), data + payload, data + len)
    head.gsoSize = gsoSize
    this.#count++
    this.#nextSequence = (this.#nextSequence + size) | 0
    const flags = tcp.flags(bytes, data + h)
    tcp.setFlags(bytes, head.data + h, flags)
    if (flags !== TCP_ACK || size < gsoSize) this.flush()
    return true
  }

  /** Returns true if a frame can be the first of several. Header lengths are the next frame's. */
  #begin(head: SkBuff, h: number, payload: number): boolean {
    const { bytes, data, len } = head
    if (transportOffset(head) !== h || tcp.flags(bytes, data + h) !== TCP_ACK) return false
    this.#h = h
    this.#payload = payload
    this.#nextSequence = (this.#view.getInt32(data + h + 4) + len - payload) | 0
    return true
  }

  /** Returns true if the frame at `b` follows the one at `a`, by all of its headers. */
  #continues(a: number, b: number): boolean {
    const view = this.#view
    const h = this.#h
    for (let i = 0; i < ETH_HLEN - 2; i += 4) if (view.getInt32(a + i) !== view.getInt32(b + i)) return false
    for (let i = h; i < this.#payload; i += 4) {
      if (view.getInt32(a + i) === view.getInt32(b + i)) continue
      if (i === h + 4) continue
      if (i === h + 12 && ((view.getInt32(a + i) ^ view.getInt32(b + i)) & ~(TCP_PSH << 16)) === 0) continue
      if (i === h + 16 && view.getInt16(a + i + 2) === view.getInt16(b + i + 2)) continue
      return false
    }
    if (view.getInt32(b + h + 4) !== this.#nextSequence) return false
    return h === H_IPV4 ? this.#continues4(a + ETH_HLEN, b + ETH_HLEN) : this.#continues6(a + ETH_HLEN, b + ETH_HLEN)
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
    if (view.getInt32(a) !== view.getInt32(b) || view.getInt16(a + 6) !== view.getInt16(b + 6)) return false
    for (let i = 8; i < IPV6_HLEN; i += 4) if (view.getInt32(a + i) !== view.getInt32(b + i)) return false
    return true
  }

  /** Whether a segment's checksum is right or partial: the merged frame's may replace it. */
  #mayStand({ bytes, data, len, ipSummed, csumStart, csumOffset }: SkBuff): boolean {
    const h = data + this.#h
    if (ipSummed === CHECKSUM_PARTIAL) return csumStart === h && csumOffset === TCP_CHECK
    if (ipSummed !== CHECKSUM_NONE) return false
    const length = data + len - h
    return finish(onesComplementSum(bytes, h, length, this.#pseudoHeaderSum(bytes, data, length), this.#view)) === 0
  }

  #pseudoHeaderSum(bytes: Uint8Array, data: number, length: number): number {
    const sum = this.#h === H_IPV4 ? pseudoHeaderSum4 : pseudoHeaderSum6
    return sum(bytes, data + ETH_HLEN, IPPROTO_TCP, length)
  }

  /** tcp_gro_complete, inet_gro_complete */
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
    put16(bytes, h + TCP_CHECK, this.#pseudoHeaderSum(bytes, data, len - this.#h))
    head.ipSummed = CHECKSUM_PARTIAL
    head.csumStart = h
    head.csumOffset = TCP_CHECK
  }
}

/** Returns the transport header's offset in a frame of one whole TCP packet; 0 for other frames. */
function transportOffset({ bytes, data, len }: SkBuff): number {
  const nh = data + ETH_HLEN
  if (len < H_IPV4 + TCP_HLEN) return 0
  const type = etherType(bytes, data)
  if (type === ETH_P_IP) {
    if (bytes[nh] !== 0x45 || ipv4.protocol(bytes, nh) !== IPPROTO_TCP || ipv4.isFragment(bytes, nh)) return 0
    const isWhole = ipv4.totalLength(bytes, nh) === len - ETH_HLEN
    return isWhole && finish(onesComplementSum(bytes, nh, IPV4_HLEN)) === 0 ? H_IPV4 : 0
  }
  if (type !== ETH_P_IPV6 || ipv6.version(bytes, nh) !== 6) return 0
  return ipv6.nextHeader(bytes, nh) === IPPROTO_TCP && ipv6.payloadLength(bytes, nh) === len - H_IPV6 ? H_IPV6 : 0
}

/** Like `head.expand()`, for a frame that its queue owns. */
function expand(head: SkBuff): boolean {
  const { owner } = head
  head.owner = OWNER_PORT
  const expanded = head.expand()
  head.owner = owner
  return expanded
}
