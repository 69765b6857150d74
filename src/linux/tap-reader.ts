/**
 * The reading side of a Tap: hands batches to one consumer, a callback or a loop. Queues are polled
 * only while there is one that wants frames, and the memory has room. Otherwise frames stay in the
 * kernel's own ring, which is the back-pressure.
 */
import { EBADFD, ENOBUFS, VnetError } from '../base/errno.ts'
import { BATCH, BUDGET, BUSY } from '../netdev/budget.ts'
import type { PortQueue } from '../netdev/port.ts'
import type { SlotAccount } from '../skb/pool.ts'
import { GONE } from './errno.ts'
import type { TapCounts } from './tap-counts.ts'
import { TapBatch, type TapFrame, type TapLayer } from './tap-frame.ts'

/** Why queues are not polled; bits of `#state`. */
const IDLE = 1 << 0
const NO_SLOT = 1 << 1
const READ_FAILED = 1 << 2

/** After a failed read, the next one: a queue that cannot be read is readable all the time. */
const REREAD_MS = 10

export type OnFrames = (frames: readonly TapFrame[]) => void

export interface TapReaderOptions {
  readonly queues: readonly PortQueue[]
  readonly slots: SlotAccount
  readonly layer: TapLayer
  readonly counts: TapCounts
  /** Called when a queue reports that the interface was deleted. */
  readonly onGone: () => void
}

export class TapReader {
  readonly #options: TapReaderOptions
  readonly #batch: TapBatch
  #state = IDLE
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
    this.#options = options
    this.#batch = new TapBatch(options.layer)
    for (const [q, queue] of options.queues.entries()) queue.listen(status => this.#poll(q, status))
  }

  get onFrames(): OnFrames | undefined {
    return this.#onFrames
  }

  set onFrames(fn: OnFrames | undefined) {
    if (fn !== undefined && this.#looping) throw this.#taken()
    this.#onFrames = fn
    this.#set(IDLE, fn === undefined)
  }

  /**
   * Yields batches until the Tap is closed. Throws EBADFD once the interface was deleted. Other
   * descriptors and timers have their turn after BUDGET frames, even if the loop awaits nothing.
   */
  async *batches(): AsyncGenerator<readonly TapFrame[], void, undefined> {
    if (this.#looping || this.#onFrames !== undefined) throw this.#taken()
    this.#looping = true
    try {
      for (let budget = 0; ; ) {
        if (budget <= 0) {
          await this.#readable()
          budget = BUDGET
        }
        if (this.#end === 'gone') throw new VnetError(EBADFD, `read ${this.#options.counts.name}`, GONE)
        if (this.#end === 'closed') return
        const n = this.#readFirst()
        // A small batch is the last for now: the poller reports the next frame.
        budget = n < BUSY ? 0 : budget - n
        if (n === 0) continue
        yield this.#batch.begin(n, this.#first)
        this.#batch.end()
      }
    } finally {
      this.#batch.end()
      this.#looping = false
      this.#set(IDLE, true)
    }
  }

  /** Reads again: the memory has room. */
  slotFreed(): void {
    this.#set(NO_SLOT, false)
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
      this.#set(IDLE, false)
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
    if (this.#onFrames !== undefined) return this.#callBack(q)
    this.#first = q
    if (this.#wake === undefined) this.#set(IDLE, true)
    else this.#wakeLoop()
    return this.#busy
  }

  /** Calls back with batches until one is small or the budget is spent. */
  #callBack(q: number): boolean {
    let budget = BUDGET
    while (budget > 0 && this.#state === 0 && this.#end === undefined) {
      const n = this.#read(q)
      if (n > 0) this.#handOver(n, q)
      budget -= n
      if (n < BUSY) break
    }
    return budget <= BUDGET - BUSY
  }

  #handOver(n: number, q: number): void {
    try {
      this.#onFrames?.(this.#batch.begin(n, q))
    } finally {
      this.#batch.end()
    }
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

  /** Reads a batch. Returns how many frames, 0 if there are none or they cannot be read now. */
  #read(q: number): number {
    const { queues, counts } = this.#options
    const { skbs } = this.#batch
    const n = queues[q].read(skbs, BATCH)
    if (n > 0) {
      counts.framesRead += n
      for (let i = 0; i < n; i++) counts.bytesRead += skbs[i].len
      return n
    }
    if (n < 0) this.#readFailed(n)
    return 0
  }

  #readFailed(error: number): void {
    const { slots, onGone } = this.#options
    if (error === -ENOBUFS) {
      this.#set(NO_SLOT, true)
      slots.pool.wait(slots)
    } else if (error === -EBADFD) {
      onGone()
    } else {
      this.#set(READ_FAILED, true)
      this.#reread = setTimeout(() => this.#set(READ_FAILED, false), REREAD_MS)
    }
  }

  #set(reason: number, on: boolean): void {
    const before = this.#state
    this.#state = on ? before | reason : before & ~reason
    if ((before === 0) === (this.#state === 0)) return
    for (const queue of this.#options.queues) {
      if (before === 0) queue.pause()
      else queue.resume()
    }
  }
}
