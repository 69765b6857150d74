/**
 * slot: packets wait for the next slot and leave in it together, as on Wi-Fi, DOCSIS or LTE. A slot
 * is acquired for the first packet that waits, `min` to `max` after it came; what a slot has no
 * room for waits for the next one, `min` to `max` later. (tc-netem(8), slot)
 */
import type { Alarm } from '../../base/clock.ts'
import { UsageError } from '../../base/usage-error.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { durationOf, sizeOf } from '../units.ts'
import { type Impairment, impairment, type LimitSpec, type Wire, type WireEnv } from '../wire.ts'
import { type Distribution, TABLE_FACTOR, tableOf } from './distribution.ts'
import { PacketQueue, type QueueParams, queueParams } from './queue.ts'

export interface SlotOptions {
  /** Times from slot to slot, ns or with a unit; `max` is `min` by default. */
  readonly min?: number | string
  readonly max?: number | string
  /** In place of min and max: times of this distribution, with this mean and deviation. */
  readonly distribution?: Distribution
  readonly delay?: number | string
  readonly jitter?: number | string
  /** At most so many packets and bytes a slot; 0 is any number. */
  readonly packets?: number
  readonly bytes?: number | string
  readonly limit?: LimitSpec
}

interface SlotParams extends QueueParams {
  /** A time is `base`, and up to `spread` more, or `spread` times a number of the table more. */
  readonly base: number
  readonly spread: number
  readonly table: Int16Array | undefined
  readonly packets: number
  readonly bytes: number
}

class SlotWire implements Wire {
  #params: SlotParams
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #queue: PacketQueue
  readonly #alarm: Alarm
  /** True if a slot was acquired. */
  #acquired = false
  /** Taken out of the queue, but too long for the rest of its slot. */
  #first: SkBuff | undefined
  #firstArrived = 0

  constructor(params: SlotParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#queue = new PacketQueue(params, env)
    this.#alarm = env.clock.alarm(() => this.#slot())
    env.timed()
  }

  push(skb: SkBuff): void {
    if (this.#queue.push(skb) && !this.#acquired) this.#acquire()
  }

  /** A slot that was acquired stays where it is. */
  change(params: unknown): boolean {
    this.#params = params as SlotParams
    this.#queue.change(this.#params, this.#first)
    return true
  }

  close(): void {
    this.#alarm.cancel()
    const first = this.#first
    this.#first = undefined
    if (first !== undefined) {
      this.#queue.release(first)
      this.#env.drop(first, 'closed')
    }
    this.#queue.close()
  }

  #acquire(): void {
    const { base, spread, table } = this.#params
    const { clock, random } = this.#env
    const time =
      base + spread * (table === undefined ? random.next() : table[random.below(table.length)] / TABLE_FACTOR)
    this.#acquired = true
    this.#alarm.at(clock.now() + Math.max(0, time))
  }

  /** A packet longer than a whole slot leaves alone in one. */
  #slot(): void {
    const { packets, bytes } = this.#params
    const now = this.#env.clock.now()
    let room = bytes
    try {
      for (let n = 0; n < packets; n++) {
        const skb = this.#take()
        if (skb === undefined) break
        if (skb.len > room && n !== 0) {
          this.#first = skb
          break
        }
        room -= skb.len
        this.#queue.release(skb)
        this.#env.decided('delay', skb, now - this.#firstArrived)
        this.#next.push(skb)
      }
    } finally {
      this.#acquired = false
      if (this.#first !== undefined || this.#queue.length !== 0) this.#acquire()
    }
  }

  #take(): SkBuff | undefined {
    const first = this.#first
    if (first !== undefined) {
      this.#first = undefined
      return first
    }
    const skb = this.#queue.take()
    this.#firstArrived = this.#queue.arrived
    return skb
  }
}

/**
 * Returns an impairment that lets packets pass in slots. With `distribution` the time to a slot is
 * drawn from it, never less than 0; otherwise it is uniform from `min` to `max`.
 */
export function slot(options: SlotOptions): Impairment {
  const { packets = 0, limit } = options
  const size = sizeOf(options.bytes ?? 0)
  if (!(packets >= 0 && size >= 0)) throw new UsageError('slot: packets and bytes must not be negative')
  const params: SlotParams = {
    ...queueParams(limit === undefined ? {} : { limit }),
    ...timesOf(options),
    packets: packets === 0 ? Number.POSITIVE_INFINITY : packets,
    bytes: size === 0 ? Number.POSITIVE_INFINITY : size,
  }
  return impairment('slot', params, (p, next, env) => new SlotWire(p, next, env), {
    words: print({ kind: 'slot', ...phraseTimes(options, params), packets, bytes: size }),
  })
}

function timesOf({ min = 0, max = min, distribution, delay = 0, jitter = 0 }: SlotOptions) {
  if (distribution !== undefined) {
    const table = tableOf(distribution)
    const [mean, deviation] = [durationOf(delay), durationOf(jitter)]
    // Uniform: the mean and the jitter on either side.
    return table === undefined
      ? { base: mean - deviation, spread: 2 * deviation, table }
      : { base: mean, spread: deviation, table }
  }
  const [least, most] = [durationOf(min), durationOf(max)]
  if (!(least >= 0 && most >= least)) throw new UsageError(`slot: ${min} to ${max}: 0 <= min <= max is needed`)
  return { base: least, spread: most - least, table: undefined }
}

function phraseTimes({ distribution, delay = 0, jitter = 0 }: SlotOptions, { base, spread }: SlotParams) {
  if (distribution === undefined) return { min: base, max: base + spread }
  const name = typeof distribution === 'string' ? distribution : 'table'
  return { min: 0, max: 0, distribution: { name, delay: durationOf(delay), jitter: durationOf(jitter) } }
}
