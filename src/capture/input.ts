/**
 * Input: the bytes of a file that were pushed and not yet read. They are kept in one array that is
 * reused and grows with the longest block, so views of it hold until the next push. A borrowed
 * chunk is not copied: it is read where it is.
 */

/** Thrown by the readers for a file that is truncated, broken or not a capture. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  /** Where in the file it is broken, in bytes from its beginning. */
  readonly position: number

  /** The message is one line, `FILE: what is wrong`. */
  constructor(file: string, text: string, position: number) {
    super(`${file}: ${text}`)
    this.position = position
  }
}

/** The longest block or packet that is read. It bounds the memory of a reader. */
export const MAX_BLOCK = 16 * 1024 * 1024

const INITIAL_CAPACITY = 4096

export class Input {
  readonly #file: string
  bytes: Uint8Array = new Uint8Array(INITIAL_CAPACITY)
  view = new DataView(this.bytes.buffer)
  at = 0
  #end = 0
  /** Its own array while it reads a borrowed chunk. */
  #own: Uint8Array | undefined
  /** Position of bytes[0] in the file. */
  #base = 0
  #ended = false

  constructor(file: string) {
    this.#file = file
  }

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.bytes.length) {
      this.#makeRoom(chunk.length)
    }
    this.bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** Like push, but without a copy if no bytes are left: `chunk` is in use until keep(). */
  borrow(chunk: Uint8Array): void {
    if (this.at !== this.#end) {
      this.push(chunk)
      return
    }
    this.#own ??= this.bytes
    this.#read(chunk, chunk.length)
  }

  /** Copies the unread bytes of a borrowed chunk. */
  keep(): void {
    const own = this.#own
    if (own === undefined) return
    const left = this.bytes.subarray(this.at, this.#end)
    this.#own = undefined
    this.#read(own, 0)
    this.push(left)
  }

  end(): void {
    this.#ended = true
  }

  /** True at the end of the file, when all is read. */
  get isAtEnd(): boolean {
    return this.#ended && this.at === this.#end
  }

  /** Returns whether the next `length` bytes can be read. Throws if the file ends within them. */
  has(length: number, what: string): boolean {
    if (this.#end - this.at >= length) return true
    if (!this.#ended || this.isAtEnd) return false
    const [start, end] = [this.#base + this.at, this.#base + this.#end]
    const text = `truncated at byte ${end}: ${what} of ${length} bytes begins at byte ${start}`
    throw new CaptureError(this.#file, text, end)
  }

  /** Returns the error that the data at `at` is broken: `FILE: broken at byte 24: <text>`. */
  broken(text: string): CaptureError {
    const position = this.#base + this.at
    return new CaptureError(this.#file, `broken at byte ${position}: ${text}`, position)
  }

  unknown(text: string): CaptureError {
    return new CaptureError(this.#file, text, 0)
  }

  #read(bytes: Uint8Array, end: number): void {
    this.#base += this.at
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
    this.#end = end
  }

  /** Moves the remaining bytes to the start, of a larger array if need be. */
  #makeRoom(length: number): void {
    const left = this.#end - this.at
    const from = this.bytes
    if (left + length > from.length) {
      this.bytes = new Uint8Array(Math.max(2 * from.length, left + length))
      this.view = new DataView(this.bytes.buffer)
    }
    this.bytes.set(from.subarray(this.at, this.#end))
    this.#base += this.at
    this.at = 0
    this.#end = left
  }
}
