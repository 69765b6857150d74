/** Rates of each device, from its counters in two messages with statistics. */
import { signal } from '@preact/signals'
import type { DeviceCounters, DeviceId, FeedMessage } from '../feed-types.ts'
import { wrongDrops } from './drop-reason.ts'

export interface DeviceRate {
  /** Frames and bits per second. */
  readonly txPackets: number
  readonly rxPackets: number
  readonly txBits: number
  readonly rxBits: number
  /** Frames dropped per second, without harmless drops. */
  readonly txDrops: number
  readonly rxDrops: number
}

type Stats = Extract<FeedMessage, { type: 'stats' }>

/** After a reset, which sets counters to 0, the whole count is new. */
const since = (now: number, before: number): number => (now >= before ? now - before : now)

export function rate(now: DeviceCounters, before: DeviceCounters, seconds: number): DeviceRate {
  const per = (a: number, b: number) => since(a, b) / seconds
  return {
    txPackets: per(now.txPackets, before.txPackets),
    rxPackets: per(now.rxPackets, before.rxPackets),
    txBits: 8 * per(now.txBytes, before.txBytes),
    rxBits: 8 * per(now.rxBytes, before.rxBytes),
    txDrops: per(wrongDrops(now.drops.tx), wrongDrops(before.drops.tx)),
    rxDrops: per(wrongDrops(now.drops.rx), wrongDrops(before.drops.rx)),
  }
}

/** Slow frames are counted for this long, or a steady ping would seem to change its rate. */
const SLOW_MS = 3000
/** Frames per second, in one direction, that are not slow. */
const FAST = 20

interface Sample {
  readonly time: number
  readonly counters: ReadonlyMap<DeviceId, DeviceCounters>
}

/** A component that reads them is drawn again with each message. */
export class Rates {
  /** The messages of the last SLOW_MS, oldest first. */
  readonly #samples = signal<readonly Sample[]>([])
  readonly #rates = signal<ReadonlyMap<DeviceId, DeviceRate>>(new Map())

  /**
   * Returns the rate between the last two messages, and for slow frames between the last few;
   * undefined for a device that was not in the last two.
   */
  of(id: DeviceId): DeviceRate | undefined {
    return this.#rates.value.get(id)
  }

  /** Its counters in the last message. */
  counters(id: DeviceId): DeviceCounters | undefined {
    return this.#samples.value.at(-1)?.counters.get(id)
  }

  /** A message with the time of the last one, which a new feed starts with, changes nothing. */
  receive({ time, devices }: Stats): void {
    const samples = this.#samples.peek()
    const last = samples.at(-1)
    if (time === last?.time) return
    const before = last === undefined || time < last.time ? [] : samples
    const kept = before.filter((sample, i) => i === before.length - 1 || time - sample.time <= SLOW_MS)
    this.#samples.value = [...kept, { time, counters: new Map(devices.map(counters => [counters.id, counters])) }]
    this.#rates.value = new Map(
      devices.flatMap(now => {
        const found = rateOf(now, time, kept)
        return found === undefined ? [] : [[now.id, found]]
      }),
    )
  }
}

function rateOf(now: DeviceCounters, time: number, before: readonly Sample[]): DeviceRate | undefined {
  const since = (sample: Sample | undefined) => {
    const then = sample?.counters.get(now.id)
    return sample && then && rate(now, then, (time - sample.time) / 1000)
  }
  const last = since(before.at(-1))
  if (last === undefined || isFast(last)) return last
  const oldest = before.find(({ counters }) => {
    const then = counters.get(now.id)
    return then !== undefined && then.txPackets <= now.txPackets && then.rxPackets <= now.rxPackets
  })
  const { txDrops, rxDrops } = last
  const slow = since(oldest)
  // Frames that were many have stopped.
  return slow === undefined || isFast(slow) ? last : { ...slow, txDrops, rxDrops }
}

const isFast = ({ txPackets, rxPackets }: DeviceRate): boolean => Math.max(txPackets, rxPackets) > FAST
