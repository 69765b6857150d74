/** The results of a worker: one for each check, also for checks that it does not reach. */
import { type CheckPlace, type Explanation, notRun, type Result, resultOf } from './exercise.ts'
import type { Report } from './run-memory.ts'

/** vnet's own part of a check has failed: nothing is known about the driver. */
export class NotChecked extends Error {
  override readonly name = 'NotChecked'
}

export const EARLIER_FAILED = 'an earlier check failed'

/**
 * The results of the checks of one place. The worker's reports go in; end() adds the checks without
 * a result.
 */
export class Progress {
  readonly #where: CheckPlace
  /** The checks without a result. */
  readonly #titles: string[]
  readonly #add: (result: Result) => void
  #current: string
  hasBegun = false
  hasFailed = false

  /** `add` gets each result. */
  constructor(where: CheckPlace, titles: readonly string[], add: (result: Result) => void) {
    this.#where = where
    this.#titles = [...titles]
    this.#add = add
    this.#current = titles[0] ?? ''
  }

  /** Whether the worker has run all checks that it had to. */
  get isComplete(): boolean {
    return this.hasFailed || this.#titles.length === 0
  }

  report(report: Report): void {
    this.hasBegun = true
    if ('begin' in report) {
      this.#current = report.begin
    } else {
      this.#finish(report.end)
    }
  }

  /** Ends the current check as failed. */
  fail(explanation: Explanation): void {
    this.#finish(resultOf(this.#where, { title: this.#current }, explanation))
  }

  /** Ends it as failed by a loop, in `startXmit (/my-driver.js:1:2)` if that is known. */
  failLoop(seconds: number, what = 'the driver'): void {
    const expected = 'each function of the driver returns: nothing else runs meanwhile'
    this.fail({ seen: `${what} has not returned for ${seconds} s: a loop without end`, expected })
  }

  /** Adds the checks that were not run. */
  end(): void {
    for (const title of [...this.#titles]) {
      this.#finish(notRun(title, this.#where, EARLIER_FAILED))
    }
  }

  #finish(result: Result): void {
    if (result.result === 'failed') {
      this.hasFailed = true
    }
    const at = this.#titles.indexOf(result.title)
    if (at >= 0) {
      this.#titles.splice(at, 1)
    }
    this.#add(result)
  }
}
