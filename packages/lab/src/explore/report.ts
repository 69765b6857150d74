/** ExploreReport: what explore found, as data and as text for a terminal. */
import { isNemesisVerb, type PlannedFault } from '../model/index.ts'
import type { WorldName } from '../world/world.ts'
import { bareText } from './describe.ts'
import { type FaultKind, formatFault } from './fault-text.ts'
import { isSlower } from './judge.ts'
import { choiceOf, firstOf, firstOfEach, unlike } from './lists.ts'
import type { ExploredPacket } from './points.ts'
import { errorLines, failuresLines, tableOf, untriedLines } from './report-text.ts'
import {
  type Baseline,
  type ExploreResult,
  type Failure,
  IN_WORLD,
  type Outcome,
  type ResultPacket,
  type ResultPoint,
  sumOf,
  TIMED_OUT,
  timesText,
  type Verdict,
} from './result.ts'

/** The parts of a report that are known before the first fault. */
type Start = Pick<
  ExploreReport,
  | 'packets'
  | 'kinds'
  | 'baseline'
  | 'unstable'
  | 'unrecorded'
  | 'cleanErrors'
  | 'roundTrip'
  | 'rto'
  | 'world'
> &
  Partial<Pick<ExploreReport, 'promise'>>

/** One packet and one fault of it. */
export interface Point extends Partial<Outcome> {
  /** Indexes into the packets and the kinds of the report. */
  readonly packet: number
  readonly kind: number
  /** The second fault of a pair. */
  readonly second?: { readonly packet: number; readonly kind: number } | undefined
  readonly faults: readonly PlannedFault[]
  readonly verdict: Verdict
}

/**
 * The report of an exploration. `explore` returns it when all runs have ended or a limit stopped
 * them. Print it with toString(), or take its data by toJSON().
 */
export class ExploreReport {
  /** The faulted packets: the clean run's in order, then packets that appear only after a fault. */
  readonly packets: ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  /** Packets that not all of the clean runs have. They were not faulted. */
  readonly unstable: readonly string[]
  /** A line for each link with more packets than have names. */
  readonly unrecorded: readonly string[]
  /** The errors of clean runs. With one, nothing was faulted. */
  readonly cleanErrors: readonly string[]
  /** Whether the scenario has called for what only a kernel has. */
  needsKernel = false
  readonly baseline: Baseline
  /** The round trip in ms that delays are multiples of, at least 2. */
  readonly roundTrip: number
  /** TCP's least retransmission timeout in the labs, as text. */
  readonly rto: string
  /** The world of the labs. */
  readonly world: WorldName
  /** The promise of the program, for the text. */
  readonly promise: string | undefined
  /** Pairs and repairs that were not tried are not among them, and no schedules. */
  readonly points: Point[] = []
  skippedPairs = 0
  skippedRepairs = 0
  readonly schedules = { passed: 0, failed: 0, missed: 0, skipped: 0 }
  /** Why points were not tried. */
  ended: string | undefined
  /** The errors of clean runs beside slow ones. */
  laterErrors: readonly string[] = []
  /** How processes that were kept differ from new ones after their last run, one line each. */
  changes: readonly string[] = []
  readonly failures: Failure[] = []
  /** Why failures that were found in memory were not repeated in the kernel. */
  unrepeated: string | undefined
  /** Milliseconds in all. */
  ms = 0
  runs = 0
  /** The number of the first run that failed. */
  foundAfter: number | undefined

  /** @internal */
  constructor({
    packets,
    kinds,
    baseline,
    unstable,
    unrecorded,
    cleanErrors,
    roundTrip,
    rto,
    world,
    promise,
  }: Start) {
    this.packets = [...packets]
    this.kinds = kinds
    this.baseline = baseline
    this.unstable = unstable
    this.unrecorded = unrecorded
    this.cleanErrors = cleanErrors
    this.roundTrip = roundTrip
    this.rto = rto
    this.world = world
    this.promise = promise
  }

  /** Whether the clean runs and every run with a fault passed, at least one of them. */
  get passed(): boolean {
    return this.cleanErrors.length === 0 && this.failures.length === 0 && !this.#isUntried
  }

  get #isUntried(): boolean {
    return this.points.every(({ verdict }) => verdict === 'skipped' || verdict === 'missed')
  }

  /** @internal */
  add(point: Point): void {
    this.points.push(point)
  }

  /** @internal Adds packets that appear after faults. Returns the index of the first. */
  addAfter(faults: readonly PlannedFault[], packets: readonly ExploredPacket[]): number {
    const after = faults.map(formatFault).join(' and ')
    return this.packets.push(...packets.map(packet => ({ ...packet, after }))) - packets.length
  }

  /** @internal */
  finish(ms: number, runs: number): void {
    this.ms = ms
    this.runs = runs
    this.points.sort(byPlace)
    const first = ({ faults }: Failure) =>
      this.packets.findIndex(({ name }) => faults[0]?.endsWith(` ${name}`))
    this.failures.sort((a, b) => first(a) - first(b))
  }

  /** Returns how many points have a verdict. */
  count(verdict: Verdict): number {
    const others = verdict === 'skipped' ? this.#uncounted : 0
    return this.points.filter(point => point.verdict === verdict).length + others
  }

  /** How many points there are, with the pairs and repairs that were not tried. */
  get size(): number {
    return this.points.length + this.#uncounted
  }

  get #uncounted(): number {
    return this.skippedPairs + this.skippedRepairs
  }

  /** The links of the points that have cells. */
  get #links(): string[] {
    return this.points.flatMap(({ second, packet }) =>
      second ? [] : (this.packets[packet]?.link ?? []),
    )
  }

  /** Returns the report for a terminal, as several lines. */
  toString(): string {
    const lines = [...this.#baselineLines(), ...tableOf(this), ...failuresLines(this.failures)]
    const unrepeated = this.unrepeated === undefined ? [] : [this.unrepeated]
    return [...lines, ...unrepeated, ...untriedLines(this), this.#sums()].join('\n')
  }

  #baselineLines(): string[] {
    const { cleanErrors, unsteady, baseline, rto } = this
    const count =
      baseline.times.length === 1 ? '1 clean run' : `${baseline.times.length} clean runs`
    if (cleanErrors.length > 0) {
      const isLate = cleanErrors.some(error => error.startsWith(TIMED_OUT))
      return [
        `${cleanErrors.length} of the ${baseline.times.length} runs without faults failed; nothing else was tried:`,
        ...unlike(cleanErrors).flatMap(errorLines),
        ...(isLate ? ['the machine may be too slow for the timeout: set a longer one'] : []),
      ]
    }
    const lines = [`${count} passed in ${timesText(baseline.times)}; TCP's least timeout is ${rto}`]
    if (baseline.left.length > 0) {
      lines.push(`left after a clean run: ${firstOf(baseline.left).join(', ')}`)
    }
    const promise = this.promise === undefined ? [] : [`promise: ${this.promise}`]
    return [...lines, ...promise, ...firstOfEach(unsteady)]
  }

  #sums(): string {
    const { size, ms, runs, pointsPerSecond, world } = this
    const verdicts: Verdict[] = ['passed', 'slower', 'error', 'failed', 'missed', 'skipped']
    const counts = verdicts
      .map(verdict => `${this.count(verdict)} ${verdict}`)
      .filter(text => !text.startsWith('0 '))
    const speed = `${runs} runs in ${(ms / 1000).toFixed(1)} s, ${pointsPerSecond.toFixed(1)} points/s`
    const found =
      this.foundAfter === undefined ? '' : `; run ${this.foundAfter} was the first to fail`
    const where = IN_WORLD[world] && `, ${IN_WORLD[world]}`
    return `${size} points: ${counts.join(', ') || 'none'}; ${speed}${where}${found}`
  }

  /** Returns the report as data, for JSON. */
  toJSON(): ExploreResult {
    const { passed, promise, cleanErrors, baseline, roundTrip, rto, world } = this
    const { failures, ms, runs } = this
    const packets = this.packets.map((packet): ResultPacket => {
      const { name, link, direction, flow, at, length, after } = packet
      return { name, link, direction, flow, at, length, text: bareText(packet), after }
    })
    const points = this.points.map(({ kind, second, faults, ...point }): ResultPoint => {
      const pair = second && { packet: second.packet, fault: second.kind }
      return { ...point, fault: kind, second: pair, faults: faults.map(formatFault) }
    })
    return {
      passed,
      promise,
      cleanErrors,
      baseline,
      roundTrip,
      rto,
      world,
      unsteady: this.unsteady,
      packets,
      faults: this.kinds.map(({ text }) => text),
      points,
      skippedPairs: this.skippedPairs,
      skippedRepairs: this.skippedRepairs,
      schedules: this.schedules,
      failures,
      ms,
      runs,
      foundAfter: this.foundAfter,
      pointsPerSecond: this.pointsPerSecond,
    }
  }

  /** What makes the table differ from one exploration to the next, one line each. */
  get unsteady(): string[] {
    const text = ({ faults }: Point) => faults.map(formatFault).join(' and ')
    const missed = this.points.filter(({ verdict }) => verdict === 'missed')
    const sometimes = this.points.filter(({ failed = 0, runs = 0 }) => failed > 0 && failed < runs)
    const skipped = this.count('skipped')
    const unrun = this.schedules.skipped
    const unsure = this.points.filter(({ verdict, faults, ms = 0, clean = [] }) => {
      const isComparable = !faults.some(({ verb }) => isNemesisVerb(verb))
      return isComparable && verdict === 'passed' && isSlower(ms, Math.min(...clean))
    })
    return [
      ...(this.cleanErrors.length === 0 && this.#isUntried
        ? ['not passed: no fault was tried']
        : []),
      ...(skipped === 0
        ? []
        : [
            `${skipped} of ${this.size} points were not tried: ${this.ended}`,
            ...choiceOf(this.#links),
          ]),
      ...(unrun === 0
        ? []
        : [`${unrun} of ${sumOf(this.schedules)} schedules were not run: ${this.ended}`]),
      ...this.laterErrors.map(
        error => `a run without faults failed later: ${error.split('\n')[0]}`,
      ),
      ...this.changes.map(line => `${line}; try --no-reuse, or reuse: false`),
      ...unsure.map(
        point => `slow, but not compared with a run without faults beside it: ${text(point)}`,
      ),
      ...this.unstable.map(name => `not in each clean run, and not faulted: ${name}`),
      ...this.unrecorded,
      ...missed.map(point => `${missedText(point)}: ${text(point)}`),
      ...sometimes.map(point => `failed in ${point.failed} of ${point.runs} runs: ${text(point)}`),
    ]
  }

  get pointsPerSecond(): number {
    const { passed, failed, missed } = this.schedules
    const tried = this.size - this.count('skipped') + passed + failed + missed
    return this.ms === 0 ? 0 : (tried * 1000) / this.ms
  }
}

function missedText({ faults }: Point): string {
  const isRepaired = faults.at(-1)?.verb === 'repair'
  return isRepaired
    ? 'no repair came after the fault'
    : 'the packet of the clean runs did not appear'
}

/** Cells in the order of the table, then pairs. */
function byPlace(a: Point, b: Point): number {
  const pairs = (a.second === undefined ? 0 : 1) - (b.second === undefined ? 0 : 1)
  const first = pairs || a.packet - b.packet || a.kind - b.kind
  return (
    first ||
    (a.second?.packet ?? 0) - (b.second?.packet ?? 0) ||
    (a.second?.kind ?? 0) - (b.second?.kind ?? 0)
  )
}
