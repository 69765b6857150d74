/**
 * rate: packets leave one after another, as fast as a line of so many bits per second sends them. A
 * packet leaves when its last byte has been sent, as with netem: even the first takes the time of
 * its own bytes. Packets that arrive meanwhile wait in a queue (queue.ts).
 *
 * A burst lets packets leave earlier, by at most the time in which the line sends `burst` bytes:
 * that is a token bucket of that size. In any time t at most t * rate + max(burst, one packet)
 * bytes leave.
 */
import type { Alarm } from '../../base/clock.ts'
import { NSEC_PER_SEC } from '../../base/clock.ts'
import { UsageError } from '../../base/usage-error.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { parseRate, sizeOf } from '../units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { PacketQueue, type QueueParams, queueParams, queueWords } from './queue.ts'

export interface RateOptions extends Partial<QueueParams> {
  /** Bytes added to every packet on the line; may be negative. */
  readonly overhead?: number | string
  /** Size of a cell: a packet with its overhead takes whole cells. 0 is a line without cells. */
  readonly cell?: number | string
  /** Bytes added to every cell; may be negative. */
  readonly cellOverhead?: number | string
  /** Bytes that may leave at once after the line was idle. 0 is one packet, after its own time. */
  readonly burst?: number | string
}

interface RateParams extends QueueParams {
  /** Time of a byte on the line, ns. */
  readonly byteTime: number
  readonly overhead: number
  readonly cell: number
  readonly cellOverhead: number
  readonly burst: number
}

class RateWire implements Wire {
  #params: RateParams
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #queue: PacketQueue
  readonly #alarm: Alarm
  /** In transmission; it leaves when the alarm rings. */
  #sending: SkBuff | undefined
  #leaves = 0
  /** When a line without a burst would have sent everything that was taken. */
  #sent = 0

  constructor(params: RateParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#queue = new PacketQueue(params, env)
    this.#queue.byteTime = params.byteTime
    this.#alarm = env.clock.alarm(() => this.#end())
    env.timed()
  }

  push(skb: SkBuff): void {
    if (this.#queue.push(skb) && this.#sending === undefined) this.#send()
  }

  /** The packet in transmission goes on at the old rate. */
  change(params: unknown): boolean {
    const before = this.#params
    this.#params = params as RateParams
    const { byteTime } = this.#params
    this.#queue.change(this.#params, this.#sending)
    this.#queue.byteTime = byteTime
    // The debt of a burst is in bytes, so it shrinks or grows with the time of a byte.
    const from = this.#sending === undefined ? this.#env.clock.now() : this.#leaves
    if (this.#sent > from) this.#sent = from + ((this.#sent - from) * byteTime) / before.byteTime
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

  #end(): void {
    const skb = this.#sending as SkBuff
    this.#sending = undefined
    this.#queue.release(skb)
    try {
      this.#next.push(skb)
    } finally {
      this.#send()
    }
  }

  /** Begins the transmission of the next packet, and passes on those that leave at once. */
  #send(): void {
    const now = this.#env.clock.now()
    const { byteTime, burst } = this.#params
    for (let skb = this.#queue.take(); skb !== undefined; skb = this.#queue.take()) {
      this.#sent = Math.max(now, this.#sent) + lineBytes(this.#params, skb.len) * byteTime
      const leaves = this.#sent - burst * byteTime
      this.#env.decided('delay', skb, Math.max(leaves, now) - this.#queue.arrived)
      if (leaves > now) {
        this.#sending = skb
        this.#leaves = leaves
        this.#alarm.at(leaves)
        return
      }
      this.#queue.release(skb)
      this.#next.push(skb)
    }
  }
}

/** Returns the bytes that a packet takes on the line. */
function lineBytes({ overhead, cell, cellOverhead }: RateParams, len: number): number {
  const bytes = Math.max(0, len + overhead)
  return cell === 0 ? bytes : Math.ceil(bytes / cell) * (cell + cellOverhead)
}

/**
 * Returns an impairment that sends packets at `bits` per second: 1e7, or '10mbit'. A packet of
 * `len` bytes, from the Ethernet header to the last byte before the frame check sequence, takes
 * `len` + `overhead` bytes on the line; with cells ceil((len + overhead) / cell) * (cell +
 * cellOverhead).
 *
 * A change keeps what is queued, and takes effect for the next packet. (tc-netem(8), rate)
 */
export function rate(bits: number | string, options: RateOptions = {}): Impairment {
  const bitsPerSecond = typeof bits === 'number' ? bits : parseRate(bits)
  if (!(bitsPerSecond > 0 && bitsPerSecond < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`rate ${bits}: it must be more than 0 and finite`)
  }
  const params: RateParams = {
    ...queueParams(options),
    byteTime: (8 * NSEC_PER_SEC) / bitsPerSecond,
    overhead: bytesOf(options.overhead),
    cell: bytesOf(options.cell),
    cellOverhead: bytesOf(options.cellOverhead),
    burst: bytesOf(options.burst),
  }
  if (params.cell < 0 || params.burst < 0) throw new UsageError('rate: cell and burst must not be negative')
  if (params.cell + params.cellOverhead < 0) throw new UsageError('rate: a cell must not be shorter than 0 bytes')
  return impairment('rate', params, (p, next, env) => new RateWire(p, next, env), {
    words: wordsOf(bitsPerSecond, params),
  })
}

function bytesOf(size: number | string = 0): number {
  return typeof size === 'string' && size.startsWith('-') ? -sizeOf(size.slice(1)) : sizeOf(size)
}

function wordsOf(bits: number, { overhead, cell, cellOverhead, burst, ...queue }: RateParams): string {
  const line = { bits, overhead, cell, cellOverhead }
  return `${print({ kind: 'rate', ...line, ...(burst !== 0 && { burst }) })}${queueWords(queue)}`
}
