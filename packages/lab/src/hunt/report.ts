/** The report of an exploration of commands: lines for a terminal, and objects for JSON. */
import { firstOf } from '../explore/lists.ts'
import { timesText } from '../explore/result.ts'
import { count } from '../story/statement.ts'
import { type Group, pointText } from './findings.ts'
import type { CleanStart, ClientResult, HuntFinding, HuntResult } from './hunt.ts'
import type { Told } from './told.ts'
import { isFinding, isNote, lastLineOf, VERDICTS } from './verdicts.ts'

const MS_PER_S = 1000
/** The most points of a group in a text. */
const POINTS_MAX = 4

/** Returns what is known before the first fault. */
export function startText({ client, ms, connections, points, notes }: CleanStart): string {
  const turns = connections.reduce((sum, each) => sum + each.turns.length, 0)
  const counts = [
    count(connections.length, 'connection'),
    count(turns, 'turn'),
    count(points.length, 'point'),
  ]
  return lines([client, `2 clean runs passed in ${timesText(ms)}: ${counts.join(', ')}`, ...notes])
}

/** Returns a finding with its block. */
export function findingText(finding: HuntFinding, { block, plain }: Told): string {
  const { verdict, point, repeated, of } = finding
  const head = `FINDING ${verdict}: ${pointText(point)}: ${repeated} of ${of}, ${plain.text}`
  return lines(['', head, '', block.trimEnd(), ''])
}

/** Returns the verdicts on all points of a client. */
export function resultText(result: ClientResult): string {
  const { groups, findings, unconfirmed, unrepeated, serverEnds, changes, points, tried } = result
  const told = groups.filter(group => isFinding(group.verdict) && !isOpen(group, result))
  const notes = groups.filter(({ verdict }) => isNote(verdict))
  const { runs, ms, counts } = result
  const sums = VERDICTS.filter(verdict => counts[verdict] > 0).map(
    verdict => `${counts[verdict]} ${verdict}`,
  )
  const speed = `${runs} runs in ${(ms / MS_PER_S).toFixed(1)} s, ${speedOf(result)} points/s`
  return lines([
    ...told.map(groupText),
    ...unconfirmed.map(group => `not shown again in a new lab: ${groupText(group)}`),
    ...unrepeated.map(group => `not repeated, because it was stopped: ${groupText(group)}`),
    ...notes.map(group => `note: ${groupText(group)}`),
    ...[...serverEnds].map(
      ([how, times]) =>
        `the server ended with ${how} in ${count(times, 'run')}, and was started again`,
    ),
    ...changes.map(change => `${change}; try --fresh`),
    `${tried} of ${count(points, 'point')}: ${sums.join(', ') || 'none'}; ${count(findings.length, 'finding')}; ${speed}`,
  ])
}

/** Whether a group of findings was not shown again. */
const isOpen = (
  group: Group,
  { unconfirmed, unrepeated }: Pick<ClientResult, 'unconfirmed' | 'unrepeated'>,
): boolean => unconfirmed.includes(group) || unrepeated.includes(group)

function groupText({ verdict, said, points }: Group): string {
  const places = firstOf(points.map(pointText), more => `and ${more} more`, POINTS_MAX)
  const message = said === '' ? '' : `: ${said}`
  return `${verdict} at ${count(points.length, 'point')}${message}: ${places.join('; ')}`
}

const speedOf = ({ tried, ms }: ClientResult): string => ((tried * MS_PER_S) / ms).toFixed(1)

const lines = (all: readonly string[]): string => all.map(line => `${line}\n`).join('')

export function startJson({ client, ms, connections, points, notes }: CleanStart): object {
  return {
    event: 'clean',
    client,
    ms,
    connections: connections.map(({ number, port, turns }) => ({
      number,
      port,
      turns: turns.map(({ from, bytes }) => ({ from, bytes: bytes.length })),
    })),
    points: points.length,
    notes,
  }
}

export function findingJson(finding: HuntFinding, { block, plain }: Told): object {
  const { start, verdict, point, run, repeated, of } = finding
  const { fault, connection, from, byte } = point
  const { client } = start
  const { status, signal = null, hung, ms } = run
  return {
    event: 'finding',
    client,
    verdict,
    point: { fault, connection, from, byte },
    run: { status, signal, hung, ms, said: lastLineOf(run.err) },
    repeated,
    of,
    plain: plain.text,
    reproducer: plain.program,
    block,
  }
}

export function resultJson(result: ClientResult): object {
  const { groups, findings, unconfirmed, unrepeated, serverEnds, ...rest } = result
  return {
    event: 'result',
    ...rest,
    pointsPerSecond: Number(speedOf(result)),
    findings: findings.length,
    groups: groups.map(group => ({
      verdict: group.verdict,
      said: group.said,
      points: group.points.map(({ direction: _, ...point }) => point),
      isConfirmed: isFinding(group.verdict) && !isOpen(group, { unconfirmed, unrepeated }),
    })),
    serverEnds: Object.fromEntries(serverEnds),
  }
}

/** Returns why not everything was tried; '' if it was. */
export const endText = ({ stopped }: HuntResult): string =>
  stopped === undefined ? '' : `not everything was tried: ${stopped}\n`

export function endJson({ clients, stopped }: HuntResult): object {
  const findings = clients.reduce((sum, each) => sum + each.findings.length, 0)
  return { event: 'end', findings, stopped }
}
