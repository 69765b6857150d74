/** The segment that the ports of a `vnet lan` lead to. */
import type { DeviceId, FeedMessage } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { fill, h, setText } from './dom.ts'
import { DhcpPanel } from './lan-dhcp-panel.ts'
import { LanDrawing } from './lan-drawing.ts'
import { LongList } from './lan-list.ts'
import type { SegmentPicture } from './lan-picture.ts'
import { COLUMNS, cellsOf, found, PARTS, type SegmentPart } from './lan-tables.ts'

const COUNTERS = { frames: 'Frames of the segment', dropped: 'Dropped', answered: 'Answered by hosts' } as const

export function lanView(app: App): View {
  const drawing = new LanDrawing()
  const dhcp = new DhcpPanel(app)
  const list = new LongList()
  const count = h('span', { class: 'muted', attrs: { role: 'status' } })
  const notAll = h('p', { class: 'muted' })
  const search = h('input', {
    type: 'search',
    placeholder: 'Search names and addresses',
    autocomplete: 'off',
    spellcheck: false,
    attrs: { 'aria-label': 'Search the lists' },
    on: { input: () => showRows() },
  })
  const tabs = new Map(
    PARTS.map(name => [name, h('button', { type: 'button', on: { click: () => choose(name) } }, name)]),
  )
  const groups = (['frames', 'dropped', 'answered'] as const).map(group => ({ group, table: h('table', {}) }))
  const counters = groups.map(({ group, table }) => h('section', {}, h('h3', {}, COUNTERS[group]), table))
  const lists = h(
    'section',
    { class: 'panel', attrs: { 'aria-label': 'Lists' } },
    h('div', { class: 'row' }, ...tabs.values(), search, count),
    list.element,
    notAll,
  )
  const body = h(
    'div',
    { class: 'stack' },
    h('section', { class: 'panel' }, h('h2', {}, 'Segment'), drawing.element),
    dhcp.element,
    lists,
    h('section', { class: 'panel' }, h('h2', {}, 'Counters'), h('div', { class: 'counters' }, ...counters)),
  )
  const none = h('p', { class: 'muted' })
  const element = h('div', { class: 'lan' }, none, body)
  let part: SegmentPart = 'hosts'
  let segment: SegmentPicture | undefined
  /** The number of hosts, if not all are listed. */
  let allHosts: number | undefined
  let shown: DeviceId | undefined
  let isShown = false
  /** Milliseconds since 1970, by the clock of the server. */
  let now = Date.now()

  function choose(chosen: SegmentPart): void {
    part = chosen
    for (const [name, tab] of tabs) tab.setAttribute('aria-pressed', `${name === part}`)
    list.setColumns(part, COLUMNS[part])
    showRows()
  }

  function showRows(): void {
    if (segment === undefined) return
    const all = segment
    const rows = found(all, part, search.value)
    const [shown, most] = [rows?.length ?? all[part].length, all[part].length]
    setText(count, rows === undefined ? '' : `${shown.toLocaleString('en')} of ${most.toLocaleString('en')}`)
    list.setRows(shown, row => cellsOf(all, part, rows?.[row] ?? row, now))
  }

  function show(): void {
    none.hidden = segment !== undefined
    body.hidden = segment === undefined
    if (segment === undefined) return
    drawing.draw(segment, app.device, allHosts)
    for (const [name, tab] of tabs) {
      const count = (name === 'hosts' && allHosts) || segment[name].length
      setText(tab, `${name} ${count.toLocaleString('en')}`)
    }
    const first = `Only the first ${segment.hosts.length.toLocaleString('en')} hosts are listed: vnet lan show --hosts lists all.`
    setText(notAll, allHosts === undefined ? '' : first)
    for (const { group, table } of groups) fillCounters(table, segment.counters[group])
    showRows()
  }

  function waiting(): void {
    const { device } = app
    setText(none, device === undefined ? 'There is no interface.' : `Waiting for the segment of ${device.label}.`)
  }

  function receive(message: FeedMessage): void {
    if (message.type === 'stats') {
      now = message.time
      if (isShown && part === 'leases' && !document.hidden) showRows()
    }
    if (!('id' in message) || message.id !== app.device?.id) return
    if (message.type === 'segment') {
      segment = message.segment
      allHosts = message.allHosts
      setText(none, `${app.device.label} has no segment behind it: vnet lan makes one.`)
      show()
    } else if (message.type === 'dhcp') dhcp.take(message)
  }

  function deviceChanged(): void {
    dhcp.update()
    if (app.device?.id === shown) return
    shown = app.device?.id
    segment = undefined
    dhcp.clear()
    waiting()
    show()
  }

  choose('hosts')
  waiting()
  show()
  return {
    name: 'lan',
    title: 'Lan',
    wants: ['segment', 'dhcp'],
    element,
    receive,
    deviceChanged,
    shown() {
      isShown = true
    },
    hidden() {
      isShown = false
    },
  }
}

/** Writes only values that have changed. */
function fillCounters(table: HTMLTableElement, counters: Readonly<Record<string, number>>): void {
  const entries = Object.entries(counters)
  const names = entries.map(([name]) => name).join(' ')
  if (table.dataset.names !== names) {
    table.dataset.names = names
    const rows = entries.map(([name]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', { class: 'number' })))
    const none = h('tr', {}, h('td', { class: 'muted' }, 'none'))
    fill(table, ...(rows.length > 0 ? rows : [none]))
  }
  for (const [i, [, value]] of entries.entries()) {
    const cell = table.rows[i].cells[1]
    setText(cell, value.toLocaleString('en'))
    cell.classList.toggle('muted', value === 0)
  }
}
