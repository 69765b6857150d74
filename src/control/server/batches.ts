/**
 * The requests of clients without rights that the frames' thread serves: at most one batch in each
 * millisecond, whatever the number of clients. A batch is bounded by a number and by a time. This
 * comes on top of the time that Turns grants, which is an average over a longer period.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, type Turns, type Work } from '../../base/index.ts'

/** Requests, and parts of dumps, in a batch. */
export const BATCH = 16
/** Nanoseconds from the start of a batch after which it serves nothing more. */
const BATCH_NS = 100_000

export class Batches {
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #alarm: Alarm
  readonly #waiting = new Set<Work>()
  #start = Number.NEGATIVE_INFINITY
  #served = 0

  constructor(clock: Clock, turns: Turns) {
    this.#clock = clock
    this.#turns = turns
    this.#alarm = clock.alarm(() => this.#next())
  }

  /**
   * Returns true if `work` may serve one request now. Otherwise keeps it, and adds it to the turns
   * again at the start of the next batch.
   */
  admit(work: Work): boolean {
    const now = this.#clock.now()
    if (now - this.#start >= NSEC_PER_MSEC) {
      this.#start = now
      this.#served = 0
    }
    if (this.#served < BATCH && (this.#served === 0 || now - this.#start < BATCH_NS)) {
      this.#served++
      return true
    }
    if (this.#waiting.size === 0) {
      this.#alarm.at(this.#start + NSEC_PER_MSEC)
    }
    this.#waiting.add(work)
    return false
  }

  /** Forgets work that has ended. */
  delete(work: Work): void {
    if (this.#waiting.delete(work) && this.#waiting.size === 0) {
      this.#alarm.cancel()
    }
  }

  #next(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const work of waiting) {
      this.#turns.add(work)
    }
  }
}
