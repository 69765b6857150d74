/**
 * HeldPackets: packets with the moments at which they are due, for a stage that delays. Packets
 * that arrive in the order of their moments are in a ring, which costs the same for any number of
 * them. A packet that is due earlier than the packet before it goes to a heap. The arrays grow and
 * are kept: adding and taking a packet allocates nothing.
 */
import { MomentHeap } from '../base/moment-heap.ts'
import { gsoSegs } from '../netdev/gso.ts'
import { ETH_ZLEN } from '../netdev/if.ts'
import { OWNER_WIRE, type SkBuff } from '../skb/index.ts'
import type { Limit, LimitSpec, Packets } from './wire.ts'

const INITIAL_CAPACITY = 64

export class HeldPackets {
  #skbs: (SkBuff | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined)
  #moments = new Float64Array(INITIAL_CAPACITY)
  #head = 0
  #length = 0
  readonly #early = new MomentHeap<SkBuff>()

  get length(): number {
    return this.#length + this.#early.size
  }

  /** When the first packet is due; Infinity without one. */
  get first(): number {
    const inOrder = this.#length === 0 ? Number.POSITIVE_INFINITY : this.#moments[this.#head]
    const early = this.#early.first
    return early < inOrder ? early : inOrder
  }

  /** When the last packet is due; -Infinity without one. */
  get last(): number {
    return this.#length === 0
      ? Number.NEGATIVE_INFINITY
      : this.#moments[(this.#head + this.#length - 1) & (this.#moments.length - 1)]
  }

  /** Adds a packet. Packets with equal moments leave in the order in which they were added. */
  add(skb: SkBuff, moment: number): void {
    skb.owner = OWNER_WIRE
    if (this.#length !== 0 && moment < this.last) {
      this.#early.set(skb, moment)
      return
    }
    if (this.#length === this.#moments.length) {
      this.#grow()
    }
    const at = (this.#head + this.#length++) & (this.#moments.length - 1)
    this.#skbs[at] = skb
    this.#moments[at] = moment
  }

  /** Takes the packet that is due first; undefined without one. The caller then owns it. */
  shift(): SkBuff | undefined {
    if (
      this.#early.size !== 0 &&
      (this.#length === 0 || this.#early.first < this.#moments[this.#head])
    ) {
      return this.#early.shift()
    }
    if (this.#length === 0) return undefined
    const skb = this.#skbs[this.#head]
    this.#skbs[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#moments.length - 1)
    this.#length--
    return skb
  }

  each(fn: (skb: SkBuff) => void): void {
    for (let i = 0; i < this.#length; i++) {
      fn(this.#skbs[(this.#head + i) & (this.#moments.length - 1)] as SkBuff)
    }
    this.#early.each(fn)
  }

  #grow(): void {
    const capacity = this.#moments.length
    const skbs = new Array<SkBuff | undefined>(2 * capacity).fill(undefined)
    const moments = new Float64Array(2 * capacity)
    for (let i = 0; i < capacity; i++) {
      const at = (this.#head + i) & (capacity - 1)
      skbs[i] = this.#skbs[at]
      moments[i] = this.#moments[at]
    }
    this.#skbs = skbs
    this.#moments = moments
    this.#head = 0
  }
}

/** Returns the packets that a frame stands for: 1, or the segments of a GSO frame. */
export const packetsOf = (skb: SkBuff): number => (skb.gsoSize === 0 ? 1 : gsoSegs(skb))

const NONE: Packets = { length: 0, bytes: 0 }

/** A limit that stages share, and the packets that they hold together. */
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

  admits(skb: SkBuff, { length, bytes }: Packets = NONE): boolean {
    return (
      this.frames - length < this.#mostFrames &&
      this.held - length < this.#mostPackets &&
      this.bytes - bytes + skb.len <= this.#mostBytes
    )
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
