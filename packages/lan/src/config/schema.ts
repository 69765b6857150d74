/**
 * The configuration file of `vnet lan` as JSON Schema, the source of error messages, the type
 * LanFile and packages/lan/docs/lan.schema.json (scripts/generate-schemas.mjs).
 * services/dhcp/config.ts has the part about DHCP, config.ts the rules across several parts.
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
  type TypeOf,
} from 'vnet/internal/base/schema'
import { networkOf, parseAddress, parsePrefix, sameBytes } from 'vnet/internal/packet/address'
import { dhcp, ipv4, label, mac } from '../services/dhcp/config.ts'

const names = `^${label}(\\.${label})*`

const off = oneOf(false)
const lifetime = either(integer(0, 0xffff_fffe, 'a number of seconds'), oneOf('infinite'))
const ipv6 = string('an IPv6 address', { format: 'ipv6', accepts: text => parseAddress(text)?.length === 16 })
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

function isNetwork(length: number, min: number, max: number) {
  return (text: string): boolean => {
    const prefix = parsePrefix(text)
    if (prefix?.bytes.length !== length || prefix.prefixLen < min || prefix.prefixLen > max) return false
    return sameBytes(prefix.bytes, networkOf(prefix))
  }
}
