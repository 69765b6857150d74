/**
 * LeaseWriter: decides when leases are saved. A write saves all changes that were made before it
 * starts. The next write starts PAUSE after the end of the last one at the earliest. A caller may
 * wait for the write of its change.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'
import type { Lease, LeaseStore } from './lease.ts'

/** Time between two writes in ns. */
const PAUSE = 200 * NSEC_PER_MSEC
/** Longest delay of a renewal, ns. A crash in that time restores its old end. */
const LATER = 5 * NSEC_PER_SEC
/** Delay in ns after a failed write, unless another change causes an earlier write. */
const RETRY = 5 * NSEC_PER_SEC

export interface LeaseWriterOptions {
  readonly store: LeaseStore
  readonly clock: Clock
  /** Returns all leases, ended ones included. Called at the start of each write. */
  readonly leases: () => Iterable<Lease>
  /** Called with the error of each failed write, and with undefined once one succeeds again. */
  readonly onWritten: (error: unknown) => void
}

/** The writes to one store, one at a time. A failed write is repeated until one succeeds. */
export class LeaseWriter {
  readonly #options: LeaseWriterOptions
  readonly #alarm: Alarm
  /** Numbers of the write that will save a change made now, and of the last successful one. */
  #next = 1
  #saved = 0
  #isDirty = false
  #failed = false
  /** The times in ns at which the next write may start, and at which it is due. */
  #earliest = Number.NEGATIVE_INFINITY
  #due = Number.POSITIVE_INFINITY
  #writing: Promise<void> | undefined
  #waiting: ((saved: boolean) => void)[] = []

  constructor(options: LeaseWriterOptions) {
    this.#options = options
    this.#alarm = options.clock.alarm(() => this.#write())
  }

  /** Identifies a change made now, for isSaved(). */
  get change(): number {
    return this.#next
  }

  /** Whether a write that succeeded has saved the change. */
  isSaved(change: number): boolean {
    return change <= this.#saved
  }

  /** The number of callers that wait for a write. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Saves a change as soon as possible. */
  save(): void {
    this.#isDirty = true
    this.#schedule(this.#options.clock.now())
  }

  /** Saves a change within LATER. */
  saveLater(): void {
    this.#isDirty = true
    this.#schedule(this.#options.clock.now() + LATER)
  }

  /** Saves a change as soon as possible and calls `fn`, now or later, with whether it was saved. */
  saveFor(fn: (saved: boolean) => void): void {
    this.#waiting.push(fn)
    this.save()
  }

  /** Saves the unsaved leases. Waiting callbacks are not called. */
  async close(): Promise<void> {
    this.#waiting = []
    if (this.#writing !== undefined) {
      await this.#writing
    }
    if (this.#isDirty) {
      this.#write()
    }
    if (this.#writing !== undefined) {
      await this.#writing
    }
    this.#alarm.cancel()
  }

  #schedule(ns: number): void {
    if (this.#writing !== undefined) return
    const at = Math.max(ns, this.#earliest)
    if (at >= this.#due) return
    if (at <= this.#options.clock.now()) {
      this.#write()
      return
    }
    this.#due = at
    this.#alarm.at(at)
  }

  #write(): void {
    const { store, leases } = this.#options
    const waiting = this.#waiting
    const change = this.#next++
    this.#waiting = []
    this.#isDirty = false
    this.#due = Number.POSITIVE_INFINITY
    this.#alarm.cancel()
    let saved: Promise<void> | undefined
    try {
      saved = store.save(leases())
    } catch (error) {
      this.#ended(waiting, error)
      return
    }
    if (saved === undefined) {
      this.#saved = change
      this.#ended(waiting, undefined)
      return
    }
    this.#writing = saved
      .then(
        () => {
          this.#saved = change
        },
        error => error ?? new Error('unknown error'),
      )
      .then(error => {
        this.#writing = undefined
        this.#earliest = this.#options.clock.now() + PAUSE
        this.#ended(waiting, error)
      })
  }

  #ended(waiting: readonly ((saved: boolean) => void)[], error: unknown): void {
    const isFailure = error !== undefined
    if (isFailure || this.#failed) {
      this.#options.onWritten(error)
    }
    this.#failed = isFailure
    for (const fn of waiting) {
      fn(!isFailure)
    }
    const now = this.#options.clock.now()
    if (this.#waiting.length > 0) {
      this.#schedule(now)
    } else if (isFailure) {
      this.#isDirty = true
      this.#schedule(now + RETRY)
    } else if (this.#isDirty) {
      this.#schedule(now)
    }
  }
}
