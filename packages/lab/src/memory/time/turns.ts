/**
 * Turns: lets a timeline ring when nothing else can run. It takes a turn of the event loop, an
 * immediate, for each entry. Between two turns, Node runs all microtasks, ticks, immediates and
 * events. A turn rings nothing while an immediate of a program is queued or `Outside` is busy.
 *
 * A turn with its checks takes about 1 us. Without armed entries it takes no turns, and the
 * process may end.
 */
import type { Outside } from './outside.ts'
import { thread } from './real.ts'
import type { Timeline } from './timeline.ts'

/** The turns after which time passes for a program that always has another immediate. */
const IMMEDIATES_MAX = 10_000

export class TimelineTurns {
  readonly #timeline: Timeline
  readonly #outside: Outside
  #isScheduled = false
  #isRunning = false
  #immediates = 0

  constructor(timeline: Timeline, outside: Outside) {
    this.#timeline = timeline
    this.#outside = outside
  }

  start(): void {
    this.#isRunning = true
    this.#timeline.onArm = this.wake
    this.wake()
  }

  /** No entry rings after it. */
  stop(): void {
    this.#isRunning = false
    this.#timeline.onArm = () => {}
  }

  /** Makes a turn follow, if it is not scheduled and something is armed. */
  readonly wake = (): void => {
    if (this.#isScheduled || !this.#isRunning || this.#timeline.size === 0) return
    this.#isScheduled = true
    // Entries of a network must not run in the context of the program that armed the first one.
    thread.root.runInAsyncScope(this.#schedule)
  }

  readonly #schedule = (): void => {
    const turn = thread.setImmediate(this.#turn)
    // In a loop that waits for events, an immediate without ref does not run until one arrives.
    if (!this.#timeline.isRef && process.getActiveResourcesInfo().every(name => name === 'Immediate')) turn.unref()
  }

  readonly #turn = (): void => {
    this.#isScheduled = false
    if (!this.#isRunning || this.#timeline.size === 0) return
    if (this.#outside.hasStirred() || this.#hasImmediate()) {
      this.wake()
      return
    }
    // When that may have changed, it calls `wake`.
    if (this.#outside.isBusy()) return
    this.#immediates = 0
    try {
      this.#timeline.ringNext()
    } finally {
      // An exception of an entry is uncaught, as in Node, and the others still ring.
      this.wake()
    }
  }

  /** Whether a program has queued an immediate. An endless chain of them does not stop time. */
  #hasImmediate(): boolean {
    return process.getActiveResourcesInfo().includes('Immediate') && ++this.#immediates < IMMEDIATES_MAX
  }
}
