/** FakeClock: a Clock that stands still until a test moves it. All its times are in ns. */
import { type Alarm, type Clock, VirtualClock } from '../base/index.ts'

/**
 * A clock that starts at 0 and moves only in `advance`, which runs the alarms before it returns.
 * `armed` is 0 once everything that was made with the clock has cancelled its alarms.
 */
export class FakeClock implements Clock {
  readonly #clock = new VirtualClock(0)
  #ringing = false

  now(): number {
    return this.#clock.now()
  }

  /** The number of armed alarms. */
  get armed(): number {
    return this.#clock.armed
  }

  /** The moment for which the next alarm is armed; undefined without alarms. */
  get next(): number | undefined {
    return this.armed === 0 ? undefined : this.#clock.next
  }

  alarm(fn: () => void): Alarm {
    const alarm = this.#clock.alarm(() => {
      this.#ringing = true
      try {
        fn()
      } finally {
        this.#ringing = false
      }
    })
    // An alarm that is armed while another rings is at least a nanosecond later: alarms that arm
    // each other for the present moment would stop time.
    const at = (ns: number): void => alarm.at(this.#ringing ? Math.max(ns, this.now() + 1) : ns)
    return { at, cancel: () => alarm.cancel() }
  }

  /** Moves time by `ns`. Alarms until then ring in order, each at its moment. */
  advance(ns: number): void {
    this.#clock.advance(this.now() + ns)
  }
}
