import type { Clock } from '#src/base/clock.ts'

/** A clock of a machine under load: each reading of it takes 100 us. */
export class LoadedClock implements Clock {
  time = 0
  /** When each alarm rings; Infinity for unarmed alarms. */
  readonly armed: number[] = []
  readonly #rings: (() => void)[] = []

  now(): number {
    this.time += 100_000
    return this.time
  }

  alarm(fn: () => void) {
    const i = this.#rings.push(fn) - 1
    this.armed[i] = Number.POSITIVE_INFINITY
    const at = (ns: number) => {
      this.armed[i] = ns
    }
    return { at, cancel: () => at(Number.POSITIVE_INFINITY) }
  }

  /** Rings what is due, once. */
  turn(): void {
    for (const [i, ring] of this.#rings.entries()) {
      if (this.armed[i] > this.time) continue
      this.armed[i] = Number.POSITIVE_INFINITY
      ring()
    }
  }
}
