/**
 * The reading side of a Tap: hands batches to one consumer, a callback or a loop. Queues are polled
 * only while a consumer wants frames and the memory has room.
 */
import { inspect } from 'node:util'
import { EBADFD, VnetError } from '../base/errno.ts'
import type { PortQueue } from '../netdev/port.ts'
import { BATCH, BUDGET, BUSY, OWN_REASON, PortReader, pollBatches, READ_FAILED } from '../netdev/port-reader.ts'
import type { SlotAccount } from '../skb/pool.ts'
import { GONE } from './errno.ts'
import { TapBatch, type TapFrame, type TapLayer } from './tap-frame.ts'
import type { TapCounts } from './tap-writer.ts'

/** Queues are not polled because no consumer wants frames. A bit of `state`. */
const IDLE = OWN_REASON

export type OnFrames = (frames: readonly TapFrame[]) => void

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
  /** True while a loop reads, also between two batches. */
  #looping = false
  /** Called when frames wait, while the loop waits for them. */
  #wake: (() => void) | undefined
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
    for (const [q, queue] of options.queues.entries()) queue.listen(status => this.#poll(q, status))
  }

  get onFrames(): OnFrames | undefined {
    return this.#onFrames
  }

  set onFrames(fn: OnFrames | undefined | null) {
    if (fn != null && typeof fn !== 'function') throw new TypeError(`onFrames takes a function, not ${inspect(fn)}`)
    if (fn != null && this.#looping) throw this.#taken()
    this.#onFrames = fn ?? undefined
    if (fn == null) this.set(IDLE)
    else this.clear(IDLE)
  }

  /** Yields batches until the Tap is closed or deleted. Others have a turn after BUDGET frames. */
  batches(): BatchLoop {
    return new BatchLoop(this)
  }

  /** Lets a loop read. Throws if there is another reader. */
  begin(): void {
    if (this.#looping || this.#onFrames !== undefined) throw this.#taken()
    this.#looping = true
  }

  /** Returns the next batch of the loop; undefined at the end of the Tap or of the loop. */
  async next(loop: BatchLoop): Promise<readonly TapFrame[] | undefined> {
    this.#batch.end()
    for (;;) {
      if (loop.budget <= 0) {
        await this.#readable()
        loop.budget = BUDGET
      }
      if (loop.isDone) return undefined
      if (this.#end === 'gone') throw new VnetError(EBADFD, ['read', this.#options.counts.name], GONE)
      if (this.#end === 'closed') return undefined
      const n = this.#readFirst()
      // A small batch is the last for now: the poller reports the next frame.
      loop.budget = n < BUSY ? 0 : loop.budget - n
      if (n > 0) return this.#batch.begin(n, this.#first)
    }
  }

  /** Ends the loop that reads, also while it waits for frames. */
  leave(): void {
    this.#batch.end()
    this.#looping = false
    this.set(IDLE)
    this.#wakeLoop()
  }

  /** Ends the loop, and every callback. */
  end(why: 'closed' | 'gone'): void {
    if (this.#end !== undefined) return
    this.#end = why
    clearTimeout(this.#reread)
    this.#wakeLoop()
  }

  #taken(): Error {
    return new Error(`${this.#options.counts.name}: its frames are read already: use one loop or onFrames`)
  }

  /** Settles when a queue has frames, or at the end. */
  #readable(): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve()
    return new Promise(resolve => {
      this.#wake = resolve
      this.clear(IDLE)
    })
  }

  #wakeLoop(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Returns true if more frames may wait: it is then called again. */
  #poll(q: number, status: number): boolean {
    if (status === -EBADFD) this.#options.onGone()
    if (status < 0 || this.#end !== undefined) return false
    this.#first = q
    if (this.#onFrames !== undefined) return pollBatches(this.#options.slots.pool, this.#callBack)
    if (this.#wake === undefined) this.set(IDLE)
    else this.#wakeLoop()
    return this.#busy
  }

  /** Reads a batch and calls back with it. Returns how many frames it has. */
  readonly #callBack = (): number => {
    if (this.state !== 0 || this.#end !== undefined) return 0
    const n = this.#read(this.#first)
    try {
      if (n > 0) this.#onFrames?.(this.#batch.begin(n, this.#first))
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
      for (let i = 0; i < n; i++) counts.bytesRead += skbs[i].len
      return n
    }
    if (n < 0) this.readFailed(n)
    return 0
  }

  protected override pauseReading(): void {
    for (const queue of this.#options.queues) queue.pause()
  }

  protected override resumeReading(): void {
    for (const queue of this.#options.queues) queue.resume()
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

/**
 * What `for await` reads. Unlike an async generator it ends while it waits for frames: streams call
 * return() then, and would hang.
 */
class BatchLoop implements AsyncGenerator<readonly TapFrame[], void, undefined> {
  /** Frames until others have a turn. */
  budget = 0
  isDone = false
  readonly #reader: TapReader
  #hasBegun = false
  /** Calls of next() are answered one after the other. */
  #last: Promise<unknown> | undefined

  constructor(reader: TapReader) {
    this.#reader = reader
  }

  next(): Promise<IteratorResult<readonly TapFrame[], void>> {
    const result = this.#last === undefined ? this.#next() : this.#last.then(() => this.#next())
    const settled = result.then(ignore, ignore).then(() => {
      if (this.#last === settled) this.#last = undefined
    })
    this.#last = settled
    return result
  }

  async #next(): Promise<IteratorResult<readonly TapFrame[], void>> {
    if (this.isDone) return DONE
    try {
      if (!this.#hasBegun) this.#reader.begin()
    } catch (error) {
      this.isDone = true
      throw error
    }
    this.#hasBegun = true
    try {
      const value = await this.#reader.next(this)
      if (value !== undefined) return { value, done: false }
    } catch (error) {
      await this.return()
      throw error
    }
    return this.return()
  }

  async return(): Promise<IteratorReturnResult<void>> {
    const reads = this.#hasBegun && !this.isDone
    this.isDone = true
    if (reads) this.#reader.leave()
    return DONE
  }

  async throw(error: unknown): Promise<never> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

const DONE = { value: undefined, done: true } as const
const ignore = (): void => {}
