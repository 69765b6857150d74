/** Who is on a segment, as it is configured: the gateway, hosts by name, hosts by number, and what each does. */
import { EINVAL, VnetError } from '../core/errno.ts'
import { type DhcpConfig, dhcpConfig } from '../segment/dhcp/config.ts'
import type { HostRange, SegmentHost } from '../segment/host.ts'
import type { HostsEnvironment } from '../segment/hosts.ts'
import { createNetwork, type Network } from '../segment/network.ts'
import type { Segment } from '../segment/segment.ts'
import type { LanConfig } from './config-defaults.ts'
import type { ResolverConfig } from './dns.ts'
import type { Named } from './dns-names.ts'
import { hostOf, type LanHandlers, type LanHost } from './host.ts'
import { handlerOf, SMALL_SERVICES } from './small-services.ts'

/** What is to be there. */
export interface LanSetup {
  readonly config: LanConfig
  /** Besides those of the configuration. */
  readonly hosts: readonly LanHost[]
  /** So many more, all alike: host1, host2 ... */
  readonly count: number
  /** The first three octets of hardware addresses that nobody gave. */
  readonly oui?: Uint8Array | undefined
}

export interface Population extends Network {
  readonly dhcp: DhcpConfig | undefined
}

/**
 * Puts all of a setup on a segment, a new one unless given; the gateway has the handlers given. VnetError on what cannot be: EEXIST on
 * an address or a name of two, EINVAL on what is none.
 */
export function populate(
  env: HostsEnvironment,
  { config, hosts, count, oui }: LanSetup,
  gateway: LanHandlers = {},
  segment?: Segment,
): Population {
  const { network, network6 = null } = config
  const { services } = config
  const all = [...config.hosts.map(hostOf), ...hosts.map(host => ({ services, ...host }))]
  for (const host of all) checkTcp(host)
  const dhcp = config.dhcp && dhcpConfig(config.dhcp)
  const options = {
    ...{ network, network6, count, oui, services },
    hosts: all.filter(host => host.count === undefined),
    ranges: all.flatMap(rangeOf),
    gateway: { ...config.gateway, services, on: gateway },
    reserved: (address: number) =>
      dhcp?.subnets.some(({ ranges }) => ranges.some(({ first, last }) => address >= first && address <= last)) ??
      false,
  }
  return { ...createNetwork(env, options, segment), dhcp }
}

/** All that DNS knows but leases: the names of the configuration, and of the hosts that are none of it. */
export function resolverConfig(
  { hosts, gateway }: Population,
  { domain, names }: NonNullable<LanConfig['dns']>,
): ResolverConfig {
  const known = new Set([gateway.name, ...names.map(({ name }) => name)])
  function* all(): Iterable<Named> {
    yield* names
    for (let index = 0; index < hosts.size; index++) {
      const host = hosts.host(index)
      if (host.name !== undefined && !known.has(host.name)) yield named(host)
    }
  }
  return { domain, gateway: named(gateway), hosts: all() }
}

/** With all addresses but the link-local one, which is nobody's to look up. */
function named({ name = '', ip, ip6 }: SegmentHost): Named {
  return { name, addresses: [...ip, ...ip6.slice(0, -1)] }
}

function checkTcp({ on }: LanHost): void {
  for (const [port, does] of Object.entries(on?.tcp ?? {})) {
    if (handlerOf(does) !== undefined) continue
    const advice = `it is a function, or one of ${Object.keys(SMALL_SERVICES).join(', ')}`
    throw new VnetError(EINVAL, `host: tcp ${port}`, advice)
  }
}

function rangeOf({ count, ip, ip6, ...host }: LanHost): HostRange[] {
  return count === undefined ? [] : [{ ...host, count, ip: one(ip), ip6: one(ip6) }]
}

function one(text: string | readonly string[] | undefined): string | undefined {
  const [first, more] = typeof text === 'string' ? [text] : (text ?? [])
  if (more === undefined) return first
  throw new VnetError(EINVAL, `hosts from ${first}`, 'with count a host has one address of each kind')
}
