/**
 * Ring: a first-in, first-out queue of frames with a fixed capacity, for the queues of drivers and
 * ports. It owns the frames in it.
 */
import { handedOn, OWNER_HOLDER, OWNER_RING } from './error.ts'
import type { SkBuff } from './sk-buff.ts'

/** Slots of a ring. A device has at most some thousands. */
const CAPACITY_MAX = 1 << 24

/**
 * A queue of frames. It owns a frame from a successful `push` to the `shift` that returns it to a
 * caller. Purge a ring at its owner's end, or its frames remain in use.
 */
export class Ring {
  readonly capacity: number
  readonly #slots: (SkBuff | undefined)[]
  readonly #mask: number
  readonly #owner: number
  readonly #taker: number
  #head = 0
  #length = 0

  /**
   * Rounds `capacity` up to a power of two, at most 2^24; others are a RangeError. `taker` is the
   * OWNER_* of a frame from `shift`.
   */
  constructor(capacity: number, owner: number = OWNER_RING, taker: number = owner) {
    if (!(capacity >= 0 && capacity <= CAPACITY_MAX)) {
      throw new RangeError(`a ring of ${capacity} frames`)
    }
    this.#owner = owner
    this.#taker = taker
    let size = 1
    while (size < capacity) {
      size *= 2
    }
    this.capacity = size
    this.#mask = size - 1
    this.#slots = new Array<SkBuff | undefined>(size).fill(undefined)
  }

  get length(): number {
    return this.#length
  }

  /** Takes over the frame as the last one. False if the ring is full: the caller keeps it. */
  push(skb: SkBuff): boolean {
    if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, this.push, 'skb_queue_tail')
    if (this.#length === this.capacity) {
      skb.pool.refused(skb)
      return false
    }
    skb.owner = this.#owner
    this.#slots[(this.#head + this.#length) & this.#mask] = skb
    this.#length++
    return true
  }

  /** Like `push`, but as the first one: puts back a frame from `shift` that could not be sent. */
  unshift(skb: SkBuff): boolean {
    if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, this.unshift, 'skb_queue_head')
    if (this.#length === this.capacity) return false
    skb.owner = this.#owner
    this.#head = (this.#head - 1) & this.#mask
    this.#slots[this.#head] = skb
    this.#length++
    return true
  }

  /** Returns the first frame, which the caller then owns. */
  shift(): SkBuff | undefined {
    if (this.#length === 0) return undefined
    const skb = this.#slots[this.#head] as SkBuff
    skb.owner = this.#taker
    this.#head = (this.#head + 1) & this.#mask
    this.#length--
    return skb
  }

  /** Returns the i-th frame from the front, which remains in the ring. */
  peek(i: number): SkBuff | undefined {
    return i < this.#length ? this.#slots[(this.#head + i) & this.#mask] : undefined
  }

  /** Drops all frames with one reason, and returns their number. */
  purge(reason: number): number {
    const n = this.#length
    for (let skb = this.shift(); skb !== undefined; skb = this.shift()) {
      skb.drop(reason)
    }
    return n
  }
}
