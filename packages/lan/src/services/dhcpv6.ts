/**
 * Stateless DHCPv6 (RFC 8415 sec. 6.1, 18.3.6): gives resolvers and domains, but no addresses, so
 * it replies only to INFORMATION-REQUEST. The reply to a relayed message goes back through the
 * relays. Log lines have the form of dnsmasq's.
 */
import { dns, formatHex, get16, long, sameBytes } from 'vnet/kit/packet'
import * as dhcpv6 from '../packet/dhcpv6.ts'

/** The data that clients get. */
export interface Dhcpv6Config {
  /** Identifies the server: duidOf(mac). */
  readonly duid: Uint8Array
  /** Resolvers, 16 bytes each. */
  readonly servers: readonly Uint8Array[]
  /** Search domains; invalid ones are ignored. */
  readonly domains: readonly string[]
  /** Seconds after which clients request it again, at least 600. */
  readonly refreshTime: number
}

/** RFC 8415 sec. 7.6. */
const HOP_COUNT_LIMIT = 8
/** Bytes of a DUID with its type (RFC 8415 sec. 11.1). */
const DUID_MAX = 130
/** Smallest information refresh time, s (RFC 8415 sec. 7.6). */
const IRT_MINIMUM = 600

/**
 * Returns the reply to a message sent to port 547, for its sender: port 546 of a client, or port
 * 547 of a relay. At most `hops` further relays may have relayed it. Returns undefined if it gets
 * no reply. Never throws.
 */
export function dhcpv6Reply(
  bytes: Uint8Array,
  config: Dhcpv6Config,
  hops: number = HOP_COUNT_LIMIT,
): Uint8Array | undefined {
  const message = dhcpv6.parse(bytes)
  if (message?.type === dhcpv6.DHCPV6_INFORMATION_REQUEST) return reply(message, config)
  const relayed = message?.options.get(dhcpv6.D6O_RELAY_MSG)
  if (message?.type !== dhcpv6.DHCPV6_RELAY_FORW || relayed === undefined || hops < 0) {
    return undefined
  }
  const inner = dhcpv6Reply(relayed, config, hops - 1)
  if (inner === undefined) return undefined
  const id = message.options.get(dhcpv6.D6O_INTERFACE_ID)
  const options = [
    ...(id ? [[dhcpv6.D6O_INTERFACE_ID, id] as const] : []),
    [dhcpv6.D6O_RELAY_MSG, inner] as const,
  ]
  return dhcpv6.create([dhcpv6.DHCPV6_RELAY_REPL, ...message.header.subarray(1)], options)
}

/** Returns undefined for messages to be discarded (RFC 8415 sec. 16.12). */
function reply(
  { header, options }: dhcpv6.Dhcpv6Message,
  config: Dhcpv6Config,
): Uint8Array | undefined {
  const server = options.get(dhcpv6.D6O_SERVERID)
  if (server !== undefined && !sameBytes(server, config.duid)) return undefined
  if ([dhcpv6.D6O_IA_NA, dhcpv6.D6O_IA_TA, dhcpv6.D6O_IA_PD].some(code => options.has(code))) {
    return undefined
  }
  const client = options.get(dhcpv6.D6O_CLIENTID)
  if (client !== undefined && !isDuid(client)) return undefined

  const refresh = Math.max(IRT_MINIMUM, Math.min(config.refreshTime, 0xffff_ffff))
  const known: [number, number[]][] = [
    [dhcpv6.D6O_DNS_SERVERS, config.servers.flatMap(address => [...address])],
    [dhcpv6.D6O_DOMAIN_LIST, config.domains.flatMap(domain => [...(dns.nameOf(domain) ?? [])])],
    [dhcpv6.D6O_INFORMATION_REFRESH_TIME, long(refresh)],
  ]
  const requested = options.get(dhcpv6.D6O_ORO)
  return dhcpv6.create(
    [dhcpv6.DHCPV6_REPLY, ...header.subarray(1)],
    [
      [dhcpv6.D6O_SERVERID, config.duid],
      ...(client ? [[dhcpv6.D6O_CLIENTID, client] as const] : []),
      // A client that requests no option gets all.
      ...known.filter(
        ([code, data]) => data.length > 0 && (requested === undefined || contains(requested, code)),
      ),
    ],
  )
}

function contains(requested: Uint8Array, code: number): boolean {
  for (let at = 0; at + 2 <= requested.length; at += 2) {
    if (get16(requested, at) === code) {
      return true
    }
  }
  return false
}

const isDuid = (bytes: Uint8Array): boolean => bytes.length >= 3 && bytes.length <= DUID_MAX

/** Returns a client's `DHCPINFORMATION-REQUEST(eth9) DUID` and its first word, or undefined. */
export function dhcpv6Line(
  name: string,
  message: Uint8Array,
): { kind: string; line: string } | undefined {
  const { type = 0, options } = dhcpv6.parse(message) ?? {}
  const request = dhcpv6.DHCPV6_REQUESTS[type]
  if (request === undefined) return undefined
  const kind = `DHCP${request}(${name})`
  const client = formatHex(options?.get(dhcpv6.D6O_CLIENTID)?.subarray(0, DUID_MAX) ?? [])
  // To others, only a stateful server replies (RFC 8415 sec. 7.3).
  const why =
    type === dhcpv6.DHCPV6_INFORMATION_REQUEST
      ? ''
      : 'not answered: only stateless DHCPv6 is served'
  return { kind, line: [kind, client, why].filter(word => word).join(' ') }
}
