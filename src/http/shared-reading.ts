/**
 * SharedReading makes one reading serve everyone who waits for it: one at a time, and at most one
 * in each interval, however many ask.
 */
export class SharedReading<T> {
  readonly #read: () => Promise<T>
  readonly #interval: number
  #begun = Number.NEGATIVE_INFINITY
  /** The one that runs, if it does. */
  #running: Promise<unknown> = Promise.resolve()
  /** The one that has not begun yet. */
  #next: Promise<T> | undefined

  /** `interval` is the time from the begin of one reading to the next, in milliseconds. */
  constructor(read: () => Promise<T>, interval: number) {
    this.#read = read
    this.#interval = interval
  }

  /** Resolves to a reading that begins after this call, or rejects as it does. */
  next(): Promise<T> {
    this.#next ??= this.#later()
    return this.#next
  }

  async #later(): Promise<T> {
    await this.#running
    const wait = this.#begun + this.#interval - performance.now()
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait).unref())
    this.#next = undefined
    this.#begun = performance.now()
    const reading = this.#read()
    this.#running = reading.catch(() => {})
    return reading
  }
}
