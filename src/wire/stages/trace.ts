/**
 * trace: packets leave when a recorded link could send, in the format of mahimahi's mm-link(1):
 * each line is a whole number of milliseconds, never less than the line before, and one opportunity
 * to deliver 1,504 bytes at that time. As there, each packet takes 4 bytes more than its own. So an
 * opportunity delivers one packet of 1,500 bytes. Its unused bytes are lost if the queue is empty.
 * A packet that is longer than the rest continues in the next opportunity, and leaves when its last
 * byte does.
 *
 * The trace begins when the first packet arrives, so that the same arrivals meet the same
 * opportunities. It begins again after its last line.
 */
import type { Alarm } from '../../base/clock.ts'
import { NSEC_PER_MSEC } from '../../base/clock.ts'
import { UsageError } from '../../base/usage-error.ts'
import { ETH_HLEN } from '../../packet/ethernet.ts'
import { networkOffset } from '../../packet/vlan.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { PacketQueue, type QueueParams, queueParams, queueWords } from './queue.ts'

export interface TraceOptions extends Partial<QueueParams> {
  /** The trace ends with its last line; packets that come later wait until the stage is changed. */
  readonly once?: boolean
}

interface TraceParams extends QueueParams {
  /** The times of the opportunities, ms. */
  readonly times: readonly number[]
  readonly once: boolean
}

/** Bytes that an opportunity delivers: a packet of 1,500 bytes with the overhead. */
const OPPORTUNITY = 1504
/** Bytes that each packet takes besides its own: mahimahi counts the header of its TUN device. */
const OVERHEAD = 4

class TraceWire implements Wire {
  #params: TraceParams
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #queue: PacketQueue
  readonly #alarm: Alarm
  /** When the present round of the trace began; NaN before the first packet. */
  #began = Number.NaN
  /** The next opportunity of this round. */
  #at = 0
  /** In delivery, and how many of its bytes are left. */
  #sending: SkBuff | undefined
  #sendingArrived = 0
  #left = 0
  #retired = false

  constructor(params: TraceParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#queue = new PacketQueue(params, env)
    this.#queue.byteTime = byteTime(params)
    this.#alarm = env.clock.alarm(() => this.#deliver())
    env.timed()
  }

  push(skb: SkBuff): void {
    const idle = this.#idle
    if (!this.#queue.push(skb) || !idle) return
    const now = this.#env.clock.now()
    if (Number.isNaN(this.#began)) this.#began = now
    this.#skip(now)
    this.#arm()
  }

  /** Another trace begins with the next packet, or now if packets wait. */
  change(params: unknown): boolean {
    const { times } = this.#params
    this.#params = params as TraceParams
    this.#queue.change(this.#params, this.#sending)
    this.#queue.byteTime = byteTime(this.#params)
    if (this.#params.times.length !== times.length || this.#params.times.some((ms, i) => ms !== times[i])) {
      this.#began = this.#idle ? Number.NaN : this.#env.clock.now()
      this.#at = 0
    }
    if (!this.#idle) this.#arm()
    return true
  }

  close(): void {
    this.#alarm.cancel()
    const sending = this.#sending
    this.#sending = undefined
    if (sending !== undefined) {
      this.#queue.release(sending)
      this.#env.drop(sending, 'closed')
    }
    this.#queue.close()
  }

  /** Delivers what would be held for ever, at the end of the trace. */
  retire(): void {
    this.#retired = true
    if (this.#moment === Number.POSITIVE_INFINITY) this.#flush()
  }

  get #idle(): boolean {
    return this.#sending === undefined && this.#queue.length === 0
  }

  /** When the next opportunity is; Infinity behind the end. */
  get #moment(): number {
    const { times } = this.#params
    return this.#at < times.length ? this.#began + times[this.#at] * NSEC_PER_MSEC : Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const moment = this.#moment
    if (moment !== Number.POSITIVE_INFINITY) this.#alarm.at(moment)
    else this.#alarm.cancel()
  }

  /** Moves to the first opportunity after `now`: those before were lost. */
  #skip(now: number): void {
    const { times, once } = this.#params
    const period = times[times.length - 1] * NSEC_PER_MSEC
    if (!once) this.#began += Math.floor((now - this.#began) / period) * period
    let from = 0
    let to = times.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.#began + times[middle] * NSEC_PER_MSEC > now) to = middle
      else from = middle + 1
    }
    this.#at = from
  }

  /** Uses the opportunities that are due. */
  #deliver(): void {
    const now = this.#env.clock.now()
    try {
      while (this.#moment <= now) {
        this.#proceed()
        this.#use(OPPORTUNITY)
      }
    } finally {
      if (!this.#idle) this.#arm()
    }
    if (this.#retired && this.#moment === Number.POSITIVE_INFINITY) this.#flush()
  }

  /** Moves to the next opportunity. */
  #proceed(): void {
    const { times, once } = this.#params
    this.#at++
    if (this.#at < times.length || once) return
    this.#began += times[times.length - 1] * NSEC_PER_MSEC
    this.#at = 0
  }

  #use(bytes: number): void {
    let room = bytes
    while (room > 0) {
      const skb = this.#sending ?? this.#take()
      if (skb === undefined) return
      if (this.#left > room) {
        this.#left -= room
        return
      }
      room -= this.#left
      this.#pass(skb)
    }
  }

  #take(): SkBuff | undefined {
    const skb = this.#queue.take()
    if (skb === undefined) return undefined
    const header = networkOffset(skb.bytes, skb.data, skb.len)
    this.#left = Math.max(0, skb.len - (header < 0 ? ETH_HLEN : header)) + OVERHEAD
    this.#sending = skb
    this.#sendingArrived = this.#queue.arrived
    return skb
  }

  #pass(skb: SkBuff): void {
    this.#sending = undefined
    this.#queue.release(skb)
    this.#env.decided('delay', skb, this.#env.clock.now() - this.#sendingArrived)
    this.#next.push(skb)
  }

  #flush(): void {
    for (let skb = this.#sending ?? this.#take(); skb !== undefined; skb = this.#take()) this.#pass(skb)
  }
}

/** The mean time of a byte, ns. */
function byteTime({ times }: TraceParams): number {
  return (times[times.length - 1] * NSEC_PER_MSEC) / (times.length * OPPORTUNITY)
}

/**
 * Returns an impairment that delivers packets at the times of a trace: its text, or its numbers.
 * The link header does not count, so one opportunity delivers a packet of the usual MTU. With
 * `once` nothing is delivered after the last line. Throws a UsageError that names the wrong line.
 */
export function trace(lines: string | readonly number[], options: TraceOptions = {}): Impairment {
  const times = timesOf(typeof lines === 'string' ? lines.trimEnd().split('\n') : lines.map(String))
  const { once = false } = options
  const params: TraceParams = { ...queueParams(options), times, once }
  const words = `trace of ${times.length} opportunities in ${times.at(-1)}ms${once ? ' once' : ''}`
  return impairment('trace', params, (p, next, env) => new TraceWire(p, next, env), {
    words: `${words}${queueWords(params)}`,
  })
}

function timesOf(lines: readonly string[]): number[] {
  let last = 0
  const times = lines.map((line, i) => {
    const text = line.trim()
    const ms = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(ms)) {
      throw new UsageError(`trace, line ${i + 1}: '${text}' is not a whole number of milliseconds`)
    }
    if (ms < last) throw new UsageError(`trace, line ${i + 1}: ${ms} is less than ${last} in the line before`)
    last = ms
    return ms
  })
  if (last === 0) throw new UsageError(`trace, line ${times.length}: the last time must be more than 0`)
  return times
}
