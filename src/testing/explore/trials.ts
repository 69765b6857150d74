/** Trials: tries sets of faults, several at a time, until the budget ends. */
import { NSEC_PER_MSEC } from '../../base/clock.ts'
import { durationOf } from '../../base/duration.ts'
import type { Judge, Judgement } from './judge.ts'
import type { ExploredPacket } from './points.ts'
import type { ExploreReport } from './report.ts'
import type { Failure } from './result.ts'
import type { ExploreOptions } from './scenario.ts'
import { deepTrials, Pairs, singleTrials, type Trial } from './sets.ts'

interface TrialsSetup {
  readonly report: ExploreReport
  readonly judge: Judge
  readonly options: ExploreOptions
  readonly concurrency: number
  /** Describes a failure; undefined if it is known already. */
  explain(trial: Trial, judgement: Judgement): Promise<Failure | undefined>
  /** Returns the packets that may be faulted. */
  select(packets: readonly ExploredPacket[]): readonly ExploredPacket[]
}

export class Trials {
  readonly #setup: TrialsSetup
  readonly #began = performance.now()
  readonly #end: number
  #done = 0
  #total = 0

  constructor(setup: TrialsSetup) {
    this.#setup = setup
    const { budget } = setup.options
    this.#end = budget === undefined ? Number.POSITIVE_INFINITY : this.#began + durationOf(budget) / NSEC_PER_MSEC
  }

  /** Tries each fault and burst, then packets that appear by them, then pairs of faults. */
  async all(known: ReadonlySet<string>): Promise<void> {
    const { report, options } = this.#setup
    const isDeep = options.depth === 2
    const judged: [Trial, Judgement][] = []
    await this.#run(singleTrials(report), (trial, judgement) => judged.push([trial, judgement]))
    const single = judged.filter(([{ faults }]) => faults.length === 1)
    const survived = single.filter(([, { verdict }]) => verdict === 'passed' || verdict === 'slower')
    // In the order of the table, whichever run ended first.
    survived.sort(([a], [b]) => a.packet - b.packet || a.kind - b.kind)
    if (isDeep) await this.#run(this.#deep(survived, known))
    if (options.pairs !== true) return
    const pairs = new Pairs(survived.map(([trial]) => trial))
    report.skippedPairs = pairs.size
    await this.#run(pairs, () => report.skippedPairs--)
  }

  /** Adds the packets that only runs with a fault have to the report. Returns their faults. */
  #deep(survived: readonly [Trial, Judgement][], known: ReadonlySet<string>): Trial[] {
    const { report, select } = this.#setup
    const names = new Set(known)
    const trials: Trial[] = []
    for (const [{ faults }, { packets }] of survived) {
      const fresh = select(packets).filter(({ name }) => !names.has(name))
      // The same bytes again are the same packet after any fault; a number is another packet.
      for (const { name, part } of fresh) if (part === 'seq') names.add(name)
      const from = report.addAfter(faults, fresh)
      trials.push(...deepTrials(report, from, faults))
    }
    return trials
  }

  async #run(
    trials: readonly Trial[] | Pairs,
    onJudged: (trial: Trial, judgement: Judgement) => void = () => {},
  ): Promise<void> {
    const { report, judge, options, concurrency, explain } = this.#setup
    const { stopAt = Number.POSITIVE_INFINITY, signal } = options
    const waiting = trials[Symbol.iterator]()
    const arePairs = trials instanceof Pairs
    this.#total += arePairs ? trials.size : trials.length
    const isOver = () => signal?.aborted === true || performance.now() >= this.#end || report.failures.length >= stopAt
    const attempt = async (trial: Trial) => {
      const judgement = await judge.judge(trial.faults)
      const failure = judgement.verdict === 'failed' ? await explain(trial, judgement) : undefined
      const { packets: _, output: __, ...verdict } = judgement
      report.add({ ...trial, ...verdict })
      if (failure !== undefined) report.failures.push(failure)
      onJudged(trial, judgement)
    }
    const work = async () => {
      for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
        const trial = next.value
        // There can be millions of pairs: untried ones are only counted.
        if (arePairs && isOver()) return
        try {
          if (isOver()) report.add({ ...trial, verdict: 'skipped' })
          else await attempt(trial)
        } catch (error) {
          if (signal?.aborted !== true) throw error
          if (!arePairs) report.add({ ...trial, verdict: 'skipped' })
        }
        this.#done++
        this.#progress()
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
  }

  #progress(): void {
    const { report, options } = this.#setup
    const [done, total] = [this.#done, this.#total]
    const left = ((performance.now() - this.#began) / done) * (total - done)
    options.onProgress?.({ done, total, failed: report.failures.length, left })
  }
}
