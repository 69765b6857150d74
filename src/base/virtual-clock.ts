/**
 * VirtualClock: a Clock that stands still until it is moved. On each move it rings the alarms that
 * become due. All its times are in ns.
 */
import type { Alarm, Clock } from './clock.ts'
import { type HeapItem, MomentHeap } from './moment-heap.ts'

interface VirtualAlarm extends Alarm, HeapItem {
  readonly fn: () => void
}

export class VirtualClock implements Clock {
  readonly #alarms = new MomentHeap<VirtualAlarm>()
  #now: number

  /** `now` is -Infinity until the first move unless `start` is given. */
  constructor(start = Number.NEGATIVE_INFINITY) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  /** The number of armed alarms. */
  get armed(): number {
    return this.#alarms.size
  }

  /** The moment of the next alarm; Infinity without one. */
  get next(): number {
    return this.#alarms.first
  }

  alarm(fn: () => void): Alarm {
    const alarm: VirtualAlarm = {
      fn,
      index: -1,
      at: ns => this.#alarms.set(alarm, ns),
      cancel: () => this.#alarms.remove(alarm),
    }
    return alarm
  }

  /** Moves to `to`, and rings each alarm at its moment. Never goes back. */
  advance(to: number): void {
    while (this.#alarms.first <= to) {
      const moment = this.#alarms.first
      if (moment > this.#now) {
        this.#now = moment
      }
      this.#alarms.shift()?.fn()
    }
    if (to > this.#now) {
      this.#now = to
    }
  }
}
