/** The table of a report: a row for each packet, a column for each fault. */
import { layersOf } from 'vnet/internal/packet/layers'
import { flagText } from 'vnet/internal/packet/print'
import * as tcp from 'vnet/internal/packet/tcp'
import type { PlannedFault } from '../watch/packet-name.ts'
import { type FaultKind, formatFault } from './fault-text.ts'
import type { Judgement } from './judge.ts'
import type { ExploredPacket } from './points.ts'
import { timesText, type Verdict } from './result.ts'

/** One packet and one fault of it. */
export interface Point extends Partial<Omit<Judgement, 'packets'>> {
  /** Indexes into the packets and the kinds of the report. */
  readonly packet: number
  readonly kind: number
  /** The second fault of a pair. */
  readonly second?: { readonly packet: number; readonly kind: number } | undefined
  readonly faults: readonly PlannedFault[]
  readonly verdict: Verdict
}

/** The parts of a report that are in its table. */
interface Tried {
  readonly packets: readonly ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  readonly points: readonly Point[]
  readonly skippedPairs: number
}

/** Milliseconds above which a time has no decimals. */
const WHOLE_MS = 100

export function tableOf({ packets, kinds, points, skippedPairs }: Tried): string[] {
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
