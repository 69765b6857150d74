/** Fills in the properties that a configuration file omits. The file matches the schema. */
import { formatAddress, parseAddress, parsePrefix } from 'vnet'
import { networkOf, plus } from 'vnet/kit/packet'
import { listOf } from '../machines/host-table.ts'
import { DEFAULT_NETWORK, DEFAULT_NETWORK6 } from '../machines/network.ts'
import type { RouterAdvert } from '../packet/router-advert.ts'
import type { DhcpSpec, FileDhcp } from '../services/dhcp/config.ts'
import type { HostName } from '../services/dns-names.ts'
import { http, type LanHost } from '../services/tcp-handlers.ts'
import type { FileHost, LanFile } from './schema.ts'

export const DEFAULT_DOMAIN = 'lan'
/** Seconds between two router advertisements. */
const MAX_INTERVAL = 600
/** Seconds for a prefix, and for the data that a client gets by DHCPv6. */
const VALID_LIFETIME = 86_400
const PREFERRED_LIFETIME = 14_400
const REFRESH_TIME = 3600

/** A configuration with all defaults. Its parts agree. */
export type LanConfig = ReturnType<typeof complete>

/** What depends on other machines on the segment. The flags are true by default. */
export interface LanDefaults {
  /** Whether this is the only DHCP server (RFC 2131 sec. 4.3.2). */
  readonly authoritative?: boolean | undefined
  /** Whether DHCP, router advertisements and services are on if the file does not mention them. */
  readonly serves?: boolean | undefined
  /** The addresses of the other machines, with their prefixes, by the machines' names. */
  readonly others?: Readonly<Record<string, readonly string[]>>
}

/** A service that is off is undefined, and so is network6 without IPv6. */
export function complete(file: LanFile, { authoritative = true, serves = true }: LanDefaults = {}) {
  const {
    network = DEFAULT_NETWORK,
    gateway: own = {},
    dhcp = serves && {},
    ra = serves && {},
    dns = {},
  } = file
  const network6 = file.network6 === false ? undefined : (file.network6 ?? DEFAULT_NETWORK6)
  const gateway = {
    name: own.name ?? 'gateway',
    mac: own.mac,
    ip: own.ip ?? firstOf(network),
    ip6: network6 && (own.ip6 ?? firstOf(network6)),
  }
  const hosts = (file.hosts ?? []).map(host => toHost(host, serves))
  const domain = dns ? (dns.domain ?? DEFAULT_DOMAIN).replace(/\.$/, '') : undefined
  const { records = {} } = dns || {}
  const recorded = Object.entries(records).map(([name, texts]) => named(name, listOf(texts)))
  const advertised =
    ra && network6 !== undefined ? raOf(ra, network6, gateway.ip6, domain) : undefined
  const { other, rdnss, dnssl } = advertised?.advert ?? {}
  return {
    network,
    network6,
    gateway,
    hosts,
    /** Whether a host has the usual services if its definition does not set `services`. */
    services: serves,
    dhcp: dhcp ? dhcpOf({ authoritative, ...dhcp }, network, gateway.ip, domain) : undefined,
    dns:
      domain === undefined
        ? undefined
        : { domain, names: [...hosts.flatMap(namesOf), ...recorded] },
    ra: advertised,
    /** Without the DUID, which is made from the gateway's MAC address. */
    dhcpv6: other
      ? { servers: rdnss?.servers ?? [], domains: dnssl?.domains ?? [], refreshTime: REFRESH_TIME }
      : undefined,
  }
}

const firstOf = (network: string): string => formatAddress(toNetwork(network)!.hosts.first)

function toHost({ ports = [], services, ...host }: FileHost, usual: boolean): LanHost {
  const on = (kind: 'tcp' | 'udp') =>
    ports.flatMap(({ port, protocol = 'tcp', service, body }) => {
      return protocol === kind ? [[port, service === 'http' ? http(body) : service]] : []
    })
  // HTTP on a UDP port is rejected (check.ts).
  const handlers = { tcp: Object.fromEntries(on('tcp')), udp: Object.fromEntries(on('udp')) }
  return { ...host, services: services ?? usual, on: handlers }
}

function namesOf({ name, ip, ip6, count }: LanHost): HostName[] {
  if (name === undefined) return []
  const { addresses } = named(name, [...listOf(ip), ...listOf(ip6)])
  if (count === undefined) return [{ name, addresses }]
  return Array.from({ length: count }, (_, i) => ({
    name: name.replace('%d', String(i + 1)),
    addresses: addresses.map(address => plus(address, i)),
  }))
}

const named = (name: string, addresses: readonly string[]): HostName => ({
  name,
  addresses: addresses.map(text => parseAddress(text)!),
})

function dhcpOf(
  dhcp: FileDhcp,
  network: string,
  server: string,
  domain: string | undefined,
): DhcpSpec {
  const { pool = formatSpan(defaultPool(toNetwork(network)!)), options, ...rest } = dhcp
  const known = domain === undefined ? { 'dns-server': null } : { 'domain-name': domain }
  return { ...rest, options: { ...known, ...options }, server, network, ranges: listOf(pool) }
}

function raOf(
  ra: Exclude<NonNullable<LanFile['ra']>, false>,
  network6: string,
  ip6: string | undefined,
  domain: string | undefined,
): { advert: RouterAdvert; maxInterval: number } {
  const { maxInterval = MAX_INTERVAL, mtu, hopLimit = 64, managed = false, other = true } = ra
  const { lifetime = 3 * maxInterval, rdnss = domain !== undefined && ip6 ? [ip6] : [] } = ra
  const { bytes: prefix, prefixLen } = parsePrefix(ra.prefix ?? network6)!
  const validLifetime = secondsOf(ra.validLifetime ?? VALID_LIFETIME)
  const preferredLifetime = secondsOf(
    ra.preferredLifetime ?? Math.min(PREFERRED_LIFETIME, validLifetime),
  )
  // Clients make addresses of a prefix of 64 bits only (RFC 4862 sec. 5.5.3).
  const flags = { onLink: true, autonomous: prefixLen === 64 }
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
      prefixes: [{ prefix, prefixLen, ...flags, validLifetime, preferredLifetime }],
      rdnss: { lifetime: 3 * maxInterval, servers: rdnss.map(text => parseAddress(text)!) },
      dnssl: {
        lifetime: 3 * maxInterval,
        domains: ra.dnssl ?? (domain === undefined ? [] : [domain]),
      },
    },
  }
}

const secondsOf = (value: number | 'infinite'): number =>
  value === 'infinite' ? Number.POSITIVE_INFINITY : value

/** Addresses of one family from the first to the last, both included. */
export type AddressSpan = Readonly<{ first: Uint8Array; last: Uint8Array }>

interface AddressNetwork {
  /** The address with a host part of zero. */
  readonly base: Uint8Array
  readonly prefixLen: number
  /** Without the base (for IPv6: RFC 4291 sec. 2.6.1) and the IPv4 broadcast address. */
  readonly hosts: AddressSpan
}

/** Parses `198.18.0.0/24`. Bits of the host part are cleared. */
export function toNetwork(text: string): AddressNetwork | undefined {
  const prefix = parsePrefix(text)
  if (prefix === undefined) return undefined
  const { bytes, prefixLen } = prefix
  const base = networkOf(prefix)
  const hostPart = networkOf({ bytes: new Uint8Array(bytes.length).fill(255), prefixLen }).map(
    byte => ~byte,
  )
  const end = base.map((byte, i) => byte | hostPart[i])
  return {
    base,
    prefixLen,
    hosts: { first: plus(base, 1), last: bytes.length === 4 ? plus(end, -1) : end },
  }
}

/** Parses `198.18.0.100-198.18.0.199`, or one address. */
export function toSpan(text: string): AddressSpan | undefined {
  const [first, last = first] = text.split('-').map(part => parseAddress(part.trim()))
  return first && last && Buffer.compare(first, last) <= 0 ? { first, last } : undefined
}

export function formatSpan({ first, last }: AddressSpan): string {
  const [from, to] = [formatAddress(first), formatAddress(last)]
  return from === to ? from : `${from}-${to}`
}

/** Whether all of `inner` is in `outer`; false for a range that wraps around. */
export function isWithin(inner: AddressSpan, outer: AddressSpan): boolean {
  const order = [outer.first, inner.first, inner.last, outer.last]
  return order.every((address, i) => i === 0 || Buffer.compare(order[i - 1], address) <= 0)
}

/** The 100th to the 199th address of an IPv4 network; the upper half of one smaller than /24. */
function defaultPool({ base, prefixLen, hosts }: AddressNetwork): AddressSpan {
  if (prefixLen <= 24) return { first: plus(base, 100), last: plus(base, 199) }
  return { first: plus(base, 2 ** (31 - prefixLen)), last: hosts.last }
}
