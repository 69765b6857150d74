/** Counts the frames of a pcapng stream as it comes, and knows where its last whole block ends. */

const SECTION_HEADER = 0x0a0d0d0a
const ENHANCED_PACKET = 6
/** Of a section whose numbers are little-endian, read as such. */
const LITTLE_ENDIAN = 0x1a2b3c4d
/** Type and length, and of a section header the byte-order magic. */
const HEAD = 12

export class PcapngCounter {
  #frames = 0
  #whole = 0
  #isLittle = true
  #isBroken = false
  readonly #head = new DataView(new ArrayBuffer(HEAD))
  /** Bytes of #head that have come. */
  #filled = 0
  /** The type and length of the block, once #head is filled, and the bytes that are to come. */
  #type = 0
  #length = 0
  #rest = 0

  /** Frames in whole blocks, also dropped ones. */
  get frames(): number {
    return this.#frames
  }

  /** Bytes up to the end of the last whole block. */
  get whole(): number {
    return this.#whole
  }

  /** Whether it is not a pcapng stream. Nothing more is counted then. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isBroken; ) {
      if (this.#filled < HEAD) {
        this.#head.setUint8(this.#filled++, chunk[at++])
        if (this.#filled === HEAD) this.#begin()
      } else {
        const step = Math.min(this.#rest, chunk.length - at)
        at += step
        this.#rest -= step
      }
      if (this.#filled === HEAD && this.#rest === 0) this.#end()
    }
  }

  #begin(): void {
    this.#type = this.#head.getUint32(0, this.#isLittle)
    if (this.#type === SECTION_HEADER) this.#isLittle = this.#head.getUint32(8, true) === LITTLE_ENDIAN
    this.#length = this.#head.getUint32(4, this.#isLittle)
    this.#rest = this.#length - HEAD
    // A block has a type and two lengths, and a stream begins with a section.
    this.#isBroken = this.#rest < 0 || (this.#whole === 0 && this.#type !== SECTION_HEADER)
  }

  #end(): void {
    if (this.#type === ENHANCED_PACKET) this.#frames++
    this.#whole += this.#length
    this.#filled = 0
  }
}
