/** Trials: tries sets of faults, several at a time, until the budget ends. */
import { formatFault } from './fault-text.ts'
import type { Judge, Judgement } from './judge.ts'
import type { ExploreReport } from './report.ts'
import type { Failure } from './result.ts'
import type { ExploreOptions } from './scenario.ts'
import type { Trial } from './sets.ts'

/** The parts of an exploration that all of its trials share. */
export interface TrialsSetup {
  readonly report: ExploreReport
  readonly judge: Judge
  readonly options: ExploreOptions
  readonly concurrency: number
  /** Describes a failure; undefined if it is known already. */
  explain(trial: Trial, judgement: Judgement): Promise<Failure | undefined>
}

/** Sets of faults that are tried together. */
export interface Group {
  readonly trials: Iterable<Trial>
  /** Runs a set once; `judge.attempt` by default. */
  attempt?(trial: Trial): Promise<Judgement>
  /**
   * When failures and slow runs are repeated: after the sets of the first half of the budget by
   * default, or before the next set. Failures of `never` have one run.
   */
  readonly confirms?: 'first' | 'never'
  judged(trial: Trial, judgement: Judgement): void
  /** Is called for each set that was not tried. Without it, they are not even made. */
  skipped?(trial: Trial): void
}

export class Trials {
  readonly #setup: TrialsSetup
  readonly #began = performance.now()
  #done = 0
  #total = 0
  /** Runs to repeat, and the failures among them. */
  #repeats = 0
  #unconfirmed = 0

  constructor(setup: TrialsSetup) {
    this.#setup = setup
  }

  /** Announces sets that will be tried later, or, with a negative number, that will not. */
  expect(sets: number): void {
    this.#total += sets
  }

  /**
   * Tries each set of a group once, then repeats the runs that failed or were slow. Past the middle
   * of the budget, runs are repeated before others are tried. The group has been announced.
   */
  async run({ trials, attempt, confirms, judged, skipped }: Group): Promise<void> {
    const { report, judge, options, concurrency } = this.#setup
    const { stopAt = Number.POSITIVE_INFINITY } = options
    const untried = trials[Symbol.iterator]()
    const unconfirmed: [Trial, Judgement][] = []
    const skip = (trial: Trial) => {
      if (skipped === undefined) return
      skipped(trial)
      this.#progress(1)
    }
    const tryOnce = async (trial: Trial) => {
      const judgement = await judge.unlessStopped(attempt?.(trial) ?? judge.attempt(trial.faults))
      if (judgement === undefined) {
        skip(trial)
        return
      }
      const { verdict } = judgement
      if (verdict === 'failed') {
        report.foundAfter ??= judge.runs
      }
      const isToConfirm = verdict === 'slower' || (verdict === 'failed' && !this.#hasKnown(trial))
      if (isToConfirm && confirms !== 'never') {
        if (verdict === 'failed') {
          this.#unconfirmed++
        }
        this.#repeats++
        unconfirmed.push([trial, judgement])
      } else {
        judged(trial, judgement)
      }
      this.#progress(1)
    }
    const work = async () => {
      for (let isTried = false; ; ) {
        const isOver =
          judge.whyStopped() !== undefined || report.failures.length + this.#unconfirmed >= stopAt
        const mayTry = !isTried && !isOver
        const triesFirst = mayTry && !judge.isLate && confirms !== 'first'
        const [again] = triesFirst ? [] : unconfirmed.splice(nextOf(unconfirmed), 1)
        if (again !== undefined) {
          judged(...(await this.#confirm(...again)))
          this.#progress(0)
        } else if (mayTry) {
          const next = untried.next()
          isTried = next.done === true
          if (next.done !== true) {
            await tryOnce(next.value)
          }
        } else {
          return
        }
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    report.ended ??=
      judge.whyStopped() ?? (report.failures.length >= stopAt ? `stopAt is ${stopAt}` : undefined)
    if (skipped !== undefined) {
      for (let next = untried.next(); next.done !== true; next = untried.next()) {
        skip(next.value)
      }
    }
  }

  /** Whether a smaller set of a failure that is described already is part of it. */
  #hasKnown({ faults }: Trial): boolean {
    const texts = faults.map(formatFault)
    return this.#setup.report.failures.some(
      failure =>
        failure.faults.length < texts.length && failure.faults.every(text => texts.includes(text)),
    )
  }

  async #confirm(trial: Trial, first: Judgement): Promise<[Trial, Judgement]> {
    const { report, judge, explain } = this.#setup
    const judgement = await judge.confirm(trial.faults, first)
    const failure = judgement.verdict === 'failed' ? await explain(trial, judgement) : undefined
    this.#repeats--
    if (first.verdict === 'failed') {
      this.#unconfirmed--
    }
    if (failure !== undefined) {
      report.failures.push(failure)
    }
    return [trial, judgement]
  }

  #progress(more: number): void {
    const { report, judge, options } = this.#setup
    this.#done += more
    const [done, total] = [this.#done, this.#total]
    const needed = ((performance.now() - this.#began) / done) * (total - done + this.#repeats)
    const left = Math.min(needed, judge.left)
    options.onProgress?.({ done, total, failed: report.failures.length + this.#unconfirmed, left })
  }
}

/** Returns the index of the first failure, or of the first slow run without one. */
function nextOf(unconfirmed: readonly (readonly [Trial, Judgement])[]): number {
  const failed = unconfirmed.findIndex(([, { verdict }]) => verdict === 'failed')
  return Math.max(0, failed)
}
