/** Drain: writes the data of a capture to a file as it arrives. */

export interface Drained {
  peek(): Uint8Array
  consume(length: number): void
  close(): void
}

export interface CaptureSink {
  /** Writes the next bytes of a pcapng stream. Settles when `bytes` may be reused. */
  write(bytes: Uint8Array): Promise<void>
}

/** The most bytes per write: their room is freed when all of them are written. */
const CHUNK = 1024 * 1024

export class Drain {
  readonly #capture: Drained
  readonly #sink: CaptureSink
  readonly #failed: (error: unknown) => void
  #isWriting = false
  #writing: Promise<void> | undefined
  #hasFailed = false

  /** `failed` is called once, with the first error of a write; the capture is closed then. */
  constructor(capture: Drained, sink: CaptureSink, failed: (error: unknown) => void) {
    this.#capture = capture
    this.#sink = sink
    this.#failed = failed
  }

  /** Schedules a write of the waiting data; for onData of the capture. Never throws. */
  wake(): void {
    if (this.#isWriting) return
    this.#isWriting = true
    this.#writing = this.#write()
  }

  async close(): Promise<void> {
    this.#capture.close()
    this.wake()
    await this.#writing
  }

  async #write(): Promise<void> {
    const capture = this.#capture
    for (let bytes = capture.peek(); bytes.length > 0; bytes = capture.peek()) {
      const chunk = bytes.length > CHUNK ? bytes.subarray(0, CHUNK) : bytes
      if (!this.#hasFailed) await this.#sink.write(chunk).catch(error => this.#fail(error))
      capture.consume(chunk.length)
    }
    this.#isWriting = false
  }

  /** The rest of the capture is read but not written. */
  #fail(error: unknown): void {
    this.#hasFailed = true
    this.#capture.close()
    this.#failed(error)
  }
}
