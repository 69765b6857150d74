/**
 * The configuration file of `vnet lan`, described once as JSON Schema. Error messages, the type
 * LanFile and packages/lan/docs/lan.schema.json (scripts/generate-schemas.mjs) come from this
 * description. check.ts has the rules across several parts of a file.
 */
import {
  about,
  anyText,
  either,
  flag,
  integer,
  list,
  object,
  oneOf,
  oneOrMore,
  record,
  string,
  type Typed,
  type TypeOf,
} from 'vnet/internal/base/schema'
import { networkOf, parseAddress, parsePrefix, sameBytes } from 'vnet/internal/packet/address'

const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const names = `^${label}(\\.${label})*`

const text = string('text', { pattern: '.' })
const off = oneOf(false)
const seconds = integer(1, 0xffff_fffe, 'a number of seconds')
const secondsOrInfinite = either(seconds, oneOf('infinite'))
const lifetime = either(integer(0, 0xffff_fffe, 'a number of seconds'), oneOf('infinite'))
const ipv4 = string('an IPv4 address', { format: 'ipv4', accepts: isAddress(4) })
const ipv6 = string('an IPv6 address', { format: 'ipv6', accepts: isAddress(16) })
const mac = string('a unicast MAC address', { pattern: '^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$' })
const network = string('an IPv4 network of /8 to /30 (host bits zero)', {
  format: 'cidr4',
  accepts: isNetwork(4, 8, 30),
  pattern: '^[0-9.]+/[0-9]{1,2}$',
})
const network6 = string('an IPv6 network of /3 to /120 (host bits zero)', {
  format: 'cidr6',
  accepts: isNetwork(16, 3, 120),
  pattern: '^[0-9a-fA-F:.]+/[0-9]{1,3}$',
})
const range = string('an address or FIRST-LAST', { pattern: '^[0-9.]+( *- *[0-9.]+)?$' })
const hostName = string('a host name', { pattern: `${names}$`, maxLength: 253 })
const domain = string('a domain', { pattern: `${names}\\.?$`, maxLength: 254 })

const port = object(
  {
    port: integer(1, 65535, 'a port'),
    protocol: about('Default: tcp.', oneOf('tcp', 'udp')),
    service: oneOf('echo', 'discard', 'daytime', 'chargen', 'http'),
    body: about('The body of every HTTP response. Default: the name of the host.', anyText),
  },
  'port',
  'service',
)

const host = object({
  name: about('The DNS name. With count it contains one %d, the number of the host, from 1.', {
    ...hostName,
    pattern: names.replaceAll('9-]', '9%-]').concat('$'),
  }),
  mac: about('Default: made from the first address of the host.', mac),
  ip: about('An IPv4 address or several; with count, that of the first host.', oneOrMore(ipv4)),
  ip6: about('An IPv6 address or several; with count, that of the first host.', oneOrMore(ipv6)),
  count: about('The number of hosts of this kind, at consecutive addresses.', integer(1, 1_000_000)),
  services: about('Echo, discard, daytime, chargen. Default: true; false if the uplink has an address.', flag),
  ports: about('Services on other ports.', list(port)),
})

const scalar = either(anyText, { type: 'integer' } as Typed<number>)
const options = record(either(scalar, flag, list(scalar), { type: 'null' } as Typed<null>))
const boot = object({ nextServer: ipv4, serverName: text, file: text })

const clientId = string('a client identifier such as 01:02:00:00', {
  pattern: '^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){0,254}$',
})
const reservation = object(
  {
    mac,
    clientId: about('Option 61 in hex, including its type byte.', clientId),
    address: ipv4,
    hostname: { ...hostName, pattern: `^${label}$` },
    options,
    boot,
  },
  'address',
)

const dhcp = object({
  pool: about('Addresses for any client. Default: the 100th to the 199th of the network.', oneOrMore(range)),
  reservations: list(reservation),
  leaseTime: about('Seconds for a client that requests no time. Default: 3600.', secondsOrInfinite),
  minLeaseTime: seconds,
  maxLeaseTime: secondsOrInfinite,
  renewalTime: seconds,
  rebindingTime: seconds,
  offerTime: seconds,
  declineTime: seconds,
  authoritative: about('Whether this is the only DHCP server. Default: true; false with --uplink.', flag),
  options: about('By name (router, dns-server, ntp-server) or number; null removes a default.', options),
  always: about('Options that are sent even if a client does not request them.', list(text)),
  boot,
})

const dnsName = '^[!--/-~]{1,63}(\\.[!--/-~]{1,63})*\\.?$'
const dns = object({
  domain: about('Default: lan.', domain),
  records: about('More names and their addresses. A name without a final dot gets the domain.', {
    ...record(oneOrMore(either(ipv4, ipv6))),
    propertyNames: string('a DNS name', { pattern: dnsName, maxLength: 254 }),
  }),
})

const ra = object({
  prefix: about('Prefix from which clients make addresses. Default: network6.', network6),
  lifetime: about('Seconds as a default router. Default: three times maxInterval.', integer(0, 65535)),
  validLifetime: about('Seconds for which the prefix is valid. Default: 86400.', lifetime),
  preferredLifetime: about('Seconds for which the prefix is preferred. Default: 14400.', lifetime),
  mtu: integer(1280, 65535),
  hopLimit: about('Default: 64.', integer(0, 255)),
  rdnss: about('Resolvers. Default: the gateway; an empty list: none.', { ...list(ipv6), maxItems: 8 }),
  dnssl: about('Search domains. Default: the domain of dns; an empty list: none.', { ...list(domain), maxItems: 6 }),
  managed: about('M flag: another DHCPv6 server assigns addresses. Default: false.', flag),
  other: about('O flag: DHCPv6 of the gateway has the resolvers and domains. Default: true.', flag),
  maxInterval: about('Maximum seconds between two advertisements. Default: 600.', integer(4, 1800)),
})

export const lanSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'configuration of vnet lan',
  ...object({
    $schema: anyText,
    network: about('Default: 198.18.0.0/24.', network),
    network6: about('Default: 2001:db8:0:1::/64; false: no IPv6.', either(network6, off)),
    gateway: object({
      name: about('Default: gateway.', hostName),
      mac,
      ip: about('Default: the first address of network.', ipv4),
      ip6: about('Default: the first address of network6.', ipv6),
    }),
    hosts: list(host),
    dhcp: about('false: no DHCP server.', either(dhcp, off)),
    dns: about('false: no DNS server.', either(dns, off)),
    ra: about('Router advertisements; false: none.', either(ra, off)),
  }),
}

/** The contents of a configuration file, as written. */
export type LanFile = TypeOf<typeof lanSchema>
export type FileHost = TypeOf<typeof host>
export type FileDhcp = TypeOf<typeof dhcp>

function isAddress(length: number) {
  return (text: string): boolean => parseAddress(text)?.length === length
}

function isNetwork(length: number, min: number, max: number) {
  return (text: string): boolean => {
    const prefix = parsePrefix(text)
    if (prefix?.bytes.length !== length || prefix.prefixLen < min || prefix.prefixLen > max) return false
    return sameBytes(prefix.bytes, networkOf(prefix))
  }
}
