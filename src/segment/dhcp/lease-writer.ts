/**
 * LeaseWriter: when leases are saved. Changes are grouped: one write holds all that were made
 * before it began, and the next begins a moment after it ended at the earliest. Whoever has to know
 * that a change is kept waits for its write.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from '../../core/clock.ts'
import type { Lease, LeaseStore } from './lease.ts'

/** Between the end of a write and the next one. */
const PAUSE = 200 * NSEC_PER_MSEC
/**
 * How long a change may wait that nobody waits for: a lease that goes on. After a crash it ends by
 * its old time.
 */
const LATER = 5 * NSEC_PER_SEC
/** Until what could not be written is written again, unless a change comes before. */
const RETRY = 5 * NSEC_PER_SEC

export interface LeaseWriterOptions {
  readonly store: LeaseStore
  readonly clock: Clock
  /** All of them, as they are when it is read. */
  readonly leases: Iterable<Lease>
  /**
   * Called with the error of each write that failed, and with undefined for the first that succeeds
   * after one.
   */
  readonly onWritten: (error: unknown) => void
}

export class LeaseWriter {
  readonly #options: LeaseWriterOptions
  readonly #alarm: Alarm
  /** The write that will hold a change made now, by number, and the last one that was kept. */
  #next = 1
  #kept = 0
  #isDirty = false
  #failed = false
  /** When the next write may begin, ns; when it is due. */
  #earliest = Number.NEGATIVE_INFINITY
  #due = Number.POSITIVE_INFINITY
  #writing: Promise<void> | undefined
  #waiting: ((kept: boolean) => void)[] = []

  constructor(options: LeaseWriterOptions) {
    this.#options = options
    this.#alarm = options.clock.alarm(() => this.#write())
  }

  /** Stands for a change made now; `isKept` tells whether it is. */
  get change(): number {
    return this.#next
  }

  isKept(change: number): boolean {
    return change <= this.#kept
  }

  /** Calls that wait for a write. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Something changed, and is saved as soon as may be. */
  save(): void {
    this.#isDirty = true
    this.#schedule(this.#options.clock.now())
  }

  /** Something changed that may be saved later. */
  saveLater(): void {
    this.#isDirty = true
    this.#schedule(this.#options.clock.now() + LATER)
  }

  /** As `save`, and calls `fn` with whether everything as it is now was kept: at once, or later. */
  saveFor(fn: (kept: boolean) => void): void {
    this.#waiting.push(fn)
    this.save()
  }

  /** Saves what is not saved yet. Those who wait are not called any more. */
  async close(): Promise<void> {
    this.#waiting = []
    if (this.#writing !== undefined) await this.#writing
    if (this.#isDirty) this.#write()
    if (this.#writing !== undefined) await this.#writing
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
      saved = store.save(leases)
    } catch (error) {
      this.#over(waiting, error)
      return
    }
    if (saved === undefined) {
      this.#kept = change
      this.#over(waiting, undefined)
      return
    }
    this.#writing = saved
      .then(
        () => {
          this.#kept = change
        },
        error => error ?? new Error('it was not said why'),
      )
      .then(error => {
        this.#writing = undefined
        this.#earliest = this.#options.clock.now() + PAUSE
        this.#over(waiting, error)
      })
  }

  #over(waiting: readonly ((kept: boolean) => void)[], error: unknown): void {
    const isFailure = error !== undefined
    if (isFailure || this.#failed) this.#options.onWritten(error)
    this.#failed = isFailure
    for (const fn of waiting) fn(!isFailure)
    const now = this.#options.clock.now()
    if (this.#waiting.length > 0) this.#schedule(now)
    else if (isFailure) {
      this.#isDirty = true
      this.#schedule(now + RETRY)
    } else if (this.#isDirty) this.#schedule(now)
  }
}
