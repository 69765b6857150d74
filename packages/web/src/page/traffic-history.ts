/** Samples of all devices, made of the messages of the feed. */
import type {
  DeviceCounters,
  DeviceId,
  FeedMessage,
  PartInfo,
  StageReport,
  WireInfo,
} from '../feed-types.ts'
import { quantile, since } from '../lateness.ts'
import { Samples, WINDOW } from './traffic-samples.ts'

/** The number of devices for which counters are kept, and for which wires and queues are kept. */
const DEVICES_MAX = 1000
const VISITED_MAX = 16
/** A device that was missing in this many messages, one a second, has no sample left to show. */
const ABSENT_MAX = WINDOW

export const STAGE_COUNTERS = ['dropped', 'duplicated', 'corrupted', 'reordered', 'marked'] as const

interface Visited {
  readonly wire: Samples
  /** The most frames that were in each queue, ring and stage since the last statistics. */
  most: Record<string, number>
  /** `most` of the interval before, used if the next message about the wire is late. */
  before: Record<string, number>
  /** The packets of each stage by lateness, at the last sample. */
  readonly late: Map<string, NonNullable<StageReport['late']>['counts']>
}

/** The samples of all devices, and more of the devices that were looked at. */
export class History {
  readonly #devices = new Map<DeviceId, { readonly samples: Samples; seen: number }>()
  readonly #visited = new Map<DeviceId, Visited>()
  #messages = 0

  get size(): number {
    return this.#devices.size
  }

  /** Rates `tx bits`, `tx NEIGH`; levels `held`, and if visited `queue tx 0`, `wire ab delay`. */
  device(id: DeviceId): Samples | undefined {
    return this.#devices.get(id)?.samples
  }

  /** The wire: rates `dropped ab loss`; levels `p50 ab delay` of each interval, in seconds. */
  wire(id: DeviceId): Samples | undefined {
    return this.#visited.get(id)?.wire
  }

  receive(message: FeedMessage): void {
    if (message.type === 'stats') {
      this.#addStats(message.time, message.devices)
    }
    if (message.type === 'wire' && message.wire !== undefined) {
      this.#addWire(message.id, message.time, message.wire)
    }
    if (message.type === 'parts') {
      this.#addParts(message.id, message.parts)
    }
  }

  #addStats(time: number, devices: readonly DeviceCounters[]): void {
    this.#messages++
    for (const device of devices) {
      const { samples } = this.#devices.get(device.id) ?? { samples: new Samples() }
      // Those that were seen last are the last in the map.
      this.#devices.delete(device.id)
      this.#devices.set(device.id, { samples, seen: this.#messages })
      const visited = this.#visited.get(device.id)
      samples.add(time, countersOf(device), {
        held: device.held,
        ...visited?.before,
        ...visited?.most,
      })
      if (visited !== undefined) {
        visited.before = visited.most
        visited.most = {}
      }
    }
    for (const [id, { seen }] of this.#devices) {
      if (this.#messages - seen <= ABSENT_MAX && this.#devices.size <= DEVICES_MAX) break
      this.#devices.delete(id)
    }
  }

  #addWire(id: DeviceId, time: number, { stages }: WireInfo): void {
    const counters: Record<string, number> = {}
    const levels: Record<string, number> = {}
    const { wire, most, late } = this.#visit(id)
    for (const stage of stages) {
      const name = stageName(stage)
      for (const counter of STAGE_COUNTERS) {
        counters[`${counter} ${name}`] = stage[counter]
      }
      raise(most, `wire ${name}`, stage.held)
      if (stage.late === undefined) continue
      const counts = since(stage.late.counts, late.get(name) ?? stage.late.counts)
      late.set(name, stage.late.counts)
      for (const [percentile, share] of [['p50', 0.5] as const, ['p99', 0.99] as const]) {
        const ms = quantile(counts, share)
        if (ms !== undefined) {
          levels[`${percentile} ${name}`] = ms / 1000
        }
      }
    }
    wire.add(time, counters, levels)
  }

  #addParts(id: DeviceId, parts: readonly PartInfo[]): void {
    const { most } = this.#visit(id)
    // The frames that the pool holds for a device are shown as `held`.
    for (const { kind, name, length } of parts) {
      if (length !== undefined && kind !== 'pool') {
        raise(most, `${kind} ${name}`, length)
      }
    }
  }

  /** Keeps the most recently visited devices. */
  #visit(id: DeviceId): Visited {
    const visited = this.#visited.get(id) ?? {
      wire: new Samples(),
      most: {},
      before: {},
      late: new Map(),
    }
    this.#visited.delete(id)
    this.#visited.set(id, visited)
    for (const oldest of this.#visited.keys()) {
      if (this.#visited.size <= VISITED_MAX) break
      this.#visited.delete(oldest)
    }
    return visited
  }
}

function raise(most: Record<string, number>, key: string, value: number): void {
  most[key] = Math.max(value, most[key] ?? 0)
}

/**
 * Returns a message with names for the stages of its wire. Removed stages follow the others as long
 * as they hold packets, and may have the names of new ones: `delay`, `delay removed`, `delay
 * removed 2`.
 */
export function named(message: FeedMessage): FeedMessage {
  if (message.type !== 'wire' || message.wire === undefined) return message
  const counts = new Map<string, number>()
  const stages = message.wire.stages.map(stage => {
    const name = stageName(stage)
    const before = counts.get(name) ?? 0
    counts.set(name, before + 1)
    return before === 0
      ? stage
      : { ...stage, stage: `${stage.stage} removed${before > 1 ? ` ${before}` : ''}` }
  })
  return { ...message, wire: { ...message.wire, stages } }
}

/** Returns `ab loss 2`, or `ab match then loss` for a stage that lies in another. */
export function stageName({
  direction,
  path,
  stage,
}: Pick<StageReport, 'direction' | 'path' | 'stage'>) {
  return `${direction} ${path}${stage}`
}

function countersOf({
  txBytes,
  rxBytes,
  txPackets,
  rxPackets,
  drops,
}: DeviceCounters): Record<string, number> {
  const bits = { 'tx bits': 8 * txBytes, 'rx bits': 8 * rxBytes }
  const counters: Record<string, number> = {
    ...bits,
    'tx frames': txPackets,
    'rx frames': rxPackets,
  }
  for (const direction of ['tx', 'rx'] as const) {
    for (const [reason, frames] of Object.entries(drops[direction])) {
      counters[`${direction} ${reason}`] = frames
    }
  }
  return counters
}
