/**
 * ICMPv6 (RFC 4443) as pure functions over octets: `parse` checks the length once, the accessors after it do not. `at` is
 * the position of the message's first octet.
 */
import { get16, get32, put16 } from './octets.ts'

/** Octets before an echo's data or an error's quote. */
export const ICMPV6_HLEN = 8

/** Message types, include/uapi/linux/icmpv6.h, RFC 4861. */
export const ICMPV6_DEST_UNREACH = 1
export const ICMPV6_PKT_TOOBIG = 2
export const ICMPV6_TIME_EXCEED = 3
export const ICMPV6_PARAMPROB = 4
export const ICMPV6_ECHO_REQUEST = 128
export const ICMPV6_ECHO_REPLY = 129
export const NDISC_ROUTER_SOLICITATION = 133
export const NDISC_ROUTER_ADVERTISEMENT = 134
export const NDISC_NEIGHBOUR_SOLICITATION = 135
export const NDISC_NEIGHBOUR_ADVERTISEMENT = 136
export const NDISC_REDIRECT = 137

/** 8, the header's length, or -1 when `length` octets do not hold one. */
export function parse(_bytes: Uint8Array, _at: number, length: number): number {
  return length < ICMPV6_HLEN ? -1 : ICMPV6_HLEN
}

/** Whether messages of a type are errors that quote the packet they are about. */
export function isError(messageType: number): boolean {
  return messageType >= ICMPV6_DEST_UNREACH && messageType <= ICMPV6_PARAMPROB
}

/** Whether messages of a type are neighbour discovery (RFC 4861 sec. 4). */
export function isNeighbourDiscovery(messageType: number): boolean {
  return messageType >= NDISC_ROUTER_SOLICITATION && messageType <= NDISC_REDIRECT
}

export function type(bytes: Uint8Array, at: number): number {
  return bytes[at]
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

/** MTU of a "packet too big". */
export function mtu(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4)
}

/** Position of the target address in a neighbour solicitation or advertisement (24 octets). */
export function target(at: number): number {
  return at + 8
}

/** Octets of quote when the error names them, and extensions follow it (RFC 4884 sec. 4); 0 otherwise. */
export function quoteLength(bytes: Uint8Array, at: number): number {
  const messageType = bytes[at]
  return messageType === ICMPV6_DEST_UNREACH || messageType === ICMPV6_TIME_EXCEED ? bytes[at + 4] << 3 : 0
}
