/**
 * DHCPv6 messages (RFC 8415 sec. 7 to 9, 21) as octets: a header, then options one behind the other. Nothing here throws,
 * whatever the octets.
 */
import { get16 } from './octets.ts'

/** UDP ports of server and client, and the group that servers and relays listen to, ff02::1:2. */
export const DHCPV6_SERVER_PORT = 547
export const DHCPV6_CLIENT_PORT = 546
export const ALL_DHCPV6_SERVERS: Readonly<Uint8Array> = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2)

/** Message types, RFC 8415 sec. 7.3. */
export const DHCPV6_REPLY = 7
export const DHCPV6_INFORMATION_REQUEST = 11
export const DHCPV6_RELAY_FORW = 12
export const DHCPV6_RELAY_REPL = 13

/** Options, RFC 8415 sec. 21, RFC 3646. */
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

/** Octets of a message's header, and of a relay's: type, hop count, two addresses. */
export const DHCPV6_HLEN = 4
export const DHCPV6_RELAY_HLEN = 34

export interface Dhcpv6Message {
  readonly type: number
  /** The header whole, the type at its start: with the transaction, or a relay's hop count and addresses. */
  readonly header: Uint8Array
  /** By code; of several with one code the first. */
  readonly options: ReadonlyMap<number, Uint8Array>
}

/** A message, its parts views of `bytes`; undefined when it is too short, or an option does not fit. */
export function parse(bytes: Uint8Array): Dhcpv6Message | undefined {
  const type = bytes[0]
  const start = type === DHCPV6_RELAY_FORW || type === DHCPV6_RELAY_REPL ? DHCPV6_RELAY_HLEN : DHCPV6_HLEN
  if (bytes.length < start) return undefined
  const options = new Map<number, Uint8Array>()
  for (let at = start; at < bytes.length; ) {
    const end = at + 4 + get16(bytes, at + 2)
    if (at + 4 > bytes.length || end > bytes.length) return undefined
    const code = get16(bytes, at)
    if (!options.has(code)) options.set(code, bytes.subarray(at + 4, end))
    at = end
  }
  return { type, header: bytes.subarray(0, start), options }
}

/** The message of a header and options, in this order. An option has at most 65535 octets. */
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

/** A DUID made of an Ethernet address (DUID-LL, RFC 8415 sec. 11.4). */
export function duidOf(mac: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 3, 0, 1, ...mac)
}

const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
