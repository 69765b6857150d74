/** `vnet stats`: vnet's counters beside the kernel's, once, or repeatedly with rates. */
import { formatNumber } from '../../base/duration.ts'
import type { ControlClient, DeviceStats, Found, FoundDevice } from '../../control/index.ts'
import { queueCounterFields } from '../../control/protocol/queue-counters.ts'
import { BEFORE_VNET } from '../../netdev/before-vnet.ts'
import { BYPASSED } from '../../netdev/bypass.ts'
import {
  kernelName,
  type LinkStats64,
  type LinkStats64Field,
  linkStats64Fields,
} from '../../netdev/stats.ts'
import { align } from '../align.ts'
import { askVnets, failAll, failEnded, hasEnded, type QueryOptions } from '../ask.ts'
import { busyText, dropsOf, isAmong, label, ownerLabel } from '../device-text.ts'
import { jsonOutput } from '../output.ts'
import { EXIT_OK, endOf, type Io } from '../process/io.ts'

interface TableOptions {
  /** Also prints counters that are 0 on both sides. */
  readonly all?: boolean | undefined
  readonly queues?: boolean | undefined
}

interface StatsOptions extends QueryOptions, Required<TableOptions> {
  /** Milliseconds between two rounds. */
  readonly watch: number | undefined
}

/** Prints the statistics of the interfaces `names`, or of all if `names` is empty. */
export async function printStats(
  names: readonly string[],
  options: StatsOptions,
  io: Io,
): Promise<number> {
  if (options.watch === undefined) return (await round(names, options, io, [])).status
  using end = endOf(io)
  for (let before: readonly PlacedStats[] = []; ; ) {
    const { status, interfaces } = await round(names, options, io, before)
    if (status !== EXIT_OK) return status
    if (await end.within(options.watch)) return EXIT_OK
    before = interfaces
  }
}

/** `seed` is the wire's, if it has stages. */
type PlacedStats = DeviceStats & Pick<FoundDevice, 'place' | 'owner'> & { readonly seed?: number }

/** Reads and prints once; with rates where `before` has the counters of the round before. */
async function round(
  names: readonly string[],
  options: StatsOptions,
  io: Io,
  before: readonly PlacedStats[],
): Promise<{ status: number; interfaces: readonly PlacedStats[] }> {
  const interfaces: PlacedStats[] = []
  const show = async (client: ControlClient, { devices, failed }: Found) => {
    for (const device of devices) {
      if (!isAmong(device, names)) continue
      const found = await placedStats(client, device, options, names.length > 0)
      if (found !== undefined) {
        interfaces.push(found)
      }
    }
    if (names.length === 0 && interfaces.length === 0) return failEnded(io, failed)
    if (options.json) {
      jsonOutput(io, false).statistics(interfaces)
    } else {
      const at =
        options.watch === undefined
          ? ''
          : `${new Date(interfaces[0]?.time ?? Date.now()).toISOString()}\n`
      io.out((before.length > 0 ? '\n' : '') + at + statsTable(interfaces, options, before))
    }
    // Every interface that was named has been found.
    return names.length > 0 ? EXIT_OK : failAll(io, failed)
  }
  return { status: await askVnets(names, io, show, options), interfaces }
}

/**
 * Returns the statistics of a device; undefined if its vnet has ended meanwhile, which is an error
 * only for a device that was named.
 */
async function placedStats(
  client: ControlClient,
  device: FoundDevice,
  { watch }: StatsOptions,
  isNamed: boolean,
): Promise<PlacedStats | undefined> {
  const stats = await client.stats(device.vnet, device).catch(error => {
    if (isNamed || !hasEnded(error)) throw error
  })
  const seed = watch === undefined ? await wireSeed(client, device) : undefined
  if (!stats) return undefined
  const { place, owner } = device
  return { ...stats, place, ...(owner && { owner }), ...(seed !== undefined && { seed }) }
}

/** Returns the seed of the device's wire; undefined if it has no stages. */
async function wireSeed(client: ControlClient, device: FoundDevice): Promise<number | undefined> {
  const wire = await client.wire(device.vnet, device).catch(() => undefined)
  return wire?.text.ab || wire?.text.ba ? wire.seed : undefined
}

/**
 * Returns a block of lines for each interface: the fields of rtnl_link_stats64, vnet's count beside
 * the kernel's; then the counters that only vnet has, including drops by reason; then one row a
 * queue. An interface that is also in `before`, read earlier, has a column `vnet/s` with rates. The
 * last block then has one line for each interface.
 */
export function statsTable(
  interfaces: readonly PlacedStats[],
  options: TableOptions,
  before: readonly PlacedStats[] = [],
): string {
  const blocks = interfaces.map(stats => [
    ...(stats.busy === undefined
      ? []
      : [`${label(stats)}: ${busyText(stats.busy)}, the counters are older`]),
    ...align(countRows(stats, options, before)),
    ...(options.queues ? align(queueRows(stats, options)) : []),
  ])
  if (interfaces.some(stats => rateOf(stats, before) !== undefined)) {
    blocks.push(align(rateRows(interfaces, before)))
  }
  return blocks.map(lines => lines.map(line => `${line.trimEnd()}\n`).join('')).join('\n')
}

type Count = (stats: DeviceStats) => number

/**
 * Returns a function for the rates of counters per second since `before`; undefined without an
 * earlier reading. A counter that fell was reset between the two rounds: its rate is undefined.
 */
function rateOf(
  stats: PlacedStats,
  before: readonly PlacedStats[],
): ((count: Count) => number | undefined) | undefined {
  const last = before.find(
    ({ ifindex, netns }) => ifindex === stats.ifindex && netns === stats.netns,
  )
  const seconds = (stats.time - (last?.time ?? stats.time)) / 1000
  if (last === undefined || !(seconds > 0)) return undefined
  return count => (count(stats) < count(last) ? undefined : (count(stats) - count(last)) / seconds)
}

const RATES: readonly (readonly [name: string, count: Count])[] = [
  ['tx/s', ({ total }) => total.txPackets],
  ['tx bit/s', ({ total }) => 8 * total.txBytes],
  ['rx/s', ({ total }) => total.rxPackets],
  ['rx bit/s', ({ total }) => 8 * total.rxBytes],
  ['drop/s', dropsOf],
]
/** The most frequent reasons of drops that a line names. */
const REASONS = 3

function rateRows(interfaces: readonly PlacedStats[], before: readonly PlacedStats[]): string[][] {
  const rows = interfaces.map(stats => {
    const rate = rateOf(stats, before)
    const reasons = (['tx', 'rx'] as const).flatMap(direction =>
      Object.keys(stats.drops[direction]).map(reason => ({
        name: `${direction} ${reason}`,
        now: rate?.(({ drops }) => drops[direction][reason] ?? 0) ?? 0,
      })),
    )
    const frequent = reasons.filter(({ now }) => now > 0).sort((a, b) => b.now - a.now)
    const named = frequent.slice(0, REASONS).map(({ name }) => name)
    const rates = RATES.map(([, count]) => formatNumber(rate?.(count)))
    return [label(stats), ...rates, named.join(', '), `${stats.held}`]
  })
  return [['interface', ...RATES.map(([name]) => name), 'dropped', 'held'], ...rows]
}

function countRows(
  stats: PlacedStats,
  { all = false }: TableOptions,
  before: readonly PlacedStats[],
): string[][] {
  const rate = rateOf(stats, before)
  const owner = ownerLabel(stats)
  const rows = [[label(stats), 'vnet', 'kernel', ...(rate ? ['vnet/s'] : [])]]
  function add(name: string, count: Count, kernel?: string): void {
    const now = rate?.(count)
    rows.push([
      `  ${name}`,
      `${count(stats)}`,
      kernel ?? '',
      now === undefined ? '-' : `${Math.round(now)}`,
    ])
  }
  for (const field of linkStats64Fields) {
    const kernel = stats.kernel?.[field]
    if (all || stats.total[field] !== 0 || (kernel ?? 0) !== 0) {
      add(kernelName(field), ({ total }) => total[field], `${kernel ?? '-'}`)
    }
  }
  for (const direction of ['tx', 'rx'] as const) {
    for (const reason of Object.keys(stats.drops[direction])) {
      add(`${direction} dropped ${reason}`, ({ drops }) => drops[direction][reason] ?? 0)
    }
  }
  for (const field of queueCounterFields) {
    if (all || stats.total[field] > 0) {
      add(kernelName(field), ({ total }) => total[field])
    }
  }
  if (all || stats.beforeVnet > 0) {
    add(BEFORE_VNET, ({ beforeVnet }) => beforeVnet)
  }
  if (stats.bypassed) {
    add(BYPASSED, ({ bypassed = 0 }) => bypassed)
  }
  if (all || stats.held > 0) {
    rows.push(['  held', `${stats.held}`, ''])
  }
  if (stats.seed !== undefined) {
    rows.push(['  wire seed', `${stats.seed}`, ''])
  }
  if (owner !== undefined) {
    rows.push([`  of ${owner}`, '', ''])
  }
  return rows.map(row => [...row, ''].slice(0, rows[0]?.length))
}

/** Receive fields are shown only for queues that receive. */
function queueRows({ queues, rxQueues }: DeviceStats, { all = false }: TableOptions): string[][] {
  const shown = linkStats64Fields.filter(field => all || queues.some(row => row[field] !== 0))
  const own = queueCounterFields.filter(field => all || queues.some(row => row[field] !== 0))
  const cell = (row: LinkStats64, q: number, field: LinkStats64Field) =>
    q >= rxQueues && (field.startsWith('rx') || field === 'multicast') ? '-' : `${row[field]}`
  const rows = queues.map((row, q) => {
    return [
      `  ${q}`,
      ...shown.map(field => cell(row, q, field)),
      ...own.map(field => `${row[field]}`),
    ]
  })
  return [['  queue', ...[...shown, ...own].map(kernelName)], ...rows]
}
