/**
 * BlockWalker: finds the blocks of pcapng (draft-ietf-opsawg-pcapng) in an input, in either byte
 * order. A section header sets the byte order.
 *
 *     for (; walker.peek(); walker.skip()) use(input.bytes, walker.at, walker.length)
 */
import { type Input, MAX_BLOCK } from './input.ts'
import { BYTE_ORDER_MAGIC, SECTION_HEADER } from './pcapng.ts'

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

  /** Finds the next block, if all of it is there, until skip(). Throws a CaptureError. */
  peek(): boolean {
    const { input } = this
    if (!input.has(MIN_BLOCK, 'a block')) return false
    const { view, at } = input
    if (view.getUint32(at, true) === SECTION_HEADER) this.isLittle = this.#byteOrder()
    const length = this.#lengthAt(at + 4)
    if (!input.has(length, 'a block')) return false
    const trailer = view.getUint32(at + length - 4, this.isLittle)
    if (trailer !== length) throw input.broken(`a block of ${length} bytes that ends with a length of ${trailer}`)
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
    if (length > MAX_BLOCK) throw this.input.broken(`a block of ${length} bytes, more than ${MAX_BLOCK}`)
    if (length < MIN_BLOCK || length % 4 !== 0) {
      throw this.input.broken(`a block of ${length} bytes: its length must be a multiple of 4, at least ${MIN_BLOCK}`)
    }
    return length
  }
}
