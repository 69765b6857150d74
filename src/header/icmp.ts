/**
 * ICMP (RFC 792) as pure functions over octets: `parse` checks the length once, the accessors after it do not. `at` is the
 * position of the message's first octet.
 */
import { get16, get32, put16, put32 } from './octets.ts'

/** Octets before the data: of an echo its identifier and sequence, of an error its quote. */
export const ICMP_HLEN = 8

/** Message types, include/uapi/linux/icmp.h. */
export const ICMP_ECHOREPLY = 0
export const ICMP_DEST_UNREACH = 3
export const ICMP_SOURCE_QUENCH = 4
export const ICMP_REDIRECT = 5
export const ICMP_ECHO = 8
export const ICMP_TIME_EXCEEDED = 11
export const ICMP_PARAMETERPROB = 12

/** Codes of ICMP_DEST_UNREACH (RFC 792, RFC 1122 sec. 3.2.2.1). */
export const ICMP_NET_UNREACH = 0
export const ICMP_PROT_UNREACH = 2
export const ICMP_PORT_UNREACH = 3

/** 8, the header's length, or -1 when `length` octets do not hold one. */
export function parse(_bytes: Uint8Array, _at: number, length: number): number {
  return length < ICMP_HLEN ? -1 : ICMP_HLEN
}

/** Whether messages of a type are errors, which quote the packet they are about. */
export function isError(messageType: number): boolean {
  return (
    messageType === ICMP_DEST_UNREACH ||
    messageType === ICMP_SOURCE_QUENCH ||
    messageType === ICMP_REDIRECT ||
    messageType === ICMP_TIME_EXCEEDED ||
    messageType === ICMP_PARAMETERPROB
  )
}

export function type(bytes: Uint8Array, at: number): number {
  return bytes[at]
}
export function setType(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
}
export function code(bytes: Uint8Array, at: number): number {
  return bytes[at + 1]
}
export function checksum(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2)
}
export function setChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value)
}

/** Identifier and sequence number of an echo. */
export function identifier(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 4)
}
export function sequenceNumber(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 6)
}

/** The gateway's address in a redirect, as an unsigned number. */
export function gateway(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4)
}
export function setGateway(bytes: Uint8Array, at: number, address: number): void {
  put32(bytes, at + 4, address)
}

/** Next-hop MTU of a "fragmentation needed" (RFC 1191 sec. 4). */
export function nextHopMtu(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 6)
}

/** Octets of quote when the error names them, and extensions follow it (RFC 4884 sec. 4); 0 otherwise. */
export function quoteLength(bytes: Uint8Array, at: number): number {
  const messageType = bytes[at]
  if (messageType === ICMP_SOURCE_QUENCH || messageType === ICMP_REDIRECT) return 0
  return bytes[at + 5] << 2
}
