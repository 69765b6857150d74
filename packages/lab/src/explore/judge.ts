/** Judge: runs a set of faults, and decides whether it breaks the scenario. */
import type { OperationMoment } from '../history/history.ts'
import { isNemesisVerb, mayReject, needsRepair, type PlannedFault } from '../model/index.ts'
import { isUnrepaired, type Span } from '../nemesis/hit.ts'
import { differenceError, type Expected } from './compared.ts'
import { firstOf } from './lists.ts'
import { added, costOf, type ExploredPacket, packetOf, packetsOf } from './points.ts'
import { isReported } from './reported.ts'
import { type Baseline, type Outcome, TIMED_OUT, type Verdict } from './result.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import type { Runner } from './runners.ts'

/**
 * The verdict on one set of faults, and the run that shows it. Packets, faults, operations and
 * output are of the first run; the verdict counts all runs.
 */
export interface Judgement extends Outcome {
  readonly output?: string | undefined
  /** The packets of the first run. */
  readonly packets: readonly ExploredPacket[]
  /** Its faults of links and hosts. */
  readonly spans: readonly Span[]
  /** Its operations, if it failed. */
  readonly operations?: readonly OperationMoment[] | undefined
  /** Same as in RunResult, of the first run. */
  readonly origin?: number | undefined
  /** How often the first run was repeated; 0 by default. */
  readonly repeats?: number
}

interface JudgeOptions {
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly budget?: number | undefined
  readonly strict?: boolean | undefined
  readonly expected?: Expected | undefined
}

/** A failing point is run so many times more. */
const REPEATS = 3
/** In a guest, a run without branches is the same each time. */
const COPY_REPEATS = 1
/**
 * A slow point is run so many times more, each time beside a clean run: on a busy machine, few
 * clean runs are as fast as on an idle one.
 */
const LEAST_PAIRS = 3
const MOST_PAIRS = 5
/** How many of the latest clean runs show how fast the machine is. */
const LATEST = 10
const SLOWER_FACTOR = 2
const SLOWER_MS = 100
const CLEAN_FACTOR = 3
/** A repair may come at the end of the time of its fault. TCP then waits up to twice as long. */
const REPAIRED_FACTOR = 3
const MS_PER_S = 1000
/** Clean runs in memory may take no time at all. */
const LEAST_MS = 1

type RunMore = Pick<RunSpec, 'captures' | 'wires' | 'mayBranch' | 'onlyHits' | 'repeat'>

/** Runs sets of faults in labs of their own, and compares each run with the clean ones. */
export class Judge {
  readonly #runner: Runner
  readonly #spec: Omit<RunSpec, 'plan' | 'timeout'>
  readonly #timeout: number | undefined
  readonly #signal: AbortSignal | undefined
  readonly #budget: number
  readonly #expected: Expected | undefined
  /** Whether each run that rejects has failed. */
  readonly isStrict: boolean
  readonly #began = performance.now()
  readonly baseline: Baseline
  /** The errors of clean runs beside slow ones. */
  readonly cleanErrors: string[] = []
  /** The times of the clean runs up to now, in ms. */
  readonly #clean: number[]
  /** All runs up to now. */
  runs = 0

  /**
   * `timeout`, in ms, replaces the default limit of a run. `budget`, in ms, starts now. Runs reject
   * once `signal` aborts. Unless `strict` is false, each run that rejects has failed. Runs that
   * pass must return what is `expected`.
   */
  constructor(
    runner: Runner,
    spec: Omit<RunSpec, 'plan' | 'timeout'>,
    baseline: Baseline,
    {
      timeout,
      signal,
      budget = Number.POSITIVE_INFINITY,
      strict = true,
      expected,
    }: JudgeOptions = {},
  ) {
    this.#runner = runner
    this.#spec = spec
    this.baseline = baseline
    this.#clean = [...baseline.times]
    this.#timeout = timeout
    this.#signal = signal
    this.#budget = budget
    this.isStrict = strict
    this.#expected = expected
  }

  /** Milliseconds that a run with these faults may take. */
  limit(plan: readonly PlannedFault[]): number {
    const limit = this.#timeout ?? CLEAN_FACTOR * (this.baseline.times.at(-1) ?? 0) + costOf(plan)
    return plan.some(({ verb }) => verb === 'repair') ? REPAIRED_FACTOR * limit : limit
  }

  /** Milliseconds of the budget that are left. */
  get left(): number {
    return Math.max(0, this.#budget - (performance.now() - this.#began))
  }

  /** Returns why `runUnlessStopped` starts no more runs; undefined while it does. */
  whyStopped(): string | undefined {
    if (this.#signal?.aborted === true) return 'it was stopped'
    if (this.#spentBudget < 1) return undefined
    return `the budget of ${this.#budget / MS_PER_S} s has ended`
  }

  /** Whether the first half of the budget has passed. */
  get isLate(): boolean {
    return this.#spentBudget >= 0.5
  }

  get #isVirtual(): boolean {
    return this.#spec.world !== 'kernel'
  }

  get #spentBudget(): number {
    return (performance.now() - this.#began) / this.#budget
  }

  /** Runs the faults. `wires` replace them, and their run has the same time. */
  async run(faults: readonly PlannedFault[], { wires, ...more }: RunMore = {}): Promise<RunResult> {
    const plan = wires === undefined ? faults : []
    const result = await this.#runner.run({
      ...this.#spec,
      plan,
      wires,
      timeout: this.limit(faults),
      ...more,
    })
    this.runs++
    return result
  }

  /** Same as run; undefined if the exploration is stopped before it ends. */
  async runUnlessStopped(
    faults: readonly PlannedFault[],
    more?: RunMore,
  ): Promise<RunResult | undefined> {
    return this.whyStopped() === undefined
      ? await this.unlessStopped(this.run(faults, more))
      : undefined
  }

  /** Returns undefined for a run that a stop of the exploration ended. */
  async unlessStopped<T>(run: Promise<T>): Promise<T | undefined> {
    try {
      return await run
    } catch (error) {
      if (this.#signal?.aborted !== true) throw error
    }
  }

  /** Returns why a run failed; undefined if it did not, or if it was not repaired as planned. */
  errorOf(result: RunResult, plan: readonly PlannedFault[] = []): string | undefined {
    const { error, left, spans } = result
    if (isUnrepaired(plan, spans)) return undefined
    if (error !== undefined && !this.isErrorInTime(result, plan)) return error
    const more =
      leftOver(left, this.baseline.left) ?? differenceError(this.#expected, result.returned)
    return more === undefined || error === undefined ? more : `${more}\n${error}`
  }

  /** Whether a run has reported its fault, which is a failure only for a strict judge. */
  isErrorInTime(result: RunResult, plan: readonly PlannedFault[]): boolean {
    return !this.isStrict && isReported(result, plan)
  }

  /** Whether a run has failed in which wires have replaced these faults. */
  failsWithWires(result: RunResult, faults: readonly PlannedFault[]): boolean {
    const isReport = !this.isStrict && result.rejected === true && mayReject(faults)
    return !isReport && this.errorOf(result) !== undefined
  }

  async judge(plan: readonly PlannedFault[]): Promise<Judgement> {
    return this.confirm(plan, await this.attempt(plan))
  }

  /** Runs faults once. `confirm` repeats the run of a verdict `failed` or `slower`. */
  async attempt(plan: readonly PlannedFault[]): Promise<Judgement> {
    const first = await this.once(plan)
    if (first.verdict !== 'missed') return first
    // Acknowledgements depend on time: a run may have fewer of them.
    return this.judgementOf(plan, await this.run(plan), 2)
  }

  /** Same for faults of which a run may miss some packets. */
  async once(plan: readonly PlannedFault[], more?: Pick<RunSpec, 'onlyHits'>): Promise<Judgement> {
    const result = await this.run(plan, { mayBranch: true, ...more })
    const first = this.judgementOf(plan, result)
    const isUnsure = result.afterError === true && ['failed', 'missed'].includes(first.verdict)
    if (!isUnsure) return first
    // The error before it may be why.
    const fresh = this.judgementOf(plan, await this.run(plan, { ...more, repeat: 1 }), 2)
    const failed = first.verdict === 'failed' ? 2 : 1
    return fresh.verdict === 'failed' ? { ...fresh, failed, repeats: 1 } : fresh
  }

  /** Returns the judgement of one run. `runs` is the number of runs up to then. */
  judgementOf(plan: readonly PlannedFault[], result: RunResult, runs = 1): Judgement {
    const error = this.errorOf(result, plan)
    const { ms, output, spans = [], operations, origin } = result
    const packets = packetsOf(result)
    const common = {
      runs,
      ms,
      clean: [this.#fastest],
      factor: ms / Math.max(this.#fastest, LEAST_MS),
      packets,
      spans,
    }
    if (error !== undefined) {
      return { ...common, verdict: 'failed', failed: 1, error, output, operations, origin }
    }
    // A run waits for a host that is stopped.
    const isSlow = isSlower(ms, this.#fastest) && !plan.some(({ verb }) => isNemesisVerb(verb))
    if (!isMet(result, plan)) return { ...common, verdict: 'missed', failed: 0 }
    if (result.error !== undefined) {
      return { ...common, verdict: 'error', failed: 0, error: result.error }
    }
    return { ...common, verdict: isSlow ? 'slower' : 'passed', failed: 0 }
  }

  /** Repeats the runs of a verdict `failed` or `slower`, until the exploration is stopped. */
  async confirm(plan: readonly PlannedFault[], first: Judgement): Promise<Judgement> {
    if (first.verdict === 'failed') return this.#repeat(plan, first)
    // Other work on the machine adds nothing to a virtual time.
    return first.verdict !== 'slower' || this.#isVirtual ? first : this.#compare(plan, first)
  }

  async #repeat(plan: readonly PlannedFault[], first: Judgement): Promise<Judgement> {
    let { failed, runs } = first
    const repeats = this.#runner.copies ? COPY_REPEATS : REPEATS
    for (let i = first.repeats ?? 0; i < repeats; i++) {
      const again = await this.runUnlessStopped(plan, { repeat: i + 1 })
      if (again === undefined) break
      runs++
      if (this.errorOf(again, plan) !== undefined) {
        failed++
      }
    }
    return { ...first, failed, runs }
  }

  /**
   * Repeats a slow run beside clean ones. Load only adds to the time of a run, so the fastest runs
   * of both kinds are compared.
   */
  async #compare(plan: readonly PlannedFault[], first: Judgement): Promise<Judgement> {
    let { ms, runs } = first
    const beside: number[] = []
    const judged = (verdict: Verdict, clean: readonly number[]): Judgement => {
      return {
        ...first,
        verdict,
        runs,
        ms,
        clean,
        factor: ms / Math.max(Math.min(...clean), LEAST_MS),
      }
    }
    while (beside.length < MOST_PAIRS && isSlower(ms, this.#fastest)) {
      const slow = await this.runUnlessStopped(plan)
      if (slow === undefined) break
      runs++
      if (this.errorOf(slow, plan) !== undefined) {
        return this.#repeat(plan, this.judgementOf(plan, slow, runs))
      }
      if (slow.error === undefined && isMet(slow, plan)) {
        ms = Math.min(ms, slow.ms)
      }
      const clean = await this.#runClean(plan)
      if (clean === undefined) break
      beside.push(clean)
      if (beside.length >= LEAST_PAIRS && isSlower(ms, Math.min(...beside))) {
        return judged('slower', beside)
      }
    }
    return judged('passed', beside.length === MOST_PAIRS ? beside : [this.#fastest])
  }

  /** Returns the time of a run without faults that may take as long as one with `plan`. */
  async #runClean(plan: readonly PlannedFault[]): Promise<number | undefined> {
    const result = await this.runUnlessStopped(plan, { wires: [] })
    if (result === undefined) return undefined
    const error = this.errorOf(result)
    if (error === undefined) {
      this.#clean.push(result.ms)
      return result.ms
    }
    this.cleanErrors.push(error)
  }

  /** The time of the fastest of the latest clean runs, in ms. */
  get #fastest(): number {
    return Math.min(...this.#clean.slice(-LATEST))
  }
}

/** Whether a run is much slower than a clean one. Both times are in ms. */
export function isSlower(ms: number, clean: number): boolean {
  return ms >= SLOWER_FACTOR * clean && ms - clean >= SLOWER_MS
}

/** Returns what a run has left, unlike a clean run, as an error; undefined if there is nothing. */
export function leftOver(left: readonly string[], clean: readonly string[]): string | undefined {
  const more = added(left, clean)
  return more.length === 0
    ? undefined
    : `still there 1 s after the run, unlike after a clean run: ${firstOf(more).join(', ')}`
}

/** Whether a run has not ended in time because its fault never ends. */
export function waitsForEver(plan: readonly PlannedFault[], error: string): boolean {
  return error.startsWith(TIMED_OUT) && plan.some(needsRepair)
}

/** Whether every fault of the plan has hit a packet, and the last repair came after the faults. */
export function isMet(result: RunResult, plan: readonly PlannedFault[]): boolean {
  return hitsOf(result, plan) >= plan.length && !isUnrepaired(plan, result.spans)
}

/** Returns how many faults have hit a packet. A segment may have the bytes of several faults. */
export function hitsOf(result: RunResult, plan: readonly PlannedFault[]): number {
  const hits = packetsOf(result).filter(({ hit }) => hit)
  return Math.max(hits.length, plan.filter(fault => packetOf(fault, hits) !== undefined).length)
}
