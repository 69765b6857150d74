/** The entries of a segment for clients. Hardware addresses have 6 bytes, IP addresses 4 or 16. */

/** A simulated host of a segment. `router` is true for a gateway. */
export interface HostEntry {
  readonly kind: 'host'
  readonly name: string | undefined
  readonly mac: Uint8Array
  /** The link-local address is last. */
  readonly addresses: readonly Uint8Array[]
  readonly router: boolean
}

/** A current lease of the DHCP server. */
export interface LeaseEntry {
  readonly kind: 'lease'
  readonly address: Uint8Array
  /** `02:00:00:00:00:01`; with `N-` before it if the hardware is not Ethernet but ARP's type N. */
  readonly mac: string
  /** Its bytes in hex, separated by colons. */
  readonly clientId: string | undefined
  readonly hostname: string | undefined
  /** Milliseconds since 1970, Infinity for never. */
  readonly expires: number
}

/** The owner of an address that is not one of the simulated hosts. */
export type NeighbourEntry = Readonly<{ kind: 'neighbour'; address: Uint8Array; mac: Uint8Array }>

/** A station, once for each hardware address that was heard from it, or once without one. */
export type StationEntry = Readonly<{ kind: 'station'; name: string; mac: Uint8Array | undefined }>

/** A number of frames (in = out + taken + dropped + held), dropped for a reason, or replied to. */
export interface CounterEntry {
  readonly kind: 'counter'
  readonly group: 'frames' | 'dropped' | 'answered'
  readonly name: string
  readonly value: number
}

export type SegmentEntry = HostEntry | LeaseEntry | NeighbourEntry | StationEntry | CounterEntry
export type SegmentEntryKind = SegmentEntry['kind']
