/** What a capture file holds, in one of its formats; of one or more sources. */
import type { Moment } from './packet.ts'

export interface FileContent {
  /** True once the first file may have keys. */
  readonly hasBegun: boolean
  /** Frames that were written, once for each end at which they were recorded, and drops. */
  readonly frames: number
  /** Frames that the sources had no room for, as far as they reported it. */
  readonly lost: number
  /** Adds a source. `name`: what errors about its bytes begin with. */
  source(name: string): ContentSource
  /** Returns what a file begins with: what the sources have described up to now. */
  head(): Uint8Array
  /** Returns what a file ends with, at this time: its statistics. */
  tail(now: Moment): Uint8Array
  /** Returns a TLS key log as it is added to a file; undefined if the format has no place. */
  keys(log: Uint8Array): Uint8Array | undefined
  /** Returns how many of the first `length` bytes of what was written are whole records. */
  whole(bytes: Uint8Array, length: number): number
}

export interface ContentSource {
  /**
   * Copies the next bytes of a pcapng stream, cut anywhere, once take() returned undefined.
   */
  push(chunk: Uint8Array): void
  /**
   * Returns the next whole records that fit `room` bytes together with the tail; it holds until
   * take() is called again. Returns an empty array if not even one fits, unless `atLeastOne`, and
   * undefined if more bytes are needed. Throws a CaptureError for what is broken.
   */
  take(room: number, atLeastOne: boolean): Uint8Array | undefined
}
