/** The text of a report for a terminal: its table, and its failures. */

import { tcp } from 'vnet'
import { flagText, layersOf } from 'vnet/kit/packet'
import { runLines } from './failed-run.ts'
import { formatFault, parseFault, untriedVerbs, withoutPacket } from './fault-text.ts'
import { waitsForEver } from './judge.ts'
import { firstOf, headOf } from './lists.ts'
import type { ExploredPacket } from './points.ts'
import type { ExploreReport, Point } from './report.ts'
import {
  byPacket,
  type Failure,
  schedulesText,
  shownOf,
  sumOf,
  timesText,
  wireNote,
  worldNote,
} from './result.ts'

/** Milliseconds above which a time has no decimals. */
const WHOLE_MS = 100
/** The most lines of an error: a message, a comparison and a stack. */
const ERROR_LINES = 50

/** Returns the failures; failures that are alike are one block. */
export function failuresLines(failures: readonly Failure[]): string[] {
  const blocks = new Map<string, [Failure, ...Failure[]]>()
  for (const failure of failures) {
    const block = blocks.get(likenessOf(failure))
    if (block === undefined) {
      blocks.set(likenessOf(failure), [failure])
    } else {
      block.push(failure)
    }
  }
  return [...blocks.values()].flatMap(([first, ...others]) => failureLines(first, others))
}

/** Returns the kinds of the faults and the first line of the error, without its times. */
function likenessOf({ faults, error }: Failure): string {
  return [...faults.map(fault => withoutPacket(parseFault(fault))), headOf(error)].join('\n')
}

/** Returns a failure, and the faults of others that are alike. */
export function failureLines(failure: Failure, others: readonly Failure[] = []): string[] {
  const head = shareAndWorldOf(failure)
  const { faults, from, error, output, wire, captures, test, recordedFailed } = failure
  const alike = others.flatMap(each => {
    const own = shareAndWorldOf(each)
    const first = `  ${own === head ? '' : `${own}: `}${each.faults.join(' and ')}`
    return [first, ...each.also.map(fault => `  ${fault}`)]
  })
  const also = [...failure.also.map(fault => `  ${fault}`), ...alike]
  const waits = waitsForEver(faults.map(parseFault), error)
  const indent = (lines: readonly string[]) => lines.map(line => `  ${line}`)
  return [
    '',
    `FAILED ${head}: ${faults.join(' and ')}${from > faults.length ? ` (found by ${from} faults)` : ''}`,
    ...indent(placesOf(failure)),
    ...indent(errorLines(error)),
    ...(waits ? ['  what waits for ever, without a time-out of its own, is counted once'] : []),
    ...indent(printedLines(output, error)),
    ...wire.map(each => `  ${each.link} ${each.direction}: ${each.wire}${wireNote(failure)}`),
    ...wire.flatMap(({ code }) => code.map(line => `  ${line}`)),
    ...indent(
      firstOf(
        captures.map(path => `captured in ${path}${recordedFailed ? '' : ' (this run passed)'}`),
      ),
    ),
    ...(also.length === 0 ? [] : ['  also at:']),
    ...indent(firstOf(also, count => `  and ${count} more`)),
    '',
    ...indent(test.split('\n')),
    '',
  ]
}

/** Returns the lines of an error, which may quote all that a program has sent. */
export function errorLines(error: string): readonly string[] {
  return firstOf(
    error.trimEnd().split('\n'),
    count => `and ${count} more lines of the error`,
    ERROR_LINES,
  )
}

/**
 * Returns the output of a run under a heading, or no lines if the run has printed nothing. Leaves
 * out lines of programs that the error quotes, such as `server: no space`.
 */
export function printedLines(output: string, error: string): string[] {
  const quoted = new Set(error.split(/: | \| |\n/))
  const isQuoted = (line: string) => {
    const [, ...text] = line.split(': ')
    return text.length > 0 && text.every(part => quoted.has(part.trim()))
  }
  const lines = output
    .trimEnd()
    .split('\n')
    .filter(line => !isQuoted(line))
  return lines.join('') === '' ? [] : ['printed by the run:', ...lines]
}

/** Returns the packets that were hit, faults of links and hosts, and operations. */
export function placesOf({ run, packets }: Pick<Failure, 'run' | 'packets'>): readonly string[] {
  if (run === undefined) return packets
  const lines = runLines(run)
  return [...packets.filter(text => !lines.includes(text)), ...lines]
}

/** Returns how often it failed, and in which world: `in 4 of 4 runs, in memory`. */
function shareAndWorldOf(failure: Failure): string {
  return [shareOf(failure), worldNote(failure)].filter(Boolean).join(', ')
}

function shareOf({ failed, runs, stopped }: Failure): string {
  return `${runsText(failed, runs)}${stopped ? ', and then stopped' : ''}`
}

const runsText = (failed: number, runs: number): string => `in ${failed} of ${runs} runs`

/**
 * Says what was not tried: other faults than the default ones, and, if nothing failed, sets of
 * faults.
 */
export function untriedLines(report: ExploreReport): string[] {
  const { passed, kinds, points, skippedPairs, skippedRepairs, schedules } = report
  const areDefault = points.length > 0 && kinds.some(({ only }) => only !== undefined)
  const faults = areDefault
    ? [`not tried: ${untriedVerbs(kinds).join(', ')}: name them in --faults, or the option faults`]
    : []
  if (!passed) return faults
  const others = skippedPairs + skippedRepairs + sumOf(schedules)
  if (others > 0 || points.some(point => point.faults.length > 1)) return faults
  return [
    ...faults,
    'each run had one fault: bugs that need several are found with pairs, schedules, bursts, depth 2 or repair',
  ]
}

/** Returns a row for each packet and a column for each fault. */
export function tableOf({
  packets,
  kinds: all,
  points,
  skippedPairs,
  skippedRepairs,
  schedules,
}: ExploreReport): string[] {
  if (points.length === 0) return []
  const kinds = all.filter(({ verb }) => verb !== 'repair')
  const columns = kinds.map(kind => all.indexOf(kind))
  const single = points.filter(({ second }) => second === undefined)
  const cells = byPacket(packets, single)
  const head = ['', 'ms', 'link', 'packet', ...kinds.map(({ text }) => text), '']
  const isTried = (own: readonly Point[]) =>
    own.length === 0 || own.some(({ verdict }) => verdict !== 'skipped')
  const tried = packets.flatMap((packet, i) => (isTried(cells[i] ?? []) ? [{ packet, i }] : []))
  const untried = packets.length - tried.length
  const rows = tried.map(({ packet, i }) => [
    String(i + 1),
    packet.at.toFixed(packet.at < WHOLE_MS ? 1 : 0),
    `${packet.link} ${packet.direction}`,
    `${packet.flow} ${partText(packet)}`,
    ...columns.map(column => cell(shownOf((cells[i] ?? []).filter(({ kind }) => kind === column)))),
    packet.after === undefined ? '' : `after ${packet.after}`,
  ])
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map(row => row[column]?.length ?? 0)))
  const isRight = (column: number) => column < 2
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => (isRight(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
  return [
    '',
    ...lines.map(row => line(row).trimEnd()),
    ...(untried === 0 ? [] : [`${untried} more packets, of which no fault was tried`]),
    '',
    '.  passed   xN  slower by this factor   ?  the run had no such packet   -  not tried',
    ...reportedLines(points),
    ...firstOf(points.flatMap(slowerLine), count => `and ${count} more slower runs`),
    ...countLine(
      'pairs of faults',
      points.filter(({ second }) => second !== undefined),
      skippedPairs,
    ),
    ...countLine('faults with a repair', points.filter(isRepaired), skippedRepairs),
    ...schedulesText(schedules),
  ]
}

/** Returns the times of a slower point: `x5.8: 1136.0 ms, 190.2 to 196.1 ms without: drop ...`. */
function slowerLine(point: Point): string[] {
  const { verdict, ms = 0, clean = [], faults } = point
  if (verdict !== 'slower') return []
  return [
    `${cell(point)}: ${ms.toFixed(1)} ms, ${timesText(clean)} without: ${faults.map(formatFault).join(' and ')}`,
  ]
}

/** Returns the errors that runs have reported in time, each with the number of its points. */
function reportedLines(points: readonly Point[]): string[] {
  const counts = new Map<string, number>()
  for (const { verdict, error = '' } of points) {
    if (verdict === 'error') {
      counts.set(headOf(error), (counts.get(headOf(error)) ?? 0) + 1)
    }
  }
  if (counts.size === 0) return []
  const lines = [...counts].map(([head, count]) => `  ${count} ${pointsText(count)}: ${head}`)
  return [
    'errors in time, which are failures only with --strict (the option strict):',
    ...firstOf(lines, count => `  and ${count} more errors`),
  ]
}

const pointsText = (count: number): string => (count === 1 ? 'point' : 'points')

/** Returns the sums of points that have no cells of their own. */
function countLine(what: string, points: readonly Point[], skipped: number): string[] {
  const failed = points.filter(({ verdict }) => verdict === 'failed').length
  const all = points.length + skipped
  return all === 0 ? [] : [`${all} ${what}: ${failed} failed, ${skipped} skipped`]
}

const isRepaired = ({ faults }: Point): boolean => faults.at(-1)?.verb === 'repair'

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
  if (verdict === 'error') return 'error'
  if (verdict === 'failed') return failed === runs ? 'FAILED' : `FAILED ${runsText(failed, runs)}`
  return verdict === 'missed' ? '?' : ''
}
