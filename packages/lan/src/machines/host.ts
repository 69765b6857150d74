/** A simulated host: its addresses, and its handlers for received packets. */

/** A host as a user defines it. It needs `ip` or `ip6`. */
export interface HostDefinition {
  /** Its key in `Hosts.byName`, and its name in the DNS of the segment. */
  readonly name?: string | undefined
  /** `02:00:00:00:00:01`. Default: made from its first address. */
  readonly mac?: string | undefined
  /** IP addresses, without prefix length. A host with IPv6 also has a link-local address. */
  readonly ip?: string | readonly string[] | undefined
  readonly ip6?: string | readonly string[] | undefined
  /** Advertises itself as a router, and replies to packets for other networks with "no route". */
  readonly router?: boolean | undefined
  /** Whether it has the small services, over UDP and, with `Hosts.services`, TCP. Default true. */
  readonly services?: boolean | undefined
  readonly on?: HostHandlers | undefined
}

/**
 * The parts of a host that a user programs. A handler that throws loses the frame and is logged.
 */
export interface HostHandlers {
  /**
   * By port: datagrams to the host's address, to groups, and to broadcast addresses. A small
   * service gets the first kind only.
   */
  readonly udp?: Readonly<Record<number, UdpHandler | SmallService>> | undefined
  /**
   * By type: messages to the host or to a group, after their checksum was verified. Neighbour
   * solicitations are not passed on; of messages to the host itself, neither are echo requests and
   * errors.
   */
  readonly icmpv6?: Readonly<Record<number, Icmpv6Handler>> | undefined
  /** By port: the service for connections, as known to `Hosts.services`. Other ports are closed. */
  readonly tcp?: Readonly<Record<number, unknown>> | undefined
}

/** RFC 862, 863, 867, 864. */
export type SmallService = 'echo' | 'discard' | 'daytime' | 'chargen'

export const SMALL_SERVICE_PORTS: Readonly<Record<SmallService, number>> = {
  echo: 7,
  discard: 9,
  daytime: 13,
  chargen: 19,
}

/**
 * Reads a datagram. `reply` sends a datagram back to its source, now or later; it returns false if
 * it cannot.
 */
export type UdpHandler = (message: UdpMessage, reply: (data: Uint8Array) => boolean) => void

/** Reads a message. It cannot reply itself: see Hosts.sendIcmpv6. */
export type Icmpv6Handler = (message: Icmpv6Message) => void

/** `data` is a view of the frame, valid during the call only. Addresses are copies. */
export interface UdpMessage {
  readonly data: Uint8Array
  readonly source: { readonly address: Uint8Array; readonly port: number; readonly mac: Uint8Array }
  readonly destination: { readonly address: Uint8Array; readonly port: number }
  readonly host: SegmentHost
}

/** `data`, from the type on, is a view of the frame as above. Addresses are copies. */
export interface Icmpv6Message {
  readonly data: Uint8Array
  readonly source: { readonly address: Uint8Array; readonly mac: Uint8Array }
  readonly destination: { readonly address: Uint8Array }
  readonly hopLimit: number
  readonly host: SegmentHost
}

/** A host on a segment. Addresses are copies. */
export interface SegmentHost {
  /** Its index among the hosts of its segment, from 0. It never changes. */
  readonly index: number
  readonly name: string | undefined
  readonly mac: Uint8Array
  /** The host sends from the first address; the link-local one is last. */
  readonly ip: readonly Uint8Array[]
  readonly ip6: readonly Uint8Array[]
  readonly router: boolean
}

/** Hosts with consecutive addresses that are alike otherwise. */
export interface HostRange {
  readonly count: number
  /** The addresses of the first one; at least one of the two. */
  readonly ip?: string | undefined
  readonly ip6?: string | undefined
  /** With %d for the number of the host, from 1. */
  readonly name?: string | undefined
  /** Whether to skip an IPv4 address, for example one of a pool, and the IPv6 address beside it. */
  readonly except?: ((address: number) => boolean) | undefined
  readonly services?: boolean | undefined
  /** Handlers receive packets to one of the hosts, but none to groups or broadcast addresses. */
  readonly on?: HostHandlers | undefined
}
