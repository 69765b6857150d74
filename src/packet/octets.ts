/**
 * 16- and 32-bit fields in network byte order. Bounds are not checked: bytes beyond the array read
 * as zero.
 */

/** Accessors of a field of the header at `at`: they read it, write it, or test something of it. */
export type Getter = (bytes: Uint8Array, at: number) => number
export type Setter = (bytes: Uint8Array, at: number, value: number) => void
export type Predicate = (bytes: Uint8Array, at: number) => boolean

/** The 16-bit field at `at`. */
export const get16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1]

/** The 32-bit field at `at`, unsigned. */
export function get32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}

/** Returns a copy of all parts, one after the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Swaps the `length` bytes at `at` with the bytes after them. */
export function swap(bytes: Uint8Array, at: number, length: number): void {
  // Byte by byte: V8 may allocate an object for a number of 32 bits.
  for (let i = at; i < at + length; i++) {
    const octet = bytes[i]
    bytes[i] = bytes[i + length]
    bytes[i + length] = octet
  }
}

/** The low 16 and 32 bits of `value` as bytes, for messages made of lists of bytes. */
export const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
export const long = (value: number): number[] => [...word(value >>> 16), ...word(value)]

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
