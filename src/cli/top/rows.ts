/** The rows of `vnet top`: rates between two readings, sorted and filtered. */
import { deviceFields, dropsOf, label } from '../device-text.ts'
import type { Reading, TopDevice } from './reading.ts'

/** A row. A rate, per second, is undefined until there are two readings, or after a reset. */
export interface TopRow {
  /** Escaped, with the namespace. */
  readonly name: string
  readonly driver: string
  readonly state: string
  readonly tx: number | undefined
  readonly txBytes: number | undefined
  readonly rx: number | undefined
  readonly rxBytes: number | undefined
  /** Frames dropped per second, in both directions. */
  readonly drops: number | undefined
  /** Why frames were dropped, the most frequent at present first: `tx NEIGH 12`. */
  readonly reasons: readonly string[]
  /** The numbers of transmit queues and of stopped ones. */
  readonly queues: number
  readonly stopped: number
  readonly held: number
  /** CPU use in percent of one core, by the process, which the interfaces of a vnet share. */
  readonly cpu: number | undefined
}

/** The columns by which rows are sorted, with the key that selects each. */
export const SORT_KEYS = { n: 'name', t: 'tx', r: 'rx', d: 'drops', c: 'cpu' } as const
export type SortKey = (typeof SORT_KEYS)[keyof typeof SORT_KEYS]

/** Rows of `reading`; with rates if `before` is the reading before it. */
export function rowsOf(reading: Reading, before: Reading | undefined): TopRow[] {
  const last = new Map(before?.devices.map(device => [keyOf(device), device]))
  return reading.devices.map(device => row(device, last.get(keyOf(device)), cpuOf(device, reading, before)))
}

/** Returns the object of a round for `--json`. Rates are per second, null in the first round. */
export function roundOf(time: number, reading: Reading, before: Reading | undefined) {
  const rows = rowsOf(reading, before)
  const interfaces = reading.devices.map(({ device, stats }, i) => {
    const { driver, state, tx, txBytes, rx, rxBytes, drops, reasons, held, queues, stopped, cpu } = rows[i] as TopRow
    const rates = Object.entries({ tx, txBytes, rx, rxBytes, drops }).map(([name, rate]) => [name, rate ?? null])
    return {
      name: device.name,
      netns: device.netns ?? null,
      driver,
      state,
      rates: Object.fromEntries(rates),
      drops: dropsOf(stats),
      reasons,
      held,
      queues,
      stopped,
      cpu: cpu ?? null,
    }
  })
  return { event: 'top', time, interfaces }
}

/** Rows that have `filter` in their name or driver, in either case; sorted, largest rates first. */
export function arranged(rows: readonly TopRow[], sort: SortKey, isReversed: boolean, filter: string): TopRow[] {
  const wanted = filter.toLowerCase()
  const shown = rows.filter(({ name, driver }) => `${name}\n${driver}`.toLowerCase().includes(wanted))
  const direction = isReversed ? -1 : 1
  return shown.sort((a, b) => {
    const byName = a.name.localeCompare(b.name, 'en', { numeric: true })
    if (sort === 'name') return direction * byName
    return direction * ((b[sort] ?? -1) - (a[sort] ?? -1)) || byName
  })
}

function keyOf({ device: { vnet, ifindex, netns } }: TopDevice): string {
  return `${vnet} ${ifindex} ${netns}`
}

function row({ device, stats, stopped }: TopDevice, last: TopDevice | undefined, cpu: number | undefined): TopRow {
  const seconds = (stats.time - (last?.stats.time ?? stats.time)) / 1000
  /** Rate of a counter; undefined if it fell, which is a reset. */
  const rate = (count: (from: TopDevice['stats']) => number): number | undefined => {
    if (last === undefined || !(seconds > 0)) return undefined
    const more = count(stats) - count(last.stats)
    return more < 0 ? undefined : more / seconds
  }
  const reasons = (['tx', 'rx'] as const).flatMap(direction =>
    Object.entries(stats.drops[direction]).map(([reason, total]) => {
      return {
        text: `${direction} ${reason} ${total}`,
        total,
        now: rate(({ drops }) => drops[direction][reason] ?? 0) ?? 0,
      }
    }),
  )
  reasons.sort((a, b) => b.now - a.now || b.total - a.total)
  return {
    name: label(device),
    driver: device.driver ?? '',
    state: deviceFields(device).state,
    tx: rate(({ total }) => total.txPackets),
    txBytes: rate(({ total }) => total.txBytes),
    rx: rate(({ total }) => total.rxPackets),
    rxBytes: rate(({ total }) => total.rxBytes),
    drops: rate(dropsOf),
    reasons: reasons.map(({ text }) => text),
    queues: stats.queues.length,
    stopped,
    held: stats.held,
    cpu,
  }
}

function cpuOf({ device: { pid } }: TopDevice, { cpu }: Reading, before: Reading | undefined): number | undefined {
  if (pid === undefined) return undefined
  const [now, last] = [cpu.get(pid), before?.cpu.get(pid)]
  return now && last && now.at > last.at ? (100 * (now.used - last.used)) / (now.at - last.at) : undefined
}
