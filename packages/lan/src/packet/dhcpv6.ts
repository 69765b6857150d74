/** DHCPv6 messages (RFC 8415 sec. 7 to 9, 21): a header, then options. Nothing here throws. */

import { get16, word } from 'vnet/kit/packet'

export const DHCPV6_SERVER_PORT = 547

// Message types, RFC 8415 sec. 7.3.
export const DHCPV6_REPLY = 7
export const DHCPV6_INFORMATION_REQUEST = 11
export const DHCPV6_RELAY_FORW = 12
export const DHCPV6_RELAY_REPL = 13

// Options, RFC 8415 sec. 21, RFC 3646.
export const D6O_CLIENTID = 1
export const D6O_SERVERID = 2
export const D6O_IA_NA = 3
export const D6O_IA_TA = 4
export const D6O_ORO = 6
export const D6O_RELAY_MSG = 9
export const D6O_INTERFACE_ID = 18
export const D6O_DNS_SERVERS = 23
export const D6O_DOMAIN_LIST = 24
export const D6O_IA_PD = 25
export const D6O_INFORMATION_REFRESH_TIME = 32

// Lengths of a message's header, and of a relay's: type, hop count, two addresses.
export const DHCPV6_HLEN = 4
export const DHCPV6_RELAY_HLEN = 34

/** Messages of a client to servers by name, for people. */
export const DHCPV6_REQUESTS: Readonly<Record<number, string>> = {
  1: 'SOLICIT',
  3: 'REQUEST',
  4: 'CONFIRM',
  5: 'RENEW',
  6: 'REBIND',
  8: 'RELEASE',
  9: 'DECLINE',
  [DHCPV6_INFORMATION_REQUEST]: 'INFORMATION-REQUEST',
}

/** A parsed DHCPv6 message. All bytes are views of the message that was parsed. */
export interface Dhcpv6Message {
  readonly type: number
  /** The whole header: type and transaction id, or a relay's type, hop count and addresses. */
  readonly header: Uint8Array
  /** Options by code; the first of several with one code. */
  readonly options: ReadonlyMap<number, Uint8Array>
}

/** Parses a message into views of `bytes`. Returns undefined if it is truncated. */
export function parse(bytes: Uint8Array): Dhcpv6Message | undefined {
  const type = bytes[0]
  const start =
    type === DHCPV6_RELAY_FORW || type === DHCPV6_RELAY_REPL ? DHCPV6_RELAY_HLEN : DHCPV6_HLEN
  if (bytes.length < start) return undefined
  const options = new Map<number, Uint8Array>()
  for (let at = start; at < bytes.length; ) {
    const end = at + 4 + get16(bytes, at + 2)
    if (at + 4 > bytes.length || end > bytes.length) return undefined
    const code = get16(bytes, at)
    if (!options.has(code)) {
      options.set(code, bytes.subarray(at + 4, end))
    }
    at = end
  }
  return { type, header: bytes.subarray(0, start), options }
}

/** Builds a message from a header and options of at most 65535 bytes each. */
export function create(
  header: Iterable<number>,
  options: Iterable<readonly [code: number, data: Iterable<number>]>,
): Uint8Array {
  const out = [...header]
  for (const [code, data] of options) {
    const octets = [...data]
    out.push(...word(code), ...word(octets.length), ...octets)
  }
  return Uint8Array.from(out)
}

/** The DUID made from an Ethernet address (DUID-LL, RFC 8415 sec. 11.4). */
export const duidOf = (mac: Uint8Array): Uint8Array => Uint8Array.of(0, 3, 0, 1, ...mac)
