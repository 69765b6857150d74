/** Lists a segment: its hosts, leases, neighbours, stations, and counters. */

import type { CounterEntry, SegmentEntry, StationEntry } from 'vnet/internal/control/protocol/segment-entry'
import { ipv4Bytes } from 'vnet/internal/packet/address'
import { dropsByName } from 'vnet/internal/skb/drop-reason-name'
import type { Hosts } from './machines/hosts.ts'
import type { Network } from './machines/network.ts'
import type { Lease } from './services/dhcp/lease.ts'
import type { Segment } from './switch/segment.ts'
import { isInhabitant } from './switch/station.ts'

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
    for (const { address, mac, clientId, hostname, expires } of leases())
      yield { kind: 'lease', address: ipv4Bytes(address), mac, clientId, hostname, expires }
  }
  if (kinds.has('neighbour')) {
    for (const table of [hosts.neighbours4, hosts.neighbours6])
      for (const neighbour of table.entries()) yield { kind: 'neighbour', ...neighbour }
  }
  if (kinds.has('station')) yield* stations(segment)
  if (kinds.has('counter')) yield* counters(segment, hosts)
}

function stations({ stations, table }: Segment): StationEntry[] {
  const heard = table.entries()
  return stations
    .filter(station => !isInhabitant(station))
    .flatMap((station, i): StationEntry[] => {
      const name = station.name ?? `port ${i + 1}`
      const behind = heard.filter(entry => entry.station === station)
      if (behind.length === 0) return [{ kind: 'station', name, mac: undefined }]
      return behind.map(({ mac }) => ({ kind: 'station', name, mac }))
    })
}

/** Read at one moment, so that they add up. */
function counters({ stats, drops }: Segment, { counters }: Hosts): CounterEntry[] {
  const of = (group: CounterEntry['group'], counts: object): CounterEntry[] =>
    Object.entries(counts).map(([name, value]) => ({ kind: 'counter', group, name, value }))
  return [...of('frames', stats), ...of('dropped', dropsByName(drops)), ...of('answered', counters)]
}
