/** The sequence diagram of a failed run: packets, operations, and faults as bars. */
import { type Html, html } from 'vnet/kit/base'
import type { OperationMoment } from '../history/history.ts'
import type { FailedRun, RunPacket, RunSpan } from './result.ts'
import { arrow, bar, connectionNames, endsOf, knownHosts, ROW, rowOf } from './sequence.ts'

/** A row: a packet, or the start or the end of a fault or an operation. */
type Row =
  | { readonly at: number; readonly packet: RunPacket }
  | { readonly at: number; readonly operation: OperationMoment }
  | { readonly at: number; readonly text: string; readonly starting: RunSpan }
  | { readonly at: number; readonly text: string; readonly ending: RunSpan }

export function runDiagram(run: FailedRun, title: string): Html {
  const { packets, spans, before, after } = run
  const known = knownHosts(packets)
  const connectionOf = connectionNames(packets)
  const ends = (each: Pick<RunPacket, 'link' | 'direction'>) => endsOf(each, known)
  const hosts = [...new Set([...packets.flatMap(ends), ...spans.flatMap(({ host }) => host ?? [])])]
  const columns = ({ host, link }: RunSpan) =>
    (host === undefined ? ends({ link, direction: 'ab' }) : [host]).map(each => hosts.indexOf(each))
  const lasting = new Set<RunSpan>()
  const rows = rowsOf(run).map(row => {
    const bars = [...lasting].map(span =>
      bar(columns(span), [0, 'ending' in row && row.ending === span ? ROW / 2 : ROW]),
    )
    if ('packet' in row) {
      return packetRow(row.packet, connectionOf(row.packet), hosts, ends(row.packet), bars)
    }
    if ('operation' in row) return operationRow(row.operation, hosts, bars)
    if ('ending' in row) {
      lasting.delete(row.ending)
    } else if (row.starting.ends !== undefined) {
      lasting.add(row.starting)
      bars.push(bar(columns(row.starting), [ROW / 2, ROW]))
    }
    return html`<li class="event"><span class="at">${row.at.toFixed(1)}</span>${rowOf(hosts, bars)}<span class="note">${row.text}</span></li>
`
  })
  const more = (count: number, where: string) =>
    count === 0 ? undefined : html`<p>${count} packets ${where} are not shown.</p>`
  return html`<h4>The first run that failed</h4>
${more(before, 'before')}
<div class="diagram run" style="--hosts: ${hosts.length}">
<div class="hosts" aria-hidden="true"><span>ms</span><span class="names">${hosts.map(host => html`<b>${host}</b>`)}</span></div>
<ol aria-label="${title}">
${rows}</ol>
</div>
${more(after, 'after')}`
}

function operationRow(
  { at, isStart, name }: OperationMoment,
  hosts: readonly string[],
  bars: readonly Html[],
): Html {
  return html`<li class="event"><span class="at">${at.toFixed(1)}</span>${rowOf(hosts, bars)}<span class="note operation">${name} ${isStart ? 'starts' : 'ends'}</span></li>
`
}

function packetRow(
  packet: RunPacket,
  connection: string,
  hosts: readonly string[],
  [from, to]: readonly [string, string],
  bars: readonly Html[],
): Html {
  const [left, right] = [hosts.indexOf(from), hosts.indexOf(to)]
  const { at, label, lost, hit } = packet
  const hitNote = hit === undefined ? undefined : ', hit'
  const note = lost ? ', lost' : hitNote
  return html`<li><span class="at">${at.toFixed(1)}</span>
<span class="hidden">${from} to ${to}: </span>
${rowOf(hosts, [...bars, arrow(left, right, note !== undefined)])}
<span class="label" style="--from: ${Math.min(left, right)}">${connection}${label}</span>${note && html`<span class="hidden">${note}</span>`}</li>
`
}

/** Returns the rows in their order. A fault starts before its packet. */
function rowsOf({ packets, spans, operations }: FailedRun): Row[] {
  const ends = spans.flatMap(span =>
    span.to === undefined || span.ends === undefined
      ? []
      : [{ at: span.to, text: span.ends, ending: span }],
  )
  let left: Row[] = [...operations.map(operation => ({ at: operation.at, operation })), ...ends]
  left.sort((a, b) => a.at - b.at)
  const rows: Row[] = []
  /** Adds operations, and the ends of faults at earlier packets, up to a time. */
  const addUntil = (at: number, packet: number) => {
    const isDue = (row: Row) => row.at <= at && !('ending' in row && row.ending.packet >= packet)
    rows.push(...left.filter(isDue))
    left = left.filter(row => !isDue(row))
  }
  for (const [i, packet] of packets.entries()) {
    addUntil(packet.at, i)
    for (const span of spans.filter(each => each.packet === i)) {
      addUntil(span.from, i)
      rows.push({ at: span.from, text: span.starts, starting: span })
    }
    rows.push({ at: packet.at, packet })
  }
  addUntil(Number.POSITIVE_INFINITY, packets.length)
  return rows
}
