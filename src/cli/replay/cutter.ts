/**
 * Cutter: cuts TCP frames that are longer than the MTU, as a card's segmentation offload does. A
 * capture has such frames where it was made before a card cut them or after they were merged.
 */
import { skbGsoSegment } from '../../netdev/gso.ts'
import { IPPROTO_TCP } from '../../packet/ipv4.ts'
import * as tcp from '../../packet/tcp.ts'
import { UpperHeader } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { FRAME_MAX, SkBuffPool } from '../../skb/pool.ts'
import { Ring } from '../../skb/ring.ts'
import { SKB_GSO_TCPV4, SKB_GSO_TCPV6, type SkBuff } from '../../skb/sk-buff.ts'

/** Segments of 64 KiB at the smallest MTU, of 68 bytes; and at one that needs large slots. */
const SEGMENTS = 4096
const LARGE = 64

export class Cutter {
  readonly #mtu: number
  readonly #upper = new UpperHeader()
  readonly #segments = new Ring(SEGMENTS)
  /** Made for the first frame that is cut. */
  #pool: SkBuffPool | undefined

  constructor(mtu: number) {
    this.#mtu = mtu
  }

  /** Whether a frame is longer than the MTU. */
  isLong(bytes: Uint8Array, at: number, length: number): boolean {
    return length > this.#mtu && length - networkOffset(bytes, at, length) > this.#mtu
  }

  /**
   * Cuts a long frame. Returns the number of segments, which next() then returns; 0 if it cannot be
   * cut.
   */
  cut(bytes: Uint8Array, at: number, length: number): number {
    const gsoSize = this.#segmentSize(bytes, at, length)
    if (gsoSize <= 0) return 0
    this.#pool ??= new SkBuffPool({ large: LARGE, small: SEGMENTS })
    const skb = this.#pool.alloc(length)
    if (skb === undefined) return 0
    skb.bytes.set(bytes.subarray(at, at + length), skb.put(length))
    skb.gsoSize = gsoSize
    skb.gsoType = bytes[at + networkOffset(bytes, at, length)] >>> 4 === 4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6
    const n = skbGsoSegment(skb, this.#segments)
    if (n > 0) return n
    skb.free()
    return 0
  }

  /** Returns the next segment, to be freed by the caller. */
  next(): SkBuff | undefined {
    return this.#segments.shift()
  }

  /** Returns the payload of a segment, 0 or less if the frame is not a whole TCP packet. */
  #segmentSize(bytes: Uint8Array, at: number, length: number): number {
    const network = networkOffset(bytes, at, length)
    if (network < 0 || length > FRAME_MAX) return 0
    const upper = this.#upper
    const nh = at + network
    if (upper.find(bytes, nh, at + length) === 0 || upper.protocol !== IPPROTO_TCP || upper.check < 0) return 0
    const header = tcp.parse(bytes, upper.h, upper.end - upper.h)
    return header < 0 ? 0 : this.#mtu - (upper.h - nh) - header
  }
}
