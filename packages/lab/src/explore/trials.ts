/** Trials: tries sets of faults, several at a time, until the budget ends. */
import { formatFault } from './fault-text.ts'
import { type Judge, type Judgement, waitsForEver } from './judge.ts'
import { headOf } from './lists.ts'
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
  /**
   * Describes a failure; undefined if it is known already. `also` has the faults that fail alike,
   * and may grow.
   */
  explain(trial: Trial, judgement: Judgement, also: readonly string[]): Promise<Failure | undefined>
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
  /** The faults that fail like an earlier one, by their common packet and error. */
  readonly #alike = new Map<string, string[]>()

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
        report.foundAfter ??= judge.runs - (judgement.repeats ?? 0)
      }
      const isNew = () => !this.#hasKnown(trial) && !this.#isAlike(trial, judgement)
      const isToConfirm =
        confirms !== 'never' && (verdict === 'slower' || (verdict === 'failed' && isNew()))
      if (isToConfirm) {
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

  /**
   * Whether another fault has failed alike. Then it is added to that one: it is the same bug, and
   * each repetition costs as much as the run.
   */
  #isAlike(trial: Trial, judgement: Judgement): boolean {
    const key = alikenessOf(trial, judgement)
    const also = key === undefined ? undefined : this.#alike.get(key)
    if (key !== undefined && also === undefined) {
      this.#alike.set(key, [])
    }
    also?.push(...trial.faults.map(formatFault))
    return also !== undefined
  }

  async #confirm(trial: Trial, first: Judgement): Promise<[Trial, Judgement]> {
    const { report, judge, explain } = this.#setup
    const judgement = await judge.confirm(trial.faults, first)
    const also = this.#alike.get(alikenessOf(trial, first) ?? '') ?? []
    const failure =
      judgement.verdict === 'failed' ? await explain(trial, judgement, also) : undefined
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

/**
 * Returns what failures of single faults have in common that are counted once: their packet and
 * error, or that their runs wait for ever. Undefined for sets.
 */
function alikenessOf({ packet, faults }: Trial, { error = '' }: Judgement): string | undefined {
  if (faults.length !== 1) return undefined
  return `${waitsForEver(faults, error) ? 'any' : packet} ${headOf(error)}`
}

/** Returns the index of the first failure, or of the first slow run without one. */
function nextOf(unconfirmed: readonly (readonly [Trial, Judgement])[]): number {
  const failed = unconfirmed.findIndex(([, { verdict }]) => verdict === 'failed')
  return Math.max(0, failed)
}
