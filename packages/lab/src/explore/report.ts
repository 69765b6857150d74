/** ExploreReport: what explore found, as data and as text for a terminal. */
import { layersOf } from 'vnet/internal/packet/layers'
import { flagText } from 'vnet/internal/packet/print'
import * as tcp from 'vnet/internal/packet/tcp'
import type { PlannedFault } from '../watch/packet-name.ts'
import type { WorldName } from '../world.ts'
import { bareText } from './describe.ts'
import { type FaultKind, formatFault } from './fault-text.ts'
import { isSlower, type Judge } from './judge.ts'
import type { ExploredPacket } from './points.ts'
import {
  type Baseline,
  type ExploreResult,
  type Failure,
  IN_WORLD,
  type Outcome,
  type ResultPacket,
  type ResultPoint,
  TIMED_OUT,
  timesText,
  type Verdict,
  wireNote,
  worldNote,
} from './result.ts'

/** The parts of a report that are known before the first fault. */
type Start = Pick<
  ExploreReport,
  'packets' | 'kinds' | 'baseline' | 'unstable' | 'unrecorded' | 'cleanErrors' | 'roundTrip' | 'rto' | 'world'
>

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

/** Milliseconds above which a time has no decimals. */
const WHOLE_MS = 100

export class ExploreReport {
  /**
   * The packets that were faulted: first the clean run's in order, then packets that appear
   * only after a fault.
   */
  readonly packets: ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  /** Packets that not all of the clean runs have. They were not faulted. */
  readonly unstable: readonly string[]
  /** A line for each link with more packets than have names. */
  readonly unrecorded: readonly string[]
  /** The errors of clean runs. With one, nothing was faulted. */
  readonly cleanErrors: readonly string[]
  readonly baseline: Baseline
  /** The round trip in ms that delays are multiples of, at least 2. */
  readonly roundTrip: number
  /** TCP's least retransmission timeout in the labs, as text. */
  readonly rto: string
  /** The world of the labs. */
  readonly world: WorldName
  /** Pairs that were not tried are not among them. */
  readonly points: Point[] = []
  skippedPairs = 0
  /** Why points were not tried. */
  ended: string | undefined
  /** The errors of clean runs beside slow ones. */
  laterErrors: readonly string[] = []
  /** The verdicts that an earlier exploration did not have, one line each. */
  readonly changes: string[] = []
  readonly failures: Failure[] = []
  /** Milliseconds in all, the runs, and the share of their time outside the scenario. */
  ms = 0
  runs = 0
  kitShare = 0

  /** @internal */
  constructor({ packets, kinds, baseline, unstable, unrecorded, cleanErrors, roundTrip, rto, world }: Start) {
    this.packets = [...packets]
    this.kinds = kinds
    this.baseline = baseline
    this.unstable = unstable
    this.unrecorded = unrecorded
    this.cleanErrors = cleanErrors
    this.roundTrip = roundTrip
    this.rto = rto
    this.world = world
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
  finish(ms: number, { runs, scenario, total }: Judge['spent']): void {
    this.ms = ms
    this.runs = runs
    // In virtual time, the scenario takes no real time.
    this.kitShare = total === 0 || this.world !== 'kernel' ? 0 : 1 - scenario / total
    this.points.sort(byPlace)
    const first = ({ faults }: Failure) => this.packets.findIndex(({ name }) => faults[0]?.endsWith(` ${name}`))
    this.failures.sort((a, b) => first(a) - first(b))
  }

  /** Returns how many points have a verdict. */
  count(verdict: Verdict): number {
    const others = verdict === 'skipped' ? this.skippedPairs : 0
    return this.points.filter(point => point.verdict === verdict).length + others
  }

  /** How many points there are, with the pairs that were not tried. */
  get size(): number {
    return this.points.length + this.skippedPairs
  }

  /** Returns the report for a terminal, as several lines. */
  toString(): string {
    return [...this.#baselineLines(), ...tableOf(this), ...this.failures.flatMap(failureLines), this.#sums()].join('\n')
  }

  #baselineLines(): string[] {
    const { cleanErrors, unsteady, baseline, rto } = this
    const count = baseline.times.length === 1 ? '1 clean run' : `${baseline.times.length} clean runs`
    if (cleanErrors.length > 0) {
      const isLate = cleanErrors.some(error => error.startsWith(TIMED_OUT))
      return [
        `${cleanErrors.length} of the ${baseline.times.length} runs without faults failed; nothing else was tried:`,
        ...cleanErrors,
        ...(isLate ? ['the machine may be too slow for the timeout: set a longer one'] : []),
      ]
    }
    const lines = [`${count} passed in ${timesText(baseline.times)}; TCP's least timeout is ${rto}`]
    if (baseline.left.length > 0) lines.push(`left after a clean run: ${baseline.left.join(', ')}`)
    return [...lines, ...unsteady]
  }

  #sums(): string {
    const { size, ms, runs, kitShare, pointsPerSecond, world } = this
    const verdicts: Verdict[] = ['passed', 'slower', 'failed', 'missed', 'skipped']
    const counts = verdicts.map(verdict => `${this.count(verdict)} ${verdict}`).filter(text => !text.startsWith('0 '))
    const speed = `${runs} runs in ${(ms / 1000).toFixed(1)} s, ${pointsPerSecond.toFixed(1)} points/s`
    const share = IN_WORLD[world] || `${Math.round(100 * kitShare)} % of the runs is the kit's own time`
    return `${size} points: ${counts.join(', ') || 'none'}; ${speed}, ${share}`
  }

  /** Returns the report as data, for JSON. */
  toJSON(): ExploreResult {
    const { passed, cleanErrors, baseline, roundTrip, rto, world, failures, ms, runs, kitShare } = this
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
      failures,
      ms,
      runs,
      pointsPerSecond: this.pointsPerSecond,
      kitShare,
    }
  }

  /** What makes the table differ from one exploration to the next, one line each. */
  get unsteady(): string[] {
    const text = ({ faults }: Point) => faults.map(formatFault).join(' and ')
    const missed = this.points.filter(({ verdict }) => verdict === 'missed')
    const sometimes = this.points.filter(({ failed = 0, runs = 0 }) => failed > 0 && failed < runs)
    const skipped = this.count('skipped')
    const unsure = this.points.filter(({ verdict, ms = 0, clean = [] }) => {
      return verdict === 'passed' && isSlower(ms, Math.min(...clean))
    })
    return [
      ...(this.cleanErrors.length === 0 && this.#isUntried ? ['not passed: no fault was tried'] : []),
      ...(skipped === 0 ? [] : [`${skipped} of ${this.size} points were not tried: ${this.ended}`]),
      ...this.laterErrors.map(error => `a run without faults failed later: ${error.split('\n')[0]}`),
      ...unsure.map(point => `slow, but not compared with a run without faults beside it: ${text(point)}`),
      ...this.unstable.map(name => `not in each clean run, and not faulted: ${name}`),
      ...this.unrecorded,
      ...missed.map(point => `the packet of the clean runs did not appear: ${text(point)}`),
      ...sometimes.map(point => `failed in ${point.failed} of ${point.runs} runs: ${text(point)}`),
      ...this.changes,
    ]
  }

  get pointsPerSecond(): number {
    const tried = this.size - this.count('skipped')
    return this.ms === 0 ? 0 : (tried * 1000) / this.ms
  }
}

/** Cells in the order of the table, then pairs. */
function byPlace(a: Point, b: Point): number {
  const pairs = (a.second === undefined ? 0 : 1) - (b.second === undefined ? 0 : 1)
  const first = pairs || a.packet - b.packet || a.kind - b.kind
  return first || (a.second?.packet ?? 0) - (b.second?.packet ?? 0) || (a.second?.kind ?? 0) - (b.second?.kind ?? 0)
}

export function failureLines(failure: Failure): string[] {
  const { faults, from, error, output, packets, wire, captures, test, recordedFailed } = failure
  const indent = (text: string) => text.split('\n').map(line => `  ${line}`)
  return [
    '',
    `FAILED ${[shareOf(failure), worldNote(failure)].filter(Boolean).join(', ')}: ${faults.join(' and ')}${from > faults.length ? ` (found by ${from} faults)` : ''}`,
    ...packets.map(text => `  ${text}`),
    ...indent(error.trimEnd()),
    ...(output === '' ? [] : ['  printed:', ...indent(output.trimEnd())]),
    ...wire.map(each => `  ${each.link} ${each.direction}: ${each.wire}${wireNote(failure)}`),
    ...wire.flatMap(({ code }) => code.map(line => `  ${line}`)),
    ...captures.map(path => `  captured in ${path}${recordedFailed ? '' : ' (this run passed)'}`),
    '',
    ...indent(test),
    '',
  ]
}

function shareOf({ failed, runs, stopped }: Failure): string {
  if (stopped) return `in ${failed} of ${runs} runs, and then stopped`
  return failed === runs ? 'always' : failed === 1 ? 'never again' : `sometimes (${failed} of ${runs} runs)`
}

/** Returns a row for each packet and a column for each fault. */
function tableOf({ packets, kinds, points, skippedPairs }: ExploreReport): string[] {
  if (points.length === 0) return []
  const head = ['', 'ms', 'link', 'packet', ...kinds.map(({ text }) => text), '']
  const rows = packets.map((packet, i) => [
    String(i + 1),
    packet.at.toFixed(packet.at < WHOLE_MS ? 1 : 0),
    `${packet.link} ${packet.direction}`,
    `${packet.flow} ${partText(packet)}`,
    ...kinds.map((_, k) => cell(points.find(point => isCell(point, i, k)))),
    packet.after === undefined ? '' : `after ${packet.after}`,
  ])
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  const isRight = (column: number) => column < 2
  const line = (row: readonly string[]) =>
    row.map((text, i) => (isRight(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0))).join('  ')
  return [
    '',
    ...all.map(row => line(row).trimEnd()),
    '',
    '.  passed   xN  slower by this factor   ?  the run had no such packet   -  it cannot have this fault',
    ...points.flatMap(slowerLine),
    ...pairLines(points, skippedPairs),
  ]
}

/** Returns the times of a slower point: `x5.8: 1136.0 ms, 190.2 to 196.1 ms without: drop ...`. */
function slowerLine(point: Point): string[] {
  const { verdict, ms = 0, clean = [], faults } = point
  if (verdict !== 'slower') return []
  return [`${cell(point)}: ${ms.toFixed(1)} ms, ${timesText(clean)} without: ${faults.map(formatFault).join(' and ')}`]
}

/** Returns the sums of the pairs, which have no cells. */
function pairLines(points: readonly Point[], skipped: number): string[] {
  const pairs = points.filter(({ second }) => second !== undefined)
  const failed = pairs.filter(({ verdict }) => verdict === 'failed').length
  const all = pairs.length + skipped
  return all === 0 ? [] : [`${all} pairs of faults: ${failed} failed, ${skipped} skipped`]
}

function isCell({ packet, kind, second }: Point, row: number, column: number): boolean {
  return packet === row && kind === column && second === undefined
}

/** Returns the flags and the bytes of a segment, or the number of a packet: `[P.] 1:79`. */
function partText({ head, part, n, end, copy, number, length }: ExploredPacket): string {
  const upper = layersOf(head, 0, head.length).at(-1)
  if (part === 'packet' || upper === undefined) return `packet ${number}, ${length} bytes`
  const flags = `[${flagText(tcp.flags(head, upper.at))}]`
  if (part !== 'seq') return `${flags} ${part} ${n}`
  return `${flags} seq ${n}:${end}${copy === 1 ? '' : ` copy ${copy}`}`
}

function cell(point: Point | undefined): string {
  if (point === undefined) return '-'
  const { verdict, failed = 0, runs = 0, factor = 1 } = point
  if (verdict === 'passed') return '.'
  if (verdict === 'slower') return `x${factor.toFixed(factor < 10 ? 1 : 0)}`
  if (verdict === 'failed') return failed === runs ? 'FAILED' : `FAILED ${failed}/${runs}`
  return verdict === 'missed' ? '?' : ''
}
