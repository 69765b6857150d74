/** A simulated host: its addresses, and its handlers for received packets. */
import { type Clock, type Rate, TokenBucket } from 'vnet/internal/base/index'
import { copyAddress, ETH_ALEN, isMulticastAddress } from 'vnet/internal/packet/ethernet'
import { RecentAddresses } from '../switch/address-table.ts'

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

/**
 * The hardware addresses of stations on the segment, by IP address. The hosts learn them from
 * received frames. A full table forgets the address that was added first.
 */
export class NeighbourTable {
  /** Hardware addresses, six bytes an entry; `find` returns a position in it. */
  readonly macs: Uint8Array
  readonly #known: RecentAddresses

  /** Holds up to `max` addresses of `length` bytes, 4 or 16. */
  constructor(length: number, max = 4096) {
    this.macs = new Uint8Array(max * ETH_ALEN)
    this.#known = new RecentAddresses(length, max)
  }

  get size(): number {
    return this.#known.table.size
  }

  /** Position in `macs` of the hardware address for the address at `at`, -1 if it is unknown. */
  find(bytes: Uint8Array, at: number): number {
    const entry = this.#known.table.get(bytes, at)
    return entry < 0 || isMulticastAddress(this.macs, entry * ETH_ALEN) ? -1 : entry * ETH_ALEN
  }

  /** Forgets the hardware address for the address at `at`. Its entry has a group address then. */
  forget(bytes: Uint8Array, at: number): void {
    const entry = this.#known.table.get(bytes, at)
    if (entry >= 0) this.macs.fill(0xff, entry * ETH_ALEN, (entry + 1) * ETH_ALEN)
  }

  /** Sets the hardware address at `macAt` for the address at `at`. Copies both. */
  learn(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
    const known = this.#known.table.get(bytes, at)
    const entry = known < 0 ? this.#known.add(bytes, at) : known
    copyAddress(this.macs, entry * ETH_ALEN, mac, macAt)
  }

  /** Copies of all entries. */
  entries(): { readonly address: Uint8Array; readonly mac: Uint8Array }[] {
    const all = Array.from({ length: this.size }, (_, entry) => ({
      address: this.#known.address(entry),
      mac: this.macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN),
    }))
    return all.filter(({ mac }) => !isMulticastAddress(mac, 0))
  }
}

/** Clients that a budget remembers; beyond that the first is forgotten. */
const CLIENTS = 4096

/**
 * Limits the requests of each client and of all clients together, so that no client can use up the
 * time or the memory of a service. A client that was forgotten starts with a full budget.
 */
export class Budget {
  readonly #each: TokenBucket
  readonly #all: TokenBucket
  readonly #clients: RecentAddresses

  /** `length` is the length of the clients' addresses in bytes: MAC addresses by default. */
  constructor(clock: Clock, each: Rate, all: Rate, length: number = ETH_ALEN) {
    this.#each = new TokenBucket(clock, each, CLIENTS)
    this.#all = new TokenBucket(clock, all)
    this.#clients = new RecentAddresses(length, CLIENTS)
  }

  /** Takes a request of the client with the address at `at`; false if its budget is empty. */
  take(bytes: Uint8Array, at = 0): boolean {
    let client = this.#clients.table.get(bytes, at)
    if (client < 0) {
      client = this.#clients.add(bytes, at)
      this.#each.fill(client)
    }
    return this.#each.take(client) && this.#all.take()
  }
}
