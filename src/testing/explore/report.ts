/** ExploreReport: what explore found, as data and as text for a terminal. */

import type { PlannedFault } from '../lab/watch/packet-name.ts'
import type { FaultKind } from './fault-text.ts'
import type { Baseline, Judgement, Verdict } from './judge.ts'
import type { ExploredPacket } from './points.ts'
import type { WireFault } from './reproduce.ts'
import { tableOf } from './table.ts'

/** One packet and one fault of it. */
export interface Point extends Partial<Omit<Judgement, 'packets'>> {
  /** Indexes into the packets and the kinds of the report. */
  readonly packet: number
  readonly kind: number
  readonly faults: readonly PlannedFault[]
  readonly verdict: Verdict
}

export interface Failure {
  /** The faults, as explore.repeat takes them. */
  readonly faults: readonly string[]
  /** How many of the runs with these faults failed. */
  readonly failed: number
  readonly runs: number
  readonly error: string
  /** The end of what the scenario printed; a function prints to this process. */
  readonly output: string
  /** The packets that were hit, in the words of tcpdump. */
  readonly packets: readonly string[]
  readonly wire: readonly WireFault[]
  /** The pcapng files of one more run with the same faults, and whether it failed, too. */
  readonly captures: readonly string[]
  readonly recordedFailed: boolean
  /** A vitest test that fails as long as the program does. */
  readonly test: string
}

/** The parts of a report that are known before the first fault. */
interface Start {
  readonly packets: readonly ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  readonly baseline: Baseline
  readonly unstable: readonly string[]
  readonly cleanErrors: readonly string[]
  readonly roundTrip: number
  readonly rto: string
}

interface Spent {
  readonly runs: number
  readonly scenario: number
  readonly total: number
}

export class ExploreReport {
  /** The packets of the clean run that were faulted, in order. */
  readonly packets: readonly ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  /** Packets that not all of the clean runs have. They were not faulted. */
  readonly unstable: readonly string[]
  /** The errors of clean runs. With one, nothing was faulted. */
  readonly cleanErrors: readonly string[]
  readonly baseline: Baseline
  /** The round trip in ms that delays are multiples of, at least 2. */
  readonly roundTrip: number
  /** TCP's least retransmission timeout in the labs, in words. */
  readonly rto: string
  readonly points: Point[] = []
  readonly failures: Failure[] = []
  /** Milliseconds in all, the runs, and the share of their time outside the scenario. */
  ms = 0
  runs = 0
  kitShare = 0

  /** @internal */
  constructor({ packets, kinds, baseline, unstable, cleanErrors, roundTrip, rto }: Start) {
    this.packets = packets
    this.kinds = kinds
    this.baseline = baseline
    this.unstable = unstable
    this.cleanErrors = cleanErrors
    this.roundTrip = roundTrip
    this.rto = rto
  }

  /** Whether the clean runs and every run with a fault passed. */
  get passed(): boolean {
    return this.cleanErrors.length === 0 && this.failures.length === 0
  }

  /** @internal */
  add(point: Point): void {
    this.points.push(point)
  }

  /** @internal */
  finish(ms: number, { runs, scenario, total }: Spent): void {
    this.ms = ms
    this.runs = runs
    this.kitShare = total === 0 ? 0 : 1 - scenario / total
    this.points.sort((a, b) => a.packet - b.packet || a.kind - b.kind)
    const first = ({ faults }: Failure) => this.packets.findIndex(({ name }) => faults[0]?.endsWith(` ${name}`))
    this.failures.sort((a, b) => first(a) - first(b))
  }

  /** Returns how many points have a verdict. */
  count(verdict: Verdict): number {
    return this.points.filter(point => point.verdict === verdict).length
  }

  /** Returns the report for a terminal, as several lines. */
  toString(): string {
    return [...this.#baselineLines(), ...tableOf(this), ...this.failures.flatMap(failureLines), this.#sums()].join('\n')
  }

  #baselineLines(): string[] {
    const { cleanErrors, unstable, baseline, rto } = this
    if (cleanErrors.length > 0) {
      return [`${cleanErrors.length} of the 3 runs without faults failed; nothing else was tried:`, ...cleanErrors]
    }
    const lines = [`3 clean runs passed in ${baseline.median.toFixed(1)} ms; TCP's least timeout is ${rto}`]
    if (baseline.left.length > 0) lines.push(`left after a clean run: ${baseline.left.join(', ')}`)
    if (unstable.length > 0) {
      lines.push(`${unstable.length} packets are not in each clean run, and were not faulted:`)
      lines.push(...unstable.map(name => `  ${name}`))
    }
    return lines
  }

  #sums(): string {
    const { points, ms, runs, kitShare } = this
    const verdicts: Verdict[] = ['passed', 'slower', 'failed', 'missed', 'skipped']
    const counts = verdicts.map(verdict => `${this.count(verdict)} ${verdict}`).filter(text => !text.startsWith('0 '))
    const tried = points.length - this.count('skipped')
    const speed = `${runs} runs in ${(ms / 1000).toFixed(1)} s, ${((tried * 1000) / ms).toFixed(1)} points/s`
    return `${points.length} points: ${counts.join(', ') || 'none'}; ${speed}, ${Math.round(100 * kitShare)} % of the runs is the kit's own time`
  }

  /** Returns the report as an object for JSON. */
  toJSON(): object {
    const { packets, kinds, unstable, cleanErrors, baseline, roundTrip, rto, failures, ms, runs, kitShare } = this
    const points = this.points.map(({ packet, kind, verdict, failed, runs: own, ms: took, factor }) => {
      return { packet: packets[packet]?.name, fault: kinds[kind]?.text, verdict, failed, runs: own, ms: took, factor }
    })
    const named = packets.map(({ name, at, length }) => ({ name, at, length }))
    return {
      ...{ cleanErrors, baseline, roundTrip, rto, unstable, packets: named },
      points,
      failures,
      ms,
      runs,
      kitShare,
    }
  }
}

function failureLines({ faults, failed, runs, error, output, packets, wire, captures, test, recordedFailed }: Failure) {
  const share = failed === runs ? 'always' : failed === 1 ? 'never again' : `sometimes (${failed} of ${runs} runs)`
  const indent = (text: string) => text.split('\n').map(line => `  ${line}`)
  return [
    '',
    `FAILED ${share}: ${faults.join(' and ')}`,
    ...packets.map(text => `  ${text}`),
    ...indent(error.trimEnd()),
    ...(output === '' ? [] : ['  printed:', ...indent(output.trimEnd())]),
    ...wire.map(({ link, direction, wire: text, code }) => `  ${link} ${direction}: ${text}, or: ${code}`),
    ...captures.map(path => `  captured in ${path}${recordedFailed ? '' : ' (this run passed)'}`),
    '',
    ...indent(test),
    '',
  ]
}
