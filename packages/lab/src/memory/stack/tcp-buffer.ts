/** The bytes that a user wrote and the peer has not acknowledged, as chunks. */

/** Chunks are dropped from the front of the list in batches. */
const COMPACT = 64

export class SendBuffer {
  readonly #chunks: Uint8Array[] = []
  /** Index of the first chunk, and how many of its bytes are acknowledged. */
  #first = 0
  #skipped = 0
  /** Sequence numbers of the first byte and after the last one. */
  start: number
  end: number
  /** Where the last copy ended: the next one mostly starts there. */
  #hint = 0
  #hintAt: number

  constructor(start: number) {
    this.start = start
    this.end = start
    this.#hintAt = start
  }

  get length(): number {
    return this.end - this.start
  }

  /** Appends a chunk, which it takes over. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.end += chunk.length
  }

  /** Frees the bytes before `sequence`. */
  release(sequence: number): void {
    let left = Math.min(sequence, this.end) - this.start
    if (left <= 0) return
    this.start += left
    left += this.#skipped
    while (this.#first < this.#chunks.length && left >= this.#chunks[this.#first].length) {
      left -= this.#chunks[this.#first].length
      this.#first++
    }
    this.#skipped = left
    if (this.#hintAt < this.start) {
      this.#hint = this.#first
      this.#hintAt = this.start - this.#skipped
    }
    if (this.#first < COMPACT && this.#first < this.#chunks.length) return
    this.#chunks.splice(0, this.#first)
    this.#hint -= this.#first
    this.#first = 0
  }

  /** Copies the `length` bytes at `sequence` to `to`, from `at`. */
  copy(sequence: number, length: number, to: Uint8Array, at: number): void {
    if (sequence < this.#hintAt) {
      this.#hint = this.#first
      this.#hintAt = this.start - this.#skipped
    }
    let done = 0
    while (done < length) {
      const chunk = this.#chunks[this.#hint]
      const from = sequence + done - this.#hintAt
      if (from >= chunk.length) {
        this.#hintAt += chunk.length
        this.#hint++
        continue
      }
      const n = Math.min(chunk.length - from, length - done)
      to.set(n === chunk.length ? chunk : chunk.subarray(from, from + n), at + done)
      done += n
    }
  }

  clear(): void {
    this.#chunks.length = 0
    this.#first = this.#skipped = this.#hint = 0
    this.start = this.#hintAt = this.end
  }
}
