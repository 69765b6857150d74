/** The content of a capture file, in one of its formats, from one or more sources. */
import type { Moment } from './packet.ts'

export interface FileContent {
  /** True once the first file may have keys. */
  readonly hasBegun: boolean
  /** Frames that were written, counted at each end where they were recorded, and drops. */
  readonly frames: number
  /** Frames that the sources had no room for, as far as they reported it. */
  readonly lost: number
  readonly order: RecordOrder
  /** Adds a source. `name`: the start of errors about its bytes. */
  source(name: string): ContentSource
  /** Returns the start of a file: the sources' descriptions up to now. */
  head(): Uint8Array
  /** Returns the end of a file, at this time: its statistics. */
  tail(now: Moment): Uint8Array
  /**
   * Returns a TLS key log in the form in which it is added to a file; undefined if the format has
   * no place.
   */
  keys(log: Uint8Array): Uint8Array | undefined
  /** Returns how many of the first `length` written bytes are whole records. */
  whole(bytes: Uint8Array, length: number): number
}

/**
 * Whether records are in the order of their times. A wire's arrivals are recorded when its timer
 * rings, after frames that were sent meanwhile, but with the wire's own time.
 */
export class RecordOrder {
  isKept = true
  #high = 0
  #low = 0

  /** The time of the next record, as two numbers. */
  add(high: number, low: number): void {
    if (high < this.#high || (high === this.#high && low < this.#low)) this.isKept = false
    this.#high = high
    this.#low = low
  }
}

/** For people, if the order is not kept. */
export const UNORDERED = 'the file is not in order of time: `reordercap IN OUT` sorts it'

export interface ContentSource {
  /**
   * Copies the next bytes of a pcapng stream, cut anywhere, once take() returned undefined.
   */
  push(chunk: Uint8Array): void
  /**
   * Returns the next whole records that fit `room` bytes together with the tail. The result is
   * valid until take() is called again. Returns an empty array if not even one fits, unless
   * `atLeastOne`, and undefined if more bytes are needed. Throws a CaptureError for broken data.
   */
  take(room: number, atLeastOne: boolean): Uint8Array | undefined
}
