/**
 * BlockRing: bounded memory for blocks between a writer and a reader, both on one thread. No block
 * wraps around the end of the memory, so waiting blocks can be handed on as a view.
 */
export class BlockRing {
  readonly bytes: Uint8Array
  /** The next block is written at #head; the oldest starts at #tail. Empty if they are equal. */
  #head = 0
  #tail = 0
  /** Where the blocks from #tail on end, if #head is before them. */
  #wrap = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get used(): number {
    return this.#head >= this.#tail ? this.#head - this.#tail : this.#wrap - this.#tail + this.#head
  }

  /** Returns where to write a block of at most `size` bytes, or -1 if it does not fit. */
  reserve(size: number): number {
    const head = this.#head
    const tail = this.#tail
    if (head < tail) return head + size < tail ? head : -1
    if (head + size <= this.bytes.length) return head
    if (size >= tail) return -1
    this.#wrap = head
    this.#head = 0
    return 0
  }

  /** Adds the block written at the position that reserve() returned last, up to `end`. */
  commit(end: number): void {
    this.#head = end
  }

  /** Returns the oldest blocks, as a view of one contiguous piece; empty if none wait. */
  peek(): Uint8Array {
    return this.bytes.subarray(this.#tail, this.#head >= this.#tail ? this.#head : this.#wrap)
  }

  /** Frees the first `n` bytes that peek() returned. */
  consume(n: number): void {
    this.#tail += n
    if (this.#tail === this.#head) this.#head = this.#tail = 0
    else if (this.#head < this.#tail && this.#tail === this.#wrap) this.#tail = 0
  }
}
