/** The segment that the ports of a `vnet lan` lead to. */
import { type Signal, signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { SegmentInfo } from '../feed-types.ts'
import { type App, draftOf, type View } from './app.ts'
import { clockText, whole } from './driver-text.ts'
import {
  COLUMNS,
  cellsOf,
  conversations,
  type DhcpTransaction,
  found,
  PARTS,
  type SegmentPart,
} from './lan-segment.ts'
import { SCROLLABLE, tablePart, useRowsInSight } from './table.tsx'

const COUNTERS = {
  frames: 'Frames of the segment',
  dropped: 'Dropped',
  answered: 'Answered by hosts',
} as const

/** The DHCP conversations on the port of this id. */
type Dhcp = Readonly<{ id: string; list: readonly DhcpTransaction[]; skipped: number }>

/** The view of a device's segment, offered for ports of segments. */
export function lanView(app: App): View {
  const dhcp = signal<Dhcp>({ id: '', list: [], skipped: 0 })
  const dhcpOf = (id: string): Dhcp =>
    dhcp.value.id === id ? dhcp.value : { id, list: [], skipped: 0 }
  const choice = { part: draftOf<SegmentPart>(app, 'hosts'), search: draftOf(app, '') }
  return {
    name: 'lan',
    title: 'Lan',
    isOffered: () => app.device?.onSegment === true,
    wants: ['segment', 'dhcp'],
    receive(message) {
      if (message.type !== 'dhcp' || message.id !== app.device?.id) return
      const { id, list, skipped } = dhcpOf(message.id)
      dhcp.value = {
        id,
        list: conversations(list, message.frames),
        skipped: skipped + message.skipped,
      }
    },
    Body: () => {
      const { device } = app
      const message = app.last('segment')
      const { segment, allHosts } = message ?? {}
      if (device === undefined) return <p class="muted">There is no interface.</p>
      if (segment === undefined) {
        const waits = `Waiting for the segment of ${device.label}.`
        const none = `${device.label} has no segment behind it: vnet lan makes one.`
        return <p class="muted">{message === undefined && device.onSegment ? waits : none}</p>
      }
      return (
        <div key={device.id} class="lan stack">
          <Lists segment={segment} allHosts={allHosts} now={app.time} {...choice} />
          <Conversations dhcp={dhcpOf(device.id)} mayChange={app.mayChange} />
          <section class="panel">
            <h2>Counters</h2>
            <div class="columns counters">
              {(['frames', 'dropped', 'answered'] as const).map(group => (
                <section key={group} class="stack close">
                  <h3>{COUNTERS[group]}</h3>
                  <Counters counters={segment.counters[group]} />
                </section>
              ))}
            </div>
          </section>
        </div>
      )
    },
  }
}

function Counters({ counters }: { readonly counters: Readonly<Record<string, number>> }) {
  const entries = Object.entries(counters)
  if (entries.length === 0) return <p class="muted">none</p>
  return (
    <table>
      {entries.map(([name, value]) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td class={value === 0 ? 'number muted' : 'number'}>{whole(value)}</td>
        </tr>
      ))}
    </table>
  )
}

interface ListsProps {
  readonly segment: SegmentInfo
  readonly allHosts: number | undefined
  readonly now: number
  readonly part: Signal<SegmentPart>
  readonly search: Signal<string>
}

function Lists({ segment, allHosts, now, ...choice }: ListsProps) {
  const [part, search] = [choice.part.value, choice.search.value]
  const list = useRef<HTMLDivElement>(null)
  const rows = found(segment, part, search)
  const [count, most] = [rows?.length ?? segment[part].length, segment[part].length]
  const { first, end, rowHeight } = useRowsInSight(list, count)
  const choose = (chosen: SegmentPart) => {
    choice.part.value = chosen
    list.current?.scrollTo(0, 0)
  }
  const row = (i: number) => {
    const cells = cellsOf(segment, part, rows?.[i] ?? i, now)
    const style = { transform: `translateY(${i * rowHeight}px)` }
    return (
      <div
        key={i}
        class="long-row mono"
        {...tablePart('row', { 'aria-rowindex': i + 2 })}
        style={style}
      >
        {cells.map((cell, j) => (
          <span key={j} {...tablePart('cell')} title={cell}>
            {cell}
          </span>
        ))}
      </div>
    )
  }
  return (
    <section class="panel">
      <h2>Segment</h2>
      <div class="row">
        {PARTS.map(name => (
          <button
            key={name}
            type="button"
            aria-pressed={name === part}
            onClick={() => choose(name)}
          >
            {`${name} ${whole((name === 'hosts' && allHosts) || segment[name].length)}`}
          </button>
        ))}
        <input
          type="search"
          placeholder="Search names and addresses"
          autocomplete="off"
          spellcheck={false}
          aria-label="Search the lists"
          value={search}
          onInput={({ currentTarget }) => {
            choice.search.value = currentTarget.value
          }}
        />
        <span class="muted" role="status">
          {rows !== undefined && `${whole(count)} of ${whole(most)}`}
        </span>
      </div>
      <div
        class="long-list"
        {...tablePart('table', { 'aria-label': part, 'aria-rowcount': count + 1 })}
        data-columns={COLUMNS[part].length}
      >
        <div {...tablePart('rowgroup')}>
          <div class="long-head" {...tablePart('row', { 'aria-rowindex': 1 })}>
            {COLUMNS[part].map(title => (
              <span key={title} {...tablePart('columnheader')}>
                {title}
              </span>
            ))}
          </div>
        </div>
        <div class="long-scroll" {...tablePart('rowgroup')} {...SCROLLABLE} ref={list}>
          <div
            role="presentation"
            style={{ position: 'relative', height: `${count * rowHeight}px` }}
          >
            {Array.from({ length: end - first }, (_, i) => row(first + i))}
          </div>
        </div>
      </div>
      {allHosts !== undefined && (
        <p class="muted">
          {`Only the first ${whole(segment.hosts.length)} hosts are listed: vnet lan show --hosts lists all.`}
        </p>
      )}
    </section>
  )
}

function Conversations({ dhcp, mayChange }: { readonly dhcp: Dhcp; readonly mayChange: boolean }) {
  const { list, skipped } = dhcp
  const seen = 'No DHCP message has passed this port while this view was open.'
  return (
    <section class="panel">
      <h2>DHCP</h2>
      {list.length === 0 && (
        <p class="muted">
          {mayChange ? seen : 'Frames, and so conversations, are shown only with the token.'}
        </p>
      )}
      <ol class="dhcp stack tight" aria-label="DHCP conversations">
        {list.map(each => (
          <Conversation key={`${each.client} ${each.transaction}`} {...each} />
        ))}
      </ol>
      {skipped > 0 && (
        <p class="muted">{`${whole(skipped)} frames were too many to look at; a message may be missing here.`}</p>
      )}
    </section>
  )
}

function Conversation({ client, hostname, messages }: DhcpTransaction) {
  const start = messages[0]?.time ?? 0
  return (
    <li class="row">
      <span class="row head">
        <time class="muted">{clockText(start / 1000)}</time>
        <span class="mono">{[client, hostname].filter(Boolean).join(' ')}</span>
      </span>
      {messages.map(({ type, address, time, dropped }, i) => {
        const isRefused = dropped !== undefined || type === 'NAK' || type === 'DECLINE'
        const accepted = type === 'ACK' ? 'ok' : ''
        const kind = isRefused ? 'drop' : accepted
        const later = i > 0 && `+${Math.round(time - start)} ms`
        const other = address !== messages[i - 1]?.address && address
        const about = [other, later, dropped !== undefined && `dropped: ${dropped}`]
          .filter(Boolean)
          .join(' ')
        return (
          <span key={i} class="row">
            <span class={`tag ${kind}`}>{type}</span>
            <span class="muted">{about}</span>
          </span>
        )
      })}
    </li>
  )
}
