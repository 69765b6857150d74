/**
 * Armed alarms ordered by their moments: a binary heap in arrays that grow and are kept, with each alarm's place in
 * itself, so that arming, moving and disarming cost O(log n) and allocate nothing. Alarms of the same moment ring in
 * the order in which they were armed.
 */
import type { Alarm } from '../core/clock.ts'

export interface HeapAlarm extends Alarm {
  readonly fn: () => void
  /** Place in the heap; -1 when not armed. */
  index: number
}

const INITIAL_CAPACITY = 64

export class AlarmHeap {
  #alarms: (HeapAlarm | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined)
  /** The moment of each alarm, and when it was armed, to order equal moments. */
  #moments = new Float64Array(INITIAL_CAPACITY)
  #orders = new Float64Array(INITIAL_CAPACITY)
  #armings = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The first moment; Infinity when no alarm is armed. */
  get first(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#moments[0]
  }

  /** Adds the alarm, or moves it when it is there. */
  set(alarm: HeapAlarm, moment: number): void {
    const order = this.#armings++
    if (alarm.index >= 0) {
      this.#place(alarm, moment, order, alarm.index)
      return
    }
    if (this.#size === this.#moments.length) this.#grow()
    this.#place(alarm, moment, order, this.#size++)
  }

  /** Takes the alarm out; harmless when it is not there. */
  remove(alarm: HeapAlarm): void {
    const index = alarm.index
    if (index < 0) return
    alarm.index = -1
    const last = --this.#size
    const mover = this.#alarms[last]
    this.#alarms[last] = undefined
    if (index !== last && mover !== undefined) this.#place(mover, this.#moments[last], this.#orders[last], index)
  }

  /** Takes the first alarm out. */
  shift(): HeapAlarm | undefined {
    const alarm = this.#alarms[0]
    if (alarm !== undefined) this.remove(alarm)
    return alarm
  }

  clear(): void {
    while (this.#size > 0) this.shift()
  }

  /** Puts an alarm where it belongs, starting from the vacant place `index`. */
  #place(alarm: HeapAlarm, moment: number, order: number, index: number): void {
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(moment, order, parent)) break
      this.#move(parent, at)
      at = parent
    }
    if (at === index) {
      for (let child = 2 * at + 1; child < this.#size; child = 2 * at + 1) {
        const right = child + 1
        if (right < this.#size && this.#before(this.#moments[right], this.#orders[right], child)) child = right
        if (this.#before(moment, order, child)) break
        this.#move(child, at)
        at = child
      }
    }
    this.#write(alarm, moment, order, at)
  }

  /** Whether (moment, order) rings before the alarm at `index`. */
  #before(moment: number, order: number, index: number): boolean {
    const other = this.#moments[index]
    return moment < other || (moment === other && order < this.#orders[index])
  }

  #move(from: number, to: number): void {
    const alarm = this.#alarms[from]
    if (alarm !== undefined) this.#write(alarm, this.#moments[from], this.#orders[from], to)
  }

  #write(alarm: HeapAlarm, moment: number, order: number, at: number): void {
    this.#alarms[at] = alarm
    this.#moments[at] = moment
    this.#orders[at] = order
    alarm.index = at
  }

  #grow(): void {
    const grown = (from: Float64Array) => {
      const to = new Float64Array(from.length * 2)
      to.set(from)
      return to
    }
    this.#moments = grown(this.#moments)
    this.#orders = grown(this.#orders)
  }
}
