/**
 * The reading side of a Tap: hands batches to one consumer, a callback or a loop. Queues are polled
 * only while the consumer wants frames and the memory has room for them.
 */
import { inspect } from 'node:util'
import { EBADFD, EBUSY, VnetError } from '../../base/errno.ts'
import { withCode } from '../../base/usage-error.ts'
import type { PortQueue } from '../../netdev/port.ts'
import {
  BATCH,
  BUDGET,
  BUSY,
  OWN_REASON,
  PortReader,
  pollBatches,
  READ_FAILED,
} from '../../netdev/port-reader.ts'
import type { SlotAccount } from '../../skb/pool.ts'
import { GONE } from '../errno.ts'
import { TapBatch, type TapFrame, type TapLayer } from './frame.ts'
import type { TapCounts } from './writer.ts'

/** Queues are not polled because no consumer wants frames. A bit of `state`. */
const IDLE = OWN_REASON

export type OnFrames = (frames: readonly TapFrame[]) => void

/** The parts of a Tap that its reader uses. They remain the Tap's, which closes them. */
export interface TapReaderOptions {
  readonly queues: readonly PortQueue[]
  readonly slots: SlotAccount
  readonly layer: TapLayer
  readonly counts: TapCounts
  /** Called when a queue reports that the interface was deleted. */
  readonly onGone: () => void
}

export class TapReader extends PortReader {
  readonly #options: TapReaderOptions
  readonly #batch: TapBatch
  #onFrames: OnFrames | undefined
  /** The loop that reads, also between two batches. */
  #loop: BatchLoop | undefined
  /** Frames that the loop reads before others have a turn. */
  #budget = 0
  /** The queue that reported frames last, where the loop reads first. */
  #first = 0
  /** True if the last batch was large, so that more may wait. */
  #busy = false
  #end: 'closed' | 'gone' | undefined
  #reread: NodeJS.Timeout | undefined

  constructor(options: TapReaderOptions) {
    super(IDLE)
    this.#options = options
    this.#batch = new TapBatch(options.layer)
    for (const [q, queue] of options.queues.entries()) {
      queue.listen(status => this.#poll(q, status))
    }
  }

  get onFrames(): OnFrames | undefined {
    return this.#onFrames
  }

  set onFrames(fn: OnFrames | undefined | null) {
    if (fn != null && typeof fn !== 'function') {
      throw withCode(
        new TypeError(`onFrames takes a function, not ${inspect(fn)}`),
        'ERR_INVALID_ARG_TYPE',
      )
    }
    if (fn != null && this.#loop !== undefined) throw this.#taken()
    this.#onFrames = fn ?? undefined
    if (fn == null) {
      this.set(IDLE)
    } else {
      this.clear(IDLE)
    }
  }

  /** Returns a loop over batches, until the Tap is closed or deleted. */
  batches(): BatchLoop {
    return new BatchLoop(this)
  }

  /** Lets a loop read. Throws if there is another reader. */
  begin(loop: BatchLoop): void {
    if (this.#loop !== undefined || this.#onFrames !== undefined) throw this.#taken()
    this.#loop = loop
  }

  /**
   * Ends the batch of the loop and returns the next one: without frames if none wait or, unless
   * `isPolled`, if others have a turn first, after BUDGET frames; undefined once the Tap is closed.
   */
  nextBatch(isPolled: boolean): readonly TapFrame[] | undefined {
    this.#batch.end()
    if (isPolled) {
      this.#budget = BUDGET
    }
    const n = this.#budget <= 0 || this.#end !== undefined ? 0 : this.#readFirst()
    // A small batch is the last for now: the poller reports the next frame.
    this.#budget = n < BUSY ? 0 : this.#budget - n
    if (n === 0) {
      if (this.#end === 'gone') {
        throw new VnetError(EBADFD, ['read', this.#options.counts.name], GONE)
      }
      if (this.#end === 'closed') return undefined
      this.clear(IDLE)
    }
    return this.#batch.begin(n, this.#first)
  }

  /** Ends the loop that reads. */
  leave(): void {
    this.#batch.end()
    this.#loop = undefined
    this.set(IDLE)
  }

  /** Ends the loop, and every callback. */
  end(why: 'closed' | 'gone'): void {
    if (this.#end !== undefined) return
    this.#end = why
    clearTimeout(this.#reread)
    this.#loop?.serve()
  }

  #taken(): VnetError {
    const { name } = this.#options.counts
    return new VnetError(
      EBUSY,
      ['read', name],
      'its frames are read already: use one loop or onFrames',
    )
  }

  /** Returns true if more frames may wait: it is then called again. */
  #poll(q: number, status: number): boolean {
    if (status === -EBADFD) {
      this.#options.onGone()
    }
    if (status < 0 || this.#end !== undefined) return false
    this.#first = q
    if (this.#onFrames !== undefined) return pollBatches(this.#options.slots.pool, this.#callBack)
    if (this.#loop === undefined || !this.#loop.serve()) {
      this.set(IDLE)
    }
    return this.#busy
  }

  /** Reads a batch and calls back with it. Returns how many frames it has. */
  readonly #callBack = (): number => {
    if (this.state !== 0 || this.#end !== undefined) return 0
    const n = this.#read(this.#first)
    try {
      if (n > 0) {
        this.#onFrames?.(this.#batch.begin(n, this.#first))
      }
    } finally {
      this.#batch.end()
    }
    return n
  }

  /** Reads from the first queue that has frames. Returns their number. */
  #readFirst(): number {
    const { length } = this.#options.queues
    for (let i = 0; i < length; i++) {
      const q = (this.#first + i) % length
      const n = this.#read(q)
      if (n === 0) continue
      this.#first = q
      this.#busy = n >= BUSY
      return n
    }
    this.#busy = false
    return 0
  }

  /** Reads a batch. Returns the number of frames, 0 if none can be read now. */
  #read(q: number): number {
    const { queues, counts } = this.#options
    const { skbs } = this.#batch
    const n = queues[q].read(skbs, BATCH)
    if (n > 0) {
      counts.framesRead += n
      for (let i = 0; i < n; i++) {
        counts.bytesRead += skbs[i].len
      }
      return n
    }
    if (n < 0) {
      this.readFailed(n)
    }
    return 0
  }

  protected override pauseReading(): void {
    for (const queue of this.#options.queues) {
      queue.pause()
    }
  }

  protected override resumeReading(): void {
    for (const queue of this.#options.queues) {
      queue.resume()
    }
  }

  protected override waitForSlot(): void {
    const { slots } = this.#options
    slots.pool.wait(slots)
  }

  protected override lost(): void {
    this.#options.onGone()
  }

  protected override reread(ms: number): void {
    this.#reread = setTimeout(() => this.clear(READ_FAILED), ms)
  }
}

type Result = IteratorResult<readonly TapFrame[], void>

const DONE = { value: undefined, done: true } as const

/**
 * The iterator of `for await`. An async generator would queue return() after a next() that waits
 * for frames, and a stream of frames could then not be destroyed while it waits.
 */
class BatchLoop implements AsyncGenerator<readonly TapFrame[], void, undefined> {
  readonly #reader: TapReader
  /** Calls of next() that wait for frames. Each poll serves one, so that its batch can be used. */
  readonly #waiting: { resolve(result: Result): void; reject(error: unknown): void }[] = []
  #hasBegun = false
  #isDone = false

  constructor(reader: TapReader) {
    this.#reader = reader
  }

  next(): Promise<Result> {
    if (this.#isDone) return Promise.resolve(DONE)
    try {
      if (!this.#hasBegun) {
        this.#reader.begin(this)
      }
      this.#hasBegun = true
      const frames = this.#waiting.length > 0 ? [] : this.#reader.nextBatch(false)
      if (frames === undefined) return this.return()
      if (frames.length > 0) return Promise.resolve({ value: frames, done: false })
    } catch (error) {
      return this.throw(error)
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Settles a waiting next(), unless frames may still come. Returns whether one waited. */
  serve(): boolean {
    if (this.#waiting.length === 0) return false
    try {
      const frames = this.#reader.nextBatch(true)
      if (frames === undefined) {
        this.#finish()
      } else if (frames.length > 0) {
        this.#waiting.shift()?.resolve({ value: frames, done: false })
      }
    } catch (error) {
      this.#waiting.shift()?.reject(error)
      this.#finish()
    }
    return true
  }

  async return(): Promise<IteratorReturnResult<void>> {
    this.#finish()
    return DONE
  }

  async throw(error: unknown): Promise<never> {
    this.#finish()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
  }

  #finish(): void {
    const reads = this.#hasBegun && !this.#isDone
    this.#isDone = true
    if (reads) {
      this.#reader.leave()
    }
    for (const { resolve } of this.#waiting.splice(0)) {
      resolve(DONE)
    }
  }
}
