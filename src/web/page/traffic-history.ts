/** Samples of all devices, made of the messages of the feed. */
import type { DeviceCounters, DeviceId, FeedMessage } from '../feed-types.ts'
import { Samples, WINDOW } from './traffic-samples.ts'

type Wire = NonNullable<Extract<FeedMessage, { type: 'wire' }>['wire']>
type Parts = Extract<FeedMessage, { type: 'parts' }>['parts']

/** Devices whose counters are kept, and those looked at whose wires and queues are. */
const DEVICES_MAX = 1000
const VISITED_MAX = 16
/** How often queues are sampled, in ms, with the most that was in them in that time. */
const PARTS_EVERY = 1000
/** A device that was missing in so many messages, one a second, has no sample left to show. */
const ABSENT_MAX = WINDOW

/** What happened to packets of a stage, as its counters are called. */
export const STAGE_COUNTERS = ['dropped', 'duplicated', 'corrupted', 'reordered', 'marked'] as const

interface Visited {
  readonly wire: Samples
  readonly parts: Samples
  /** Since the last sample of the queues. */
  most: Record<string, number>
  sampled: number
}

export class History {
  readonly #devices = new Map<DeviceId, { readonly samples: Samples; seen: number }>()
  readonly #visited = new Map<DeviceId, Visited>()
  #messages = 0

  /** Devices that have samples. */
  get size(): number {
    return this.#devices.size
  }

  /** Counters of a device: rates `tx bits`, `rx frames`, `tx NEIGH` ...; level `held`. */
  device(id: DeviceId): Samples | undefined {
    return this.#devices.get(id)?.samples
  }

  /** The wire: rates `dropped ab loss`, levels `held ab delay`, `p50 ab delay` in seconds. */
  wire(id: DeviceId): Samples | undefined {
    return this.#visited.get(id)?.wire
  }

  /** Levels by the kind and name of a part: `ring rx ring`. */
  parts(id: DeviceId): Samples | undefined {
    return this.#visited.get(id)?.parts
  }

  receive(message: FeedMessage): void {
    if (message.type === 'stats') this.#addStats(message.time, message.devices)
    if (message.type === 'wire' && message.wire !== undefined) this.#addWire(message.id, message.time, message.wire)
    if (message.type === 'parts') this.#addParts(message.id, message.time, message.parts)
  }

  #addStats(time: number, devices: readonly DeviceCounters[]): void {
    this.#messages++
    for (const device of devices) {
      const { samples } = this.#devices.get(device.id) ?? { samples: new Samples() }
      // Those that were seen last are the last in the map.
      this.#devices.delete(device.id)
      this.#devices.set(device.id, { samples, seen: this.#messages })
      samples.add(time, countersOf(device), { held: device.held })
    }
    for (const [id, { seen }] of this.#devices) {
      if (this.#messages - seen <= ABSENT_MAX && this.#devices.size <= DEVICES_MAX) break
      this.#devices.delete(id)
    }
  }

  #addWire(id: DeviceId, time: number, { stages }: Wire): void {
    const counters: Record<string, number> = {}
    const levels: Record<string, number> = {}
    for (const stage of stages) {
      const name = stageName(stage)
      for (const counter of STAGE_COUNTERS) counters[`${counter} ${name}`] = stage[counter]
      levels[`held ${name}`] = stage.held
      if (stage.late === undefined) continue
      levels[`p50 ${name}`] = stage.late.p50 / 1e9
      levels[`p99 ${name}`] = stage.late.p99 / 1e9
    }
    this.#visit(id).wire.add(time, counters, levels)
  }

  #addParts(id: DeviceId, time: number, parts: Parts): void {
    const visited = this.#visit(id)
    for (const { kind, name, length } of parts) {
      if (length !== undefined) visited.most[`${kind} ${name}`] = Math.max(length, visited.most[`${kind} ${name}`] ?? 0)
    }
    // The clock may have been set back.
    if (Math.abs(time - visited.sampled) < PARTS_EVERY) return
    visited.parts.add(time, {}, visited.most)
    visited.sampled = time
    visited.most = {}
  }

  /** Keeps those that were visited last. */
  #visit(id: DeviceId): Visited {
    const visited = this.#visited.get(id) ?? { wire: new Samples(), parts: new Samples(), most: {}, sampled: 0 }
    this.#visited.delete(id)
    this.#visited.set(id, visited)
    for (const oldest of this.#visited.keys()) {
      if (this.#visited.size <= VISITED_MAX) break
      this.#visited.delete(oldest)
    }
    return visited
  }
}

/** Returns `ab loss 2`, or `ab match then loss` for a stage that lies in another. */
export function stageName({ direction, path, stage }: Pick<Wire['stages'][number], 'direction' | 'path' | 'stage'>) {
  return `${direction} ${path}${stage}`
}

function countersOf({ txBytes, rxBytes, txPackets, rxPackets, drops }: DeviceCounters): Record<string, number> {
  const counters: Record<string, number> = {
    ...{ 'tx bits': 8 * txBytes, 'rx bits': 8 * rxBytes },
    ...{ 'tx frames': txPackets, 'rx frames': rxPackets },
  }
  for (const way of ['tx', 'rx'] as const)
    for (const [reason, frames] of Object.entries(drops[way])) counters[`${way} ${reason}`] = frames
  return counters
}
