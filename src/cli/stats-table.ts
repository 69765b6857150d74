/** What `vnet stats` prints for people: a block for each interface. */
import type { DeviceStats, QueueEvents } from '../control/index.ts'
import { type LinkStats64, type LinkStats64Field, linkStats64Fields } from '../core/stats.ts'
import { align } from './align.ts'
import { label } from './label.ts'

/** `rxPackets` as the kernel spells it. */
export function kernelName(field: LinkStats64Field): string {
  return field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** What a queue counts beside the fields. */
const EVENTS: readonly (readonly [name: string, field: keyof QueueEvents])[] = [
  ['requeues', 'requeues'],
  ['tx_timeouts', 'txTimeouts'],
  ['gro_merged', 'groMerged'],
]

export interface TableOptions {
  /** Also what is 0 everywhere. */
  readonly all?: boolean
  readonly queues?: boolean
}

/**
 * For each interface the fields of rtnl_link_stats64, one a row, what vnet counted beside what the kernel counted; drops by
 * reason and what is beside the fields, which only vnet knows; and its queues, one a row.
 */
export function statsTable(interfaces: readonly DeviceStats[], { all = false, queues = false }: TableOptions): string {
  const blocks = interfaces.map(stats => [
    ...align([...fieldRows(stats, all), ...dropRows(stats), ...besideRows(stats, all)]),
    ...(queues ? align(queueRows(stats, all)) : []),
  ])
  return blocks.map(lines => lines.map(line => `${line.trimEnd()}\n`).join('')).join('\n')
}

function fieldRows(stats: DeviceStats, all: boolean): string[][] {
  const { total, kernel } = stats
  const shown = linkStats64Fields.filter(field => all || total[field] !== 0 || (kernel?.[field] ?? 0) !== 0)
  const rows = shown.map(field => [`  ${kernelName(field)}`, `${total[field]}`, `${kernel?.[field] ?? '-'}`])
  return [[label(stats), 'vnet', 'kernel'], ...rows]
}

function dropRows({ drops }: DeviceStats): string[][] {
  return (['tx', 'rx'] as const).flatMap(way =>
    Object.entries(drops[way]).map(([reason, frames]) => [`  ${way} dropped ${reason}`, `${frames}`, '']),
  )
}

function besideRows({ total, held }: DeviceStats, all: boolean): string[][] {
  const beside = [...EVENTS.map(([name, field]) => [name, total[field]] as const), ['held', held] as const]
  return beside.filter(([, n]) => all || n > 0).map(([name, n]) => [`  ${name}`, `${n}`, ''])
}

/** A queue a row; receive fields only where there is such a receive queue. */
function queueRows({ queues, rxQueues }: DeviceStats, all: boolean): string[][] {
  const shown = linkStats64Fields.filter(field => all || queues.some(row => row[field] !== 0))
  const events = EVENTS.filter(([, field]) => all || queues.some(row => row[field] !== 0))
  const cell = (row: LinkStats64, q: number, field: LinkStats64Field) =>
    isReceive(field) && q >= rxQueues ? '-' : `${row[field]}`
  return [
    ['  queue', ...shown.map(kernelName), ...events.map(([name]) => name)],
    ...queues.map((row, q) => [
      `  ${q}`,
      ...shown.map(field => cell(row, q, field)),
      ...events.map(([, field]) => `${row[field]}`),
    ]),
  ]
}

function isReceive(field: LinkStats64Field): boolean {
  return field.startsWith('rx') || field === 'multicast'
}
