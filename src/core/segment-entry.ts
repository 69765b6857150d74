/**
 * What is told of the segment behind a driver's devices, entry by entry, to who asks a running vnet. Addresses are octets: 6 of
 * hardware, 4 or 16 of protocol.
 */

export interface HostEntry {
  readonly kind: 'host'
  readonly name: string | undefined
  readonly mac: Uint8Array
  /** The link-local address comes last. */
  readonly addresses: readonly Uint8Array[]
  readonly router: boolean
}

/** Who has an address of the DHCP server's now. */
export interface LeaseEntry {
  readonly kind: 'lease'
  readonly address: Uint8Array
  /** `02:00:00:00:00:01`; after `N-` where hardware of ARP's type N is no Ethernet. */
  readonly mac: string
  /** Its octets in hex, with colons between. */
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  /** Milliseconds since 1970, Infinity for never. */
  readonly expires: number
}

/** Who was heard to have an address, and is no host of the segment's own. */
export interface NeighbourEntry {
  readonly kind: 'neighbour'
  readonly address: Uint8Array
  readonly mac: Uint8Array
}

/** What is plugged in, once for each hardware address that was heard behind it; once without, where none was. */
export interface StationEntry {
  readonly kind: 'station'
  readonly name: string
  readonly mac: Uint8Array | undefined
}

/** Frames: of the segment (`frames`: in = out + taken + dropped + held), dropped for a reason, answered by hosts. */
export interface CounterEntry {
  readonly kind: 'counter'
  readonly group: 'frames' | 'dropped' | 'answered'
  readonly name: string
  readonly value: number
}

export type SegmentEntry = HostEntry | LeaseEntry | NeighbourEntry | StationEntry | CounterEntry
export type SegmentEntryKind = SegmentEntry['kind']
