/** The general views: all interfaces, first those with trouble, then busy ones; running labs. */
import { useMemo, useRef } from 'preact/hooks'
import { formatNumber } from 'vnet/kit/base'
import type { DeviceCounters, DeviceId, DeviceRow, Message } from '../feed-types.ts'
import { type App, placeHash, type View } from './app.ts'
import { lateText, stateOf, whole } from './driver-text.ts'
import {
  BOX,
  type Lab,
  type LabNode,
  type LinkLine,
  labsOf,
  layoutLab,
  type NodeBox,
} from './lab-graph.ts'
import { type DeviceRate, wrongDrops } from './rates.ts'
import { Label } from './shapes.tsx'
import { type Column, numbers, SCROLLABLE, Table, troubles } from './table.tsx'

export const allView = (app: App): View => ({
  name: 'all',
  title: 'All',
  isGeneral: true,
  wants: ['late'],
  Body: () => <All app={app} />,
})

interface Line {
  readonly device: DeviceRow
  readonly rate: Partial<DeviceRate>
  readonly counters: Partial<DeviceCounters>
  /** Greater is further up. */
  readonly rank: number
}

/** The seconds that the small plot of a line shows. */
const POINTS = 60

function All({ app }: { readonly app: App }) {
  const table = useRef<HTMLTableElement>(null)
  const order = useRef<readonly DeviceId[]>([])
  const { vnets, rates } = app
  const late = app.last('late')?.p99 ?? {}
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (devices.length === 0) {
    return <p class="muted">No vnet runs. “vnet snull” in a terminal makes two interfaces.</p>
  }
  const lines = devices
    .map(device => lineOf(device, rates.of(device.id), rates.counters(device.id)))
    .sort((a, b) => b.rank - a.rank)
  // Lines do not move away from the pointer, or with the focus.
  if (table.current?.matches(':hover, :focus-within')) {
    lines.sort((a, b) => placeIn(order.current, a) - placeIn(order.current, b))
  }
  order.current = lines.map(({ device }) => device.id)
  const columns: readonly Column<Line>[] = [
    { title: 'interface', cell: linkTo },
    { title: 'state', cell: stateIn },
    {
      title: 'last minute',
      class: 'whole',
      cell: ({ device }) => <Sparkline values={lastOf(app, device.id)} />,
    },
    numbers('frames/s', ({ rate: { txPackets = 0, rxPackets = 0 } }) =>
      formatNumber(txPackets + rxPackets),
    ),
    numbers(
      'bit/s',
      ({ rate: { txBits = 0, rxBits = 0 } }) => formatNumber(txBits + rxBits),
      'whole',
    ),
    numbers('late p99', ({ device }) => lateText(late[device.id]), 'whole'),
    troubles('drops/s', ({ rate: { txDrops = 0, rxDrops = 0 } }) =>
      formatNumber(txDrops + rxDrops),
    ),
    troubles('dropped', ({ counters: { drops } }) =>
      whole(wrongDrops(drops?.tx) + wrongDrops(drops?.rx)),
    ),
    troubles('errors', ({ counters: { txErrors = 0, rxErrors = 0 } }) =>
      whole(txErrors + rxErrors),
    ),
    troubles('timeouts', ({ counters: { txTimeouts = 0 } }) => whole(txTimeouts)),
  ]
  return (
    <section class="panel scroll" aria-label="All interfaces" {...SCROLLABLE}>
      <Table
        class="all"
        columns={columns}
        rows={lines}
        keyOf={({ device }) => device.id}
        host={table}
      />
    </section>
  )
}

const linkTo = ({ device }: Line) => (
  <a class="mono" href={placeHash({ view: 'driver', device: device.id })}>
    {device.label}
  </a>
)

const stateIn = ({ device }: Line) => {
  const { text, tone } = stateOf(device)
  return <span class={tone}>{text}</span>
}

/** Returns the frames per second in the last minute, oldest first. */
function lastOf({ history, time }: App, id: DeviceId): readonly number[] {
  const [tx, rx] = ['tx frames', 'rx frames'].map(
    key => history.device(id)?.rate(key, time / 1000 - POINTS) ?? [],
  )
  return tx.map((frames, i) => (frames ?? 0) + (rx[i] ?? 0)).slice(-POINTS)
}

const placeIn = (order: readonly DeviceId[], { device }: Line): number => {
  const place = order.indexOf(device.id)
  return place < 0 ? order.length : place
}

/** Powers of ten, so that rates that vary a little do not move lines. */
const size = (perSecond: number): number => Math.max(0, Math.ceil(Math.log10(perSecond + 1)))

function lineOf(device: DeviceRow, rate: Line['rate'] = {}, counters: Line['counters'] = {}): Line {
  const { txDrops = 0, rxDrops = 0, txPackets = 0, rxPackets = 0 } = rate
  const isBroken = stateOf(device).tone === 'drop' ? 1 : 0
  return {
    device,
    rate,
    counters,
    rank: 1000 * isBroken + 20 * size(txDrops + rxDrops) + size(txPackets + rxPackets),
  }
}

function Sparkline({ values }: { readonly values: readonly number[] }) {
  const most = Math.max(1, ...values)
  const points = values.map(
    (value, i) => `${60 - values.length + i},${(15 - (14 * value) / most).toFixed(1)}`,
  )
  return (
    <svg
      class="sparkline"
      viewBox="0 0 60 16"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Up to ${formatNumber(Math.max(0, ...values))} frames/s in the last minute`}
    >
      <polyline class="line tx" points={points.join(' ')} />
    </svg>
  )
}

/** The view of running labs, offered while there are any. */
export function labsView(app: App): View {
  const isOffered = () =>
    app.vnets.some(({ devices }) => devices.some(({ lab }) => lab !== undefined))
  return {
    name: 'labs',
    title: 'Labs',
    isGeneral: true,
    isOffered,
    wants: ['late'],
    Body: () => <Labs app={app} />,
  }
}

function Labs({ app }: { readonly app: App }) {
  const { vnets, rates } = app
  const labs = useMemo(() => labsOf(vnets), [vnets])
  if (labs.length === 0) {
    return <p class="muted">No lab is running. “vnet lab FILE” in a terminal starts one.</p>
  }
  return (
    <div class="labs stack">
      {labs.map(lab => (
        <Drawing key={lab.name} lab={lab} rates={rates} wires={app.last('late')?.wires ?? {}} />
      ))}
    </div>
  )
}

type DrawingProps = Readonly<{
  lab: Lab
  rates: App['rates']
  wires: NonNullable<Message<'late'>['wires']>
}>

function Drawing({ lab, rates, wires }: DrawingProps) {
  const { boxes, lines, width, height } = useMemo(() => layoutLab(lab), [lab])
  return (
    <section class="panel">
      <h2>{lab.name}</h2>
      <figure class="scroll" aria-label={`The links of ${lab.name}`}>
        <svg role="presentation" width={width} height={height}>
          {boxes.map(box => (
            <Node key={`${box.node.kind} ${box.x} ${box.y}`} {...box} />
          ))}
          {lines.map(line => (
            <Link key={line.link.device.id} {...line} rates={rates} />
          ))}
        </svg>
      </figure>
      <p class="small muted">
        A box is a host, a hexagon a router, and a box with round ends a segment.
      </p>
      <section class="scroll" aria-label={`The ends of the links of ${lab.name}`} {...SCROLLABLE}>
        <Table
          class="all"
          columns={COLUMNS}
          rows={endsOf(lab, rates, wires)}
          keyOf={({ device }) => device.id}
        />
      </section>
    </section>
  )
}

type End = Readonly<{
  device: DeviceRow
  to: string
  wire: string | undefined
  rate: number | undefined
}>

/** The ends of links, each with the wire of the frames that it transmits. */
function endsOf({ links }: Lab, rates: App['rates'], wires: DrawingProps['wires']): End[] {
  return links.flatMap(({ device, peer, from, to }) => {
    const [own, other] = [wires[device.id], peer && wires[peer.id]]
    const end = (row: DeviceRow, node: LabNode, wire: string | undefined): End => ({
      device: row,
      to: node.name,
      wire,
      rate: rates.of(row.id)?.txPackets,
    })
    const back = peer && end(peer, from, other?.out ?? own?.in)
    return [end(device, to, own?.out ?? other?.in), ...(back ? [back] : [])]
  })
}

const COLUMNS: readonly Column<End>[] = [
  { title: 'from', cell: ({ device }) => device.lab?.host ?? '' },
  { title: 'to', cell: ({ to }) => to },
  {
    title: 'interface',
    cell: ({ device }) => (
      <a href={placeHash({ view: 'driver', device: device.id })}>{device.name}</a>
    ),
  },
  { title: 'addresses', cell: ({ device: { addresses = [] } }) => addresses.join(', ') },
  { title: 'NAT', cell: ({ device }) => device.lab?.nat ?? '' },
  {
    title: 'wire of its frames',
    cell: ({ wire }) => (wire === undefined ? '' : <code>{wire || 'off'}</code>),
  },
  numbers('frames/s', ({ rate = 0 }) => formatNumber(rate)),
]

function Node({ node, x, y }: NodeBox) {
  const { name, kind } = node
  return (
    <g class="node">
      <title>{`${kind} ${name}`}</title>
      <path class="box" d={outlineOf(kind, x, y)} />
      <Label
        x={x + BOX.width / 2}
        y={y + BOX.height / 2 + 5}
        anchor="middle"
        text={name}
        width={BOX.width - 8}
      />
    </g>
  )
}

/** A host is a box, a router a hexagon, and a segment a box with round ends. */
function outlineOf(kind: LabNode['kind'], x: number, y: number): string {
  const { width, height } = BOX
  const middle = height / 2
  if (kind === 'host') return `M${x} ${y}h${width}v${height}h${-width}z`
  const side = width - height
  if (kind === 'router') {
    return `M${x + middle} ${y}h${side}l${middle} ${middle}l${-middle} ${middle}h${-side}l${-middle} ${-middle}z`
  }
  return `M${x + middle} ${y}h${side}a${middle} ${middle} 0 0 1 0 ${height}h${-side}a${middle} ${middle} 0 0 1 0 ${-height}z`
}

function Link({ link, path, x, y, rates }: LinkLine & { readonly rates: App['rates'] }) {
  const { from, to, device, peer } = link
  const [near, far] = [rates.of(device.id), peer && rates.of(peer.id)]
  const there = near?.txPackets ?? 0
  const back = (peer === undefined ? near?.rxPackets : far?.txPackets) ?? 0
  const drops = [near, far].reduce(
    (all, each) => all + (each?.txDrops ?? 0) + (each?.rxDrops ?? 0),
    0,
  )
  const { text, tone } = stateOf(device)
  const isOk = tone === 'ok'
  const lost = drops > 0 ? `−${formatNumber(drops)}/s` : ''
  const shown = isOk ? `${formatNumber(there + back)}/s` : text
  return (
    <a href={placeHash({ view: 'driver', device: device.id })} class={isOk ? 'link' : 'link drop'}>
      <title>
        {`${device.label}: ${from.name} to ${to.name} ${framesPerSecond(there)}, back ${framesPerSecond(back)}, dropped ${framesPerSecond(drops)}, ${text}`}
      </title>
      <path class="target" d={path} />
      <path class="line" d={path} />
      <text x={x} y={y + 4} text-anchor="middle">
        {shown} {lost && <tspan class="drop">{lost}</tspan>}
      </text>
    </a>
  )
}

const framesPerSecond = (frames: number): string => `${formatNumber(frames)} frames/s`
