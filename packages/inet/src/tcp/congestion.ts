/**
 * The congestion window: slow start and congestion avoidance (RFC 5681) from 10 segments (RFC
 * 6928), proportional rate reduction in recovery (RFC 6937), and the restart after a pause (RFC
 * 2861). The window counts segments, as in Linux. Linux uses CUBIC by default, which keeps 70 % of
 * the window after a loss and grows along a cubic curve. This one keeps half of the window and
 * grows by a segment per round trip.
 */

const INITIAL_WINDOW = 10

export class Congestion {
  window = INITIAL_WINDOW
  threshold = Number.POSITIVE_INFINITY
  state: 'open' | 'recovery' | 'loss' = 'open'
  /** The end of the data that was in flight when the loss was found. */
  recoverAt = 0
  /** Segments acknowledged since the window grew, in congestion avoidance. */
  #count = 0
  /** Whether the window limited the sender in its last round trip, and how much it used. */
  #isLimited = true
  #used = 0
  #usedUntil = 0
  /** PRR: segments that arrived, and that were sent, in this recovery. */
  #arrived = 0
  #sent = 0
  #before = 0

  get isRecovering(): boolean {
    return this.state !== 'open'
  }

  /** Notes how much of the window is used after sending. */
  onUsed(packets: number, isLimited: boolean, una: number, next: number): void {
    if (una < this.#usedUntil && !isLimited && (this.#isLimited || packets <= this.#used)) return
    this.#used = packets
    this.#isLimited = isLimited
    this.#usedUntil = next
  }

  /** Grows the window for acknowledged segments, if the sender uses it. */
  grow(acknowledged: number): void {
    const isSlowStart = this.window < this.threshold
    if (isSlowStart ? this.window >= 2 * this.#used && !this.#isLimited : !this.#isLimited) return
    let rest = acknowledged
    if (isSlowStart) {
      const grown = Math.min(this.window + acknowledged, this.threshold)
      rest -= grown - this.window
      this.window = grown
    }
    if (this.window < this.threshold) return
    const width = this.window
    if (this.#count >= width) {
      this.#count = 0
      this.window++
    }
    this.#count += rest
    this.window += Math.floor(this.#count / width)
    this.#count %= width
  }

  /** Starts a recovery from lost segments. */
  enterRecovery(next: number): void {
    this.state = 'recovery'
    this.recoverAt = next
    this.#before = this.window
    this.#arrived = 0
    this.#sent = 0
    this.#count = 0
    this.threshold = Math.max(this.window >> 1, 2)
  }

  /** Reduces the window for a loss that is repaired already. */
  halve(): void {
    this.window = Math.max(this.window >> 1, 2)
    this.threshold = this.window
  }

  /**
   * Sets the window in a recovery: RFC 9937, with the slow start reduction bound only if the
   * acknowledgment is in order and shows no more losses.
   */
  reduce(delivered: number, inFlight: number, isSafe: boolean): void {
    if (delivered === 0) return
    this.#arrived += delivered
    const room = this.threshold - inFlight
    let count: number
    if (room < 0) {
      count = Math.ceil((this.#arrived * this.threshold) / this.#before) - this.#sent
    } else {
      count = Math.min(room, Math.max(this.#arrived - this.#sent, delivered) + (isSafe ? 1 : 0))
    }
    // The first repetition is always sent.
    this.window = inFlight + Math.max(count, this.#sent === 0 ? 1 : 0)
  }

  onSent(): void {
    this.#sent++
  }

  /** Starts again with one segment after a timeout. */
  enterLoss(next: number, inFlight: number): void {
    if (this.state === 'open') {
      this.threshold = Math.max(this.window >> 1, 2)
    }
    this.state = 'loss'
    this.recoverAt = next
    this.window = inFlight + 1
    this.#count = 0
  }

  /** Ends a recovery. */
  leave(): void {
    if (this.state === 'recovery') {
      this.window = this.threshold
    }
    this.state = 'open'
  }

  /** Halves the window for each timeout in which nothing was sent. */
  restart(pause: number, timeout: number): void {
    const least = Math.min(INITIAL_WINDOW, this.window)
    this.threshold = Math.max(this.threshold, Math.floor((this.window * 3) / 4))
    for (let left = pause; left > timeout && this.window > least; left -= timeout) {
      this.window >>= 1
    }
    this.window = Math.max(this.window, least)
  }
}
