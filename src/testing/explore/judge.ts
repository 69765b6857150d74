/** Judge: runs a set of faults, and decides whether it breaks the scenario. */
import type { PlannedFault } from '../lab/watch/packet-name.ts'
import { added, costOf, type ExploredPacket, packetsOf } from './points.ts'
import type { Verdict } from './result.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import type { Runner } from './runners.ts'

export interface Judgement {
  readonly verdict: Verdict
  /** How many of the runs failed. */
  readonly failed: number
  readonly runs: number
  /** The time of the first run in ms, and as a multiple of a clean run's time. */
  readonly ms: number
  readonly factor: number
  /** Why it failed first. */
  readonly error?: string | undefined
  readonly output?: string | undefined
  /** The packets of the first run. */
  readonly packets: readonly ExploredPacket[]
}

/** The clean runs. */
export interface Baseline {
  /** The median and the longest time of the scenario, in ms. */
  readonly median: number
  readonly longest: number
  /** What was left after each of the runs. */
  readonly left: readonly string[]
}

/** A failing point is run so many times more. */
const REPEATS = 3
/**
 * A run that is slower than all clean runs by a factor and by some milliseconds, twice, is a
 * finding.
 */
const SLOWER_FACTOR = 2
const SLOWER_MS = 100
const CLEAN_FACTOR = 3

/** How a run differs from others with the same faults. */
type RunMore = Pick<RunSpec, 'captures' | 'wires'>

export class Judge {
  readonly #runner: Runner
  readonly #spec: Omit<RunSpec, 'plan' | 'timeout'>
  readonly #timeout: number | undefined
  readonly #signal: AbortSignal | undefined
  readonly baseline: Baseline
  /** All runs up to now, and their milliseconds in the scenario and in all. */
  readonly spent = { runs: 0, scenario: 0, total: 0 }

  /** `timeout` in ms replaces the default. The runs of `runner` reject once `signal` aborts. */
  constructor(
    runner: Runner,
    spec: Omit<RunSpec, 'plan' | 'timeout'>,
    baseline: Baseline,
    { timeout, signal }: { readonly timeout?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ) {
    this.#runner = runner
    this.#spec = spec
    this.baseline = baseline
    this.#timeout = timeout
    this.#signal = signal
  }

  /** Milliseconds that a run with these faults may take. */
  limit(plan: readonly PlannedFault[]): number {
    return this.#timeout ?? CLEAN_FACTOR * this.baseline.longest + costOf(plan)
  }

  /** Runs the faults. `wires` replace them, and their run has the same time. */
  async run(faults: readonly PlannedFault[], { captures, wires }: RunMore = {}): Promise<RunResult> {
    const plan = wires === undefined ? faults : []
    const result = await this.#runner.run({ ...this.#spec, plan, wires, timeout: this.limit(faults), captures })
    this.count(result)
    return result
  }

  /** Same as run; undefined if the exploration is stopped before it ends. */
  async runUnlessStopped(faults: readonly PlannedFault[], more?: RunMore): Promise<RunResult | undefined> {
    try {
      return await this.run(faults, more)
    } catch (error) {
      if (this.#signal?.aborted !== true) throw error
    }
  }

  /** Counts a run. */
  count({ ms, total }: RunResult): void {
    this.spent.runs++
    this.spent.scenario += ms
    this.spent.total += total
  }

  /** Returns why a run failed; undefined if it did not. */
  errorOf({ error, left }: RunResult): string | undefined {
    return error ?? leftOver(left, this.baseline.left)
  }

  async judge(plan: readonly PlannedFault[]): Promise<Judgement> {
    let first = await this.run(plan)
    let runs = 1
    // Acknowledgements depend on time: a run may have fewer of them.
    if (!isMet(first, plan) && this.errorOf(first) === undefined) {
      first = await this.run(plan)
      runs++
    }
    let { ms } = first
    if (this.errorOf(first) === undefined && this.#isSlower(ms)) {
      // A busy machine makes a run slow, but hardly two.
      const second = await this.run(plan)
      runs++
      if (this.errorOf(second) === undefined) ms = Math.min(ms, second.ms)
      else first = second
    }
    if (this.errorOf(first) !== undefined) return this.repeatFailed(plan, first, runs)
    const verdict = !isMet(first, plan) ? 'missed' : this.#isSlower(ms) ? 'slower' : 'passed'
    return { verdict, failed: 0, runs, ms, factor: ms / this.baseline.median, packets: packetsOf(first) }
  }

  /**
   * Judges faults by three more runs after `first`, which has failed. `runs` is the number of runs
   * up to then. A stop of the exploration ends the repetitions.
   */
  async repeatFailed(plan: readonly PlannedFault[], first: RunResult, runs = 1): Promise<Judgement> {
    let all = runs
    let failed = 1
    for (let i = 0; i < REPEATS; i++) {
      const again = await this.runUnlessStopped(plan)
      if (again === undefined) break
      all++
      if (this.errorOf(again) !== undefined) failed++
    }
    const { ms, output } = first
    const common = { ms, factor: ms / this.baseline.median, packets: packetsOf(first) }
    return { ...common, verdict: 'failed', failed, runs: all, error: this.errorOf(first), output }
  }

  #isSlower(ms: number): boolean {
    const { longest } = this.baseline
    return ms >= SLOWER_FACTOR * longest && ms - longest >= SLOWER_MS
  }
}

/** Returns what a run has left, unlike a clean run, as an error; undefined if there is nothing. */
export function leftOver(left: readonly string[], clean: readonly string[]): string | undefined {
  const more = added(left, clean)
  return more.length === 0 ? undefined : `still there 1 s after the run, unlike after a clean run: ${more.join(', ')}`
}

/** Whether every fault of the plan has hit a packet. */
function isMet({ links }: RunResult, plan: readonly PlannedFault[]): boolean {
  const hits = [...links.values()].flatMap(({ packets }) => packets.filter(({ hit }) => hit))
  return hits.length >= plan.length
}
