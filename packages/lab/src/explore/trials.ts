/** Trials: tries sets of faults, several at a time, until the budget ends. */
import type { PlannedFault } from '../watch/packet-name.ts'
import type { Judge, Judgement } from './judge.ts'
import { type ExploredPacket, faultOf } from './points.ts'
import type { ExploreReport, Point } from './report.ts'
import type { Failure } from './result.ts'
import type { ExploreOptions } from './scenario.ts'

/** Faults that are tried together, as a point of a report. */
export type Trial = Pick<Point, 'packet' | 'kind' | 'second' | 'faults'>

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
  #done = 0
  #total = 0
  /** Runs to repeat, and the failures among them. */
  #repeats = 0
  #unconfirmed = 0

  constructor(setup: TrialsSetup) {
    this.#setup = setup
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

  /**
   * Tries each of them once, then repeats the runs that failed or were slow. Past the middle of the
   * budget, runs are repeated before others are tried.
   */
  async #run(
    trials: readonly Trial[] | Pairs,
    onJudged: (trial: Trial, judgement: Judgement) => void = () => {},
  ): Promise<void> {
    const { report, judge, options, concurrency } = this.#setup
    const { stopAt = Number.POSITIVE_INFINITY } = options
    const untried = trials[Symbol.iterator]()
    const arePairs = trials instanceof Pairs
    this.#total += arePairs ? trials.size : trials.length
    const unconfirmed: [Trial, Judgement][] = []
    const judged = (trial: Trial, judgement: Judgement) => {
      const { packets: _, output: __, ...verdict } = judgement
      report.add({ ...trial, ...verdict })
      onJudged(trial, judgement)
    }
    const skip = (trial: Trial) => {
      // There can be millions of pairs: untried ones are only counted.
      if (arePairs) return
      report.add({ ...trial, verdict: 'skipped' })
      this.#progress(1)
    }
    const attempt = async (trial: Trial) => {
      const judgement = await this.#unlessStopped(judge.attempt(trial.faults))
      if (judgement === undefined) {
        skip(trial)
        return
      }
      const { verdict } = judgement
      if (verdict === 'failed') this.#unconfirmed++
      if (verdict === 'failed' || verdict === 'slower') {
        this.#repeats++
        unconfirmed.push([trial, judgement])
      } else judged(trial, judgement)
      this.#progress(1)
    }
    const work = async () => {
      for (let isTried = false; ; ) {
        const isOver = judge.whyStopped() !== undefined || report.failures.length + this.#unconfirmed >= stopAt
        const mayTry = !isTried && !isOver
        const [again] = mayTry && !judge.isLate ? [] : unconfirmed.splice(nextOf(unconfirmed), 1)
        if (again !== undefined) {
          judged(...(await this.#confirm(...again)))
          this.#progress(0)
        } else if (mayTry) {
          const next = untried.next()
          isTried = next.done === true
          if (next.done !== true) await attempt(next.value)
        } else return
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    report.ended ??= judge.whyStopped() ?? (report.failures.length >= stopAt ? `stopAt is ${stopAt}` : undefined)
    if (!arePairs) for (let next = untried.next(); next.done !== true; next = untried.next()) skip(next.value)
  }

  async #confirm(trial: Trial, first: Judgement): Promise<[Trial, Judgement]> {
    const { report, judge, explain } = this.#setup
    const judgement = await judge.confirm(trial.faults, first)
    const failure = judgement.verdict === 'failed' ? await explain(trial, judgement) : undefined
    this.#repeats--
    if (first.verdict === 'failed') this.#unconfirmed--
    if (failure !== undefined) report.failures.push(failure)
    return [trial, judgement]
  }

  /** Returns undefined for a run that a stop of the exploration ended. */
  async #unlessStopped<T>(run: Promise<T>): Promise<T | undefined> {
    try {
      return await run
    } catch (error) {
      if (this.#setup.options.signal?.aborted !== true) throw error
    }
  }

  #progress(more: number): void {
    const { report, options } = this.#setup
    this.#done += more
    const [done, total] = [this.#done, this.#total]
    const left = ((performance.now() - this.#began) / done) * (total - done + this.#repeats)
    options.onProgress?.({ done, total, failed: report.failures.length + this.#unconfirmed, left })
  }
}

/** Returns the index of the first failure, or of the first slow run without one. */
function nextOf(unconfirmed: readonly (readonly [Trial, Judgement])[]): number {
  const failed = unconfirmed.findIndex(([, { verdict }]) => verdict === 'failed')
  return Math.max(0, failed)
}

/** Returns each fault of each packet, and each burst of lost packets. */
export function singleTrials({ packets, kinds, roundTrip }: ExploreReport): Trial[] {
  return packets.flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      const together = kind.count === 1 ? [packet] : burstOf(packets, i, kind.count)
      const faults = together.flatMap(each => faultOf(each, kind, roundTrip, packets) ?? [])
      return faults.length === kind.count ? [{ packet: i, kind: k, faults }] : []
    }),
  )
}

/** Returns up to `count` packets of one direction of a link, from a packet on. */
function burstOf(packets: readonly ExploredPacket[], from: number, count: number): readonly ExploredPacket[] {
  const { link, direction } = packets[from] as ExploredPacket
  return packets
    .slice(from)
    .filter(each => each.link === link && each.direction === direction)
    .slice(0, count)
}

/** Returns the faults of the packets from index `from` on, which appear only after `before`. */
function deepTrials(
  { packets, kinds, roundTrip }: ExploreReport,
  from: number,
  before: readonly PlannedFault[],
): Trial[] {
  return packets.slice(from).flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      const fault = kind.count === 1 ? faultOf(packet, kind, roundTrip, packets) : undefined
      return fault === undefined ? [] : [{ packet: from + i, kind: k, faults: [...before, fault] }]
    }),
  )
}

/** All pairs of faults of different packets, the nearest packets first. */
export class Pairs implements Iterable<Trial> {
  /** The faults of each packet, by its index. */
  readonly #packets: readonly (readonly Trial[])[]
  readonly size: number

  /** `singles` are in the order of their packets. */
  constructor(singles: readonly Trial[]) {
    const packets = Array.from({ length: (singles.at(-1)?.packet ?? -1) + 1 }, (): Trial[] => [])
    for (const each of singles) packets[each.packet]?.push(each)
    this.#packets = packets
    this.size = packets.reduce((sum, { length }) => sum + (length * (singles.length - length)) / 2, 0)
  }

  *[Symbol.iterator](): Iterator<Trial> {
    for (let distance = 1; distance < this.#packets.length; distance++) {
      for (const [i, ones] of this.#packets.entries()) {
        for (const one of ones) {
          for (const { packet, kind, faults } of this.#packets[i + distance] ?? []) {
            yield { ...one, second: { packet, kind }, faults: [...one.faults, ...faults] }
          }
        }
      }
    }
  }
}
