/**
 * UDP header (RFC 768) as pure functions over octets: `parse` checks the lengths once, the accessors after it do not.
 */
import { get16, put16 } from './octets.ts'

/** Octets of header, and where its checksum is. */
export const UDP_HLEN = 8
export const UDP_CHECK = 6

/** 8, the header's length, or -1 when `length` octets do not hold it and the datagram it announces. */
export function parse(bytes: Uint8Array, at: number, size: number): number {
  if (size < UDP_HLEN) return -1
  const announced = length(bytes, at)
  return announced < UDP_HLEN || announced > size ? -1 : UDP_HLEN
}

export function sourcePort(bytes: Uint8Array, at: number): number {
  return get16(bytes, at)
}
export function destinationPort(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2)
}
export function setSourcePort(bytes: Uint8Array, at: number, port: number): void {
  put16(bytes, at, port)
}
export function setDestinationPort(bytes: Uint8Array, at: number, port: number): void {
  put16(bytes, at + 2, port)
}

/** Octets of header and payload. */
export function length(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 4)
}
export function setLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value)
}

/** 0 means that the sender computed none. */
export function checksum(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + UDP_CHECK)
}
export function setChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + UDP_CHECK, value)
}
