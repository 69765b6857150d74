/** Counts the frames of a pcapng stream of a vnet, and knows where its last whole block ends. */
import { BlockWalker } from '../../capture/block-walker.ts'
import { Input } from '../../capture/input.ts'
import { ENHANCED_PACKET, SECTION_HEADER } from '../../capture/pcapng.ts'

export class PcapngCounter {
  readonly #walker = new BlockWalker(new Input('capture'))
  #frames = 0
  #whole = 0
  #isBroken = false

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
    const walker = this.#walker
    if (this.#isBroken) return
    walker.input.push(chunk)
    try {
      for (; walker.peek(); walker.skip()) {
        if (this.#whole === 0 && walker.type !== SECTION_HEADER) throw walker.input.broken('not a section header')
        if (walker.type === ENHANCED_PACKET) this.#frames++
        this.#whole += walker.length
      }
    } catch {
      this.#isBroken = true
    }
  }
}
