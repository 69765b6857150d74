/** Silence and floods: what a page notices of a worker whose driver is in a loop. */

/** Notices that a worker has sent nothing for some time. */
export class Silence {
  readonly #onEnd: (ms: number) => void
  #limit: ReturnType<typeof setTimeout> | undefined

  /** `onEnd` gets the time that has passed. */
  constructor(onEnd: (ms: number) => void) {
    this.#onEnd = onEnd
  }

  /** Gives the worker so many milliseconds from now on. */
  restart(ms: number): void {
    this.stop()
    this.#limit = setTimeout(() => {
      // A page in the background gets neither messages nor the time of its timers.
      if (document.hidden) this.restart(ms)
      else this.#onEnd(ms)
    }, ms)
  }

  stop(): void {
    clearTimeout(this.#limit)
  }
}

const SECOND_MS = 1000

/** Notices that a worker sends more messages than its page can handle, such as lines of a log. */
export class Flood {
  readonly #limit: number
  #since = 0
  #messages = 0

  /** `limit` is the number of messages in a second that is no flood. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Counts a message. Returns whether it is one too many. */
  isBy(message: Event): boolean {
    if (message.timeStamp - this.#since > SECOND_MS) {
      this.#since = message.timeStamp
      this.#messages = 0
    }
    return ++this.#messages > this.#limit
  }
}
