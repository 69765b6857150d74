/**
 * LateOutput: text on its way to a descriptor that perhaps nobody reads: a terminal that was
 * stopped (Ctrl-S), a full pipe, a slow disk. The caller never waits for it. What finds too much
 * before it is lost if it may be, and counted.
 */

/** Octets that may wait for a reader before log lines are lost. */
const ROOM = 256 * 1024

/**
 * Writes a text, calls `done` once when that is over, and says whether the descriptor is of use any
 * more.
 */
export type WriteText = (text: string, done: (good: boolean) => void) => void

export class LateOutput {
  readonly #write: WriteText
  #waiting: string[] = []
  /** Characters that wait, those that are being written among them. */
  #length = 0
  #writing = 0
  #lost = 0
  #lostLine: ((lines: number) => string) | undefined
  #isDead = false
  #idle: (() => void)[] = []

  constructor(write: WriteText) {
    this.#write = write
  }

  /** Whether text waits. */
  get isBehind(): boolean {
    return this.#length > 0
  }

  /** Writes a text that must not be lost. */
  push(text: string): void {
    if (this.#isDead || text === '') return
    this.#waiting.push(text)
    this.#length += text.length
    if (this.#writing === 0) this.#next()
  }

  /**
   * Writes a line that may be lost; how many were is written as `lostLine` makes it, when there is
   * room again.
   */
  pushLine(line: string, lostLine: (lines: number) => string): void {
    this.#lostLine = lostLine
    if (this.#lost > 0 || this.#length + line.length > ROOM) this.#lost++
    else this.push(line)
  }

  /** Settles when all is written, or `ms` are over. */
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
    if (this.#length > 0) this.#next()
    else for (const fn of this.#idle.splice(0)) fn()
  }
}
