/** FakeClock: a Clock that stands still until a test moves it. */
import type { Alarm, Clock } from '../core/clock.ts'

export class FakeClock implements Clock {
  #now = 0
  #ringing = false
  readonly #armed = new Map<() => void, number>()

  now(): number {
    return this.#now
  }

  /** Alarms that are to ring. */
  get armed(): number {
    return this.#armed.size
  }

  alarm(fn: () => void): Alarm {
    // A function of its own, so that two alarms of the same `fn` stay apart.
    const ring = (): void => fn()
    const cancel = (): void => void this.#armed.delete(ring)
    // Behind those armed before it for the same moment, also when it is moved. What an alarm arms for now rings a
    // nanosecond later, or one that does so for ever would keep time from moving.
    const at = (ns: number): void => {
      cancel()
      this.#armed.set(ring, this.#ringing ? Math.max(ns, this.#now + 1) : ns)
    }
    return { at, cancel }
  }

  /** Moves time by `ns`, ringing every alarm on the way at its moment, in order. */
  advance(ns: number): void {
    const end = this.#now + ns
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [ring, at] = next
      this.#armed.delete(ring)
      this.#now = Math.max(this.#now, at)
      this.#ring(ring)
    }
    this.#now = end
  }

  #ring(ring: () => void): void {
    this.#ringing = true
    try {
      ring()
    } finally {
      this.#ringing = false
    }
  }

  #next(end: number): [ring: () => void, at: number] | undefined {
    let first: [() => void, number] | undefined
    for (const entry of this.#armed) if (entry[1] <= end && (first === undefined || entry[1] < first[1])) first = entry
    return first
  }
}
