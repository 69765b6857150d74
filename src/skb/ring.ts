/**
 * Ring: a first-in first-out of frames with a fixed capacity, for a driver's queues and a port's submissions. It owns
 * what is in it.
 */
import { skbPanic } from './error.ts'
import { OWNER_FREE, OWNER_RING, type SkBuff } from './sk-buff.ts'

export class Ring {
  readonly capacity: number
  readonly #slots: (SkBuff | undefined)[]
  readonly #mask: number
  readonly #owner: number
  #head = 0
  #length = 0

  /** `capacity` frames, rounded up to a power of two. `owner` is the stamp of those in it, which `shift` leaves on them. */
  constructor(capacity: number, owner: number = OWNER_RING) {
    this.#owner = owner
    let size = 1
    while (size < capacity) size *= 2
    this.capacity = size
    this.#mask = size - 1
    this.#slots = new Array<SkBuff | undefined>(size).fill(undefined)
  }

  get length(): number {
    return this.#length
  }

  /** Takes the frame over as the last one. False when the ring is full: the frame is still the caller's. */
  push(skb: SkBuff): boolean {
    if (skb.owner === OWNER_FREE) throw skbPanic('skb_queue_tail of a freed frame', this.push)
    if (this.#length === this.capacity) return false
    skb.owner = this.#owner
    this.#slots[(this.#head + this.#length) & this.#mask] = skb
    this.#length++
    return true
  }

  /** Puts a frame back as the first one, for a frame that `shift` gave and that could not be sent. */
  unshift(skb: SkBuff): boolean {
    if (skb.owner === OWNER_FREE) throw skbPanic('skb_queue_head of a freed frame', this.unshift)
    if (this.#length === this.capacity) return false
    skb.owner = this.#owner
    this.#head = (this.#head - 1) & this.#mask
    this.#slots[this.#head] = skb
    this.#length++
    return true
  }

  /** Hands the first frame to the caller, who owns it from here. */
  shift(): SkBuff | undefined {
    if (this.#length === 0) return undefined
    const skb = this.#slots[this.#head]
    this.#head = (this.#head + 1) & this.#mask
    this.#length--
    return skb
  }

  /** Looks at the i-th frame from the front (0 is the first); it stays in the ring. */
  peek(i: number): SkBuff | undefined {
    return i < this.#length ? this.#slots[(this.#head + i) & this.#mask] : undefined
  }

  /** Drops all frames with one reason; answers how many. */
  purge(reason: number): number {
    const n = this.#length
    for (let skb = this.shift(); skb !== undefined; skb = this.shift()) skb.drop(reason)
    return n
  }
}
