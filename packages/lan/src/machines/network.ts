/** A segment with a gateway at the first address; hosts given by number have the next free ones. */
import { EINVAL, formatAddress, type Prefix, parsePrefix, VnetError } from 'vnet'
import { get32, networkOf, plus } from 'vnet/kit/packet'
import { Segment } from '../switch/segment.ts'
import type { HostDefinition, HostRange, SegmentHost } from './host.ts'
import { Hosts } from './hosts.ts'
import type { HostsEnvironment } from './state.ts'

export const DEFAULT_NETWORK = '198.18.0.0/24'
export const DEFAULT_NETWORK6 = '2001:db8:0:1::/64'

/**
 * The addresses and hosts of a network. Every part has a default: a gateway without other hosts.
 */
export interface NetworkOptions {
  /** `198.18.0.0/24`, at most /30. */
  readonly network?: string | undefined
  /** `2001:db8:0:1::/64`; null for none. */
  readonly network6?: string | null | undefined
  /** Hosts with their own definitions, then ranges; they get the indices after the gateway's. */
  readonly hosts?: readonly HostDefinition[] | undefined
  readonly ranges?: readonly HostRange[] | undefined
  /** The number of further hosts, all alike: host1, host2 ... */
  readonly count?: number | undefined
  /** Whether these have the small services; default true. */
  readonly services?: boolean | undefined
  /** Overrides the definition of the gateway, and adds handlers to it. */
  readonly gateway?: HostDefinition | undefined
  /** Whether an address, as an unsigned number, must not go to one of the further hosts. */
  readonly reserved?: ((address: number) => boolean) | undefined
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined
  /** The first three bytes of generated hardware addresses; default 02:4c:4e. */
  readonly oui?: Uint8Array | undefined
}

/** A segment with its gateway and hosts. Detach the hosts with `hosts.close()`. */
export interface Network {
  readonly segment: Segment
  readonly hosts: Hosts
  readonly gateway: SegmentHost
  /** The networks, host parts zero. */
  readonly prefix: Prefix
  readonly prefix6: Prefix | undefined
}

/**
 * Puts a gateway and hosts on a segment. Throws a VnetError, EINVAL for a malformed network or one
 * that is too small for the hosts, EEXIST for an address or a name of two hosts. Hosts that were
 * added before the error remain on a given segment.
 */
export function createNetwork(
  env: HostsEnvironment,
  options: NetworkOptions = {},
  segment = new Segment({ clock: env.clock }),
): Network {
  const {
    network = DEFAULT_NETWORK,
    network6 = DEFAULT_NETWORK6,
    count = 0,
    now = Date.now,
    oui,
  } = options
  const { reserved = () => false } = options
  const prefix = prefixOf(network, 4, 30)
  const prefix6 = network6 === null ? undefined : prefixOf(network6, 16, 120)
  const hosts = new Hosts({ segment, env, now, oui })
  const place = (n: number) => ({
    ip: formatAddress(plus(prefix.bytes, n)),
    ip6: prefix6 && formatAddress(plus(prefix6.bytes, n)),
  })
  const gateway = hosts.add({ name: 'gateway', ...place(1), router: true, ...options.gateway })
  for (const definition of options.hosts ?? []) {
    hosts.add(definition)
  }
  for (const range of options.ranges ?? []) {
    hosts.addRange(range)
  }
  const base = get32(prefix.bytes, 0)
  const isTaken = (address: Uint8Array) => hosts.byAddress(address) !== undefined
  // A place must be free in both networks.
  const except = (address: number) =>
    reserved(address) ||
    isTaken(plus(prefix.bytes, address - base)) ||
    (prefix6 !== undefined && isTaken(plus(prefix6.bytes, address - base)))
  if (count > 0) {
    checkRoom(prefix, network, count, except)
    hosts.addRange({ count, ...place(2), name: 'host%d', services: options.services, except })
  }
  return { segment, hosts, gateway, prefix, prefix6 }
}

function prefixOf(text: string, length: number, longest: number): Prefix {
  const prefix = parsePrefix(text)
  if (prefix?.bytes.length !== length || prefix.prefixLen > longest) {
    const advice = `write it as ${length === 4 ? DEFAULT_NETWORK : DEFAULT_NETWORK6}, at most /${longest}`
    throw new VnetError(EINVAL, `network ${text}`, advice)
  }
  return { bytes: networkOf(prefix), prefixLen: prefix.prefixLen }
}

/** Hosts have the second to the last but one address; the last is the broadcast address. */
function checkRoom(
  { bytes, prefixLen }: Prefix,
  text: string,
  count: number,
  except: (address: number) => boolean,
): void {
  const size = 2 ** (32 - prefixLen)
  const base = get32(bytes, 0)
  let left = count
  for (let n = 2; n < size - 1 && left > 0; n++) {
    if (!except(base + n)) {
      left--
    }
  }
  if (left === 0) return
  throw new VnetError(
    EINVAL,
    `${count} hosts in ${text}`,
    `there is room for ${count - left}: take a shorter prefix`,
  )
}
