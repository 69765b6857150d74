/**
 * Which address a client may have, and which it gets: its reservation, what it has or had, what it asks for, one that nobody
 * had yet, the one whose lease ended first.
 */
import type { Client } from './client.ts'
import { type DhcpConfig, isWithin, type Reservation, type Subnet } from './config.ts'
import type { FreeAddresses } from './free-addresses.ts'
import type { LeaseTable } from './lease-table.ts'
import type { Offers } from './offers.ts'

export interface PoolState {
  readonly config: DhcpConfig
  readonly leases: LeaseTable
  readonly offers: Offers
  readonly free: ReadonlyMap<Subnet, FreeAddresses>
  /** Whether a host that knows nothing of DHCP has it. */
  readonly inUse: (address: number) => boolean
}

/** What the client's identifier, or else its MAC address, has reserved in the subnet. */
export function reservationOf(
  { byClientId, byMac }: DhcpConfig,
  client: Client,
  subnet: Subnet,
): Reservation | undefined {
  const reserved = [...(byClientId.get(client.clientId ?? '') ?? []), ...(byMac.get(client.mac) ?? [])]
  return reserved.find(({ address }) => isWithin(subnet, address))
}

/** Why the client may not have the address, in the words of the message that says so; undefined when it may. */
export function objection(state: PoolState, client: Client, subnet: Subnet, address: number): string | undefined {
  const { config, leases, offers, inUse } = state
  if (!isWithin(subnet, address)) return 'wrong network'
  const reservation = config.byAddress.get(address)
  const own = reservationOf(config, client, subnet)
  if (reservation !== undefined && reservation !== own) return 'address reserved'
  const held = leases.held(address)
  if (held?.state === 'declined') return 'address declined'
  // What is reserved for a MAC address is that machine's, which may give one identifier in its ROM and another when it runs.
  const isOwn = (mac: string) => reservation?.mac !== undefined && mac === client.mac
  if (held !== undefined && leases.of(client) !== held && !isOwn(held.mac)) return 'address in use'
  const taker = offers.taker(address)
  if (taker !== undefined && taker.key !== client.key && !isOwn(taker.mac)) return 'address offered to another'
  const inRange = subnet.ranges.some(({ first, last }) => first <= address && address <= last)
  if ((!inRange && reservation === undefined) || address === config.server) return 'address not available'
  return inUse(address) ? 'address in use' : undefined
}

/**
 * The address for a client that asks for one, perhaps for `wanted`; undefined when the subnet is
 * full. It is to be offered: the free addresses have it no more.
 */
export function choose(
  state: PoolState,
  client: Client,
  subnet: Subnet,
  wanted: number | undefined,
): number | undefined {
  const { config, leases, offers } = state
  const isFree = (address: number | undefined): address is number =>
    address !== undefined && objection(state, client, subnet, address) === undefined
  const first = [reservationOf(config, client, subnet)?.address, leases.of(client)?.address, offers.of(client), wanted]
  const isUnused = (address: number) => !leases.remembers(address) && isFree(address)
  return first.find(isFree) ?? state.free.get(subnet)?.take(isFree, isUnused)
}

/** An address is neither offered nor leased any more, perhaps: others may have it. */
export function putBack({ config, leases, free }: Omit<PoolState, 'offers'>, address: number): void {
  const subnet = config.subnets.find(one => isWithin(one, address))
  const addresses = subnet && free.get(subnet)
  if (leases.held(address) !== undefined) return
  if (leases.remembers(address)) addresses?.putEnded(address)
  else addresses?.putUnused(address)
}
