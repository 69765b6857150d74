/**
 * WireClock: the time of a wire. It moves from arrival to arrival, and on the way every alarm rings
 * at its moment, however late the real timer is. One alarm of the real clock serves all of them. It
 * rings at most once in the clock's `slack`, so that packets in quick succession share a wake-up.
 */
import type { Alarm, Clock } from '../netdev/clock.ts'
import { type HeapItem, MomentHeap } from '../netdev/moment-heap.ts'

interface WireAlarm extends Alarm, HeapItem {
  readonly fn: () => void
}

export class WireClock implements Clock {
  /** How late the alarm that rings is, in ns; 0 during an arrival. */
  late = 0
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #timer: Alarm
  readonly #alarms = new MomentHeap<WireAlarm>()
  #now: number
  /** When the timer rings; Infinity if it is not armed. */
  #armed = Number.POSITIVE_INFINITY
  /** Before which the timer is not to ring again. */
  #rest = Number.NEGATIVE_INFINITY
  #ringing = false

  /** `failed` gets what an alarm throws. */
  constructor(clock: Clock, failed: (error: unknown) => void) {
    this.#clock = clock
    this.#failed = failed
    this.#now = clock.now()
    this.#timer = clock.alarm(() => {
      this.#armed = Number.POSITIVE_INFINITY
      this.#rest = clock.now() + (clock.slack ?? 0)
      this.advance()
    })
  }

  now(): number {
    return this.#now
  }

  /** Moves to the present of the real clock, and rings on the way what is due. */
  advance(): void {
    this.#advance(this.#clock.now())
  }

  /**
   * Rings what is due without moving. Between two packets that arrive at once, it makes them the
   * same as two arrivals.
   */
  settle(): void {
    if (this.#alarms.first <= this.#now) this.#advance(this.#now)
  }

  #advance(present: number): void {
    if (this.#ringing) return
    this.#ringing = true
    while (this.#alarms.first <= present) {
      const moment = this.#alarms.first
      if (moment > this.#now) this.#now = moment
      this.late = present - this.#now
      try {
        this.#alarms.shift()?.fn()
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#ringing = false
    this.late = 0
    if (present > this.#now) this.#now = present
    this.#arm()
  }

  alarm(fn: () => void): Alarm {
    const alarm: WireAlarm = {
      fn,
      index: -1,
      at: ns => {
        // An alarm that arms itself for now must not stop time.
        this.#alarms.set(alarm, this.#ringing && ns <= this.#now ? this.#now + 1 : ns)
        if (!this.#ringing) this.#arm()
      },
      cancel: () => this.#alarms.remove(alarm),
    }
    return alarm
  }

  /** Rings no alarm any more. */
  close(): void {
    this.#alarms.clear()
    this.#timer.cancel()
  }

  #arm(): void {
    const { first } = this.#alarms
    const moment = first < this.#rest ? this.#rest : first
    if (moment >= this.#armed) return
    this.#armed = moment
    this.#timer.at(moment)
  }
}
