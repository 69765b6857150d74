/**
 * ICMP (RFC 792). `parse` checks the length; the accessors do not check anything. `at` is the
 * position of the message's first byte.
 */
import { checksumUpdate } from './checksum.ts'
import { type Getter, get16, get32, put16, put32, type Setter } from './octets.ts'

/** Bytes before the data of an echo or the quoted packet of an error. */
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
export const ICMP_FRAG_NEEDED = 4

/** Returns ICMP_HLEN, or -1 if the message of `length` bytes is shorter. */
export function parse(_bytes: Uint8Array, _at: number, length: number): number {
  return length < ICMP_HLEN ? -1 : ICMP_HLEN
}

/** Whether messages of a type are errors, which quote the packet that caused them. */
export function isError(messageType: number): boolean {
  return (
    messageType === ICMP_DEST_UNREACH ||
    messageType === ICMP_SOURCE_QUENCH ||
    messageType === ICMP_REDIRECT ||
    messageType === ICMP_TIME_EXCEEDED ||
    messageType === ICMP_PARAMETERPROB
  )
}

export const type: Getter = (bytes, at) => bytes[at]
export function setType(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
}
export const code: Getter = (bytes, at) => bytes[at + 1]
export const checksum: Getter = (bytes, at) => get16(bytes, at + 2)
export const setChecksum: Setter = (bytes, at, value) => put16(bytes, at + 2, value)

/** Changes the type and, by increment (RFC 1624), a full checksum. */
export function changeType(bytes: Uint8Array, at: number, value: number): void {
  const before = get16(bytes, at)
  setType(bytes, at, value)
  const check = checksumUpdate(checksum(bytes, at), before, get16(bytes, at))
  // 0 and 0xffff both verify, except in a message of nothing but zeros, which needs 0xffff.
  setChecksum(bytes, at, check === 0 ? 0xffff : check)
}

/** Identifier and sequence number of an echo. */
export const identifier: Getter = (bytes, at) => get16(bytes, at + 4)
export const sequenceNumber: Getter = (bytes, at) => get16(bytes, at + 6)

/** The gateway's address in a redirect, as an unsigned number. */
export const gateway: Getter = (bytes, at) => get32(bytes, at + 4)
export const setGateway: Setter = (bytes, at, address) => put32(bytes, at + 4, address)

/** Next-hop MTU of a "fragmentation needed" (RFC 1191 sec. 4). */
export const nextHopMtu: Getter = (bytes, at) => get16(bytes, at + 6)
export const setNextHopMtu: Setter = (bytes, at, mtu) => put16(bytes, at + 6, mtu)

/** The length of the quote if the error states it (RFC 4884 sec. 4), 0 otherwise. */
export function quoteLength(bytes: Uint8Array, at: number): number {
  const messageType = bytes[at]
  if (messageType === ICMP_SOURCE_QUENCH || messageType === ICMP_REDIRECT) return 0
  return bytes[at + 5] << 2
}
