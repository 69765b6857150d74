/** The statistics of a device at its end: as numbers, and as a table. */
import type { DeviceStats, StageReport } from '../control/index.ts'
import {
  deviceCounters,
  queueCounterFields,
  queueCounters,
} from '../control/protocol/queue-counters.ts'
import { BEFORE_VNET } from '../netdev/before-vnet.ts'
import { BYPASSED } from '../netdev/bypass.ts'
import type { DeviceWire, NetDevice, WireSide } from '../netdev/index.ts'
import { kernelName, type LinkStats64, linkStats64 } from '../netdev/stats.ts'
import { dropsByName } from '../skb/drop-reason-name.ts'
import { align } from './align.ts'
import type { NamedDevice } from './device-text.ts'

/** The statistics for a client of a running vnet, without the index, which is void at the end. */
export type DeviceStatistics = Omit<DeviceStats, 'ifindex'>

/** `time` is the present, ms since 1970. */
export function statisticsOf(
  dev: NetDevice,
  netns: string | undefined,
  time: number,
): DeviceStatistics {
  const { tx, rx } = dev.counters.drops()
  const kernel = dev.kernelStats()
  return {
    name: dev.name,
    netns,
    time,
    total: { ...linkStats64(dev.getStats64()), ...deviceCounters(dev) },
    queues: queueCounters(dev).map((each, q) => ({
      ...linkStats64(dev.counters.queue(q)),
      ...each,
    })),
    rxQueues: dev.numRxQueues,
    held: dev.slots.used,
    beforeVnet: dev.beforeVnet(true),
    bypassed: dev.bypassed() || undefined,
    drops: { tx: dropsByName(tx), rx: dropsByName(rx) },
    kernel: kernel === undefined ? undefined : linkStats64(kernel),
  }
}

/**
 * Returns a table: the sums of each device, and the sums of its queues if it has several. Lines
 * below it give the reasons for drops, and the other counters that are not 0.
 */
export function statisticsTable(devices: readonly DeviceStatistics[]): string {
  const rows: string[][] = [['', 'packets', 'bytes', 'errors', 'dropped']]
  const notes: string[] = []
  for (const device of devices) {
    const { total, queues, rxQueues } = device
    const name = label(device, devices)
    for (const direction of ['tx', 'rx'] as const) {
      rows.push(row(`${name} ${direction}`, direction, total))
      const shown = direction === 'tx' ? queues : queues.slice(0, rxQueues)
      if (queues.length > 1) {
        rows.push(...shown.map((stats, q) => row(`  ${direction}-${q}`, direction, stats)))
      }
    }
    notes.push(...notesOf(device).map(note => `${name} ${note}`))
  }
  return [...align(rows), ...notes].map(line => `${line}\n`).join('')
}

/** Returns the reasons for drops of a device, and its other counters that are not 0. */
function notesOf({ total, held, beforeVnet, bypassed, drops, kernel }: DeviceStatistics): string[] {
  const notes: string[] = []
  for (const [direction, reasons] of Object.entries(drops)) {
    const list = Object.entries(reasons).map(([reason, n]) => `${reason} ${n}`)
    if (list.length > 0) {
      notes.push(`${direction} dropped: ${list.join(', ')}`)
    }
  }
  if (kernel !== undefined && kernel.txDropped + kernel.rxDropped > 0) {
    notes.push(`dropped by the kernel: tx ${kernel.txDropped}, rx ${kernel.rxDropped}`)
  }
  if (beforeVnet > 0) {
    notes.push(`${BEFORE_VNET}: ${beforeVnet}`)
  }
  if (bypassed) {
    notes.push(`${BYPASSED}: ${bypassed}`)
  }
  for (const field of queueCounterFields) {
    if (total[field] > 0) {
      notes.push(`${kernelName(field)}: ${total[field]}`)
    }
  }
  if (held > 0) {
    notes.push(`held: ${held}`)
  }
  return notes
}

/** Returns the name, or `red/eth0` if another device has the same name. */
function label(
  { name, netns }: Pick<DeviceStatistics, 'name' | 'netns'>,
  devices: readonly DeviceStatistics[],
): string {
  const isShared = devices.filter(device => device.name === name).length > 1
  return isShared && netns !== undefined ? `${netns}/${name}` : name
}

function row(heading: string, direction: 'tx' | 'rx', stats: LinkStats64): string[] {
  return [
    heading,
    ...(['Packets', 'Bytes', 'Errors', 'Dropped'] as const).map(
      what => `${stats[`${direction}${what}`]}`,
    ),
  ]
}

/** A stage, and the interface that names its wire: the first that has it. */
export type WireStatistics = StageReport &
  Sided & { readonly name: string; readonly netns: string | null }

type Sided = Readonly<{ side?: WireSide | undefined }>

/**
 * Returns the name of a stage in tables: `ab loss 2`, `ab match then loss` for a stage inside
 * another, or `in loss` on an attachment.
 */
export function stageName({ direction, side, path, stage }: StageReport & Sided): string {
  return `${side ?? direction} ${path}${stage}`
}

/** Returns `dropped: loss 3, limit 1`. */
export function stageDrops({ drops }: Pick<StageReport, 'drops'>): string {
  const list = Object.entries(drops).map(([reason, n]) => `${reason} ${n}`)
  return `dropped: ${list.join(', ')}`
}

/** The wires of devices, each once: a cable has its two at both ends. */
export class Wires {
  readonly #wires = new Map<DeviceWire, NamedDevice>()
  #isAny = false

  add(dev: NetDevice, netns: string | undefined): void {
    const { ndoGetWires } = dev.netdevOps
    if (ndoGetWires === undefined) return
    this.#isAny = true
    for (const wire of ndoGetWires(dev)) {
      if (!this.#wires.has(wire)) {
        this.#wires.set(wire, { name: dev.name, netns })
      }
    }
  }

  /** Returns their stages; undefined if no device can have a wire. */
  report(): WireStatistics[] | undefined {
    if (!this.#isAny) return undefined
    return [...this.#wires].flatMap(([wire, { name, netns }]) =>
      wire.report().map(stage => ({
        name,
        netns: netns ?? null,
        ...(wire.side && { side: wire.side }),
        ...stage,
      })),
    )
  }
}

/** Returns a line for each stage: `a ab loss: 100 in, 99 out, dropped: loss 1`. */
export function stageLines(stages: readonly WireStatistics[]): string[] {
  return stages.map(stage => {
    const counts = (['held', 'duplicated', 'corrupted', 'reordered', 'marked'] as const).filter(
      name => stage[name] > 0,
    )
    const notes = [
      ...counts.map(name => `${stage[name]} ${name}`),
      ...(stage.dropped > 0 ? [stageDrops(stage)] : []),
    ]
    return `${stage.name} ${stageName(stage)}: ${[`${stage.in} in`, `${stage.out} out`, ...notes].join(', ')}`
  })
}
