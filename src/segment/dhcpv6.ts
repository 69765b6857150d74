/**
 * Stateless DHCPv6 (RFC 8415 sec. 6.1, 18.3.6): who made an address of a router advertisement learns the resolvers and
 * domains here. Addresses are not given, so every message but INFORMATION-REQUEST is left unanswered; one that came through
 * relays goes back through them.
 */
import {
  create,
  D6O_CLIENTID,
  D6O_DNS_SERVERS,
  D6O_DOMAIN_LIST,
  D6O_IA_NA,
  D6O_IA_PD,
  D6O_IA_TA,
  D6O_INFORMATION_REFRESH_TIME,
  D6O_INTERFACE_ID,
  D6O_ORO,
  D6O_RELAY_MSG,
  D6O_SERVERID,
  DHCPV6_INFORMATION_REQUEST,
  DHCPV6_RELAY_FORW,
  DHCPV6_RELAY_REPL,
  DHCPV6_REPLY,
  type Dhcpv6Message,
  parse,
} from '../header/dhcpv6.ts'
import { nameOf } from '../header/dns.ts'
import { get16 } from '../header/octets.ts'

export interface Dhcpv6Config {
  /** Who the server is: duidOf(mac). */
  readonly duid: Uint8Array
  /** Resolvers, 16 octets each. */
  readonly servers: readonly Uint8Array[]
  /** Domains to search; one that is no name is left out. */
  readonly domains: readonly string[]
  /** Seconds after which clients ask again, 600 or more. */
  readonly refreshTime: number
}

/** HOP_COUNT_LIMIT, RFC 8415 sec. 7.6. */
const HOP_COUNT_LIMIT = 8
/** IRT_MINIMUM. */
const IRT_MINIMUM = 600

/**
 * The answer to a message that came to port 547, to be sent to where it came from: to port 546, or to port 547 when it is a
 * relay's. Undefined when there is none. Never throws.
 */
export function answer(message: Uint8Array, config: Dhcpv6Config): Uint8Array | undefined {
  return answerThrough(message, config, HOP_COUNT_LIMIT)
}

function answerThrough(bytes: Uint8Array, config: Dhcpv6Config, hops: number): Uint8Array | undefined {
  const message = parse(bytes)
  if (message?.type === DHCPV6_INFORMATION_REQUEST) return reply(message, config)
  const relayed = message?.options.get(D6O_RELAY_MSG)
  if (message?.type !== DHCPV6_RELAY_FORW || relayed === undefined || hops < 0) return undefined
  const inner = answerThrough(relayed, config, hops - 1)
  if (inner === undefined) return undefined
  const face = message.options.get(D6O_INTERFACE_ID)
  const options = [...(face ? [[D6O_INTERFACE_ID, face] as const] : []), [D6O_RELAY_MSG, inner] as const]
  return create([DHCPV6_RELAY_REPL, ...message.header.subarray(1)], options)
}

/** RFC 8415 sec. 16.12 says which are discarded. */
function reply({ header, options }: Dhcpv6Message, config: Dhcpv6Config): Uint8Array | undefined {
  const server = options.get(D6O_SERVERID)
  if (server !== undefined && !isSame(server, config.duid)) return undefined
  if ([D6O_IA_NA, D6O_IA_TA, D6O_IA_PD].some(code => options.has(code))) return undefined
  const client = options.get(D6O_CLIENTID)
  if (client !== undefined && !isDuid(client)) return undefined

  const refresh = Math.max(IRT_MINIMUM, Math.min(config.refreshTime, 0xffff_ffff))
  const known: [number, number[]][] = [
    [D6O_DNS_SERVERS, config.servers.flatMap(address => [...address])],
    [D6O_DOMAIN_LIST, config.domains.flatMap(domain => [...(nameOf(domain) ?? [])])],
    [D6O_INFORMATION_REFRESH_TIME, [refresh >>> 24, refresh >>> 16, refresh >>> 8, refresh].map(octet => octet & 0xff)],
  ]
  const wanted = options.get(D6O_ORO)
  return create(
    [DHCPV6_REPLY, ...header.subarray(1)],
    [
      [D6O_SERVERID, config.duid],
      ...(client ? [[D6O_CLIENTID, client] as const] : []),
      // Who does not say what it wants gets all there is.
      ...known.filter(([code, data]) => data.length > 0 && (wanted === undefined || asksFor(wanted, code))),
    ],
  )
}

function asksFor(wanted: Uint8Array, code: number): boolean {
  for (let at = 0; at + 2 <= wanted.length; at += 2) if (get16(wanted, at) === code) return true
  return false
}

/** A type and 1 to 128 octets (RFC 8415 sec. 11.1). */
const isDuid = (bytes: Uint8Array): boolean => bytes.length >= 3 && bytes.length <= 130

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((octet, i) => octet === other[i])
