/** Pace: the time at which each frame of a replay is due. */
import { NSEC_PER_SEC } from '../../base/clock.ts'

/** The recorded times multiplied by a factor, a rate, or no pauses. */
export type Speed =
  | { readonly factor: number }
  | { readonly bitsPerSecond: number }
  | { readonly framesPerSecond: number }
  | 'top'

/** When a frame was captured. */
export interface CaptureTime {
  readonly seconds: number
  readonly nanoseconds: number
  readonly hasTime: boolean
}

/** A clock that moves back by more than this, in ns, was set: its old time means nothing. */
const SET_BACK = NSEC_PER_SEC

export class Pace {
  readonly #speed: Speed
  readonly #now: () => number
  /** Frames and bits played up to now. */
  #frames = 0
  #bits = 0
  /** When the replay started. */
  #start = Number.NaN
  /** The captured moment that is due at #from. */
  #origin: { readonly seconds: number; readonly nanoseconds: number } | undefined
  #from = 0
  /** The latest moment up to now, since #origin, and when it was due. */
  #latest = 0
  #due = 0

  /** `now` is the clock, in ns. The first frame is due immediately. */
  constructor(speed: Speed, now: () => number) {
    this.#speed = speed
    this.#now = now
  }

  /**
   * Returns when the next frame, of `length` bytes, is due; a time in the past for a late frame.
   */
  due(captured: CaptureTime, length: number): number {
    const speed = this.#speed
    if (speed === 'top') return Number.NEGATIVE_INFINITY
    if (Number.isNaN(this.#start)) this.#due = this.#start = this.#now()
    if ('factor' in speed) return this.#recorded(captured, speed.factor)
    const due = 'bitsPerSecond' in speed ? this.#bits / speed.bitsPerSecond : this.#frames / speed.framesPerSecond
    this.#frames++
    this.#bits += 8 * length
    return this.#start + due * NSEC_PER_SEC
  }

  /** The capture restarts: its first frame is due when its last one was. */
  again(): void {
    this.#origin = undefined
  }

  #recorded({ seconds, nanoseconds, hasTime }: CaptureTime, factor: number): number {
    // A packet without a time is played with the one before it.
    if (!hasTime) return this.#due
    let since = this.#since(seconds, nanoseconds)
    if (this.#origin === undefined || since < this.#latest - SET_BACK) {
      this.#origin = { seconds, nanoseconds }
      this.#from = this.#due
      this.#latest = since = 0
    }
    const due = this.#from + since / factor
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
