/**
 * Network: a segment with its gateway and its hosts, as a driver sets it up: the addresses of a network of each family shared
 * out. The gateway has the first address; hosts that are only counted have those that follow, but for what is reserved.
 */
import { EINVAL, VnetError } from '../core/errno.ts'
import { formatAddress, type Prefix, parsePrefix } from '../header/ip-address.ts'
import { get32 } from '../header/octets.ts'
import type { HostDefinition, HostRange, SegmentHost } from './host.ts'
import { plus } from './host-definition.ts'
import { Hosts, type HostsEnvironment } from './hosts.ts'
import { Segment } from './segment.ts'

export const DEFAULT_NETWORK = '198.18.0.0/24'
export const DEFAULT_NETWORK6 = '2001:db8:0:1::/64'

export interface NetworkOptions {
  /** `198.18.0.0/24`, at most /30. */
  readonly network?: string | undefined
  /** `2001:db8:0:1::/64`; null is none. */
  readonly network6?: string | null | undefined
  /** Hosts, each as it is defined, and rows of them. They are numbered in this order, from the one after the gateway's. */
  readonly hosts?: readonly HostDefinition[] | undefined
  readonly ranges?: readonly HostRange[] | undefined
  /** So many more, all alike: host1, host2 ... */
  readonly count?: number | undefined
  /** Whether these have the usual services; true unless given. */
  readonly services?: boolean | undefined
  /** What the gateway is, where it is not as above, and does besides: DHCP, DNS. */
  readonly gateway?: HostDefinition | undefined
  /** Whether an address, as an unsigned number, is not for the counted hosts. */
  readonly reserved?: ((address: number) => boolean) | undefined
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined
  readonly oui?: Uint8Array | undefined
}

export interface Network {
  readonly segment: Segment
  readonly hosts: Hosts
  readonly gateway: SegmentHost
  /** The networks, host parts zero. */
  readonly prefix: Prefix
  readonly prefix6: Prefix | undefined
}

/** Makes a segment with its hosts. VnetError EINVAL on what is no network, or too small for the hosts; EEXIST on an address of two hosts. */
export function createNetwork(
  env: HostsEnvironment,
  options: NetworkOptions = {},
  segment = new Segment({ clock: env.clock }),
): Network {
  const { network = DEFAULT_NETWORK, network6 = DEFAULT_NETWORK6, count = 0, now = Date.now, oui } = options
  const { reserved = () => false } = options
  const prefix = prefixOf(network, 4, 30)
  const prefix6 = network6 === null ? undefined : prefixOf(network6, 16, 120)
  const hosts = new Hosts({ segment, env, now, oui })
  const place = (n: number) => ({
    ip: formatAddress(plus(prefix.bytes, n)),
    ip6: prefix6 && formatAddress(plus(prefix6.bytes, n)),
  })
  const gateway = hosts.add({ name: 'gateway', ...place(1), router: true, ...options.gateway })
  for (const definition of options.hosts ?? []) hosts.add(definition)
  for (const range of options.ranges ?? []) hosts.addRange(range)
  const base = get32(prefix.bytes, 0)
  const has = (address: Uint8Array) => hosts.byAddress(address) !== undefined
  // A place is free in both networks, or not at all.
  const taken = (address: number) =>
    reserved(address) ||
    has(plus(prefix.bytes, address - base)) ||
    (prefix6 !== undefined && has(plus(prefix6.bytes, address - base)))
  if (count > 0) {
    checkRoom(prefix, network, count, taken)
    hosts.addRange({ count, ...place(2), name: 'host%d', services: options.services, except: taken })
  }
  return { segment, hosts, gateway, prefix, prefix6 }
}

function prefixOf(text: string, length: number, longest: number): Prefix {
  const prefix = parsePrefix(text)
  if (prefix?.bytes.length !== length || prefix.prefixLen > longest) {
    const advice = `write it as ${length === 4 ? DEFAULT_NETWORK : DEFAULT_NETWORK6}, at most /${longest}`
    throw new VnetError(EINVAL, `network ${text}`, advice)
  }
  const bytes = prefix.bytes.map((octet, i) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix.prefixLen - 8 * i))))
  return { bytes, prefixLen: prefix.prefixLen }
}

/** Those from the second to the last but one, which is everybody's. */
function checkRoom(
  { bytes, prefixLen }: Prefix,
  text: string,
  count: number,
  taken: (address: number) => boolean,
): void {
  const size = 2 ** (32 - prefixLen)
  const base = get32(bytes, 0)
  let left = count
  for (let n = 2; n < size - 1 && left > 0; n++) if (!taken(base + n)) left--
  if (left === 0) return
  throw new VnetError(EINVAL, `${count} hosts in ${text}`, `there is room for ${count - left}: take a shorter prefix`)
}
