/**
 * The configuration file of `vnet lan` as JSON Schema. Error messages, the type LanFile and
 * packages/lan/docs/lan.schema.json (scripts/generate-schemas.mjs) are derived from it. The part
 * about DHCP is in services/dhcp/config.ts, and config.ts checks rules across several parts.
 */

import { parseAddress, parsePrefix } from 'vnet'
import { schema } from 'vnet/kit/config'
import { networkOf, sameBytes } from 'vnet/kit/packet'
import { dhcp, ipv4, label, macAddress } from '../services/dhcp/config.ts'

const names = `^${label}(\\.${label})*`

const off = schema.oneOf(false)
const lifetime = schema.either(
  schema.integer(0, 0xffff_fffe, 'a number of seconds'),
  schema.oneOf('infinite'),
)
const ipv6 = schema.string('an IPv6 address', {
  format: 'ipv6',
  accepts: text => parseAddress(text)?.length === 16,
})
const network = schema.string('an IPv4 network of /8 to /30 (host bits zero)', {
  format: 'cidr4',
  accepts: isNetwork(4, 8, 30),
  pattern: '^[0-9.]+/[0-9]{1,2}$',
})
const network6 = schema.string('an IPv6 network of /3 to /120 (host bits zero)', {
  format: 'cidr6',
  accepts: isNetwork(16, 3, 120),
  pattern: '^[0-9a-fA-F:.]+/[0-9]{1,3}$',
})
const hostName = schema.string('a host name', { pattern: `${names}$`, maxLength: 253 })
const domain = schema.string('a domain', { pattern: `${names}\\.?$`, maxLength: 254 })

const port = schema.object(
  {
    port: schema.about('The port.', schema.integer(1, 65535, 'a port')),
    protocol: schema.about(
      'The protocol; http is TCP only. Default: tcp.',
      schema.oneOf('tcp', 'udp'),
    ),
    service: schema.about(
      'The service.',
      schema.oneOf('echo', 'discard', 'daytime', 'chargen', 'http'),
    ),
    body: schema.about(
      'The body of every HTTP response. Default: the name of the host.',
      schema.anyText,
    ),
  },
  'port',
  'service',
)

const host = schema.object({
  name: schema.about(
    'The DNS name. With count it contains one %d, the number of the host, from 1.',
    {
      ...hostName,
      pattern: names.replaceAll('9-]', '9%-]').concat('$'),
    },
  ),
  mac: schema.about(
    'The MAC address. Default: made from the first address of the host.',
    macAddress,
  ),
  ip: schema.about(
    'An IPv4 address or several; with count, that of the first host.',
    schema.oneOrMore(ipv4),
  ),
  ip6: schema.about(
    'An IPv6 address or several; with count, that of the first host.',
    schema.oneOrMore(ipv6),
  ),
  count: schema.about(
    'The number of hosts of this kind, at consecutive addresses. Default: one host.',
    schema.integer(1, 1_000_000),
  ),
  services: schema.about(
    'Whether it has echo, discard, daytime and chargen, on their own ports. Default: true; false if an uplink has an address, unless --serve is given.',
    schema.flag,
  ),
  ports: schema.about('Services on other ports.', schema.list(port)),
})

const dnsName = '^[!--/-~]{1,63}(\\.[!--/-~]{1,63})*\\.?$'
const dns = schema.object({
  domain: schema.about('The domain of all names. Default: lan.', domain),
  records: schema.about(
    'More names and their addresses. A name without a final dot gets the domain.',
    {
      ...schema.record(schema.oneOrMore(schema.either(ipv4, ipv6))),
      propertyNames: schema.string('a DNS name', { pattern: dnsName, maxLength: 254 }),
    },
  ),
})

const ra = schema.object({
  prefix: schema.about(
    'The prefix from which clients make addresses. Default: network6.',
    network6,
  ),
  lifetime: schema.about(
    'Seconds for which the gateway is a default router. Default: three times maxInterval.',
    schema.integer(0, 65535),
  ),
  validLifetime: schema.about('Seconds for which the prefix is valid. Default: 86400.', lifetime),
  preferredLifetime: schema.about(
    'Seconds for which the prefix is preferred. Default: 14400.',
    lifetime,
  ),
  mtu: schema.about('The MTU of the link. Default: not sent.', schema.integer(1280, 65535)),
  hopLimit: schema.about('The hop limit of clients. Default: 64.', schema.integer(0, 255)),
  rdnss: schema.about('Resolvers; an empty list: none. Default: the gateway.', {
    ...schema.list(ipv6),
    maxItems: 8,
  }),
  dnssl: schema.about('Search domains; an empty list: none. Default: the domain of dns.', {
    ...schema.list(domain),
    maxItems: 6,
  }),
  managed: schema.about(
    'M flag: another DHCPv6 server assigns addresses. Default: false.',
    schema.flag,
  ),
  other: schema.about(
    'O flag: DHCPv6 of the gateway has the resolvers and domains. Default: true.',
    schema.flag,
  ),
  maxInterval: schema.about(
    'Maximum seconds between two advertisements. Default: 600.',
    schema.integer(4, 1800),
  ),
})

export const lanSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'configuration of vnet lan',
  ...schema.object({
    $schema: schema.anyText,
    network: schema.about('The IPv4 network. Default: 198.18.0.0/24.', network),
    network6: schema.about(
      'The IPv6 network; false: no IPv6. Default: 2001:db8:0:1::/64.',
      schema.either(network6, off),
    ),
    gateway: schema.about(
      'The gateway, which has the DHCP and DNS servers.',
      schema.object({
        name: schema.about('Its DNS name. Default: gateway.', hostName),
        mac: schema.about('Its MAC address. Default: made from its first address.', macAddress),
        ip: schema.about('Its IPv4 address. Default: the first address of network.', ipv4),
        ip6: schema.about('Its IPv6 address. Default: the first address of network6.', ipv6),
      }),
    ),
    hosts: schema.about('Simulated hosts. Default: none.', schema.list(host)),
    dhcp: schema.about(
      'The DHCP server; false: none. Default: on; off if an uplink has an address, unless --serve is given.',
      schema.either(dhcp, off),
    ),
    dns: schema.about('The DNS server; false: none. Default: on.', schema.either(dns, off)),
    ra: schema.about(
      'Router advertisements; false: none. Default: on; off if an uplink has an address, unless --serve is given.',
      schema.either(ra, off),
    ),
  }),
}

/**
 * The contents of a configuration file, as written: without defaults (complete() in defaults.ts).
 */
export type LanFile = schema.TypeOf<typeof lanSchema>
/** A host, or a range of hosts, of a configuration file. */
export type FileHost = schema.TypeOf<typeof host>

function isNetwork(length: number, min: number, max: number) {
  return (text: string): boolean => {
    const prefix = parsePrefix(text)
    if (prefix?.bytes.length !== length || prefix.prefixLen < min || prefix.prefixLen > max) {
      return false
    }
    return sameBytes(prefix.bytes, networkOf(prefix))
  }
}
