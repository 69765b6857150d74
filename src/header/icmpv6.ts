/**
 * ICMPv6 (RFC 4443) as pure functions over octets: `parse` checks the length once, the accessors after it do not. `at` is
 * the position of the message's first octet.
 */
import { copyAddress } from './ethernet.ts'
import { get16, get32, put16, put32 } from './octets.ts'

/** Octets before an echo's data or an error's quote. */
export const ICMPV6_HLEN = 8

/** Codes of a "destination unreachable" (RFC 4443 sec. 3.1), and of a "parameter problem". */
export const ICMPV6_NOROUTE = 0
export const ICMPV6_PORT_UNREACH = 4
export const ICMPV6_UNK_NEXTHDR = 1

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

/** Octets of a solicitation or advertisement without options, and of a link-layer address option on Ethernet. */
export const NDISC_HLEN = 24
export const ND_OPT_LL_ADDR_LEN = 8
/** Option types, RFC 4861 sec. 4.6. */
export const ND_OPT_SOURCE_LL_ADDR = 1
export const ND_OPT_TARGET_LL_ADDR = 2
/** Flags of an advertisement, RFC 4861 sec. 4.4. */
export const NA_ROUTER = 0x8000_0000
export const NA_SOLICITED = 0x4000_0000
export const NA_OVERRIDE = 0x2000_0000
/** The hop limit of all neighbour discovery: no router has passed it on. */
export const NDISC_HOP_LIMIT = 255

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

/** MTU of a "packet too big". */
export function mtu(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4)
}

/** Position of the target address in a neighbour solicitation or advertisement (24 octets). */
export function target(at: number): number {
  return at + 8
}

/**
 * Position of the Ethernet address that the source link-layer address option of a solicitation names, 0 when it has no such
 * option. -1 when an option is not good (RFC 4861 sec. 7.1.1): of length 0, beyond the message of `length` octets, or a
 * link-layer address of another kind.
 */
export function sourceLinkAddress(bytes: Uint8Array, at: number, length: number): number {
  return linkAddress(bytes, at, length, ND_OPT_SOURCE_LL_ADDR)
}

/** The same for the target link-layer address option of an advertisement. */
export function targetLinkAddress(bytes: Uint8Array, at: number, length: number): number {
  return linkAddress(bytes, at, length, ND_OPT_TARGET_LL_ADDR)
}

function linkAddress(bytes: Uint8Array, at: number, length: number, kind: number): number {
  const end = at + length
  let found = 0
  for (let option = at + NDISC_HLEN; option < end; ) {
    const size = option + 1 < end ? bytes[option + 1] << 3 : 0
    if (size === 0 || option + size > end) return -1
    if (bytes[option] === kind) {
      if (size !== ND_OPT_LL_ADDR_LEN) return -1
      if (found === 0) found = option + 2
    }
    option += size
  }
  return found
}

/**
 * Turns a solicitation into an advertisement with `flags` in place, `hardware` as its one option: the target link-layer
 * address. It is then NDISC_HLEN + ND_OPT_LL_ADDR_LEN octets long; the checksum is the caller's.
 */
export function toAdvertisement(
  bytes: Uint8Array,
  at: number,
  flags: number,
  hardware: Uint8Array,
  hardwareAt = 0,
): void {
  setType(bytes, at, NDISC_NEIGHBOUR_ADVERTISEMENT)
  put32(bytes, at + 4, flags)
  const option = at + NDISC_HLEN
  bytes[option] = ND_OPT_TARGET_LL_ADDR
  bytes[option + 1] = ND_OPT_LL_ADDR_LEN >>> 3
  copyAddress(bytes, option + 2, hardware, hardwareAt)
}

/** Octets of quote when the error names them, and extensions follow it (RFC 4884 sec. 4); 0 otherwise. */
export function quoteLength(bytes: Uint8Array, at: number): number {
  const messageType = bytes[at]
  return messageType === ICMPV6_DEST_UNREACH || messageType === ICMPV6_TIME_EXCEED ? bytes[at + 4] << 3 : 0
}
