/**
 * Stages: toxics on the bytes of one direction of a TCP connection. A stage queues chunks, and the
 * function of its kind decides, for the first one, when how many of its bytes pass.
 */
import type { Random } from 'vnet/internal/base/random'
import type { Toxic } from './toxics.ts'

/** A chunk, or the end of the stream, and the moment at which it came, in ms. */
interface Item {
  bytes: Buffer | undefined
  readonly at: number
  /** When it leaves, if that was drawn. */
  due?: number
}

/** The first item passes at a moment, in whole or in part, is dropped, or ends the connection. */
type Verdict = { readonly until?: number; readonly bytes?: number; readonly end?: Ending } | 'drop'
export type Ending = 'close' | 'reset'

const NOW: Verdict = {}

/** A bandwidth sends pieces of so many ms. */
const PIECE_MS = 20
/** The memory of a chunk besides its bytes. */
const CHUNK_BYTES = 512
/** A timer that rings so much too early, in ms, is on time. */
const EARLY_MS = 0.3
const TIMER_MAX = 2 ** 31 - 1

const JUDGES: Readonly<Record<string, (stage: Stage, item: Item) => Verdict>> = {
  latency({ values: { latency = 0, jitter = 0 }, random }, item) {
    item.due ??= item.at + latency + (jitter > 0 ? (2 * random.next() - 1) * jitter : 0)
    return item.bytes === undefined ? NOW : { until: item.due }
  },
  bandwidth({ free, values: { rate = 0 } }, { bytes, at }) {
    if (bytes === undefined) return NOW
    const piece = Math.min(bytes.length, rate * PIECE_MS)
    return rate > 0 ? { until: Math.max(free, at) + piece / rate, bytes: piece } : { until: Number.POSITIVE_INFINITY }
  },
  slicer({ free, random, values: { average_size: mean = 0, size_variation: spread = 0, delay = 0 } }, item) {
    const size = mean + (spread > 0 ? Math.round((2 * random.next() - 1) * spread) : 0)
    const isSmall = item.bytes === undefined || item.bytes.length - mean <= spread
    return { until: Math.max(free + delay / 1000, item.at), ...(!isSmall && { bytes: Math.max(1, size) }) }
  },
  limit_data({ passed, values }, { bytes }) {
    const left = (values.bytes ?? 0) - passed
    return bytes === undefined ? NOW : left <= 0 ? { end: 'close' } : { bytes: left }
  },
  timeout: (_, { bytes }) => (bytes === undefined ? NOW : 'drop'),
  slow_close: ({ values: { delay = 0 } }, { bytes, at }) => (bytes === undefined ? { until: at + delay } : NOW),
  reset_peer: ({ values: { timeout = 0 } }, { at }) => ({ until: at + timeout, end: 'reset' }),
}

/**
 * Where a stage sends what it lets pass: the pump that has made the stage, which leads it to the
 * next stage or to the socket. A stage calls it inside `push`, `change` and `remove`, and from
 * timers until it is closed.
 */
export interface StageOutput {
  /**
   * The next bytes of the stream, in their order, which belong to the output now; undefined for its
   * end.
   */
  pass(stage: Stage, bytes: Buffer | undefined): void
  /** A toxic ends the connection: `close` after the bytes that have passed, `reset` immediately. */
  end(stage: Stage, how: Ending): void
}

/**
 * A toxic on one direction of one connection. The pump that has made it pushes bytes, removes it
 * when its toxic is deleted, and closes it with the connection.
 */
export class Stage {
  readonly toxic: Toxic
  readonly random: Random
  /** When the last item was due, in ms. */
  free = Number.NEGATIVE_INFINITY
  /** Bytes that have passed. */
  passed = 0
  #bytes = 0
  readonly #output: StageOutput
  readonly #queue: Item[] = []
  #timer: NodeJS.Timeout | undefined
  /** Ends a connection in silence, by a toxic `timeout`. */
  #limit: NodeJS.Timeout | undefined

  constructor(toxic: Toxic, random: Random, output: StageOutput) {
    this.toxic = toxic
    this.random = random
    this.#output = output
    this.#limitSilence()
  }

  get values(): Readonly<Record<string, number>> {
    return this.toxic.attributes as Readonly<Record<string, number>>
  }

  /** Bytes that wait, and the memory of their chunks. */
  get held(): number {
    return this.#bytes + this.#queue.length * CHUNK_BYTES
  }

  push(bytes: Buffer | undefined): void {
    this.#bytes += bytes?.length ?? 0
    this.#queue.push({ bytes, at: performance.now() })
    if (this.#timer === undefined) this.#run()
  }

  /** The attributes have changed: applies them to waiting bytes, too. */
  change(): void {
    for (const item of this.#queue) delete item.due
    this.#limitSilence()
    this.#run()
  }

  /** Passes on waiting bytes. A `timeout` ends the connection, which has lost bytes. */
  remove(): void {
    for (const { bytes } of this.#queue.splice(0)) this.#output.pass(this, bytes)
    this.close()
    if (this.toxic.type === 'timeout') this.#output.end(this, 'close')
  }

  close(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#limit)
    this.#queue.length = 0
    this.#bytes = 0
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
      const verdict = (JUDGES[this.toxic.type] as (typeof JUDGES)[string])(this, item)
      if (verdict === 'drop') {
        this.#take(item.bytes?.length ?? 0)
        continue
      }
      const { until = item.at, bytes, end } = verdict
      const wait = until - performance.now()
      if (wait > EARLY_MS) {
        this.#timer = setTimeout(() => this.#run(), Math.min(wait, TIMER_MAX))
        return
      }
      if (end !== undefined) {
        this.#output.end(this, end)
        return
      }
      this.free = until
      this.#pass(item, bytes)
    }
  }

  #pass(item: Item, most = Number.POSITIVE_INFINITY): void {
    const { bytes } = item
    const passing = bytes?.subarray(0, Math.min(most, bytes.length))
    const length = passing?.length ?? 0
    if (bytes !== undefined && length < bytes.length) {
      item.bytes = bytes.subarray(length)
      this.#bytes -= length
    } else this.#take(length)
    this.passed += length
    this.#output.pass(this, passing)
    if (this.toxic.type === 'limit_data' && this.passed >= (this.values.bytes ?? 0)) this.#output.end(this, 'close')
  }

  #take(bytes: number): void {
    this.#queue.shift()
    this.#bytes -= bytes
    this.#limitSilence()
  }

  #limitSilence(): void {
    const { timeout = 0 } = this.values
    if (this.toxic.type !== 'timeout') return
    clearTimeout(this.#limit)
    if (timeout > 0) this.#limit = setTimeout(() => this.#output.end(this, 'close'), Math.min(timeout, TIMER_MAX))
  }
}
