/** A configuration with everything filled in that its file leaves out. The file is right when it comes here. */

import { parseAddress } from '../header/ip-address.ts'
import type { RouterAdvert } from '../header/router-advert.ts'
import type { Dhcpv6Config } from '../segment/dhcpv6.ts'
import { DEFAULT_NETWORK, DEFAULT_NETWORK6 } from '../segment/network.ts'
import type { Named } from './dns-names.ts'
import { defaultPool, formatNumber, formatSpan, type Network, toNetwork, toNumber } from './network.ts'
import type { LanFile } from './schema.ts'

type FileHost = NonNullable<LanFile['hosts']>[number]
type FileDhcp = Exclude<NonNullable<LanFile['dhcp']>, false>
export type HostPort = Required<Omit<NonNullable<FileHost['ports']>[number], 'body'>> & { readonly body?: string }

export const DEFAULT_DOMAIN = 'lan'
export const DEFAULT_GATEWAY_NAME = 'gateway'
const LEASE_TIME = 3600
const MAX_INTERVAL = 600
/** Of a prefix, and of what DHCPv6 told: seconds. */
const VALID_LIFETIME = 86_400
const PREFERRED_LIFETIME = 14_400
const REFRESH_TIME = 3600

export interface LanGateway {
  readonly name: string
  /** Undefined: one of the segment's own choice. */
  readonly mac: string | undefined
  readonly ip: string
  readonly ip6: string | undefined
}

/** A host, or with `count` that many of them: `ip`, `ip6` and `name` are then the first one's. */
export interface ConfiguredHost {
  readonly name: string | undefined
  readonly mac: string | undefined
  readonly ip: readonly string[]
  readonly ip6: readonly string[]
  readonly count: number | undefined
  readonly services: boolean
  readonly ports: readonly HostPort[]
}

/** What the DHCP server is told, as its own description has it. */
export interface LanDhcp extends Omit<FileDhcp, 'pool'> {
  readonly server: string
  readonly subnets: readonly { readonly network: string; readonly ranges: readonly string[] }[]
}

export interface LanConfig {
  readonly network: string
  /** Undefined: no IPv6. */
  readonly network6: string | undefined
  readonly gateway: LanGateway
  readonly hosts: readonly ConfiguredHost[]
  /** Of hosts that do not say: whether they have the usual services. */
  readonly services: boolean
  /** Each undefined where the gateway does not do that. */
  readonly dhcp: LanDhcp | undefined
  /** Of the names, those of the hosts too. */
  readonly dns: { readonly domain: string; readonly names: readonly Named[] } | undefined
  /** Without the gateway's hardware address, which `mac` is to be, and `duid`. */
  readonly ra: { readonly advert: RouterAdvert; readonly maxInterval: number } | undefined
  readonly dhcpv6: Omit<Dhcpv6Config, 'duid'> | undefined
}

/** What a configuration leaves out, where that depends on who else may be on the segment. */
export interface LanDefaults {
  /** False where another DHCP server may be: RFC 2131 sec. 4.3.2. */
  readonly authoritative?: boolean | undefined
  /**
   * False where the segment is a network that is there already: DHCP, router advertisements and the
   * services of hosts then take a word each.
   */
  readonly serves?: boolean | undefined
}

export function complete(file: LanFile, { authoritative = true, serves = true }: LanDefaults = {}): LanConfig {
  const network = file.network ?? DEFAULT_NETWORK
  const network6 = file.network6 === false ? undefined : (file.network6 ?? DEFAULT_NETWORK6)
  const gateway = gatewayOf(file, network, network6)
  const { dhcp = serves && {}, ra = serves && {} } = file
  const hosts = (file.hosts ?? []).map(host => toHost(host, serves))
  const dns = file.dns === false ? undefined : (file.dns ?? {})
  const domain = dns && (dns.domain ?? DEFAULT_DOMAIN).replace(/\.$/, '')
  const records = Object.entries(dns?.records ?? {}).map(([name, address]) => named(name, listOf(address)))
  const advertised = raOf(ra, network6, gateway, domain)
  const { rdnss, dnssl } = advertised?.advert ?? {}
  return {
    network,
    network6,
    gateway,
    hosts,
    services: serves,
    dhcp: dhcp === false ? undefined : dhcpOf({ authoritative, ...dhcp }, network, gateway, domain),
    dns: domain === undefined ? undefined : { domain, names: [...hosts.flatMap(namesOf), ...records] },
    ra: advertised,
    dhcpv6: advertised?.advert.other
      ? { servers: rdnss?.servers ?? [], domains: dnssl?.domains ?? [], refreshTime: REFRESH_TIME }
      : undefined,
  }
}

/** The gateway's own addresses: the first of each network unless given. */
function gatewayOf({ gateway = {} }: LanFile, network: string, network6: string | undefined): LanGateway {
  const first = (text: string): string => {
    const { family, first } = toNetwork(text) as Network
    return formatNumber(family, first + 1n)
  }
  return {
    name: gateway.name ?? DEFAULT_GATEWAY_NAME,
    mac: gateway.mac?.toLowerCase(),
    ip: gateway.ip ?? first(network),
    ip6: network6 && (gateway.ip6 ?? first(network6)),
  }
}

function toHost({ name, mac, ip, ip6, count, services, ports = [] }: FileHost, usual: boolean): ConfiguredHost {
  return {
    name,
    mac: mac?.toLowerCase(),
    ip: listOf(ip),
    ip6: listOf(ip6),
    count,
    services: services ?? usual,
    ports: ports.map(port => ({ protocol: 'tcp', ...port })),
  }
}

/** The hosts that have a name, one by one. */
function namesOf({ name, ip, ip6, count }: ConfiguredHost): Named[] {
  if (name === undefined) return []
  if (count === undefined) return [named(name, [...ip, ...ip6])]
  const from = [...ip, ...ip6].map(text => toNumber(text)!)
  return Array.from({ length: count }, (_, i) =>
    named(
      name.replace('%d', String(i + 1)),
      from.map(({ family, value }) => formatNumber(family, value + BigInt(i))),
    ),
  )
}

function named(name: string, addresses: readonly string[]): Named {
  return { name, addresses: addresses.map(text => parseAddress(text)!) }
}

function dhcpOf(dhcp: FileDhcp, network: string, gateway: LanGateway, domain: string | undefined): LanDhcp {
  const { pool, options, ...rest } = dhcp
  const ranges = pool === undefined ? [formatSpan(defaultPool(toNetwork(network)!))] : listOf(pool)
  return {
    leaseTime: LEASE_TIME,
    ...rest,
    options: {
      ...(domain === undefined ? { 'dns-server': null } : { 'domain-name': domain }),
      ...options,
    },
    server: gateway.ip,
    subnets: [{ network, ranges: ranges.map(range => range.replaceAll(' ', '')) }],
  }
}

function raOf(
  ra: NonNullable<LanFile['ra']>,
  network6: string | undefined,
  { ip6 }: LanGateway,
  domain: string | undefined,
): LanConfig['ra'] {
  if (ra === false || network6 === undefined) return undefined
  const { prefix = network6, maxInterval = MAX_INTERVAL, mtu, hopLimit = 64, managed = false, other = true } = ra
  const {
    lifetime = 3 * maxInterval,
    rdnss = domain !== undefined && ip6 ? [ip6] : [],
    dnssl = domain === undefined ? [] : [domain],
  } = ra
  const valid = secondsOf(ra.validLifetime ?? VALID_LIFETIME)
  const preferred = secondsOf(ra.preferredLifetime ?? Math.min(PREFERRED_LIFETIME, valid))
  const { family, first, prefixLen } = toNetwork(prefix) as Network
  const octets = parseAddress(formatNumber(family, first))!
  // Addresses are made of a prefix of 64 bits only (RFC 4862 sec. 5.5.3).
  const autonomous = prefixLen === 64
  const info = {
    prefix: octets,
    prefixLen,
    onLink: true,
    autonomous,
    validLifetime: valid,
    preferredLifetime: preferred,
  }
  return {
    maxInterval,
    advert: {
      hopLimit,
      managed,
      other,
      lifetime,
      reachableTimeMs: 0,
      retransTimerMs: 0,
      mtu,
      prefixes: [info],
      rdnss: { lifetime: 3 * maxInterval, servers: rdnss.map(text => parseAddress(text)!) },
      dnssl: { lifetime: 3 * maxInterval, domains: dnssl },
    },
  }
}

const secondsOf = (value: number | 'infinite'): number => (value === 'infinite' ? Number.POSITIVE_INFINITY : value)

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
