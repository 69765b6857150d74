/**
 * BlockWalker: finds the whole blocks of a pcapng stream whose chunks are cut anywhere. Blocks are
 * walked where they lie; only one that is cut is copied.
 *
 *     walker.push(chunk)
 *     while (walker.next()) use(walker.bytes, walker.at, walker.length)
 */
import { CaptureError } from './error.ts'
import { MAX_BLOCK } from './input.ts'

/** Bytes of a block's type and length, and of the shortest block. */
const BLOCK_HEADER = 8
const MIN_BLOCK = 12

const EMPTY = new Uint8Array(0)

export class BlockWalker {
  readonly #name: string
  /** The block that next() found: `length` bytes at `at` in `bytes`. It holds until push(). */
  bytes: Uint8Array = EMPTY
  view: DataView = new DataView(EMPTY.buffer)
  at = 0
  length = 0
  type = 0
  #chunk: Uint8Array = EMPTY
  #chunkView: DataView = this.view
  /** Index in the chunk of what was not walked yet. */
  #next = 0
  /** The beginning of a block that is cut. */
  #carry = new Uint8Array(4096)
  #carried = 0
  /** The block that was completed last, while the end of its chunk is carried. */
  #spare = new Uint8Array(4096)
  /** Bytes of the stream in front of the chunk. */
  #base = 0

  /** `name`: what errors begin with. */
  constructor(name: string) {
    this.#name = name
  }

  /** Takes the next chunk, once next() returned false for the one before. */
  push(chunk: Uint8Array): void {
    this.#base += this.#chunk.length
    this.#chunk = chunk
    this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#next = 0
  }

  /**
   * Moves to the next whole block, or returns false if the rest of the chunk is not one. Throws a
   * CaptureError for a length that is impossible.
   */
  next(): boolean {
    if (this.#carried > 0) return this.#complete()
    const at = this.#next
    const left = this.#chunk.length - at
    if (left < BLOCK_HEADER) return this.#keep(left)
    const length = this.#lengthAt(this.#chunkView, at)
    if (length > left) return this.#keep(left)
    this.#found(this.#chunk, this.#chunkView, at, length)
    this.#next = at + length
    return true
  }

  /** True in the middle of a block. */
  get isCut(): boolean {
    return this.#carried > 0
  }

  /** Returns the error that the block at hand is wrong: `NAME: broken at byte 24: <text>`. */
  broken(text: string): CaptureError {
    const position = this.#base + this.#next - (this.bytes === EMPTY ? 0 : this.length)
    return new CaptureError(this.#name, `broken at byte ${position}: ${text}`, position)
  }

  /** Completes the block that is carried. */
  #complete(): boolean {
    if (!this.#fill(BLOCK_HEADER)) return false
    const view = new DataView(this.#carry.buffer)
    const length = this.#lengthAt(view, 0)
    if (!this.#fill(length)) return false
    this.#found(this.#carry, new DataView(this.#carry.buffer), 0, length)
    const done = this.#carry
    this.#carry = this.#spare
    this.#spare = done
    this.#carried = 0
    return true
  }

  #found(bytes: Uint8Array, view: DataView, at: number, length: number): void {
    this.bytes = bytes
    this.view = view
    this.at = at
    this.length = length
    this.type = view.getUint32(at, true)
  }

  #keep(left: number): false {
    if (left > 0) this.#fill(left)
    return false
  }

  /** Copies from the chunk until `length` bytes are carried. Returns whether they are. */
  #fill(length: number): boolean {
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#carry.length))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    const count = Math.min(Math.max(0, length - this.#carried), this.#chunk.length - this.#next)
    this.#carry.set(this.#chunk.subarray(this.#next, this.#next + count), this.#carried)
    this.#next += count
    this.#carried += count
    return this.#carried >= length
  }

  #lengthAt(view: DataView, at: number): number {
    const length = view.getUint32(at + 4, true)
    if (length >= MIN_BLOCK && length <= MAX_BLOCK && length % 4 === 0) return length
    const position = this.#base + this.#next - this.#carried
    throw new CaptureError(this.#name, `broken at byte ${position}: a block of ${length} bytes`, position)
  }
}
