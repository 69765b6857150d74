/**
 * The parts of an interface that its own messages do not tell, each read as a whole: its protocol addresses, and the groups
 * the host wants frames for.
 */
import type { LinkChange, LinkState } from '../core/port.ts'
import { readMulticastList } from './multicast-list.ts'
import type { Native } from './native.ts'
import { getAddresses, type RouteSocket } from './rtnetlink.ts'

export type LinkLists = Pick<LinkState, 'multicast' | 'addresses'>

/** Where an interface is now: a socket in its namespace, a descriptor of that (-1 for home), and its index there. */
export interface LinkPlace {
  readonly sock: RouteSocket
  readonly nsfd: number
  readonly ifindex: number
}

/** Reads both lists; that of groups is empty unless asked for. Throws a VnetError. */
export function readLists(native: Native, { sock, nsfd, ifindex }: LinkPlace, multicast: boolean): LinkLists {
  // One may be there with several prefixes or peers.
  const addresses = new Map(getAddresses(sock, ifindex).map(({ bytes }) => [String(bytes), bytes]))
  return {
    addresses: [...addresses.values()],
    multicast: multicast ? readMulticastList(native, nsfd, ifindex) : [],
  }
}

/** Tells of the lists that are not the same, in whatever order; answers whether there was one. */
export function tellListChanges(before: LinkLists, now: LinkLists, tell: (change: LinkChange) => void): boolean {
  const addresses = !sameLists(before.addresses, now.addresses)
  const multicast = !sameLists(before.multicast, now.multicast)
  if (addresses) tell({ kind: 'addresses', addresses: now.addresses })
  if (multicast) tell({ kind: 'multicast', multicast: now.multicast })
  return addresses || multicast
}

/** Whether two lists without repetitions hold the same. */
function sameLists(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false
  const known = new Set(a.map(String))
  return b.every(octets => known.has(String(octets)))
}
