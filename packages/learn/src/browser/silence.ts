/** Silence: notices that a worker has sent nothing for some time, as a driver in a loop does. */
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
