/**
 * slot: packets wait for the next slot and leave in it together, as on Wi-Fi, DOCSIS or LTE. A slot
 * is acquired for the first packet that waits, `min` to `max` after it arrived. Packets that do not
 * fit a slot wait for the next one, `min` to `max` later. (tc-netem(8), slot)
 */
import { durationOf, formatDuration, UsageError } from '../../base/index.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Cursor } from '../grammar/cursor.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatSize, join, parseSize, sizeOf } from '../units.ts'
import { type Impairment, impairment, type LimitSpec, type Wire } from '../wire.ts'
import { AGAIN } from '../wire-clock.ts'
import type { Distribution } from './distribution.ts'
import {
  known,
  printDistribution,
  readDistribution,
  readTable,
  TABLE_FACTOR,
} from './distribution.ts'
import { type QueueParams, QueueWire, queueParams } from './queue.ts'

/** The options of slot(), named as in `slot` of tc-netem(8). */
export interface SlotOptions {
  /** Times from slot to slot, in ms or with a unit; `max` is `min` by default. */
  readonly min?: number | string
  readonly max?: number | string
  /** In place of min and max: times of this distribution, with this mean and deviation. */
  readonly distribution?: Distribution
  readonly delay?: number | string
  readonly jitter?: number | string
  /** The most packets and bytes a slot; 0 is any number. */
  readonly packets?: number
  readonly bytes?: number | string
  readonly limit?: LimitSpec
}

interface SlotSpec {
  readonly min: number
  readonly max: number
  /** In place of min and max, which are 0. */
  readonly distribution?: {
    readonly name: Distribution | string
    readonly delay: number
    readonly jitter: number
  }
  readonly packets: number
  readonly bytes: number
}

interface SlotParams extends QueueParams {
  /** A time is `base`, and up to `spread` more, or `spread` times a number of the table more. */
  readonly base: number
  readonly spread: number
  readonly table: Int16Array | undefined
  readonly packets: number
  readonly bytes: number
}

class SlotWire extends QueueWire<SlotParams> implements Wire {
  /** True if a slot was acquired, which a change leaves where it is. */
  #acquired = false
  /** Packets that have left in the present slot, and the bytes that are left in it. */
  #passed = 0
  #room = 0

  push(skb: SkBuff): void {
    if (this.queue.push(skb) && !this.#acquired) {
      this.#acquire()
    }
  }

  #acquire(): void {
    const { base, spread, table } = this.params
    const { clock, random } = this.env
    const time =
      base +
      spread *
        (table === undefined ? random.next() : table[random.below(table.length)] / TABLE_FACTOR)
    this.#acquired = true
    this.alarm.at(clock.now() + Math.max(0, time))
  }

  /**
   * Uses a slot, and rings again for each packet. A packet that is too long for the rest of it is
   * taken and waits for the next; one that is longer than a whole slot leaves alone in one.
   */
  protected override ring(): typeof AGAIN | undefined {
    const { params, queue, env } = this
    if (this.#passed === 0) {
      this.#room = params.bytes
    }
    const skb = this.#passed < params.packets ? (queue.taken ?? queue.take()) : undefined
    if (skb !== undefined && (skb.len <= this.#room || this.#passed === 0)) {
      this.#room -= skb.len
      this.#passed++
      env.decided('delay', skb, env.clock.now() - queue.takenArrived)
      let hasThrown = true
      try {
        this.next.push(queue.leave())
        hasThrown = false
      } finally {
        if (hasThrown) {
          this.#end()
        }
      }
      return AGAIN
    }
    this.#end()
    return undefined
  }

  /** Ends a slot, and acquires the next if packets wait. */
  #end(): void {
    this.#passed = 0
    this.#acquired = false
    if (!this.queue.isEmpty) {
      this.#acquire()
    }
  }
}

export const slotKind: StageKind<SlotSpec> = {
  kind: 'slot',
  inner: {
    packets: 'packets follows slot: slot 10ms packets 16',
    bytes: 'bytes follows slot: slot 10ms bytes 64kb',
  },
  holds: true,
  read(c) {
    if (c.takes('distribution')) {
      const name = readDistribution(c)
      const delay = c.duration(
        'slot distribution needs a delay and a jitter: slot distribution normal 10ms 2ms',
      )
      const jitter = c.duration(
        'slot distribution needs a jitter: slot distribution normal 10ms 2ms',
      )
      return { min: 0, max: 0, distribution: { name, delay, jitter }, ...readRoom(c) }
    }
    const min = c.duration('slot needs a time: slot 10ms')
    const place = c.peek()
    const max = c.atNumber ? c.duration('') : min
    if (max < min) throw c.error('the longest time of a slot is shorter than its shortest', place)
    return { min, max, ...readRoom(c) }
  },
  print({ min, max, distribution, packets, bytes }) {
    const { name = '', delay = min, jitter = max } = distribution ?? {}
    return join([
      'slot',
      distribution && `distribution ${printDistribution(name)}`,
      formatDuration(delay),
      (distribution !== undefined || max !== min) && formatDuration(jitter),
      packets !== 0 && `packets ${packets}`,
      bytes !== 0 && `bytes ${formatSize(bytes)}`,
    ])
  },
  build({ packets, bytes, ...times }, { text, limit, resources }) {
    const params: SlotParams = {
      ...queueParams(limit),
      ...timesOf(times, resources),
      packets: packets === 0 ? Number.POSITIVE_INFINITY : packets,
      bytes: bytes === 0 ? Number.POSITIVE_INFINITY : bytes,
    }
    return impairment('slot', params, (p, next, env) => new SlotWire(p, next, env), { text })
  },
}

function readRoom(c: Cursor): { packets: number; bytes: number } {
  let packets = 0
  let bytes = 0
  while (c.is('packets') || c.is('bytes')) {
    if (c.takes('packets')) {
      packets = c.whole('packets needs a number: packets 16', 'a count')
    } else if (c.takes('bytes')) {
      bytes = c.value('bytes needs a size: bytes 64kb', parseSize)
    }
  }
  return { packets, bytes }
}

function timesOf(
  { min, max, distribution }: Pick<SlotSpec, 'min' | 'max' | 'distribution'>,
  resources: WireResources,
) {
  if (distribution === undefined) return { base: min, spread: max - min, table: undefined }
  const { name, delay, jitter } = distribution
  const table = readTable(name, resources)
  // Uniform: the mean and the jitter on either side.
  return table === undefined
    ? { base: delay - jitter, spread: 2 * jitter, table }
    : { base: delay, spread: jitter, table }
}

/**
 * Returns an impairment that lets packets pass in slots. With `distribution` the time to a slot is
 * drawn from it, never less than 0; otherwise it is uniform from `min` to `max`.
 */
export function slot(options: SlotOptions): Impairment {
  const { packets = 0, distribution: name, delay = 0, jitter = 0, limit } = options
  const bytes = sizeOf(options.bytes ?? 0)
  if (!(packets >= 0 && bytes >= 0)) {
    throw new UsageError('slot: packets and bytes must not be negative')
  }
  if (name !== undefined) {
    const distribution = { name: known(name), delay: durationOf(delay), jitter: durationOf(jitter) }
    return stageOf(slotKind, { min: 0, max: 0, distribution, packets, bytes }, { limit })
  }
  const min = durationOf(options.min ?? 0)
  const max = options.max === undefined ? min : durationOf(options.max)
  if (max < min) {
    throw new UsageError(`slot: ${options.min} to ${options.max}: 0 <= min <= max is needed`)
  }
  return stageOf(slotKind, { min, max, packets, bytes }, { limit })
}
