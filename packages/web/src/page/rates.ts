/** Rates of each device, from its counters in two messages with statistics. */
import { signal } from '@preact/signals'
import type { DeviceCounters, DeviceId, Message } from '../feed-types.ts'

/** A driver without neighbours drops their discovery whenever a kernel sends it: that is right. */
export const HARMLESS = 'NEIGH'

/** Returns the number of drops, without harmless ones. */
export function wrongDrops(drops: Readonly<Record<string, number>> = {}): number {
  return Object.entries(drops).reduce(
    (sum, [reason, count]) => (reason === HARMLESS ? sum : sum + count),
    0,
  )
}

/** Frames and bits per second, and frames dropped per second, without harmless drops. */
export type DeviceRate = Readonly<Record<`${'tx' | 'rx'}${'Packets' | 'Bits' | 'Drops'}`, number>>

/** After a reset, which sets counters to 0, the whole count is new. */
const since = (now: number, before: number): number => (now >= before ? now - before : now)

/** Returns the rates between two messages that are `seconds` apart. */
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

type Sample = Readonly<{ time: number; counters: ReadonlyMap<DeviceId, DeviceCounters> }>

/** A component that reads them is drawn again with each message. */
export class Rates {
  /** The messages of the last SLOW_MS, oldest first. */
  readonly #samples = signal<readonly Sample[]>([])
  readonly #rates = signal<ReadonlyMap<DeviceId, DeviceRate | undefined>>(new Map())

  /**
   * Returns the rate between the last two messages, and for slow frames between the last few;
   * undefined for a device that was not in the last two.
   */
  of(id: DeviceId): DeviceRate | undefined {
    return this.#rates.value.get(id)
  }

  /** Returns the counters of the last message; undefined for a device that was not in it. */
  counters(id: DeviceId): DeviceCounters | undefined {
    return this.#samples.value.at(-1)?.counters.get(id)
  }

  /** A message with the time of the last one, which a new feed starts with, changes nothing. */
  receive({ time, devices }: Message<'stats'>): void {
    const samples = this.#samples.peek()
    const last = samples.at(-1)
    if (time === last?.time) return
    const before = last === undefined || time < last.time ? [] : samples
    const kept = before.filter(
      (sample, i) => i === before.length - 1 || time - sample.time <= SLOW_MS,
    )
    this.#samples.value = [
      ...kept,
      { time, counters: new Map(devices.map(counters => [counters.id, counters])) },
    ]
    const rates = devices.map(now => [now.id, rateOf(now, time, kept)] as const)
    this.#rates.value = new Map(rates)
  }
}

function rateOf(
  now: DeviceCounters,
  time: number,
  before: readonly Sample[],
): DeviceRate | undefined {
  const rateSince = (sample: Sample | undefined) => {
    const then = sample?.counters.get(now.id)
    return sample && then && rate(now, then, (time - sample.time) / 1000)
  }
  const last = rateSince(before.at(-1))
  if (last === undefined || isFast(last)) return last
  const oldest = before.find(({ counters }) => {
    const then = counters.get(now.id)
    return then !== undefined && then.txPackets <= now.txPackets && then.rxPackets <= now.rxPackets
  })
  const { txDrops, rxDrops } = last
  const slow = rateSince(oldest)
  // Frames that were many have stopped.
  return slow === undefined || isFast(slow) ? last : { ...slow, txDrops, rxDrops }
}

const isFast = ({ txPackets, rxPackets }: DeviceRate): boolean =>
  Math.max(txPackets, rxPackets) > FAST
