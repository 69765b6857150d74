/**
 * The UDP header (RFC 768). `parse` checks the lengths; the accessors do not check anything. `at`
 * is the position of the header's first byte.
 */
import { type Getter, get16, put16, type Setter } from './octets.ts'

/** Length of the header, and the offset of its checksum. */
export const UDP_HLEN = 8
export const UDP_CHECK = 6

/** Returns UDP_HLEN, or -1 if header and payload do not fit in `size` bytes. */
export function parse(bytes: Uint8Array, at: number, size: number): number {
  if (size < UDP_HLEN) return -1
  const announced = length(bytes, at)
  return announced < UDP_HLEN || announced > size ? -1 : UDP_HLEN
}

export const sourcePort: Getter = (bytes, at) => get16(bytes, at)
export const destinationPort: Getter = (bytes, at) => get16(bytes, at + 2)
export const setSourcePort: Setter = (bytes, at, port) => put16(bytes, at, port)
export const setDestinationPort: Setter = (bytes, at, port) => put16(bytes, at + 2, port)

/** Length of header and payload. */
export const length: Getter = (bytes, at) => get16(bytes, at + 4)
export const setLength: Setter = (bytes, at, value) => put16(bytes, at + 4, value)

/** 0 if the sender computed no checksum. */
export const checksum: Getter = (bytes, at) => get16(bytes, at + UDP_CHECK)
export const setChecksum: Setter = (bytes, at, value) => put16(bytes, at + UDP_CHECK, value)
