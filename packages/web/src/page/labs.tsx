/** The running labs: hosts, segments and links, with the rate and the drops of each link. */
import { useMemo } from 'preact/hooks'
import { formatNumber } from 'vnet/internal/base/duration'
import type { DeviceRow, Message } from '../feed-types.ts'
import { type App, placeHash, type View } from './app.ts'
import { stateOf } from './driver-text.ts'
import { BOX, type Lab, type LabNode, type LinkLine, labsOf, layoutLab, type NodeBox } from './lab-graph.ts'
import { Label } from './shapes.tsx'
import { type Column, numbers, SCROLLABLE, Table } from './table.tsx'

export function labsView(app: App): View {
  const isOffered = () => app.vnets.some(({ devices }) => devices.some(({ lab }) => lab !== undefined))
  return { name: 'labs', title: 'Labs', isGeneral: true, isOffered, wants: ['late'], Body: () => <Labs app={app} /> }
}

function Labs({ app }: { readonly app: App }) {
  const { vnets, rates } = app
  const labs = useMemo(() => labsOf(vnets), [vnets])
  if (labs.length === 0) return <p class="muted">No lab is running. “vnet lab FILE” in a terminal starts one.</p>
  return (
    <div class="labs stack">
      {labs.map(lab => (
        <Drawing key={lab.name} lab={lab} rates={rates} wires={app.last('late')?.wires ?? {}} />
      ))}
    </div>
  )
}

interface DrawingProps {
  readonly lab: Lab
  readonly rates: App['rates']
  readonly wires: NonNullable<Message<'late'>['wires']>
}

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
      <p class="small muted">A box is a host, a hexagon a router, and a box with round ends a segment.</p>
      <section class="scroll" aria-label={`The ends of the links of ${lab.name}`} {...SCROLLABLE}>
        <Table class="all" columns={COLUMNS} rows={endsOf(lab, rates, wires)} keyOf={({ device }) => device.id} />
      </section>
    </section>
  )
}

interface End {
  readonly device: DeviceRow
  readonly to: string
  readonly wire: string | undefined
  readonly rate: number | undefined
}

/** The ends of links, each with the wire of the frames that it transmits. */
function endsOf({ links }: Lab, rates: App['rates'], wires: DrawingProps['wires']): End[] {
  return links.flatMap(({ device, peer, from, to }) => {
    const [own, other] = [wires[device.id], peer && wires[peer.id]]
    const end = (device: DeviceRow, to: LabNode, wire: string | undefined): End => ({
      device,
      to: to.name,
      wire,
      rate: rates.of(device.id)?.txPackets,
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
    cell: ({ device }) => <a href={placeHash({ view: 'driver', device: device.id })}>{device.name}</a>,
  },
  { title: 'addresses', cell: ({ device: { addresses = [] } }) => addresses.join(', ') },
  { title: 'NAT', cell: ({ device }) => device.lab?.nat ?? '' },
  { title: 'wire of its frames', cell: ({ wire }) => (wire === undefined ? '' : <code>{wire || 'off'}</code>) },
  numbers('frames/s', ({ rate = 0 }) => formatNumber(rate)),
]

function Node({ node, x, y }: NodeBox) {
  const { name, kind } = node
  return (
    <g class="node">
      <title>{`${kind} ${name}`}</title>
      <path class="box" d={outlineOf(kind, x, y)} />
      <Label x={x + BOX.width / 2} y={y + BOX.height / 2 + 5} anchor="middle" text={name} width={BOX.width - 8} />
    </g>
  )
}

/** A host is a box, a router a hexagon, and a segment a box with round ends. */
function outlineOf(kind: LabNode['kind'], x: number, y: number): string {
  const { width, height } = BOX
  const middle = height / 2
  if (kind === 'host') return `M${x} ${y}h${width}v${height}h${-width}z`
  const side = width - height
  if (kind === 'router')
    return `M${x + middle} ${y}h${side}l${middle} ${middle}l${-middle} ${middle}h${-side}l${-middle} ${-middle}z`
  return `M${x + middle} ${y}h${side}a${middle} ${middle} 0 0 1 0 ${height}h${-side}a${middle} ${middle} 0 0 1 0 ${-height}z`
}

function Link({ link, path, x, y, rates }: LinkLine & { readonly rates: App['rates'] }) {
  const { from, to, device, peer } = link
  const [near, far] = [rates.of(device.id), peer && rates.of(peer.id)]
  const there = near?.txPackets ?? 0
  const back = (peer === undefined ? near?.rxPackets : far?.txPackets) ?? 0
  const drops = [near, far].reduce((all, each) => all + (each?.txDrops ?? 0) + (each?.rxDrops ?? 0), 0)
  const { text, tone } = stateOf(device)
  const isOk = tone === 'ok'
  const lost = drops > 0 ? `−${formatNumber(drops)}/s` : ''
  const shown = isOk ? `${formatNumber(there + back)}/s` : text
  return (
    <a href={placeHash({ view: 'driver', device: device.id })} class={isOk ? 'link' : 'link drop'}>
      <title>
        {`${device.label}: ${from.name} to ${to.name} ${perSecond(there)}, back ${perSecond(back)}, dropped ${perSecond(drops)}, ${text}`}
      </title>
      <path class="target" d={path} />
      <path class="line" d={path} />
      <text x={x} y={y + 4} text-anchor="middle">
        {shown} {lost && <tspan class="drop">{lost}</tspan>}
      </text>
    </a>
  )
}

const perSecond = (frames: number): string => `${formatNumber(frames)} frames/s`
