/**
 * The address pool: which addresses a client may have, and which one it gets. It gets the first of
 * these that is free: its reservation, its present or last lease, its pending offer, the address
 * that it requests, an address that was never leased, the address with the oldest ended lease.
 */
import { type Clock, NSEC_PER_SEC } from 'vnet'
import { type HeapItem, MomentHeap } from 'vnet/kit/base'
import type { dhcp } from 'vnet/kit/packet'
import { type AddressRange, type DhcpConfig, isInNetwork, type Reservation } from './config.ts'
import type { LeaseTable } from './lease-table.ts'
import type { DhcpClient, DhcpSender } from './request.ts'

/** Lapsed offers and ended leases that one call of choose() collects at most. */
const SWEEP = 64

/** The addresses of one server, with the pending offers. Leases are in a LeaseTable. */
export class Pool {
  readonly offers: Offers
  readonly #leases: LeaseTable
  readonly #inUse: (address: number) => boolean
  #config: DhcpConfig
  #free: FreeAddresses

  /** `inUse` returns whether a host that does not use DHCP has the address. */
  constructor(
    config: DhcpConfig,
    leases: LeaseTable,
    clock: Clock,
    inUse: (address: number) => boolean,
  ) {
    this.#config = config
    this.#leases = leases
    this.#inUse = inUse
    this.#free = new FreeAddresses(config.ranges)
    this.offers = new Offers(clock, address => this.putBack(address))
  }

  get config(): DhcpConfig {
    return this.#config
  }

  /**
   * Replaces the configuration. Offers and leases remain, but objection() refuses an address that
   * no longer fits.
   */
  reload(config: DhcpConfig): void {
    this.#config = config
    this.#free = new FreeAddresses(config.ranges)
    for (const address of this.#leases.ended()) {
      this.putBack(address)
    }
  }

  /** Checks the address of the relay, or the address that the client renews by unicast. */
  serves({ giaddr, ciaddr }: dhcp.DhcpMessage, from: DhcpSender): boolean {
    const renewed = from.broadcast ? 0 : ciaddr
    return isInNetwork(this.#config, giaddr || renewed || this.#config.server)
  }

  /** The reservation for the client's identifier, otherwise for its MAC address. */
  reservationOf({ clientId, mac }: DhcpClient): Reservation | undefined {
    return this.#config.byClientId.get(clientId ?? '') ?? this.#config.byMac.get(mac)
  }

  /** Returns the text of the DHCPNAK that refuses the address, undefined if it is allowed. */
  objection(client: DhcpClient, address: number): string | undefined {
    if (!isInNetwork(this.#config, address)) return 'wrong network'
    const reservation = this.#config.byAddress.get(address)
    const own = this.reservationOf(client)
    if (reservation !== undefined && reservation !== own) return 'address reserved'
    const held = this.#leases.held(address)
    if (held?.state === 'declined') return 'address declined'
    // One machine's boot ROM and operating system may send different client identifiers.
    const isOwn = (mac: string) => reservation?.mac !== undefined && mac === client.mac
    if (held !== undefined && this.#leases.of(client) !== held && !isOwn(held.mac)) {
      return 'address in use'
    }
    const taker = this.offers.taker(address)
    if (taker !== undefined && taker.key !== client.key && !isOwn(taker.mac)) {
      return 'address offered to another'
    }
    const inRange = this.#config.ranges.some(
      ({ first, last }) => first <= address && address <= last,
    )
    if ((!inRange && reservation === undefined) || address === this.#config.server) {
      return 'address not available'
    }
    return this.#inUse(address) ? 'address in use' : undefined
  }

  /** Takes a free address, perhaps `wanted`; the caller offers it. Undefined in a full pool. */
  choose(client: DhcpClient, wanted: number | undefined): number | undefined {
    this.offers.dropLapsed(SWEEP)
    for (const address of this.#leases.takeEnded(SWEEP)) {
      this.putBack(address)
    }
    const isFree = (address: number | undefined): address is number =>
      address !== undefined && this.objection(client, address) === undefined
    const isUnused = (address: number) =>
      this.#leases.last(address) === undefined && isFree(address)
    const { offers } = this
    const preferred = [
      this.reservationOf(client)?.address,
      this.#leases.of(client)?.address,
      offers.of(client),
      wanted,
    ]
    return preferred.find(isFree) ?? this.#free.take(isFree, isUnused)
  }

  /** Puts an address back among the free ones after its offer or lease ended. */
  putBack(address: number): void {
    if (!isInNetwork(this.#config, address) || this.#leases.held(address) !== undefined) return
    const { unused, ended } = this.#free
    const queue = this.#leases.last(address) === undefined ? unused : ended
    queue.push(address)
  }
}

interface Offer extends HeapItem {
  readonly client: DhcpClient
  readonly address: number
  readonly until: number
}

/** Addresses offered and not yet requested: one per client, one client per address. They lapse. */
export class Offers {
  readonly #byClient = new Map<string, Offer>()
  readonly #byAddress = new Map<number, Offer>()
  readonly #ends = new MomentHeap<Offer>()
  readonly #clock: Clock
  readonly #onEnd: (address: number) => void

  /** Calls `onEnd` with each address at the end of its offer. */
  constructor(clock: Clock, onEnd: (address: number) => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** The address offered to a client; undefined once the offer has lapsed. */
  of({ key }: DhcpClient): number | undefined {
    const offer = this.#byClient.get(key)
    return offer !== undefined && offer.until > this.#clock.now() ? offer.address : undefined
  }

  /** The client that has been offered an address; undefined once the offer has lapsed. */
  taker(address: number): DhcpClient | undefined {
    const offer = this.#byAddress.get(address)
    return offer !== undefined && offer.until > this.#clock.now() ? offer.client : undefined
  }

  /**
   * Offers an address for some seconds, and drops other offers of the client and of the address.
   */
  make(client: DhcpClient, address: number, seconds: number): void {
    this.drop(client)
    this.#drop(this.#byAddress.get(address))
    const offer = { client, address, until: this.#clock.now() + seconds * NSEC_PER_SEC, index: -1 }
    this.#byClient.set(client.key, offer)
    this.#byAddress.set(address, offer)
    this.#ends.set(offer, offer.until)
  }

  drop({ key }: DhcpClient): void {
    this.#drop(this.#byClient.get(key))
  }

  /** Drops lapsed offers, at most `max`. */
  dropLapsed(max: number): void {
    for (let n = 0; n < max && this.#ends.first <= this.#clock.now(); n++) {
      this.#drop(this.#ends.shift())
    }
  }

  #drop(offer: Offer | undefined): void {
    if (offer === undefined) return
    this.#byClient.delete(offer.client.key)
    this.#byAddress.delete(offer.address)
    this.#ends.remove(offer)
    this.#onEnd(offer.address)
  }
}

/**
 * The addresses that may be free, found without a search. An address may have been taken in the
 * meantime: take() discards it, and putBack() puts it back when its offer or lease ends.
 */
export class FreeAddresses {
  readonly #ranges: readonly AddressRange[]
  /** The range that is counted through, and how many of its addresses were passed. */
  #range = 0
  #passed = 0
  /** Addresses without a remembered lease, and addresses with a lease that has ended. */
  readonly unused = new Queue()
  readonly ended = new Queue()

  constructor(ranges: readonly AddressRange[]) {
    this.#ranges = ranges
  }

  /** Removes and returns an unused address, else the free address with the oldest ended lease. */
  take(
    isFree: (address: number) => boolean,
    isUnused: (address: number) => boolean,
  ): number | undefined {
    return this.unused.take(isUnused) ?? this.#count(isUnused) ?? this.ended.take(isFree)
  }

  #count(isUnused: (address: number) => boolean): number | undefined {
    for (; this.#range < this.#ranges.length; this.#range++, this.#passed = 0) {
      const { first, last } = this.#ranges[this.#range]
      while (first + this.#passed <= last) {
        const address = first + this.#passed++
        if (isUnused(address)) return address
      }
    }
    return undefined
  }
}

/** First in, first out, each address once. */
class Queue {
  readonly #addresses = new Set<number>()
  /** Kept from call to call, because a search from the start passes what was taken. */
  #oldest = this.#addresses.values()

  push(address: number): void {
    this.#addresses.add(address)
  }

  take(isFree: (address: number) => boolean): number | undefined {
    for (let next = this.#oldest.next(); !next.done; next = this.#oldest.next()) {
      this.#addresses.delete(next.value)
      if (isFree(next.value)) return next.value
    }
    // An iterator that ended finds nothing that is added later.
    this.#oldest = this.#addresses.values()
    return undefined
  }
}
