/**
 * A timeline: one heap for the alarms of networks and the timers of JavaScript, in nanoseconds from
 * 0. Entries ring in the order of their moments, and entries of one moment in the order in which
 * they were armed. A timeline only rings; timeline-turns.ts decides when.
 */
import type { Alarm, Clock } from 'vnet'
import { type HeapItem, MomentHeap } from 'vnet/kit/base'

/** Whose alarm an entry is: a world. */
export type Owner = Readonly<{ isClosed: boolean }>

/** An alarm or a timer. */
export interface Entry extends HeapItem {
  /** Whether it keeps the process alive while it is armed. */
  readonly isRef: boolean
  /** The world that it ends with; undefined if it ends with the last one. */
  readonly owner: Owner | undefined
  /** The boot of the code that has set a timer; undefined for other code. */
  readonly boot?: object | undefined
  ring(): void
}

/**
 * After so many rings of one moment, entries that are armed for it ring BUSY_NS later. Alarms that
 * arm each other for now would otherwise stop time for all others.
 */
const RINGS_MAX = 10_000
/**
 * After so many readings of one moment, each takes BUSY_NS. A loop that waits for the clock would
 * otherwise never end.
 */
const READINGS_MAX = 100_000
/** About the time that a ring takes. */
const BUSY_NS = 1000

/**
 * The time of all worlds of a thread. `now` moves by `ringNext`, to the moment of the next entry,
 * and for a program that reads it all the time.
 */
export class Timeline {
  /** The milliseconds of Date at 0. */
  readonly epoch: number
  /** The present moment. */
  now = 0
  /** Called when something is armed. */
  onArm: () => void = () => {}
  readonly #heap = new MomentHeap<Entry>()
  #refs = 0
  #rings = 0
  #readings = 0
  #closed = false

  constructor(epoch: number) {
    this.epoch = epoch
  }

  /** The number of armed entries. */
  get size(): number {
    return this.#heap.size
  }

  /** Whether an armed entry keeps the process alive. */
  get isRef(): boolean {
    return this.#refs > 0
  }

  /** Returns the present moment, for the program. */
  read(): number {
    if (++this.#readings > READINGS_MAX) {
      this.now += BUSY_NS
    }
    return this.now
  }

  /** Arms an entry for a moment, or moves it there. A past moment is now. */
  arm(entry: Entry, moment: number): void {
    if (this.#closed) return
    let at = moment
    // Also for NaN.
    if (!(at > this.now)) {
      at = this.now + (this.#rings > RINGS_MAX ? BUSY_NS : 0)
    }
    if (entry.index < 0 && entry.isRef) {
      this.#refs++
    }
    this.#heap.set(entry, at)
    this.onArm()
  }

  /** Disarms an entry. Harmless if it is not armed. */
  cancel(entry: Entry): void {
    if (entry.index < 0) return
    if (entry.isRef) {
      this.#refs--
    }
    this.#heap.remove(entry)
  }

  /** Takes note of a changed `isRef`. */
  changeRef(entry: Entry): void {
    if (entry.index < 0) return
    this.#refs += entry.isRef ? 1 : -1
    this.onArm()
  }

  /** Moves time to the next entry and rings it. Throws what it throws. */
  ringNext(): void {
    const moment = this.#heap.first
    const entry = this.#heap.shift()
    if (entry === undefined) return
    if (entry.isRef) {
      this.#refs--
    }
    if (moment > this.now + BUSY_NS) {
      this.#rings = 0
    }
    // Readings may have moved the time past it.
    if (moment > this.now) {
      this.now = moment
      this.#readings = 0
    }
    this.#rings++
    entry.ring()
  }

  /** Disarms the alarms of one world, or the timers of all. */
  cancelOf(owner: Owner | undefined): void {
    this.cancelIf(entry => entry.owner === owner)
  }

  cancelIf(isMeant: (entry: Entry) => boolean): void {
    const entries: Entry[] = []
    this.#heap.each(entry => {
      if (isMeant(entry)) {
        entries.push(entry)
      }
    })
    for (const entry of entries) {
      this.cancel(entry)
    }
  }

  /** Disarms everything. Nothing can be armed afterwards. */
  close(): void {
    this.#closed = true
    this.#refs = 0
    this.#heap.clear()
  }
}

/**
 * Returns the clock of a world on a timeline. It is 0 at the moment `start` of the timeline. Armed
 * alarms keep the process alive. After the world is closed, they never ring.
 */
export function clockOf(timeline: Timeline, owner: Owner, start: number): Clock {
  return {
    now: () => timeline.now - start,
    alarm: (fn): Alarm => {
      const entry: Entry = { index: -1, isRef: true, owner, ring: () => fn() }
      return {
        at: ns => {
          if (!owner.isClosed) {
            timeline.arm(entry, ns + start)
          }
        },
        cancel: () => timeline.cancel(entry),
      }
    },
  }
}
