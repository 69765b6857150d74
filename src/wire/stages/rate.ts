/**
 * rate: packets leave one after another, as fast as a line of a given bit rate sends them. A packet
 * leaves when its last byte has been sent, as with netem: even the first takes the time of its own
 * bytes. Packets that arrive meanwhile wait in a queue (queue.ts).
 *
 * A burst lets packets leave earlier, by at most the time in which the line sends `burst` bytes:
 * this is a token bucket of that size. In any time t at most t * rate + max(burst, one packet)
 * bytes leave.
 */
import { NSEC_PER_SEC, UsageError } from '../../base/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { whole } from '../grammar/cursor.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatRate, formatSize, join, parseSize, rateOf, sizeOf, trimmed } from '../units.ts'
import { type Impairment, impairment, type QueueEnv, type Wire } from '../wire.ts'
import { limitText, printQueue, queueOf, queuePart, type WrittenQueue } from './disciplines.ts'
import { type QueueKind, type QueueParams, QueueWire } from './queue.ts'

/**
 * The line of rate(), and the queue before it: by default one that drops new packets when 1000
 * packets wait.
 */
export interface RateOptions extends Partial<QueueParams> {
  /** Bytes added to every packet on the line; may be negative. */
  readonly overhead?: number | string
  /** Size of a cell: a packet with its overhead takes whole cells. 0 is a line without cells. */
  readonly cell?: number | string
  /** Bytes added to every cell; may be negative. */
  readonly cellOverhead?: number | string
  /** Bytes that may leave in a burst after the line was idle; 0 is one packet, in its own time. */
  readonly burst?: number | string
}

interface RateSpec {
  readonly bits: number
  readonly overhead: number
  readonly cell: number
  readonly cellOverhead: number
  readonly burst?: number
  readonly queue?: WrittenQueue
}

export interface RateParams extends RateSpec, QueueParams {
  /** Time of a byte on the line, in ns. */
  readonly byteTime: number
  readonly burst: number
  readonly queue: QueueKind
}

class RateWire extends QueueWire<RateParams> implements Wire {
  #leaves = 0
  /** When a line without a burst would have sent everything that was taken. */
  #sent = 0

  constructor(params: RateParams, next: Wire, env: QueueEnv) {
    super(params, next, env)
    this.queue.byteTime = params.byteTime
  }

  push(skb: SkBuff): void {
    if (this.queue.push(skb)) {
      this.#send()
    }
  }

  /** The packet in transmission continues at the old rate. */
  protected override update(params: RateParams): void {
    const before = this.params
    super.update(params)
    const { byteTime, burst } = params
    this.queue.byteTime = byteTime
    // The debt of a burst is in bytes, and is at most the new burst.
    const from = this.queue.taken === undefined ? this.env.clock.now() : this.#leaves
    if (this.#sent > from) {
      this.#sent = from + Math.min((this.#sent - from) / before.byteTime, burst) * byteTime
    }
  }

  protected override ring(): void {
    try {
      this.next.push(this.queue.leave())
    } finally {
      this.#send()
    }
  }

  /** Starts the transmission of the next packet, and passes on packets that leave immediately. */
  #send(): void {
    const { queue, env } = this
    const now = env.clock.now()
    for (let skb = queue.take(); skb !== undefined; skb = queue.take()) {
      this.#sent = Math.max(now, this.#sent) + this.#lineBytes(skb) * this.params.byteTime
      const leaves = this.#sent - this.params.burst * this.params.byteTime
      env.decided('delay', skb, Math.max(leaves, now) - queue.takenArrived)
      if (leaves > now) {
        this.#leaves = leaves
        this.alarm.at(leaves)
        return
      }
      this.next.push(queue.leave())
    }
  }

  #lineBytes(skb: SkBuff): number {
    const { overhead, cell, cellOverhead } = this.params
    const bytes = Math.max(0, skb.len + overhead)
    return cell === 0 ? bytes : Math.ceil(bytes / cell) * (cell + cellOverhead)
  }
}

export const rateKind: StageKind<RateSpec> = {
  kind: 'rate',
  inner: { burst: 'burst follows rate or loss: rate 10mbit burst 15kb, loss 1% burst 5' },
  holds: true,
  part: queuePart,
  bits: ({ bits }) => bits,
  read(c) {
    const bits = c.rate('rate needs a rate: rate 10mbit')
    const overhead = c.optional(readOverhead, 0)
    const cell = c.optional(whole('a cell size in bytes', 0), 0)
    const line = { bits, overhead, cell, cellOverhead: c.optional(readOverhead, 0) }
    return c.takes('burst')
      ? { ...line, burst: c.value('burst needs a size: burst 15kb', parseSize) }
      : line
  },
  print({ bits, overhead, cell, cellOverhead, burst, queue }) {
    const line = trimmed(
      `rate ${formatRate(bits)}`,
      [overhead, cell, cellOverhead],
      [0, 0, 0],
      String,
    )
    return join([line, burst !== undefined && `burst ${formatSize(burst)}`, printQueue(queue)])
  },
  build({ queue, ...line }, { text, limit }) {
    const { bits, cell, cellOverhead, burst = 0 } = line
    const params: RateParams = {
      ...line,
      ...queueOf(queue, limit),
      byteTime: (8 * NSEC_PER_SEC) / bits,
      burst,
    }
    if (cell < 0 || burst < 0) throw new UsageError('rate: cell and burst must not be negative')
    if (cell + cellOverhead < 0) {
      throw new UsageError('rate: a cell must not be shorter than 0 bytes')
    }
    return impairment('rate', params, (p, next, env) => new RateWire(p, next, env), { text })
  },
}

const readOverhead = whole('an overhead in bytes', Number.MIN_SAFE_INTEGER)

/**
 * Returns an impairment that sends packets at `bits` per second: 1e7, or '10mbit'. A packet of
 * `len` bytes, from the Ethernet header to the last byte before the frame check sequence, takes
 * `len` + `overhead` bytes on the line; with cells ceil((len + overhead) / cell) * (cell +
 * cellOverhead).
 *
 * A change keeps queued packets, and takes effect for the next packet. (tc-netem(8), rate)
 */
export function rate(bits: number | string, options: RateOptions = {}): Impairment {
  const burst = bytesOf(options.burst)
  const spec: RateSpec = {
    bits: rateOf(bits, 'rate'),
    overhead: bytesOf(options.overhead),
    cell: bytesOf(options.cell),
    cellOverhead: bytesOf(options.cellOverhead),
    ...(burst !== 0 && { burst }),
    queue: options.queue,
  }
  const { limit } = options
  return stageOf(rateKind, spec, { limit, text: join([rateKind.print(spec), limitText(limit)]) })
}

function bytesOf(size: number | string = 0): number {
  return typeof size === 'string' && size.startsWith('-') ? -sizeOf(size.slice(1)) : sizeOf(size)
}
