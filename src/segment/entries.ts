/** What is told of a segment to who asks: its hosts, who has a lease, neighbours, what is plugged in, and what was counted. */
import type { CounterEntry, SegmentEntry, SegmentEntryKind, StationEntry } from '../core/segment-entry.ts'
import { addressOctets } from '../header/ipv4-address.ts'
import { dropReasonName } from '../skb/drop-reason.ts'
import type { Lease } from './dhcp/lease.ts'
import { macOf } from './host-table.ts'
import type { Hosts } from './hosts.ts'
import type { Segment } from './segment.ts'
import { isInhabitant } from './station.ts'

export interface Shown {
  readonly segment: Segment
  readonly hosts: Hosts
  readonly leases?: (() => readonly Lease[]) | undefined
}

/** The entries of some kinds, made as they are read: there may be many hosts. */
export function* segmentEntries(shown: Shown, kinds: ReadonlySet<SegmentEntryKind>): Generator<SegmentEntry, void> {
  const { segment, hosts, leases } = shown
  if (kinds.has('host')) {
    for (let index = 0; index < hosts.size; index++) {
      const { name, mac, ip, ip6, router } = hosts.host(index)
      yield { kind: 'host', name, mac, addresses: [...ip, ...ip6], router }
    }
  }
  if (kinds.has('lease')) {
    for (const { address, mac, clientId, hostname, expires } of leases?.() ?? [])
      yield { kind: 'lease', address: addressOctets(address), mac, clientId, hostname, expires }
  }
  if (kinds.has('neighbour')) {
    for (const table of [hosts.neighbours4, hosts.neighbours6])
      for (const { address, mac } of table.octets()) yield { kind: 'neighbour', address, mac }
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
      const macs = heard.filter(entry => entry.station === station).map(({ mac }) => macOf(mac))
      if (macs.length === 0) return [{ kind: 'station', name, mac: undefined }]
      return macs.map(mac => ({ kind: 'station', name, mac }))
    })
}

/** All of one moment. */
function counters({ stats, drops }: Segment, { counters }: Hosts): CounterEntry[] {
  const of = (group: CounterEntry['group'], counts: object): CounterEntry[] =>
    Object.entries(counts).map(([name, value]) => ({ kind: 'counter', group, name, value }))
  const reasons = [...drops.entries()].filter(([, n]) => n > 0).map(([reason, n]) => [dropReasonName(reason), n])
  return [...of('frames', stats), ...of('dropped', Object.fromEntries(reasons)), ...of('answered', counters)]
}
