/** FakeClock: a Clock that stands still until a test moves it. All its times are in ns. */
import type { Alarm, Clock } from '../base/clock.ts'

export class FakeClock implements Clock {
  #now = 0
  #ringing = false
  readonly #armed = new Map<() => void, number>()

  now(): number {
    return this.#now
  }

  /** The number of armed alarms. */
  get armed(): number {
    return this.#armed.size
  }

  /** The moment for which the next alarm is armed; undefined without alarms. */
  get next(): number | undefined {
    return this.#next(Number.POSITIVE_INFINITY)?.[1]
  }

  alarm(fn: () => void): Alarm {
    // The key of this alarm: two alarms may have the same `fn`.
    const ring = (): void => fn()
    const cancel = (): void => void this.#armed.delete(ring)
    // Deletes first, so that a moved alarm rings after those armed earlier for the same moment. An
    // alarm armed while another rings is at least a nanosecond later: alarms that arm each other
    // for now would stop time.
    const at = (ns: number): void => {
      cancel()
      this.#armed.set(ring, this.#ringing ? Math.max(ns, this.#now + 1) : ns)
    }
    return { at, cancel }
  }

  /** Moves time by `ns`. Alarms until then ring in order, each at its moment. */
  advance(ns: number): void {
    const end = this.#now + ns
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [ring, at] = next
      this.#armed.delete(ring)
      this.#now = Math.max(this.#now, at)
      this.#ringing = true
      try {
        ring()
      } finally {
        this.#ringing = false
      }
    }
    this.#now = end
  }

  #next(end: number): [ring: () => void, at: number] | undefined {
    let first: [() => void, number] | undefined
    for (const entry of this.#armed) if (entry[1] <= end && (first === undefined || entry[1] < first[1])) first = entry
    return first
  }
}
