/**
 * When to acknowledge received data, like Linux: immediately at the start of a connection and after
 * a pause, after every second full segment, and otherwise after a delay of 40 ms or more, unless a
 * segment with data carries the acknowledgment first.
 */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'

const DELAY_MIN = 40 * NSEC_PER_MSEC
const DELAY_MAX = 200 * NSEC_PER_MSEC
const MAX_QUICK = 16
/** The size of segments that Linux assumes before it has seen some, and the least that counts. */
const ASSUMED_SEGMENT = 536
const FULL_SEGMENT_MIN = 516

export class AckPolicy {
  /** The size of full segments of the peer, as received. */
  segment: number
  /** Whether data waits for an acknowledgment. */
  isPending = false
  /** Whether the next acknowledgment must not be delayed. */
  isUrgent = false
  /** Whether the peer pushed once, or again, since the last acknowledgment. */
  isPushed = false
  isPushedAgain = false
  /** Whether the user answers what it receives, so that data can carry acknowledgments. */
  isInteractive = false
  readonly #maxSegment: number
  /** How many acknowledgments are still sent without a delay. */
  #quick = 0
  #delay = 0
  #receivedAt = 0

  constructor(mss: number) {
    this.#maxSegment = mss
    this.segment = Math.min(ASSUMED_SEGMENT, mss)
  }

  /** Notes a segment with data. `window` is the offered window. */
  onData(length: number, isPush: boolean, now: number, rto: number, window: number): void {
    if (length >= this.segment) {
      this.segment = Math.min(length, this.#maxSegment)
      if (isPush) this.isPushed = true
    } else if (length >= FULL_SEGMENT_MIN && !isPush) this.segment = length
    else {
      this.isPushedAgain ||= this.isPushed
      this.isPushed = true
    }
    this.isPending = true
    const pause = now - this.#receivedAt
    if (this.#delay === 0) {
      this.#addQuick(window)
      this.#delay = DELAY_MIN
    } else if (pause <= DELAY_MIN / 2) this.#delay = this.#delay / 2 + DELAY_MIN / 2
    else if (pause < this.#delay) this.#delay = Math.min(this.#delay / 2 + pause, rto)
    else if (pause > rto) this.#addQuick(window)
    this.#receivedAt = now
  }

  #addQuick(window: number): void {
    const quick = Math.max(Math.floor(window / (2 * this.segment)), 2)
    this.#quick = Math.max(this.#quick, Math.min(quick, MAX_QUICK))
  }

  /** Acknowledges immediately from now on: after duplicates and gaps. */
  enterQuick(window: number): void {
    this.#addQuick(window)
    this.isInteractive = false
    this.#delay = DELAY_MIN
  }

  /** Whether to acknowledge immediately. Without data before it, a FIN does not wait. */
  get isQuick(): boolean {
    return this.isUrgent || this.#delay === 0 || (this.#quick > 0 && !this.isInteractive)
  }

  /** Nanoseconds that an acknowledgment may wait. */
  delay(smoothed: number): number {
    const most = smoothed > 0 ? Math.min(Math.max(smoothed, DELAY_MIN), DELAY_MAX) : DELAY_MAX
    return Math.min(Math.max(this.#delay, DELAY_MIN), most)
  }

  /** Notes that a delay has passed without data to send. */
  onDelayed(rto: number): void {
    if (this.isInteractive) {
      this.isInteractive = false
      this.#delay = DELAY_MIN
    } else this.#delay = Math.min(this.#delay * 2, rto)
  }

  /** Notes a segment that acknowledges. */
  onSent(now: number, hasData: boolean): void {
    if (hasData && this.#delay > 0 && now - this.#receivedAt < this.#delay) this.isInteractive = true
    if (this.#quick > 0) {
      this.#quick--
      if (this.#quick === 0) this.#delay = DELAY_MIN
    }
    this.isPending = this.isUrgent = this.isPushed = this.isPushedAgain = false
  }
}
