/**
 * ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861). `parse` checks the length; the accessors do
 * not check anything. `at` is the position of the message's first byte.
 */
import { copyAddress } from './ethernet.ts'
import { setType } from './icmp.ts'
import { type Getter, get32, put32, type Setter } from './octets.ts'

/** The header is ICMP's, and so are an echo's identifier and sequence number. */
export {
  checksum,
  code,
  ICMP_HLEN as ICMPV6_HLEN,
  identifier,
  parse,
  sequenceNumber,
  setChecksum,
  setType,
  type,
} from './icmp.ts'

import {
  ICMPV6_DEST_UNREACH,
  ICMPV6_PARAMPROB,
  ICMPV6_TIME_EXCEED,
  ND_OPT_LL_ADDR_LEN,
  ND_OPT_SOURCE_LL_ADDR,
  ND_OPT_TARGET_LL_ADDR,
  NDISC_HLEN,
  NDISC_NEIGHBOUR_ADVERTISEMENT,
  NDISC_REDIRECT,
  NDISC_ROUTER_SOLICITATION,
} from './icmpv6.generated.ts'

export * from './icmpv6.generated.ts'

/** Whether messages of a type are errors, which quote the packet that caused them. */
export function isError(messageType: number): boolean {
  return messageType >= ICMPV6_DEST_UNREACH && messageType <= ICMPV6_PARAMPROB
}

/** Whether messages of a type are neighbour discovery (RFC 4861 sec. 4). */
export function isNeighbourDiscovery(messageType: number): boolean {
  return messageType >= NDISC_ROUTER_SOLICITATION && messageType <= NDISC_REDIRECT
}

/** MTU of a "packet too big". */
export const mtu: Getter = (bytes, at) => get32(bytes, at + 4)
export const setMtu: Setter = (bytes, at, value) => put32(bytes, at + 4, value)

/** Position of the target address in a neighbour solicitation or advertisement. */
export const targetAt = (at: number): number => at + 8

/**
 * Position of the Ethernet address in the source link-layer address option of a solicitation, 0 if
 * it has no such option, -1 if an option is invalid (RFC 4861 sec. 7.1.1): of length 0, beyond the
 * message of `length` bytes, or with a link-layer address that is not six bytes.
 */
export function sourceLinkAddress(bytes: Uint8Array, at: number, length: number): number {
  return linkAddress(bytes, at, length, ND_OPT_SOURCE_LL_ADDR)
}

/** Like sourceLinkAddress for the target link-layer address option of an advertisement. */
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
 * Turns a solicitation into an advertisement in place. `hardware` becomes its only option, the
 * target link-layer address, so its length is then NDISC_HLEN + ND_OPT_LL_ADDR_LEN. The checksum is
 * left to the caller.
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

/** The length of the quote if the error states it (RFC 4884 sec. 4), 0 otherwise. */
export function quoteLength(bytes: Uint8Array, at: number): number {
  const messageType = bytes[at]
  return messageType === ICMPV6_DEST_UNREACH || messageType === ICMPV6_TIME_EXCEED ? bytes[at + 4] << 3 : 0
}
