/**
 * Whether records are in the order of their times. A wire's arrivals are recorded when its timer
 * rings, after frames that were sent meanwhile, but with the wire's own time.
 */
export class RecordOrder {
  isKept = true
  #high = 0
  #low = 0

  /** The time of the next record, as two numbers. */
  add(high: number, low: number): void {
    if (high < this.#high || (high === this.#high && low < this.#low)) this.isKept = false
    this.#high = high
    this.#low = low
  }
}

/** For people, if the order is not kept. */
export const UNORDERED = 'the file is not in order of time: `reordercap IN OUT` sorts it'
