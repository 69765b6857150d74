/** TokenBucket limits how often work is done that every frame may cause. For logs: LimitedLog. */
import { type Clock, NSEC_PER_SEC } from './clock.ts'

/** The limit of a TokenBucket, in tokens. */
export interface Rate {
  /** On average. */
  readonly perSecond: number
  /** After a time without any. */
  readonly burst: number
}

/** One bucket, or `count` buckets with the same rate. Taking a token allocates nothing. */
export class TokenBucket {
  readonly #clock: Clock
  /** Nanoseconds per token. */
  readonly #period: number
  /** Nanoseconds in which an empty bucket fills. */
  readonly #capacity: number
  /** The time in ns at which each bucket will be full. */
  readonly #full: Float64Array

  constructor(clock: Clock, { perSecond, burst }: Rate, count = 1) {
    this.#clock = clock
    this.#period = NSEC_PER_SEC / perSecond
    this.#capacity = burst * this.#period
    this.#full = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  }

  /** Takes a token out of bucket `i`. Returns false if it is empty. */
  take(i = 0): boolean {
    const now = this.#clock.now()
    const full = Math.max(this.#full[i], now) + this.#period
    if (full - now > this.#capacity) return false
    this.#full[i] = full
    return true
  }

  fill(i = 0): void {
    this.#full[i] = Number.NEGATIVE_INFINITY
  }
}
