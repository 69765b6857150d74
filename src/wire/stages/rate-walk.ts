/**
 * RateWalk: a rate that is a Brownian motion and rests in an outage when it reaches 0, as in
 * Winstein, Sivaraman and Balakrishnan, "Stochastic Forecasts Achieve High Throughput and Low Delay
 * over Cellular Networks" (Sprout, NSDI 2013). An outage ends at each tick with the same
 * probability, so its mean length is exact.
 */
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { normal } from './correlated.ts'

/** The mean length of an outage, in ns: a choice. */
const OUTAGE = 100 * NSEC_PER_MSEC

export class RateWalk {
  readonly #random: Random
  /** The probability that an outage ends at a tick. */
  readonly #end: number
  /** The standard deviation of a step. */
  readonly #step: number
  /**
   * Where the walk is reflected: twice the median, and as much more as makes up for the time at 0.
   * So the rate is below the median for half of the time.
   */
  readonly #most: number
  #rate = 0
  #isOut = false

  /** `deviation` is the standard deviation after a second, `tick` the ns of a step. */
  constructor(median: number, deviation: number, tick: number, random: Random) {
    this.#random = random
    this.#end = tick / OUTAGE
    this.#step = deviation * Math.sqrt(tick / NSEC_PER_SEC)
    // The mean part of a step that leads below 0, from rates that are all equally likely, is
    // step / sqrt(2 pi).
    this.#most = 2 * median + this.#step / Math.sqrt(2 * Math.PI) / this.#end
    this.restart()
  }

  /** Draws a rate that is independent of the ones before. */
  restart(): void {
    this.#rate = this.#most * this.#random.next()
    this.#isOut = false
  }

  /** Returns the rate after a tick. */
  next(): number {
    const step = this.#step * normal(this.#random)
    if (this.#isOut) {
      this.#isOut = this.#random.next() >= this.#end
      if (!this.#isOut) this.#rate = Math.abs(step)
      return this.#rate
    }
    this.#rate += step
    if (this.#rate > this.#most) this.#rate = 2 * this.#most - this.#rate
    this.#isOut = this.#rate <= 0
    if (this.#isOut) this.#rate = 0
    return this.#rate
  }
}
