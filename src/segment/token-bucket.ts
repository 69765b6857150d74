/** TokenBucket: so many a second, and a burst of so many after silence. */
import { type Clock, NSEC_PER_SEC } from '../core/clock.ts'

export class TokenBucket {
  readonly #clock: Clock
  readonly #each: number
  readonly #burst: number
  /** When the bucket would be full again, ns: it holds what is missing to that. */
  #full = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock
    this.#each = NSEC_PER_SEC / perSecond
    this.#burst = burst * this.#each
  }

  /** Takes a token; false when there is none. */
  take(): boolean {
    const now = this.#clock.now()
    const full = Math.max(this.#full, now) + this.#each
    if (full - now > this.#burst) return false
    this.#full = full
    return true
  }
}
