/**
 * What a configuration file of `vnet lan` may hold, described once: errors, the type LanFile and docs/lan.schema.json
 * (scripts/generate-lan-schema.mjs) come of this. What a schema cannot say is in config-check.ts.
 */
import type { FromSchema, Schema } from './schema-type.ts'

const text = { type: 'string', title: 'text', pattern: '.' } as const
const flag = { type: 'boolean' } as const
const seconds = { type: 'integer', title: 'a number of seconds', minimum: 0, maximum: 0xffff_fffe } as const
const infinite = { enum: ['infinite'] } as const
const secondsOrInfinite = { anyOf: [seconds, infinite] } as const
const off = { const: false } as const

const ipv4 = { type: 'string', title: 'an IPv4 address', format: 'ipv4' } as const
const ipv6 = { type: 'string', title: 'an IPv6 address', format: 'ipv6' } as const
const mac = { type: 'string', title: 'a MAC address', pattern: '^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$' } as const
const network = { type: 'string', title: 'an IPv4 network', pattern: '^[0-9.]+/[0-9]{1,2}$' } as const
const network6 = { type: 'string', title: 'an IPv6 network', pattern: '^[0-9a-fA-F:.]+/[0-9]{1,3}$' } as const
const range = { type: 'string', title: 'an address or FIRST-LAST', pattern: '^[0-9.]+( *- *[0-9.]+)?$' } as const
const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const hostName = { type: 'string', title: 'a name of a host', pattern: `^${label}(\\.${label})*$` } as const
const domainName = { type: 'string', title: 'a domain', pattern: `^${label}(\\.${label})*\\.?$` } as const
const clientId = {
  type: 'string',
  title: 'an identifier in hex',
  pattern: '^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){0,254}$',
} as const

const oneOrMore = <const S extends Schema>(schema: S) =>
  ({ anyOf: [schema, { type: 'array', items: schema }] }) as const
const list = <const S extends Schema>(items: S) => ({ type: 'array', items }) as const
/** Like it, with the words about it. */
const about = <const S extends Schema>(description: string, schema: S) => ({ ...schema, description }) as const

const options = {
  type: 'object',
  additionalProperties: {
    anyOf: [
      { type: 'string' },
      { type: 'integer' },
      flag,
      list({ anyOf: [{ type: 'string' }, { type: 'integer' }] }),
      { type: 'null' },
    ],
  },
} as const

const boot = {
  type: 'object',
  properties: { nextServer: ipv4, serverName: text, file: text },
  additionalProperties: false,
} as const

const host = {
  type: 'object',
  properties: {
    name: about(
      'By which it is found, and its name in DNS. With count it has one %d: the number of the host, from 1 on.',
      { type: 'string', title: 'a name of a host', pattern: '^[A-Za-z0-9]([A-Za-z0-9.%-]{0,250}[A-Za-z0-9])?$' },
    ),
    mac: about('Made of an address of the host unless given.', mac),
    ip: about('Its IPv4 address, or several; with count that of the first host.', oneOrMore(ipv4)),
    ip6: about('Its IPv6 address, or several; with count that of the first host.', oneOrMore(ipv6)),
    count: about('So many hosts alike, with addresses that follow each other.', {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
    }),
    services: about(
      'Echo, discard, daytime and chargen on their own ports, over UDP and TCP. Default: true; with an uplink that has an address false.',
      flag,
    ),
    ports: about(
      'What answers on other ports.',
      list({
        type: 'object',
        properties: {
          port: { type: 'integer', title: 'a port', minimum: 1, maximum: 65535 },
          protocol: about('Default: tcp.', { enum: ['tcp', 'udp'] }),
          service: { enum: ['echo', 'discard', 'daytime', 'chargen', 'http'] },
          body: about('What http answers with; the name of the host unless given.', { type: 'string' }),
        },
        required: ['port', 'service'],
        additionalProperties: false,
      }),
    ),
  },
  additionalProperties: false,
} as const

const dhcp = {
  type: 'object',
  properties: {
    pool: about('Addresses for anybody. Default: the 100th to the 199th of the network.', oneOrMore(range)),
    reservations: list({
      type: 'object',
      properties: {
        mac,
        clientId: about('Option 61 in hex, its type octet and all.', clientId),
        address: ipv4,
        hostname: { ...hostName, pattern: `^${label}$` },
        options,
        boot,
      },
      required: ['address'],
      additionalProperties: false,
    }),
    leaseTime: about('What a client gets that asks for nothing. Default: 3600.', secondsOrInfinite),
    minLeaseTime: seconds,
    maxLeaseTime: secondsOrInfinite,
    renewalTime: seconds,
    rebindingTime: seconds,
    offerTime: seconds,
    declineTime: seconds,
    authoritative: about('Default: true, as the only server of the segment; with --uplink false.', flag),
    options: about('By name (router, dns-server, ntp-server) or number; null takes a default away.', options),
    always: about('Options that are sent whether a client asks for them or not.', list(text)),
    boot,
  },
  additionalProperties: false,
} as const

const dns = {
  type: 'object',
  properties: {
    domain: about('Default: lan.', domainName),
    records: about('More names, with an address or several. A dot at the end: the domain is not added.', {
      type: 'object',
      additionalProperties: oneOrMore({ anyOf: [ipv4, ipv6] }),
    }),
  },
  additionalProperties: false,
} as const

const ra = {
  type: 'object',
  properties: {
    prefix: about('Of which hosts make addresses. Default: network6.', network6),
    lifetime: about('Of the gateway as a default router. Default: three times maxInterval.', {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
    }),
    validLifetime: about('Of the prefix. Default: 86400.', secondsOrInfinite),
    preferredLifetime: about('Of the prefix. Default: 14400.', secondsOrInfinite),
    mtu: { type: 'integer', minimum: 1280, maximum: 65535 },
    hopLimit: about('Default: 64.', { type: 'integer', minimum: 0, maximum: 255 }),
    rdnss: about('Resolvers. Default: the gateway; an empty list: none.', { ...list(ipv6), maxItems: 8 }),
    dnssl: about('Domains to search. Default: that of dns; an empty list: none.', { ...list(domainName), maxItems: 6 }),
    managed: about('Addresses are to be had by DHCPv6, of somebody else. Default: false.', flag),
    other: about('Resolvers and domains are to be had by DHCPv6, of the gateway. Default: true.', flag),
    maxInterval: about('Seconds between two advertisements at most. Default: 600.', {
      type: 'integer',
      minimum: 4,
      maximum: 1800,
    }),
  },
  additionalProperties: false,
} as const

export const lanSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'a configuration of vnet lan',
  type: 'object',
  properties: {
    $schema: { type: 'string' },
    network: about('Default: 198.18.0.0/24.', network),
    network6: about('Default: 2001:db8:0:1::/64; false: no IPv6.', { anyOf: [network6, off] }),
    gateway: {
      type: 'object',
      properties: {
        name: about('Default: gateway.', hostName),
        mac,
        ip: about('Default: the first of the network.', ipv4),
        ip6: about('Default: the first of the network.', ipv6),
      },
      additionalProperties: false,
    },
    hosts: list(host),
    dhcp: about('false: no DHCP server.', { anyOf: [dhcp, off] }),
    dns: about('false: no name server.', { anyOf: [dns, off] }),
    ra: about('Router advertisements; false: none.', { anyOf: [ra, off] }),
  },
  additionalProperties: false,
} as const satisfies Schema

/** A configuration file, as it is written. */
export type LanFile = FromSchema<typeof lanSchema>
