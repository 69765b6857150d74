/** All interfaces in one table, first those with trouble, then the busy ones. */
import { useRef } from 'preact/hooks'
import { formatNumber } from 'vnet/internal/base/duration'
import type { DeviceCounters, DeviceId, DeviceRow } from '../feed-types.ts'
import { type App, placeHash, type View } from './app.ts'
import { lateText, stateOf, whole } from './driver-text.ts'
import { type DeviceRate, wrongDrops } from './rates.ts'
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
  if (devices.length === 0) return <p class="muted">No vnet runs. “vnet snull” in a terminal makes two interfaces.</p>
  const lines = devices
    .map(device => lineOf(device, rates.of(device.id), rates.counters(device.id)))
    .sort((a, b) => b.rank - a.rank)
  // Lines do not move away from the pointer, or with the focus.
  if (table.current?.matches(':hover, :focus-within'))
    lines.sort((a, b) => placeIn(order.current, a) - placeIn(order.current, b))
  order.current = lines.map(({ device }) => device.id)
  const columns: readonly Column<Line>[] = [
    { title: 'interface', cell: linkTo },
    { title: 'state', cell: stateIn },
    { title: 'last minute', class: 'whole', cell: ({ device }) => <Sparkline values={lastOf(app, device.id)} /> },
    numbers('frames/s', ({ rate: { txPackets = 0, rxPackets = 0 } }) => formatNumber(txPackets + rxPackets)),
    numbers('bit/s', ({ rate: { txBits = 0, rxBits = 0 } }) => formatNumber(txBits + rxBits), 'whole'),
    numbers('late p99', ({ device }) => lateText(late[device.id]), 'whole'),
    troubles('drops/s', ({ rate: { txDrops = 0, rxDrops = 0 } }) => formatNumber(txDrops + rxDrops)),
    troubles('dropped', ({ counters: { drops } }) => whole(wrongDrops(drops?.tx) + wrongDrops(drops?.rx))),
    troubles('errors', ({ counters: { txErrors = 0, rxErrors = 0 } }) => whole(txErrors + rxErrors)),
    troubles('timeouts', ({ counters: { txTimeouts = 0 } }) => whole(txTimeouts)),
  ]
  return (
    <section class="panel scroll" aria-label="All interfaces" {...SCROLLABLE}>
      <Table class="all" columns={columns} rows={lines} keyOf={({ device }) => device.id} host={table} />
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
  const [tx, rx] = ['tx frames', 'rx frames'].map(key => history.device(id)?.rate(key, time / 1000 - POINTS) ?? [])
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
  return { device, rate, counters, rank: 1000 * isBroken + 20 * size(txDrops + rxDrops) + size(txPackets + rxPackets) }
}

function Sparkline({ values }: { readonly values: readonly number[] }) {
  const most = Math.max(1, ...values)
  const points = values.map((value, i) => `${60 - values.length + i},${(15 - (14 * value) / most).toFixed(1)}`)
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
