/**
 * CaptureRecord: the packet that a reader read last. There is one per reader, which is overwritten
 * with each packet: copy what you keep.
 */
import { type FrameDrop, parseDrop } from '../netdev/frame-drop.ts'
import { decodeText } from './block-walker.ts'
import type { CapturedPacket } from './packet.ts'

const NO_COMMENTS: readonly string[] = []

/**
 * The packet that was read last. It belongs to its reader: its fields and bytes are valid until the
 * reader is called again.
 */
export class CaptureRecord implements CapturedPacket {
  seconds = 0
  nanoseconds = 0
  /** False for a simple packet block, which has no time; its seconds and nanoseconds are 0. */
  hasTime = true
  interfaceIndex = 0
  /** The name of the interface, if the file has it; cut off after 255 bytes. */
  interfaceName: string | undefined
  /** LINKTYPE_ETHERNET, or another number of the registry of link types. */
  linkType = 0
  /** The reader's own buffer. It holds this packet until next(), push() or end() is called. */
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  capturedLength = 0
  originalLength = 0
  flags: number | undefined
  dropCount: number | undefined
  packetId: number | undefined
  queue: number | undefined
  verdict: number | undefined
  verdictType: number | undefined
  /** Index and length of each comment in `bytes`. */
  readonly #comments: number[] = []
  /** The same for the fields of a drop; 0 without them. */
  #dropAt = 0
  #dropLength = 0

  get comments(): readonly string[] {
    if (this.#comments.length === 0) return NO_COMMENTS
    const decoded: string[] = []
    for (let i = 0; i < this.#comments.length; i += 2) {
      decoded.push(this.#text(this.#comments[i], this.#comments[i + 1]))
    }
    return decoded
  }

  get drop(): FrameDrop | undefined {
    return this.#dropLength === 0
      ? undefined
      : parseDrop(this.#text(this.#dropAt, this.#dropLength))
  }

  get frame(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.capturedLength)
  }

  addComment(at: number, length: number): void {
    this.#comments.push(at, length)
  }

  setDrop(at: number, length: number): void {
    this.#dropAt = at
    this.#dropLength = length
  }

  #text(at: number, length: number): string {
    return decodeText(this.bytes.subarray(at, at + length))
  }

  /** Cuts the frame check sequence off, which network cards do not hand over. */
  cutFcs(length: number): void {
    if (length > this.originalLength) return
    this.originalLength -= length
    this.capturedLength = Math.min(this.capturedLength, this.originalLength)
  }

  clearOptions(): void {
    this.flags = undefined
    this.dropCount = undefined
    this.packetId = undefined
    this.queue = undefined
    this.verdict = undefined
    this.verdictType = undefined
    if (this.#comments.length > 0) {
      this.#comments.length = 0
    }
    this.#dropLength = 0
  }
}
