/** All interfaces in one table, first those with trouble, then the busy ones. */
import { formatNumber } from '../../base/quantity.ts'
import type { DeviceCounters, DeviceRow } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { stateOf } from './driver-text.ts'
import { SCROLLABLE } from './hooks.ts'
import { placeHash } from './place.ts'
import type { DeviceRate } from './rates.ts'

export function allView(app: App): View {
  return { name: 'all', title: 'All', wants: [], Body: () => <All app={app} /> }
}

interface Line {
  readonly device: DeviceRow
  readonly rate: DeviceRate | undefined
  readonly counters: DeviceCounters | undefined
  /** Greater is further up. */
  readonly rank: number
}

const COLUMNS = ['interface', 'state', 'frames/s', 'bit/s', 'drops/s', 'dropped', 'errors', 'timeouts'] as const

function All({ app }: { readonly app: App }) {
  const { vnets, rates } = app
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (devices.length === 0) return <p class="muted">No vnet runs. “vnet snull” in a terminal makes two interfaces.</p>
  const lines = devices
    .map(device => lineOf(device, rates.of(device.id), rates.counters(device.id)))
    .sort((a, b) => b.rank - a.rank)
  return (
    <section class="panel scroll" aria-label="All interfaces" {...SCROLLABLE}>
      <table class="all">
        <thead>
          <tr>
            {COLUMNS.map((title, i) => (
              <th key={title} scope="col" class={i > 1 ? 'number' : ''}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(line => (
            <Row key={line.device.id} {...line} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Powers of ten, so that rates that vary a little do not move lines. */
const size = (perSecond: number): number => Math.max(0, Math.ceil(Math.log10(perSecond + 1)))

function lineOf(device: DeviceRow, rate: DeviceRate | undefined, counters: DeviceCounters | undefined): Line {
  const { txDrops = 0, rxDrops = 0, txPackets = 0, rxPackets = 0 } = rate ?? {}
  const isBroken = stateOf(device).tone === 'drop' ? 1 : 0
  return { device, rate, counters, rank: 1000 * isBroken + 20 * size(txDrops + rxDrops) + size(txPackets + rxPackets) }
}

function Row({ device, rate, counters }: Line) {
  const { text, tone } = stateOf(device)
  const { txDrops = 0, rxDrops = 0, txPackets = 0, rxPackets = 0, txBits = 0, rxBits = 0 } = rate ?? {}
  const { drops, txErrors = 0, rxErrors = 0, txTimeouts = 0 } = counters ?? {}
  const dropped = [drops?.tx, drops?.rx].flatMap(each => Object.values(each ?? {})).reduce((a, b) => a + b, 0)
  const troubles = [formatNumber(txDrops + rxDrops), ...[dropped, txErrors + rxErrors, txTimeouts].map(whole)]
  return (
    <tr>
      <th scope="row" class="mono">
        <a href={placeHash({ view: 'driver', device: device.id })}>{device.label}</a>
      </th>
      <td class={tone}>{text}</td>
      <td class="number">{formatNumber(txPackets + rxPackets)}</td>
      <td class="number">{formatNumber(txBits + rxBits)}</td>
      {troubles.map((number, i) => (
        <td key={i} class={number === '0' ? 'number muted' : 'number drop'}>
          {number}
        </td>
      ))}
    </tr>
  )
}

const whole = (number: number): string => number.toLocaleString('en')
