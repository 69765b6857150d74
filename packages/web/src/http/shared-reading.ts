/** Serves all waiting callers from one reading: one at a time, at most one in each interval. */
export class SharedReading<T> {
  readonly #read: () => Promise<T>
  readonly #interval: number
  #started = Number.NEGATIVE_INFINITY
  /** The current or last reading. */
  #running: Promise<unknown> = Promise.resolve()
  /** The reading that has not started yet. */
  #next: Promise<T> | undefined

  /** `interval` is the least time between the starts of two readings, in milliseconds. */
  constructor(read: () => Promise<T>, interval: number) {
    this.#read = read
    this.#interval = interval
  }

  /** Returns the result of a reading that starts after this call. */
  next(): Promise<T> {
    this.#next ??= this.#later()
    return this.#next
  }

  async #later(): Promise<T> {
    await this.#running
    const wait = this.#started + this.#interval - performance.now()
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait).unref())
    this.#next = undefined
    this.#started = performance.now()
    const reading = this.#read()
    this.#running = reading.catch(() => {})
    return reading
  }
}
