/**
 * Stages: toxics on the bytes of one direction of a TCP connection. A stage queues chunks, and the
 * rules of its kind decide, for the first one, when how many of its bytes pass.
 */
import { timerMs } from 'vnet/kit/base'
import type { Random } from 'vnet/net'
import type { Attributes, Ending, Item, StageRules, StageState } from './toxic-kind.ts'
import { TOXIC_KINDS } from './toxic-kinds.ts'
import type { Toxic } from './toxics.ts'

/** The memory of a chunk besides its bytes. */
const CHUNK_BYTES = 512
/** A timer that rings so much too early, in ms, is on time. */
const EARLY_MS = 0.3
/** Bytes that may wait in a stage before its connection is read no further. */
const HELD_MAX = 128 * 1024

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
export class Stage implements StageState {
  readonly toxic: Toxic
  readonly random: Random
  readonly #rules: StageRules
  /** When the last item was due, in ms. */
  free = Number.NEGATIVE_INFINITY
  /** Bytes that have passed. */
  passed = 0
  #bytes = 0
  readonly #output: StageOutput
  readonly #queue: Item[] = []
  #timer: NodeJS.Timeout | undefined
  /** Closes the connection, if the rules say when. */
  #limit: NodeJS.Timeout | undefined

  /** The toxic's kind has a stage (isStage). */
  constructor(toxic: Toxic, random: Random, output: StageOutput) {
    this.toxic = toxic
    this.random = random
    this.#output = output
    this.#rules = TOXIC_KINDS.get(toxic.type)?.stage as StageRules
    this.#limitTime()
  }

  get values(): Attributes {
    return this.toxic.attributes
  }

  /** How many bytes may wait, here and in the stages around it. */
  get heldMax(): number {
    return this.#rules.heldMax ?? HELD_MAX
  }

  /** Bytes that wait, and the memory of their chunks. */
  get held(): number {
    return this.#bytes + this.#queue.length * CHUNK_BYTES
  }

  push(bytes: Buffer | undefined): void {
    this.#bytes += bytes?.length ?? 0
    this.#queue.push({ bytes, at: performance.now() })
    if (this.#timer === undefined) {
      this.#run()
    }
  }

  /** The attributes have changed: applies them to waiting bytes, too. */
  change(): void {
    for (const item of this.#queue) {
      delete item.due
    }
    this.#limitTime()
    this.#run()
  }

  /** Passes on waiting bytes, and closes the connection if the rules say so. */
  remove(): void {
    for (const { bytes } of this.#queue.splice(0)) {
      this.#output.pass(this, bytes)
    }
    this.close()
    if (this.#rules.closesWhenRemoved) {
      this.#output.end(this, 'close')
    }
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
      const verdict = this.#rules.judge(this, item)
      if (verdict === 'drop') {
        this.#take(item.bytes?.length ?? 0)
        continue
      }
      const { until = item.at, bytes, end } = verdict
      const wait = until - performance.now()
      if (wait > EARLY_MS) {
        this.#timer = setTimeout(() => this.#run(), timerMs(wait))
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
    } else {
      this.#take(length)
    }
    this.passed += length
    this.#output.pass(this, passing)
    const ending = this.#rules.afterPass?.(this)
    if (ending !== undefined) {
      this.#output.end(this, ending)
    }
  }

  #take(bytes: number): void {
    this.#queue.shift()
    this.#bytes -= bytes
    this.#limitTime()
  }

  #limitTime(): void {
    clearTimeout(this.#limit)
    const after = this.#rules.closesAfter?.(this.values) ?? 0
    if (after > 0) {
      this.#limit = setTimeout(() => this.#output.end(this, 'close'), timerMs(after))
    }
  }
}
