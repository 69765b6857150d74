/** FakeClock: a Clock that stands still until a test moves it. */
import type { Alarm, Clock } from '../core/clock.ts'

export class FakeClock implements Clock {
  #now = 0
  readonly #armed = new Map<() => void, number>()

  now(): number {
    return this.#now
  }

  alarm(fn: () => void): Alarm {
    // A function of its own, so that two alarms of the same `fn` stay apart.
    const ring = (): void => fn()
    const cancel = (): void => void this.#armed.delete(ring)
    // Behind those armed before it for the same moment, also when it is moved.
    const at = (ns: number): void => {
      cancel()
      this.#armed.set(ring, ns)
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
      ring()
    }
    this.#now = end
  }

  #next(end: number): [ring: () => void, at: number] | undefined {
    let first: [() => void, number] | undefined
    for (const entry of this.#armed) if (entry[1] <= end && (first === undefined || entry[1] < first[1])) first = entry
    return first
  }
}
