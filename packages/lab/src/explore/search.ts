/**
 * The order of the search: single faults, packets that appear after faults, repairs, pairs, then
 * schedules. With a budget, each of these is spread over the run.
 */
import type { PlannedFault } from '../model/packet-name.ts'
import { formatFault } from './fault-text.ts'
import type { Judgement } from './judge.ts'
import type { ExploredPacket } from './points.ts'
import { byPacket } from './result.ts'
import { Schedules } from './schedules.ts'
import {
  deepTrials,
  endedOf,
  type Lasting,
  lastingTrials,
  pairsOf,
  promisingFirst,
  repairAt,
  repairsOf,
  type Sets,
  singleTrials,
  spread,
  type Trial,
} from './sets.ts'
import { type Group, Trials, type TrialsSetup } from './trials.ts'

/** The parts of an exploration that its search needs. */
export interface SearchSetup extends TrialsSetup {
  /** Returns the packets that may be faulted. */
  select(packets: readonly ExploredPacket[]): readonly ExploredPacket[]
  /** Returns the packets and bytes of a run at which faults are tried. */
  rows(packets: readonly ExploredPacket[]): readonly ExploredPacket[]
  readonly copies: boolean
}

type Survivor = readonly [trial: Trial, packets: readonly ExploredPacket[]]

export class Search {
  readonly #setup: SearchSetup
  readonly #trials: Trials

  constructor(setup: SearchSetup) {
    this.#setup = setup
    this.#trials = new Trials(setup)
  }

  /** Tries what the options say. `known` has the names of the packets of the clean runs. */
  async all(known: ReadonlySet<string>): Promise<void> {
    const { report, options } = this.#setup
    const { depth, pairs, schedules = 0 } = options
    this.#trials.expect(schedules)
    const deeper: Survivor[] = []
    const survived = await this.#points(singleTrials(report), (trial, judgement) => {
      // Packets of all runs are too many to be kept for nothing.
      if (depth === 2 && trial.faults.length === 1 && isSurvived(judgement)) {
        deeper.push([trial, judgement.packets])
      }
    })
    deeper.sort(([a], [b]) => byPlace(a, b))
    if (depth === 2) {
      await this.#points(this.#deep(deeper, known))
    }
    const repaired = await this.#repaired()
    const singles = survived.filter(({ faults }) => faults.length === 1)
    if (pairs === true) {
      const trials = pairsOf(singles, this.#spread)
      await this.#counted('skippedPairs', trials, { trials })
    }
    if (schedules > 0) {
      await this.#scheduled([...singles, ...repaired], schedules)
    }
  }

  /** Tries sets. Returns the survivors in order. */
  async #try(
    size: number,
    group: Omit<Group, 'judged'>,
    onJudged?: Group['judged'],
  ): Promise<Trial[]> {
    const survived: Trial[] = []
    await this.#run(size, {
      ...group,
      judged: (trial, judgement) => {
        this.#add(trial, judgement)
        if (isSurvived(judgement)) {
          survived.push(trial)
        }
        onJudged?.(trial, judgement)
      },
    })
    return survived.sort(byPlace)
  }

  /** Same for sets that are points of the report, even untried. */
  #points(trials: readonly Trial[], onJudged?: Group['judged']): Promise<Trial[]> {
    const skipped = (trial: Trial) => this.#setup.report.add({ ...trial, verdict: 'skipped' })
    return this.#try(trials.length, { trials: this.#spreadTrials(trials), skipped }, onJudged)
  }

  /** Same for sets that are only counted while they are untried, because there can be millions. */
  #counted(
    count: 'skippedPairs' | 'skippedRepairs',
    { size }: Sets,
    group: Pick<Group, 'trials' | 'attempt'>,
  ): Promise<Trial[]> {
    const { report } = this.#setup
    report[count] = size
    return this.#try(size, group, () => report[count]--)
  }

  /** Returns items in the order in which they are tried: with a budget, spread over the run. */
  readonly #spread = <T>(items: readonly T[]): readonly T[] => {
    const { budget, seed = 1 } = this.#setup.options
    return budget === undefined ? items : spread(items, seed)
  }

  /** The faults of a packet stay together if their runs continue copies of one run. */
  #spreadTrials(trials: readonly Trial[]): readonly Trial[] {
    const { packets, kinds } = this.#setup.report
    if (this.#setup.copies) return this.#spread(byPacket(packets, trials)).flat()
    return promisingFirst(this.#spread(trials), kinds)
  }

  async #run(size: number, group: Group): Promise<void> {
    this.#trials.expect(size)
    await this.#trials.run(group)
  }

  #add(trial: Trial, judgement: Judgement): void {
    const { verdict, failed, runs, ms, clean, factor, error } = judgement
    this.#setup.report.add({ ...trial, verdict, failed, runs, ms, clean, factor, error })
  }

  /** Adds the packets that only runs with a fault have to the report. Returns their faults. */
  #deep(survived: readonly Survivor[], known: ReadonlySet<string>): Trial[] {
    const { report, rows } = this.#setup
    const names = new Set(known)
    const trials: Trial[] = []
    for (const [{ faults }, packets] of survived) {
      const fresh = rows(packets).filter(({ name }) => !names.has(name))
      // The same bytes again are the same packet after any fault; a number is another packet.
      for (const { name, part } of fresh) {
        if (part === 'seq' || part === 'byte') {
          names.add(name)
        }
      }
      const from = report.addAfter(faults, fresh)
      trials.push(...deepTrials(report, from, faults))
    }
    return trials
  }

  /**
   * Runs each fault that lasts, and then repeats it with a repair at each later packet of that run,
   * until a run fails. Without a later packet, the fault ends by itself.
   */
  async #repaired(): Promise<Trial[]> {
    const { report, select, options } = this.#setup
    const lasting: Lasting[] = []
    const ended: Trial[] = []
    const trials = lastingTrials(report)
    await this.#run(trials.length, {
      trials: this.#spreadTrials(trials),
      // No program has to survive a fault that never ends.
      confirms: 'never',
      skipped: trial => report.add({ ...trial, verdict: 'skipped' }),
      judged: (trial, judgement) => {
        const repairs = repairsIn(select(judgement.packets))
        if (judgement.verdict !== 'failed') {
          this.#add(trial, judgement)
        } else if (repairs.length === 0) {
          ended.push(endedOf(trial, options.timeout))
        }
        lasting.push({ trial, repairs })
      },
    })
    const survived = await this.#points(ended.sort(byPlace))
    lasting.sort((a, b) => byPlace(a.trial, b.trial))
    const all = repairsOf(this.#spread(lasting))
    const failed = new Set<string>()
    const attempt = async (trial: Trial) => {
      const judgement = await this.#setup.judge.attempt(trial.faults)
      if (judgement.verdict === 'failed') {
        failed.add(cellOf(trial))
      }
      return judgement
    }
    const repaired = await this.#counted('skippedRepairs', all, {
      trials: this.#unlessFailed(all, failed),
      attempt,
    })
    return [...survived, ...repaired]
  }

  /** Leaves out the other repairs of a fault that has failed with one: they find the same bug. */
  *#unlessFailed(all: Sets, failed: ReadonlySet<string>): Generator<Trial> {
    for (const trial of all) {
      if (!failed.has(cellOf(trial))) {
        yield trial
      } else {
        this.#setup.report.skippedRepairs--
        this.#trials.expect(-1)
      }
    }
  }

  /** Tries sets that are drawn from survivors. Only failures and numbers are kept. */
  async #scheduled(pool: readonly Trial[], count: number): Promise<void> {
    const { report, judge, options } = this.#setup
    const { schedules } = report
    schedules.skipped = count
    const trials = new Schedules(pool.toSorted(byPlace), { count, seed: options.seed ?? 1 })
    if (!trials.canDraw) {
      this.#trials.expect(-count)
      report.ended ??= 'a run survives no faults of two packets'
      return
    }
    await this.#trials.run({
      trials,
      confirms: 'first',
      attempt: async ({ faults }) => {
        const judgement = await judge.once(faults, { onlyHits: true })
        // Several faults make most runs slower.
        return judgement.verdict === 'slower' ? { ...judgement, verdict: 'passed' } : judgement
      },
      judged: (_, { verdict }) => {
        schedules.skipped--
        schedules[verdict === 'failed' || verdict === 'missed' ? verdict : 'passed']++
      },
    })
  }
}

const cellOf = ({ packet, kind }: Trial): string => `${packet} ${kind}`

/** Returns repairs at the packets of a run after its fault. */
function repairsIn(packets: readonly ExploredPacket[]): PlannedFault[] {
  const at = packets.findIndex(({ hit }) => hit)
  return at < 0 ? [] : packets.slice(at + 1).map(repairAt)
}

const isSurvived = ({ verdict }: Judgement): boolean => verdict === 'passed' || verdict === 'slower'

/** The order of the table, then by texts, whichever run ended first. */
function byPlace(a: Trial, b: Trial): number {
  const text = ({ faults }: Trial) => faults.map(formatFault).join('\n')
  return a.packet - b.packet || a.kind - b.kind || (text(a) < text(b) ? -1 : 1)
}
