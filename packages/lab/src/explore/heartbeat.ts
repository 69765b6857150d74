/** Heartbeat: notices that a thread or a process does not return to its event loop. */
// Imported because a scenario may replace the timers of globalThis.
import { clearInterval, setInterval } from 'node:timers'
import { ownTime, schedstatOf } from '../memory/time/own-time.ts'

/** A beat of the other side, with the file of its waits for a CPU. */
export type Beat = Readonly<{ beat: string | undefined }>

/** How often a beat is asked for in the patience for it. */
const ASKED = 30
/** How much longer than without a beat something may take that has beats. */
const ALIVE_FACTOR = 4

/** Returns the error of a run that is late after `ms` of its own. */
export function lateText(isBlocked: boolean, ms: number): string {
  const time = `${Math.round(ms)} ms`
  return isBlocked
    ? `the scenario blocks its thread: killed after ${time}`
    : `the run has not ended within ${time}, and does not block its thread: it waits for something outside of its lab`
}

export const beatOf = (): Beat => ({ beat: schedstatOf() })

/**
 * Watches another process or thread that runs a scenario: it sends a beat whenever it is asked and
 * is not blocked.
 */
export class Heartbeat {
  readonly #ask: () => void
  #schedstat: string | undefined
  /** Whether the other side has started. */
  isUp = false
  #silent = 0
  #timer: NodeJS.Timeout | undefined

  /** `ask` asks for a beat, but the first. A start counts if its file of waits is known. */
  constructor(ask: () => void, schedstat?: string) {
    this.#ask = ask
    this.#schedstat = schedstat
  }

  take({ beat }: Beat): void {
    this.#schedstat = beat
    this.isUp = true
    this.#silent = 0
  }

  /**
   * Calls `late` once, unless `stop` is called before: with `isBlocked` after `patience` ms without
   * a beat, or after four times as much with beats. Waits for a CPU do not count. Nor does the
   * start of the other side, unless its file of waits is known.
   */
  start(patience: number, late: (isBlocked: boolean, ms: number) => void): void {
    this.stop()
    this.#silent = 0
    const tick = patience / ASKED
    let [all, last] = [0, ownTime(this.#schedstat)]
    this.#timer = setInterval(() => {
      const now = ownTime(this.#schedstat)
      // This process may have been stopped, too.
      const counts = this.isUp || this.#schedstat !== undefined
      const own = counts ? Math.min(Math.max(0, now - last), 2 * tick) : 0
      last = now
      all += own
      this.#silent += own
      const isBlocked = this.#silent >= patience
      if (!isBlocked && all < ALIVE_FACTOR * patience) return this.#ask()
      this.stop()
      late(isBlocked, isBlocked ? this.#silent : all)
    }, tick)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
