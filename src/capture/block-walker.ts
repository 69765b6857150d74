/**
 * BlockWalker: finds the blocks of pcapng (draft-ietf-opsawg-pcapng) in an input, in either byte
 * order. A section header sets the byte order.
 *
 *     for (; walker.peek(); walker.skip()) use(input.bytes, walker.at, walker.length)
 */
import { type Input, MAX_BLOCK } from './input.ts'
import { BYTE_ORDER_MAGIC, OPT_ENDOFOPT, padded, SECTION_HEADER } from './pcapng.ts'

/** The shortest block: type, length, and the length again. */
const MIN_BLOCK = 12

export class BlockWalker {
  readonly input: Input
  isLittle = true
  /** The block that peek() found: `length` bytes at `at`. It holds until the next chunk. */
  at = 0
  length = 0
  type = 0

  constructor(input: Input) {
    this.input = input
  }

  get view(): DataView {
    return this.input.view
  }

  get block(): Uint8Array {
    return this.input.bytes.subarray(this.at, this.at + this.length)
  }

  /** Finds the next block, if it is complete, until skip(). Throws a CaptureError. */
  peek(): boolean {
    const { input } = this
    if (!input.has(MIN_BLOCK, 'a block')) return false
    const { view, at } = input
    if (view.getUint32(at, true) === SECTION_HEADER) {
      this.isLittle = this.#byteOrder()
    }
    const length = this.#lengthAt(at + 4)
    if (!input.has(length, 'a block')) return false
    const trailer = view.getUint32(at + length - 4, this.isLittle)
    if (trailer !== length) {
      throw input.broken(`a block of ${length} bytes that ends with a length of ${trailer}`)
    }
    this.at = at
    this.length = length
    this.type = view.getUint32(at, this.isLittle)
    return true
  }

  skip(): void {
    this.input.at = this.at + this.length
  }

  #byteOrder(): boolean {
    const { view, at } = this.input
    if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true
    if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) return false
    throw this.input.broken('a section header without the byte-order magic')
  }

  #lengthAt(at: number): number {
    const length = this.input.view.getUint32(at, this.isLittle)
    if (length > MAX_BLOCK) {
      throw this.input.broken(`a block of ${length} bytes, more than ${MAX_BLOCK}`)
    }
    if (length < MIN_BLOCK || length % 4 !== 0) {
      throw this.input.broken(
        `a block of ${length} bytes: its length must be a multiple of 4, at least ${MIN_BLOCK}`,
      )
    }
    return length
  }
}

const HEADER = 4

/** Walks the options of a block, without allocating: next() sets `code`, `at` and `length`. */
export class Options {
  code = 0
  /** Index of the value, and its length without padding. */
  at = 0
  length = 0
  readonly #input: Input
  #little = true
  #next = 0
  #end = 0

  constructor(input: Input) {
    this.#input = input
  }

  /** Starts over with the options between two indices of the input. */
  start(from: number, end: number, little: boolean): void {
    this.#next = from
    this.#end = end
    this.#little = little
  }

  /** Moves to the next option. Returns false at the end, throws if it is malformed. */
  next(): boolean {
    const { view } = this.#input
    if (this.#next + HEADER > this.#end) return false
    this.code = view.getUint16(this.#next, this.#little)
    if (this.code === OPT_ENDOFOPT) return false
    this.at = this.#next + HEADER
    this.length = view.getUint16(this.#next + 2, this.#little)
    this.#next = this.at + padded(this.length)
    if (this.#next > this.#end) {
      throw this.#input.broken(`option ${this.code} runs past the end of its block`)
    }
    return true
  }

  u8(): number {
    this.#check(1)
    return this.#input.bytes[this.at]
  }

  u32(): number {
    this.#check(4)
    return this.#input.view.getUint32(this.at, this.#little)
  }

  /** A 64-bit number, exact up to 2^53. */
  u64(): number {
    this.#check(8)
    return this.#half(this.at, 0) * 2 ** 32 + this.#half(this.at, 1)
  }

  /** A signed 64-bit number after the first `skip` bytes of the value. */
  s64(skip = 0): number {
    this.#check(skip + 8)
    return (this.#half(this.at + skip, 0) | 0) * 2 ** 32 + this.#half(this.at + skip, 1)
  }

  /** The high (0) or low (1) half of a 64-bit number. */
  #half(at: number, half: number): number {
    return this.#input.view.getUint32(
      this.#little ? at + 4 - 4 * half : at + 4 * half,
      this.#little,
    )
  }

  text(most: number): string {
    return decodeText(this.#input.bytes.subarray(this.at, this.at + Math.min(this.length, most)))
  }

  #check(length: number): void {
    if (this.length === length) return
    throw this.#input.broken(`option ${this.code} has ${this.length} bytes instead of ${length}`)
  }
}

// A file may hold any bytes: invalid UTF-8 becomes U+FFFD.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Decodes the text of an option. A zero byte ends it, as readers of pcapng must take it. */
export function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end))
}
