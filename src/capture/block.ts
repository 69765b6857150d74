/**
 * Writes the parts of pcapng blocks, little endian, at `at` in `to`; each function returns the
 * index after its bytes. Bytes beyond the array are not written, and endBlock then throws.
 */

import type { Moment } from './packet.ts'
import { OPT_ENDOFOPT, OPTION_MAX, padded } from './pcapng.ts'

const UTF8 = new TextEncoder()
const NSEC_PER_SEC = 1_000_000_000
/** The last second that fits 64 bits in nanoseconds. */
const MAX_SECONDS = 18_446_744_072

export function putLe16(to: Uint8Array, at: number, value: number): number {
  to[at] = value
  to[at + 1] = value >>> 8
  return at + 2
}

export function putLe32(to: Uint8Array, at: number, value: number): number {
  to[at] = value
  to[at + 1] = value >>> 8
  to[at + 2] = value >>> 16
  to[at + 3] = value >>> 24
  return at + 4
}

export function putLe64(to: Uint8Array, at: number, value: number): number {
  putLe32(to, at, value >>> 0)
  return putLe32(to, at + 4, Math.floor(value / 2 ** 32))
}

/** Copies `length` bytes and pads them with zeros. */
export function putBytes(to: Uint8Array, at: number, bytes: Uint8Array, from: number, length: number): number {
  const end = at + padded(length)
  // A view costs an allocation; copying by a loop takes twice as long for 60 bytes, 40 for 64 KiB.
  if (end <= to.length) {
    to.set(bytes.subarray(from, from + length), at)
    to.fill(0, at + length, end)
  }
  return end
}

/** A moment in nanoseconds as two words, the high one first. */
export function putMoment(to: Uint8Array, at: number, { seconds, nanoseconds }: Moment): number {
  if (!(seconds >= 0 && seconds <= MAX_SECONDS)) {
    throw new RangeError(`a timestamp of ${seconds} seconds: pcapng holds 0 to ${MAX_SECONDS} in nanoseconds`)
  }
  // seconds * 10^9 does not fit a double: (high * 2^16 + low) * 10^9, each product below 2^53.
  const high = Math.floor(seconds / 0x10000)
  const product = high * NSEC_PER_SEC
  const upper = Math.floor(product / 0x10000)
  const rest = (product - upper * 0x10000) * 0x10000 + (seconds - high * 0x10000) * NSEC_PER_SEC + nanoseconds
  putLe32(to, at, upper + Math.floor(rest / 2 ** 32))
  return putLe32(to, at + 4, rest >>> 0)
}

/** Starts a block; endBlock() writes its length. */
export function startBlock(to: Uint8Array, at: number, type: number): number {
  return putLe32(to, at, type) + 4
}

/** Ends the block that starts at `start`. Throws a RangeError if it did not fit `to`. */
export function endBlock(to: Uint8Array, start: number, at: number): number {
  const length = at + 4 - start
  if (at + 4 > to.length) throw new RangeError(`a block of ${length} bytes where ${to.length - start} are left`)
  putLe32(to, start + 4, length)
  return putLe32(to, at, length)
}

export function putOptionHeader(to: Uint8Array, at: number, code: number, length: number): number {
  return putLe16(to, putLe16(to, at, code), length)
}

export function putOption(to: Uint8Array, at: number, code: number, value: Uint8Array): number {
  return putBytes(to, putOptionHeader(to, at, code, value.length), value, 0, value.length)
}

/** Writes text as UTF-8; text beyond an option's 65,535 bytes is cut off. */
export function putTextOption(to: Uint8Array, at: number, code: number, text: string): number {
  const bytes = UTF8.encode(text)
  if (bytes.length <= OPTION_MAX) return putOption(to, at, code, bytes)
  // encodeInto() stops before a character that does not fit.
  const cut = new Uint8Array(OPTION_MAX)
  return putOption(to, at, code, cut.subarray(0, UTF8.encodeInto(text, cut).written))
}

export function put32Option(to: Uint8Array, at: number, code: number, value: number): number {
  return putLe32(to, putOptionHeader(to, at, code, 4), value)
}

export function put64Option(to: Uint8Array, at: number, code: number, value: number): number {
  return putLe64(to, putOptionHeader(to, at, code, 8), value)
}

export function endOptions(to: Uint8Array, at: number): number {
  return putOptionHeader(to, at, OPT_ENDOFOPT, 0)
}
