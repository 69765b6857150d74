/**
 * LateOutput: a queue of text for a descriptor that may not be read: a stopped terminal (Ctrl-S), a
 * full pipe, a slow disk. The caller never waits. Log lines beyond a limit are dropped and counted.
 */

/** Characters that may be queued before log lines are dropped. */
const ROOM = 256 * 1024

/** Writes a text, then calls `done` once; `good` is false if it can no longer be written. */
export type WriteText = (text: string, done: (good: boolean) => void) => void

export class LateOutput {
  readonly #write: WriteText
  #waiting: string[] = []
  /** Characters queued, including those being written. */
  #length = 0
  #writing = 0
  #lost = 0
  #lostLine: ((lines: number) => string) | undefined
  #isDead = false
  #idle: (() => void)[] = []
  #roomy: (() => void)[] = []

  constructor(write: WriteText) {
    this.#write = write
  }

  /** True while text is queued. */
  get isBehind(): boolean {
    return this.#length > 0
  }

  /** Settles when more text fits; undefined if it fits now. */
  get room(): Promise<void> | undefined {
    if (this.#length < ROOM) return undefined
    return new Promise(resolve => this.#roomy.push(resolve))
  }

  /** Queues a text that must not be lost. */
  push(text: string): void {
    if (this.#isDead || text === '') return
    this.#waiting.push(text)
    this.#length += text.length
    if (this.#writing === 0) this.#next()
  }

  /**
   * Queues a line, or drops it if the queue is full. When there is room again, `lostLine` makes a
   * line with the number of dropped lines.
   */
  pushLine(line: string, lostLine: (lines: number) => string): void {
    this.#lostLine = lostLine
    if (this.#lost > 0 || this.#length + line.length > ROOM) this.#lost++
    else this.push(line)
  }

  /** Settles when everything is written, or after `ms`. */
  async flush(ms: number): Promise<void> {
    if (!this.isBehind) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #next(): void {
    const text = this.#waiting.join('')
    this.#waiting = []
    this.#writing = text.length
    this.#write(text, good => this.#written(good))
  }

  #written(good: boolean): void {
    this.#length -= this.#writing
    this.#writing = 0
    if (!good) {
      this.#isDead = true
      this.#waiting = []
      this.#length = 0
      this.#lost = 0
    }
    if (this.#lost > 0 && this.#length < ROOM / 2) {
      const line = this.#lostLine?.(this.#lost)
      this.#lost = 0
      if (line !== undefined) {
        this.#waiting.push(line)
        this.#length += line.length
      }
    }
    if (this.#length < ROOM / 2) for (const fn of this.#roomy.splice(0)) fn()
    if (this.#length > 0) this.#next()
    else for (const fn of this.#idle.splice(0)) fn()
  }
}
