/**
 * TCP header (RFC 9293 sec. 3.1) as pure functions over octets: `parse` checks the lengths once, the accessors after it do
 * not. Sequence numbers are unsigned.
 */
import { get16, get32, put16, put32 } from './octets.ts'

/** Octets of a header without options, and where its checksum is. */
export const TCP_HLEN = 20
export const TCP_CHECK = 16

/** Control bits, the octet at 13 (RFC 9293 sec. 3.1, RFC 3168). */
export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80

/** The header's length with its options, or -1 when `length` octets do not hold it. */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < TCP_HLEN) return -1
  const header = dataOffset(bytes, at)
  return header < TCP_HLEN || header > length ? -1 : header
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

export function sequenceNumber(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4)
}
export function setSequenceNumber(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 4, value)
}
export function acknowledgmentNumber(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 8)
}
export function setAcknowledgmentNumber(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at + 8, value)
}

/** Octets of header and options (the field counts words of four). */
export function dataOffset(bytes: Uint8Array, at: number): number {
  return (bytes[at + 12] >>> 4) << 2
}

/** TCP_* bits. */
export function flags(bytes: Uint8Array, at: number): number {
  return bytes[at + 13]
}
export function setFlags(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 13] = value
}

/** Writes a header without options, window and urgent pointer 0; the ports and the checksum are the caller's. */
export function create(bytes: Uint8Array, at: number, sequence: number, acknowledgment: number, control: number): void {
  put32(bytes, at + 4, sequence)
  put32(bytes, at + 8, acknowledgment)
  bytes[at + 12] = (TCP_HLEN >>> 2) << 4
  bytes[at + 13] = control
  put16(bytes, at + 14, 0)
  put32(bytes, at + 16, 0)
}

export function window(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 14)
}
export function checksum(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + TCP_CHECK)
}
export function setChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + TCP_CHECK, value)
}
export function urgentPointer(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 18)
}
