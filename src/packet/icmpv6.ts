/**
 * ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861). `parse` checks the length; the accessors do
 * not check anything. `at` is the position of the message's first byte.
 */
import { copyAddress } from './ethernet.ts'
import { setType } from './icmp.ts'
import { type Getter, get32, put32, type Setter } from './octets.ts'

// Codes of a "destination unreachable" (RFC 4443 sec. 3.1), and of a "parameter problem".
export const ICMPV6_NOROUTE = 0
export const ICMPV6_PORT_UNREACH = 4
export const ICMPV6_UNK_NEXTHDR = 1

// Message types, include/uapi/linux/icmpv6.h, RFC 4861.
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

// Lengths of a neighbour message without options, and of an Ethernet address option.
export const NDISC_HLEN = 24
export const ND_OPT_LL_ADDR_LEN = 8
// Option types, RFC 4861 sec. 4.6.
export const ND_OPT_SOURCE_LL_ADDR = 1
export const ND_OPT_TARGET_LL_ADDR = 2
// Flags of an advertisement, RFC 4861 sec. 4.4.
export const NA_ROUTER = 0x8000_0000
export const NA_SOLICITED = 0x4000_0000
export const NA_OVERRIDE = 0x2000_0000
/** The hop limit of all neighbour discovery, which shows that no router forwarded it. */
export const NDISC_HOP_LIMIT = 255

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
      if (found === 0) {
        found = option + 2
      }
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
  return messageType === ICMPV6_DEST_UNREACH || messageType === ICMPV6_TIME_EXCEED
    ? bytes[at + 4] << 3
    : 0
}
