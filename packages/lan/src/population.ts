/** The gateway and hosts of a configuration, their names, and what else is on their segment. */
import { EINVAL, VnetError } from 'vnet'
import type { CounterEntry, SegmentEntry, StationEntry } from 'vnet/kit/control'
import { ipv4Bytes } from 'vnet/kit/packet'
import { dropsByName } from 'vnet/net'
import type { LanConfig } from './config/defaults.ts'
import type { HostRange, SegmentHost } from './machines/host.ts'
import type { Hosts } from './machines/hosts.ts'
import { createNetwork, type Network } from './machines/network.ts'
import type { HostsEnvironment } from './machines/state.ts'
import { type DhcpConfig, dhcpConfig } from './services/dhcp/config.ts'
import type { Lease } from './services/dhcp/lease.ts'
import type { HostName, ResolverConfig } from './services/dns-names.ts'
import { handlerOf, type LanHandlers, type LanHost, TCP_SERVICES } from './services/tcp-handlers.ts'
import { isInhabitant, type Segment } from './switch/segment.ts'

/** The configuration of a segment, with the hosts that a file cannot describe. */
export interface LanSetup {
  readonly config: LanConfig
  /** Hosts of a driver file, after the configured ones. */
  readonly hosts: readonly LanHost[]
  /** The number of further hosts: host1, host2 ... */
  readonly count: number
  /** The first three bytes of MAC addresses that are not configured. */
  readonly oui?: Uint8Array | undefined
}

/** The network of a setup, and its checked DHCP configuration; undefined while DHCP is off. */
export interface Population extends Network {
  readonly dhcp: DhcpConfig | undefined
}

/**
 * Adds the gateway and hosts of a setup to `segment`, by default a new one; `gateway` are the
 * gateway's handlers. Throws a VnetError, EEXIST if two hosts have the same address or name, EINVAL
 * if a host is invalid.
 */
export function populate(
  env: HostsEnvironment,
  { config, hosts, count, oui }: LanSetup,
  gateway: LanHandlers = {},
  segment?: Segment,
): Population {
  const { network, network6 = null } = config
  const { services } = config
  const all = [...config.hosts, ...hosts.map(host => ({ services, ...host }))]
  for (const host of all) {
    checkTcp(host)
  }
  const dhcp = config.dhcp && dhcpConfig(config.dhcp)
  const options = {
    network,
    network6,
    count,
    oui,
    services,
    hosts: all.filter(host => host.count === undefined),
    ranges: all.flatMap(rangeOf),
    gateway: { ...config.gateway, services, on: gateway },
    reserved: (address: number) =>
      dhcp?.ranges.some(({ first, last }) => address >= first && address <= last) ?? false,
  }
  return { ...createNetwork(env, options, segment), dhcp }
}

/** The names for DNS, without leases. A configured name hides another host's name. */
export function resolverConfig(
  { hosts, gateway }: Population,
  { domain, names }: NonNullable<LanConfig['dns']>,
): ResolverConfig {
  const known = new Set([gateway.name, ...names.map(({ name }) => name)])
  function* all(): Iterable<HostName> {
    yield* names
    for (let index = 0; index < hosts.size; index++) {
      const host = hosts.host(index)
      if (host.name !== undefined && !known.has(host.name)) {
        yield named(host)
      }
    }
  }
  return { domain, gateway: named(gateway), hosts: all() }
}

/** Without the link-local address, which is last. */
const named = ({ name = '', ip, ip6 }: SegmentHost): HostName => ({
  name,
  addresses: [...ip, ...ip6.slice(0, -1)],
})

function checkTcp({ on }: LanHost): void {
  for (const [port, does] of Object.entries(on?.tcp ?? {})) {
    if (handlerOf(does) !== undefined) continue
    const advice = `expected a function or one of ${Object.keys(TCP_SERVICES).join(', ')}`
    throw new VnetError(EINVAL, `host: tcp ${port}`, advice)
  }
}

const rangeOf = ({ count, ip, ip6, ...host }: LanHost): HostRange[] =>
  count === undefined ? [] : [{ ...host, count, ip: one(ip), ip6: one(ip6) }]

function one(text: string | readonly string[] | undefined): string | undefined {
  const [first, more] = typeof text === 'string' ? [text] : (text ?? [])
  if (more === undefined) return first
  throw new VnetError(EINVAL, `hosts from ${first}`, 'with count, give one address of each family')
}

/** The entries of some kinds, made while they are read: there may be many hosts. */
export function* segmentEntries(
  { segment, hosts }: Network,
  leases: () => readonly Lease[],
  kinds: ReadonlySet<string>,
): Generator<SegmentEntry, void> {
  if (kinds.has('host')) {
    for (let index = 0; index < hosts.size; index++) {
      const { name, mac, ip, ip6, router } = hosts.host(index)
      yield { kind: 'host', name, mac, addresses: [...ip, ...ip6], router }
    }
  }
  if (kinds.has('lease')) {
    for (const { address, mac, clientId, hostname, expires } of leases()) {
      yield { kind: 'lease', address: ipv4Bytes(address), mac, clientId, hostname, expires }
    }
  }
  if (kinds.has('neighbour')) {
    for (const table of [hosts.neighbours4, hosts.neighbours6]) {
      for (const neighbour of table.entries()) {
        yield { kind: 'neighbour', ...neighbour }
      }
    }
  }
  if (kinds.has('station')) {
    yield* stations(segment)
  }
  if (kinds.has('counter')) {
    yield* counters(segment, hosts)
  }
}

function stations({ stations: connected, table }: Segment): StationEntry[] {
  const heard = table.entries()
  return connected
    .filter(station => !isInhabitant(station))
    .flatMap((station, i): StationEntry[] => {
      const name = station.name ?? `port ${i + 1}`
      const behind = heard.filter(entry => entry.station === station)
      if (behind.length === 0) return [{ kind: 'station', name, mac: undefined }]
      return behind.map(({ mac }) => ({ kind: 'station', name, mac }))
    })
}

/** Read at one moment, so that they add up. */
function counters({ stats, drops }: Segment, { counters: answered }: Hosts): CounterEntry[] {
  const of = (group: CounterEntry['group'], counts: object): CounterEntry[] =>
    Object.entries(counts).map(([name, value]) => ({ kind: 'counter', group, name, value }))
  return [...of('frames', stats), ...of('dropped', dropsByName(drops)), ...of('answered', answered)]
}
