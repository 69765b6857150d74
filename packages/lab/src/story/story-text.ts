/** The text of a story: the most important statements first, in about twenty lines. */
import { formatNumber } from 'vnet/kit/base'
import { count, timeText } from './statement.ts'
import type { Distribution, FlowStory, Statement, StatementKind, Story } from './story.ts'

/** The kinds of statements, the most important first. */
const KINDS = (
  'forgotten black-hole unreachable half-open tls-stopped silence reset syn-repeated reply-lost query-repeated zero-window slow-reply ' +
  'queue-full lost delayed reordered duplicated repeated'
).split(' ') as readonly StatementKind[]
const STATEMENTS_SHOWN = 10
/** Seconds of the last day of 9999. */
const DATE_MAX = 253_402_300_800
const FLOWS_SHOWN = 3
/** What ended a flow, as its line says it. */
const ENDS: ReadonlyMap<string, string> = new Map([
  ['fin', 'FIN'],
  ['reset', 'RST'],
])

/** Returns the lines of a story; with `isAll` of all its flows and statements. */
export function storyText(story: Story, name: string, isAll: boolean): string {
  const { packets, untimed, seconds, lasted, flows, forgotten, others, notes } = story
  const date =
    Math.abs(seconds) < DATE_MAX
      ? new Date(seconds * 1000).toISOString().replace(/T(.*)\..*/, ' $1 UTC')
      : `${seconds} s`
  const total = flows.length + forgotten
  const when = untimed === packets ? 'without times' : `in ${timeText(lasted)} from ${date}`
  const lines = [`${name}: ${packets} frames ${when}, ${count(total, 'flow')}`]
  for (const note of notes) {
    lines.push(`  ${note}`)
  }
  if (others.size > 0) {
    lines.push(`  not read: ${[...others].map(([kind, n]) => `${n} ${kind}`).join(', ')}`)
  }
  const told = flows
    .filter(({ statements }) => statements.length > 0)
    .sort((a, b) => weightOf(a) - weightOf(b))
  const quiet = flows
    .filter(({ statements }) => statements.length === 0)
    .sort((a, b) => bytesOf(b) - bytesOf(a))
  const shown = isAll ? [...told, ...quiet] : (told.length > 0 ? told : quiet).slice(0, FLOWS_SHOWN)
  const each = Math.max(3, Math.floor(STATEMENTS_SHOWN / Math.max(shown.length, 1)))
  for (const flow of shown) {
    lines.push('', ...flowLines(flow, isAll ? Number.POSITIVE_INFINITY : each))
  }
  const left = told.filter(flow => !shown.includes(flow))
  if (left.length > 0) {
    lines.push(
      '',
      `${count(left.length, 'more flow')} with statements: ${countsOf(left.flatMap(({ statements }) => statements))}`,
    )
  }
  const rest = total - shown.length - left.length
  if (rest > 0) {
    lines.push(
      '',
      `${count(rest, 'other flow')}${forgotten > 0 ? `, of which ${forgotten} were closed and not kept` : ' without a statement'}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function flowLines(flow: FlowStory, most: number): string[] {
  const { protocol, application, client, server, place, ways, rtt, statements, more, isTimed } =
    flow
  const kind = application === undefined ? protocol : `${protocol} ${application}`
  const from =
    place === undefined
      ? ''
      : `, captured ${place === 'middle' ? 'between them' : `at the ${place}`}`
  const lines = [`${kind} ${endText(client)} > ${endText(server)}${from}`]
  const sent = `${count(ways.ab.bytes, 'byte')} in ${count(ways.ab.packets, 'packet')} > , < ${ways.ba.bytes} in ${ways.ba.packets}`
  const trips = [['server', rtt.ab] as const, ['client', rtt.ba] as const].flatMap(([end, d]) =>
    d === undefined ? [] : `to the ${end} ${rttText(d)}`,
  )
  const rates = (['ab', 'ba'] as const).flatMap(way =>
    ways[way].rate === undefined
      ? []
      : `${way === 'ab' ? '>' : '<'} ${formatNumber(ways[way].rate, 'bit/s')}${waitText(ways[way].queue)}`,
  )
  lines.push(
    `  ${sent}; ${isTimed ? `${timeText(flow.last - flow.begin)}, ` : ''}ended by ${ENDS.get(flow.end) ?? 'nothing'}`,
  )
  if (trips.length > 0) {
    lines.push(`  round trip ${trips.join(', ')}`)
  }
  if (rates.length > 0) {
    lines.push(`  bottleneck ${rates.join('; ')}`)
  }
  const chosen = [...statements].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, most)
  const origin = flow.begin
  for (const { way, certainty, time: at, frames, text } of chosen.sort((a, b) => a.time - b.time)) {
    const where = frames.length === 0 ? '' : `, frames ${frames.join(' ')}`
    const when = isTimed ? timeText(at - origin) : ''
    lines.push(`  ${when.padStart(9)} ${way === 'ab' ? '>' : '<'} ${text} (${certainty}${where})`)
  }
  const rest = statements.filter(statement => !chosen.includes(statement))
  const left = [countsOf(rest), more > 0 && `${more} that were not kept`].filter(Boolean).join(', ')
  if (left !== '') {
    lines.push(`  and ${rest.length + more} more: ${left}`)
  }
  return lines
}

const waitText = (queue: number | undefined): string =>
  queue === undefined ? '' : `, packets waited up to ${timeText(queue)}`
const rankOf = ({ kind }: Statement): number => KINDS.indexOf(kind)
const weightOf = ({ statements }: FlowStory): number => Math.min(...statements.map(rankOf))
const bytesOf = ({ ways }: FlowStory): number => ways.ab.bytes + ways.ba.bytes
const rttText = ({ min, median, p95, max }: Distribution): string =>
  `${[min, median, p95, max].map(timeText).join(' / ')} (min, median, p95, max)`
const endText = ({ address, port }: FlowStory['client']): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}`

function countsOf(statements: readonly Statement[]): string {
  const counts = KINDS.map(
    kind => [kind, statements.filter(one => one.kind === kind).length] as const,
  )
  return counts.flatMap(([kind, n]) => (n === 0 ? [] : `${n} ${kind}`)).join(', ')
}
