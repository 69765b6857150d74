/**
 * trace: packets leave when a recorded link could send, in the format of mahimahi's mm-link(1):
 * each line is a whole number of milliseconds, never less than the line before, and one opportunity
 * to deliver 1,504 bytes at that time. As in mm-link, each packet takes 4 bytes more than its
 * length. So an opportunity delivers one packet of 1,500 bytes. Its unused bytes are lost if the
 * queue is empty. A packet that is longer than the rest continues in the next opportunity, and
 * leaves when its last byte does.
 *
 * The trace starts when the first packet arrives, so that the same arrivals meet the same
 * opportunities. It repeats after its last line. A file in CSV is read by link-trace.ts.
 */
import { NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import { ETH_HLEN, networkOffset } from '../../packet/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { fromFile, type StageKind } from '../grammar/groups.ts'
import { join, quote } from '../units.ts'
import { type Impairment, impairment, type QueueEnv, type Wire } from '../wire.ts'
import { AGAIN } from '../wire-clock.ts'
import { limitText, printQueue, queueOf, queuePart, type WrittenQueue } from './disciplines.ts'
import {
  countUpTo,
  isLinkTrace,
  type LinkTraceParams,
  LinkTraceWire,
  parseLinkTrace,
} from './link-trace.ts'
import { type QueueParams, QueueWire } from './queue.ts'

/** The options of trace(), besides its trace: how it ends, and the queue before it. */
export interface TraceOptions extends Partial<QueueParams> {
  /** The trace ends with its last line; packets that come later wait until the stage is changed. */
  readonly once?: boolean
}

type TraceSpec = Readonly<{ file: string; once: boolean; queue?: WrittenQueue }>

interface TraceParams extends QueueParams {
  readonly times: readonly number[]
  readonly once: boolean
}

/** Bytes that an opportunity delivers: a packet of 1,500 bytes with the overhead. */
const OPPORTUNITY = 1504
/** Bytes that each packet takes besides its own: mahimahi counts the header of its TUN device. */
const OVERHEAD = 4

class TraceWire extends QueueWire<TraceParams> implements Wire {
  #began = Number.NaN
  #at = 0
  #left = 0
  #retired = false

  constructor(params: TraceParams, next: Wire, env: QueueEnv) {
    super(params, next, env)
    this.queue.byteTime = byteTime(params)
  }

  push(skb: SkBuff): void {
    const idle = this.queue.isEmpty
    if (!this.queue.push(skb) || !idle) return
    const now = this.env.clock.now()
    if (Number.isNaN(this.#began)) {
      this.#began = now
    }
    this.#skip(now)
    this.#arm()
  }

  protected override accepts(params: object): boolean {
    return 'times' in params
  }

  /**
   * Another trace, or the same with or without `once`, starts with the next packet, or now if
   * packets are queued.
   */
  protected override update(params: TraceParams): void {
    const { times, once } = this.params
    super.update(params)
    this.queue.byteTime = byteTime(params)
    if (
      params.once !== once ||
      params.times.length !== times.length ||
      params.times.some((ms, i) => ms !== times[i])
    ) {
      this.#began = this.queue.isEmpty ? Number.NaN : this.env.clock.now()
      this.#at = 0
    }
    if (!this.queue.isEmpty) {
      this.#arm()
    }
  }

  /** Delivers packets that would be held forever, at the end of the trace. */
  retire(): void {
    this.#retired = true
    if (this.#moment === Number.POSITIVE_INFINITY) {
      this.#flush()
    }
  }

  /** When the next opportunity is; Infinity past the end. */
  get #moment(): number {
    const { times } = this.params
    return this.#at < times.length
      ? this.#began + times[this.#at] * NSEC_PER_MSEC
      : Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const moment = this.#moment
    if (moment !== Number.POSITIVE_INFINITY) {
      this.alarm.at(moment)
    } else {
      this.alarm.cancel()
    }
  }

  /** Moves to the first opportunity after `now`: those before were lost. */
  #skip(now: number): void {
    const { times, once } = this.params
    const period = times[times.length - 1] * NSEC_PER_MSEC
    if (!once) {
      this.#began += Math.floor((now - this.#began) / period) * period
    }
    this.#at = countUpTo(times, (now - this.#began) / NSEC_PER_MSEC)
  }

  /** Uses an opportunity that is due, and rings again for each. */
  protected override ring(): typeof AGAIN | undefined {
    const now = this.env.clock.now()
    try {
      if (this.#moment <= now) {
        this.#proceed()
        this.#use(OPPORTUNITY)
      }
    } finally {
      if (this.queue.isEmpty) {
        this.alarm.cancel()
      } else {
        this.#arm()
      }
    }
    if (this.#moment <= now) return AGAIN
    if (this.#retired && this.#moment === Number.POSITIVE_INFINITY) {
      this.#flush()
    }
    return undefined
  }

  #proceed(): void {
    const { times, once } = this.params
    this.#at++
    if (this.#at < times.length || once) return
    this.#began += times[times.length - 1] * NSEC_PER_MSEC
    this.#at = 0
  }

  #use(bytes: number): void {
    let room = bytes
    while (room > 0) {
      if (!this.#takes()) return
      if (this.#left > room) {
        this.#left -= room
        return
      }
      room -= this.#left
      this.#pass()
    }
  }

  /** True if a packet is in delivery, or another one now is. */
  #takes(): boolean {
    if (this.queue.taken !== undefined) return true
    const skb = this.queue.take()
    if (skb === undefined) return false
    const { bytes, data, len } = skb
    const header = networkOffset(bytes, data, len)
    this.#left = Math.max(0, len - (header < 0 ? ETH_HLEN : header)) + OVERHEAD
    return true
  }

  #pass(): void {
    const { queue, env } = this
    env.decided('delay', queue.taken as SkBuff, env.clock.now() - queue.takenArrived)
    this.next.push(queue.leave())
  }

  #flush(): void {
    while (this.#takes()) {
      this.#pass()
    }
  }
}

export const traceKind: StageKind<TraceSpec> = {
  kind: 'trace',
  inner: { once: 'once follows trace: trace verizon.up once' },
  holds: true,
  part: queuePart,
  read(c) {
    const file = c.value('trace needs a file: trace verizon.up', text => text)
    return { file, once: c.takes('once') }
  },
  print: ({ file, once, queue }) =>
    join([`trace ${quote(file)}`, once && 'once', printQueue(queue)]),
  build({ file, once, queue }, { text, limit, resources }) {
    return fromFile(file, resources, lines => make(lines, { ...queueOf(queue, limit), once }, text))
  },
}

function make(
  lines: string | readonly number[],
  common: QueueParams & { once: boolean },
  text?: string,
): Impairment {
  if (typeof lines === 'string' && isLinkTrace(lines)) {
    const link = parseLinkTrace(lines, common.once)
    const params: LinkTraceParams = { ...common, text: lines, link: () => link }
    const own = { text: text ?? `trace of ${link.times.length} rows` }
    return impairment('trace', params, (p, next, env) => new LinkTraceWire(p, next, env), own)
  }
  const times = timesOf(lines)
  const params: TraceParams = { ...common, times }
  const own = { text: text ?? `trace of ${times.length} opportunities in ${times.at(-1)}ms` }
  return impairment('trace', params, (p, next, env) => new TraceWire(p, next, env), own)
}

function byteTime({ times }: TraceParams): number {
  return (times[times.length - 1] * NSEC_PER_MSEC) / (times.length * OPPORTUNITY)
}

/**
 * Returns an impairment that delivers packets at the times of a trace: its text, or its numbers.
 * The link header does not count, so one opportunity delivers a packet of the usual MTU. With
 * `once` nothing is delivered after the last line. A text in CSV is a trace of rate, delay and loss
 * (link-trace.ts); with `once` its last row remains. Throws a UsageError that names the wrong line.
 */
export function trace(lines: string | readonly number[], options: TraceOptions = {}): Impairment {
  const { once = false, queue, limit } = options
  const made = make(lines, { ...queueOf(queue, limit), once })
  const text = join([made.text, once && 'once', printQueue(queue), limitText(limit)])
  return Object.assign(made, { text, holds: true })
}

function timesOf(given: string | readonly number[]): number[] {
  const lines = typeof given === 'string' ? given.trimEnd().split('\n') : given.map(String)
  let last = 0
  const times = lines.map((line, i) => {
    const text = line.trim()
    const ms = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(ms)) {
      throw new UsageError(`trace, line ${i + 1}: '${text}' is not a whole number of milliseconds`)
    }
    if (ms < last) {
      throw new UsageError(`trace, line ${i + 1}: ${ms} is less than ${last} in the line before`)
    }
    last = ms
    return ms
  })
  if (last === 0) {
    throw new UsageError(`trace, line ${times.length}: the last time must be more than 0`)
  }
  return times
}
