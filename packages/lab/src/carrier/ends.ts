/** The ends of a connection, by one of its packets. */
import { formatAddress, ipv4, ipv6, UsageError } from 'vnet'
import { get16, layersOf } from 'vnet/kit/packet'
import type { Endpoint } from '../model/verbs.ts'

/**
 * Returns the two ends of the connection that a frame belongs to, with the end on `host` first.
 * `head` is the start of the frame. Throws a UsageError if the packet has no ports, or if neither
 * end is on `host`.
 */
export function endsOf(
  head: Uint8Array,
  host: { readonly name: string; readonly addresses: readonly string[] },
): [local: Endpoint, remote: Endpoint] {
  const flow = flowOf(head, 0, head.length)
  if (flow === undefined) throw new UsageError('its packet has no ports')
  const { from, to } = flow
  if (host.addresses.includes(from.address)) return [from, to]
  if (host.addresses.includes(to.address)) return [to, from]
  throw new UsageError(`the connection has no end on ${host.name}`)
}

interface Flow {
  /** IPPROTO_* */
  readonly protocol: number
  readonly from: Endpoint
  readonly to: Endpoint
}

/** Returns the ends of the frame from `at` to `end`; undefined if it has no ports. */
export function flowOf(bytes: Uint8Array, at: number, end: number): Flow | undefined {
  const layers = layersOf(bytes, at, end)
  const network = layers.find(({ kind }) => kind === 'ipv4' || kind === 'ipv6')
  const upper = layers.find(({ kind }) => kind === 'upper')
  if (network === undefined || upper === undefined) return undefined
  const [source, destination, size] =
    network.kind === 'ipv4'
      ? [ipv4.sourceAt(network.at), ipv4.destinationAt(network.at), ipv4.IPV4_ALEN]
      : [ipv6.sourceAt(network.at), ipv6.destinationAt(network.at), ipv6.IPV6_ALEN]
  const endAt = (address: number, port: number): Endpoint => {
    return {
      address: formatAddress(bytes.subarray(address, address + size)),
      port: get16(bytes, port),
    }
  }
  return {
    protocol: upper.protocol,
    from: endAt(source, upper.at),
    to: endAt(destination, upper.at + 2),
  }
}

export function isSameEnd(one: Endpoint, other: Endpoint): boolean {
  return one.address === other.address && one.port === other.port
}
