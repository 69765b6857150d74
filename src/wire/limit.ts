/** A limit that stages share, and the packets that they hold together. */

import { gsoSegs } from '../netdev/gso.ts'
import { ETH_ZLEN } from '../netdev/if.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Limit, LimitSpec } from './wire.ts'

/**
 * Returns the number of packets that a frame stands for: 1, or the segments of a GSO frame, as many
 * as it would be cut into.
 */
export function packetsOf(skb: SkBuff): number {
  return skb.gsoSize === 0 ? 1 : gsoSegs(skb)
}

export class SharedLimit implements Limit {
  held = 0
  bytes = 0
  frames = 0
  readonly #mostFrames: number
  readonly #mostPackets: number
  readonly #mostBytes: number

  constructor({ frames = Infinity, packets = Infinity, bytes = Infinity }: LimitSpec) {
    this.#mostFrames = frames
    this.#mostPackets = packets
    this.#mostBytes = bytes
  }

  /** The most packets that fit, if each is as short as a frame may be. */
  get mostPackets(): number {
    return Math.ceil(Math.min(this.#mostFrames, this.#mostPackets, this.#mostBytes / ETH_ZLEN))
  }

  admits(skb: SkBuff): boolean {
    return this.frames < this.#mostFrames && this.held < this.#mostPackets && this.bytes + skb.len <= this.#mostBytes
  }

  add(skb: SkBuff): void {
    this.frames++
    this.held += packetsOf(skb)
    this.bytes += skb.len
  }

  remove(skb: SkBuff): void {
    this.frames--
    this.held -= packetsOf(skb)
    this.bytes -= skb.len
  }
}
