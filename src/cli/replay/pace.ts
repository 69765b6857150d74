/** Pace: the time at which each frame of a replay is due, by the times of the capture. */
import { NSEC_PER_SEC } from '../../base/clock.ts'

/** When a frame was captured. */
export interface CaptureTime {
  readonly seconds: number
  readonly nanoseconds: number
  readonly hasTime: boolean
}

/** A clock that moves back by more than this, in ns, was set: its old time means nothing. */
const SET_BACK = NSEC_PER_SEC

export class Pace {
  readonly #now: () => number
  /** The captured moment that is due at #from. */
  #origin: { readonly seconds: number; readonly nanoseconds: number } | undefined
  #from = 0
  /** The latest moment up to now, since #origin, and when it was due. */
  #latest = 0
  #due = Number.NaN

  /** `now` is the clock, in ns. The first frame is due immediately. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Returns when the next frame is due; a time in the past for a late frame. */
  due({ seconds, nanoseconds, hasTime }: CaptureTime): number {
    if (Number.isNaN(this.#due)) this.#due = this.#now()
    // A packet without a time is played with the one before it.
    if (!hasTime) return this.#due
    let since = this.#since(seconds, nanoseconds)
    if (this.#origin === undefined || since < this.#latest - SET_BACK) {
      this.#origin = { seconds, nanoseconds }
      this.#from = this.#due
      this.#latest = since = 0
    }
    const due = this.#from + since
    if (since >= this.#latest) {
      this.#latest = since
      this.#due = due
    }
    return due
  }

  #since(seconds: number, nanoseconds: number): number {
    const origin = this.#origin
    if (origin === undefined) return 0
    return (seconds - origin.seconds) * NSEC_PER_SEC + (nanoseconds - origin.nanoseconds)
  }
}
