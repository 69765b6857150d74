/** Rates of each device, from its counters in two messages with statistics. */
import type { DeviceCounters, DeviceId, FeedMessage } from '../feed-types.ts'

export interface DeviceRate {
  /** Frames and bits per second. */
  readonly txPackets: number
  readonly rxPackets: number
  readonly txBits: number
  readonly rxBits: number
  /** Frames dropped per second. */
  readonly txDrops: number
  readonly rxDrops: number
}

type Stats = Extract<FeedMessage, { type: 'stats' }>

const sum = (drops: Readonly<Record<string, number>>): number => Object.values(drops).reduce((a, b) => a + b, 0)

/** After a reset, which sets counters to 0, the whole count is new. */
const since = (now: number, before: number): number => (now >= before ? now - before : now)

export function rate(now: DeviceCounters, before: DeviceCounters, seconds: number): DeviceRate {
  const per = (a: number, b: number) => since(a, b) / seconds
  return {
    txPackets: per(now.txPackets, before.txPackets),
    rxPackets: per(now.rxPackets, before.rxPackets),
    txBits: 8 * per(now.txBytes, before.txBytes),
    rxBits: 8 * per(now.rxBytes, before.rxBytes),
    txDrops: per(sum(now.drops.tx), sum(before.drops.tx)),
    rxDrops: per(sum(now.drops.rx), sum(before.drops.rx)),
  }
}

export class Rates {
  #time = 0
  #counters = new Map<DeviceId, DeviceCounters>()
  #rates = new Map<DeviceId, DeviceRate>()

  /**
   * Returns the rate between the last two messages; undefined for a device that was not in both.
   */
  of(id: DeviceId): DeviceRate | undefined {
    return this.#rates.get(id)
  }

  /** Its counters in the last message. */
  counters(id: DeviceId): DeviceCounters | undefined {
    return this.#counters.get(id)
  }

  /** A message with the time of the last one, which a new feed starts with, changes nothing. */
  receive({ time, devices }: Stats): void {
    const seconds = (time - this.#time) / 1000
    if (seconds === 0) return
    const before = this.#counters
    this.#time = time
    this.#counters = new Map(devices.map(counters => [counters.id, counters]))
    this.#rates = new Map()
    if (seconds < 0) return
    for (const now of devices) {
      const then = before.get(now.id)
      if (then !== undefined) this.#rates.set(now.id, rate(now, then, seconds))
    }
  }
}
