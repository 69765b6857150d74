/** Token buckets: at most so many a second on average, and a burst of so many after silence. */
import { type Clock, NSEC_PER_SEC } from './clock.ts'

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** One bucket, or `count` of them in a row. Taking a token allocates nothing. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #each: number
  readonly #burst: number
  /** When each bucket would be full again, ns: it lacks what is missing to that. */
  readonly #full: Float64Array

  constructor(clock: Clock, { perSecond, burst }: Rate, count = 1) {
    this.#clock = clock
    this.#each = NSEC_PER_SEC / perSecond
    this.#burst = burst * this.#each
    this.#full = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  }

  /** Takes a token out of bucket `i`. False when it is empty. */
  take(i = 0): boolean {
    const now = this.#clock.now()
    const full = Math.max(this.#full[i], now) + this.#each
    if (full - now > this.#burst) return false
    this.#full[i] = full
    return true
  }

  /** Fills bucket `i`. */
  fill(i = 0): void {
    this.#full[i] = Number.NEGATIVE_INFINITY
  }
}
