/** All interfaces in one table, first those with trouble, then the busy ones. */
import { useRef } from 'preact/hooks'
import { formatNumber } from '../../base/quantity.ts'
import type { DeviceCounters, DeviceId, DeviceRow } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { stateOf } from './driver-text.ts'
import { wrongDrops } from './drop-reason.ts'
import { SCROLLABLE } from './hooks.ts'
import { placeHash } from './place.ts'
import type { DeviceRate } from './rates.ts'
import { Heads } from './table.tsx'
import { lateText, whole } from './traffic-units.ts'

export function allView(app: App): View {
  return { name: 'all', title: 'All', wants: ['late'], Body: () => <All app={app} /> }
}

interface Line {
  readonly device: DeviceRow
  readonly rate: DeviceRate | undefined
  readonly counters: DeviceCounters | undefined
  /** Greater is further up. */
  readonly rank: number
}

/** The seconds that the small plot of a line shows. */
const POINTS = 60

const COLUMNS = [
  'interface',
  'state',
  'last minute',
  'frames/s',
  'bit/s',
  'late p99',
  'drops/s',
  'dropped',
  'errors',
  'timeouts',
] as const
/** The first columns, before the numbers. A narrow page leaves out the `whole` ones. */
const CLASSES = ['', '', 'whole', 'number', 'number whole', 'number whole'] as const

function All({ app }: { readonly app: App }) {
  const table = useRef<HTMLTableElement>(null)
  const order = useRef<readonly DeviceId[]>([])
  const { vnets, rates } = app
  const late = app.last('late')?.p99 ?? {}
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (devices.length === 0) return <p class="muted">No vnet runs. “vnet snull” in a terminal makes two interfaces.</p>
  const lines = devices
    .map(device => lineOf(device, rates.of(device.id), rates.counters(device.id)))
    .sort((a, b) => b.rank - a.rank)
  // Lines do not move away from the pointer, or with the focus.
  if (table.current?.matches(':hover, :focus-within'))
    lines.sort((a, b) => placeIn(order.current, a) - placeIn(order.current, b))
  order.current = lines.map(({ device }) => device.id)
  return (
    <section class="panel scroll" aria-label="All interfaces" {...SCROLLABLE}>
      <table class="all" ref={table}>
        <Heads titles={COLUMNS} classOf={i => CLASSES[i] ?? 'number'} />
        <tbody>
          {lines.map(line => (
            <Row key={line.device.id} {...line} last={lastOf(app, line.device.id)} late={late[line.device.id]} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Returns the frames per second in the last minute, oldest first. */
function lastOf({ history, time }: App, id: DeviceId): readonly number[] {
  const [tx, rx] = ['tx frames', 'rx frames'].map(key => history.device(id)?.rate(key, time / 1000 - POINTS) ?? [])
  return tx.map((frames, i) => (frames ?? 0) + (rx[i] ?? 0)).slice(-POINTS)
}

const placeIn = (order: readonly DeviceId[], { device }: Line): number => {
  const place = order.indexOf(device.id)
  return place < 0 ? order.length : place
}

/** Powers of ten, so that rates that vary a little do not move lines. */
const size = (perSecond: number): number => Math.max(0, Math.ceil(Math.log10(perSecond + 1)))

function lineOf(device: DeviceRow, rate: DeviceRate | undefined, counters: DeviceCounters | undefined): Line {
  const { txDrops = 0, rxDrops = 0, txPackets = 0, rxPackets = 0 } = rate ?? {}
  const isBroken = stateOf(device).tone === 'drop' ? 1 : 0
  return { device, rate, counters, rank: 1000 * isBroken + 20 * size(txDrops + rxDrops) + size(txPackets + rxPackets) }
}

interface RowProps extends Line {
  readonly last: readonly number[]
  /** In ms; undefined without packets that a wire delays. */
  readonly late: number | undefined
}

function Row({ device, rate, counters, last, late }: RowProps) {
  const { text, tone } = stateOf(device)
  const { txDrops = 0, rxDrops = 0, txPackets = 0, rxPackets = 0, txBits = 0, rxBits = 0 } = rate ?? {}
  const { drops, txErrors = 0, rxErrors = 0, txTimeouts = 0 } = counters ?? {}
  const dropped = wrongDrops(drops?.tx) + wrongDrops(drops?.rx)
  const troubles = [formatNumber(txDrops + rxDrops), ...[dropped, txErrors + rxErrors, txTimeouts].map(whole)]
  return (
    <tr>
      <th scope="row" class="mono">
        <a href={placeHash({ view: 'driver', device: device.id })}>{device.label}</a>
      </th>
      <td class={tone}>{text}</td>
      <td class="whole">
        <Sparkline values={last} />
      </td>
      <td class="number">{formatNumber(txPackets + rxPackets)}</td>
      <td class="number whole">{formatNumber(txBits + rxBits)}</td>
      <td class="number whole">{lateText(late)}</td>
      {troubles.map((number, i) => (
        <td key={i} class={number === '0' ? 'number muted' : 'number drop'}>
          {number}
        </td>
      ))}
    </tr>
  )
}

/** A line of 60 by 16 pixels, up to the largest value. */
function Sparkline({ values }: { readonly values: readonly number[] }) {
  const most = Math.max(1, ...values)
  const points = values.map((value, i) => `${60 - values.length + i},${(15 - (14 * value) / most).toFixed(1)}`)
  return (
    <svg
      width={60}
      height={16}
      role="img"
      aria-label={`Up to ${formatNumber(Math.max(0, ...values))} frames/s in the last minute`}
    >
      <polyline class="spark" points={points.join(' ')} />
    </svg>
  )
}
