/** What is on a vnet's segment, as a client makes it of the vnet's answers: addresses are text. */
import type { SegmentEntryKind } from '../core/segment-entry.ts'
import { formatAddress } from '../kernel/cidr.ts'
import type { Decoded } from '../netlink/index.ts'
import { counterGroupNumbers, type segmentAnswer, segmentParts } from './family.ts'

export interface HostInfo {
  readonly name: string | undefined
  readonly mac: string
  /** The link-local one comes last. */
  readonly addresses: readonly string[]
  readonly router: boolean
}

export interface LeaseInfo {
  readonly address: string
  /** After `N-` where hardware of ARP's type N is no Ethernet. */
  readonly mac: string
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  /** Milliseconds since 1970, Infinity for never. */
  readonly expires: number
}

export interface NeighbourInfo {
  readonly address: string
  readonly mac: string
}

/** Once for each hardware address that was heard behind it; once without, where none was. */
export interface StationInfo {
  readonly name: string
  readonly mac: string | undefined
}

type Counts = Readonly<Record<string, number>>

export interface SegmentInfo {
  readonly hosts: readonly HostInfo[]
  readonly leases: readonly LeaseInfo[]
  readonly neighbours: readonly NeighbourInfo[]
  readonly stations: readonly StationInfo[]
  /** Frames: all (in = out + taken + dropped + held), those dropped by reason, those answered by kind. */
  readonly counters: { readonly frames: Counts; readonly dropped: Counts; readonly answered: Counts }
}

/** The mask of the parts wanted; all unless said. */
export function partsMask(parts: readonly SegmentEntryKind[] | undefined): number {
  const names = parts ?? (Object.keys(segmentParts) as SegmentEntryKind[])
  return names.reduce((mask, part) => mask | segmentParts[part], 0)
}

/** Of the messages of a dump. */
export function segmentInfo(answers: readonly Decoded<typeof segmentAnswer.fields>[]): SegmentInfo {
  const counters = { frames: {}, dropped: {}, answered: {} } as Record<string, Record<string, number>>
  for (const { segmentCounter } of answers) {
    if (segmentCounter === undefined) continue
    const { group, name, value } = segmentCounter
    const counts = Object.entries(counterGroupNumbers).find(([, number]) => number === group)
    if (counts !== undefined) counters[counts[0]][name] = Number(value)
  }
  return {
    hosts: answers.flatMap(({ segmentHost }) => {
      if (segmentHost === undefined) return []
      const { name, mac, addresses = [], router = false } = segmentHost
      return [{ name, mac: formatMac(mac), addresses: addresses.map(each => formatAddress(each.address)), router }]
    }),
    leases: answers.flatMap(({ segmentLease }) => {
      if (segmentLease === undefined) return []
      const { address, mac, clientId, hostname, expires } = segmentLease
      const until = expires === undefined ? Number.POSITIVE_INFINITY : Number(expires)
      return [{ address: formatAddress(address), mac, clientId, hostname, expires: until }]
    }),
    neighbours: answers.flatMap(({ segmentNeighbour }) => {
      if (segmentNeighbour === undefined) return []
      return [{ address: formatAddress(segmentNeighbour.address), mac: formatMac(segmentNeighbour.mac) }]
    }),
    stations: answers.flatMap(({ segmentStation }) => {
      if (segmentStation === undefined) return []
      const { name, mac } = segmentStation
      return [{ name, mac: mac && formatMac(mac) }]
    }),
    counters: counters as SegmentInfo['counters'],
  }
}

/** `02:00:00:00:00:01` */
export function formatMac(octets: Uint8Array): string {
  return Array.from(octets, octet => octet.toString(16).padStart(2, '0')).join(':')
}
