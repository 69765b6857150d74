/**
 * The leases: at most one of an address, at most one of a client, and at most one of a name. One
 * that has ended stays until somebody else gets its address, so that its client can have it again.
 * Time runs by the clock; the wall's time is for the store. Nothing here goes through all leases
 * but `live` and `ended`.
 */
import { type Clock, NSEC_PER_MSEC } from '../../core/clock.ts'
import { type HeapItem, MomentHeap } from '../../core/moment-heap.ts'
import { asClient, type Client } from './client.ts'
import { DHCP_INFINITE } from './config.ts'
import type { Lease, LeaseStore } from './lease.ts'
import { LeaseWriter } from './lease-writer.ts'

export interface LeaseTableOptions {
  readonly store: LeaseStore
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wall: () => number
  readonly onWritten: (error: unknown) => void
}

interface Entry extends HeapItem {
  readonly lease: Lease
  /** By the clock, ns. */
  readonly until: number
  /** The change that made it what it is but for its time; for LeaseWriter. */
  readonly change: number
}

export class LeaseTable {
  readonly writer: LeaseWriter
  readonly #byAddress = new Map<number, Entry>()
  readonly #byClient = new Map<string, Entry>()
  readonly #byName = new Map<string, Entry>()
  /** Those that end, by when they do; one is taken out when its end was noticed. */
  readonly #ends = new MomentHeap<Entry>()
  readonly #clock: Clock
  readonly #wall: () => number

  /** Loads what the store has. */
  constructor({ store, clock, wall, onWritten }: LeaseTableOptions) {
    this.#clock = clock
    this.#wall = wall
    const entries = this.#byAddress
    const leases: Iterable<Lease> = {
      *[Symbol.iterator]() {
        for (const { lease } of entries.values()) yield lease
      },
    }
    this.writer = new LeaseWriter({ store, clock, leases, onWritten })
    for (const lease of store.load()) {
      const until = clock.now() + (lease.expires - wall()) * NSEC_PER_MSEC
      this.#put({ lease, until, change: 0, index: -1 })
    }
  }

  /** The lease of an address that nobody else may have now: bound and not expired, or declined not long ago. */
  held(address: number): Lease | undefined {
    return this.#ifHeld(this.#byAddress.get(address))
  }

  /** The lease of a client, also when it has ended. */
  of(client: Client): Lease | undefined {
    return this.#byClient.get(client.key)?.lease
  }

  /** The lease of the client that has a name now. */
  named(hostname: string): Lease | undefined {
    return this.#ifHeld(this.#byName.get(hostname))
  }

  /** Whether a client's lease has neither ended nor expired. */
  isLive({ address, state }: Lease): boolean {
    return state === 'bound' && this.held(address) !== undefined
  }

  /** Whether an address is remembered as somebody's. */
  remembers(address: number): boolean {
    return this.#byAddress.has(address)
  }

  /** Those of clients that have one now. */
  live(): Lease[] {
    return [...this.#byAddress.values()].flatMap(entry => {
      const lease = this.#ifHeld(entry)
      return lease?.state === 'bound' ? [lease] : []
    })
  }

  /** All addresses whose lease has ended, the one that ended first before the others. */
  ended(): number[] {
    const entries = [...this.#byAddress.values()].filter(entry => this.#ifHeld(entry) === undefined)
    return entries.sort((one, other) => one.until - other.until).map(({ lease }) => lease.address)
  }

  /**
   * Addresses whose lease has ended and was not taken before, at most `max`, the one that ended
   * first before the others.
   */
  takeEnded(max: number): number[] {
    const addresses: number[] = []
    const now = this.#clock.now()
    while (addresses.length < max && this.#ends.first <= now) {
      const entry = this.#ends.shift()
      if (entry !== undefined) addresses.push(entry.lease.address)
    }
    return addresses
  }

  /**
   * The client has the address for `seconds`, and no other; a name that another client has goes
   * over to it. Calls `bound` when that is kept, or with false when it could not be: at once where
   * only the time of a lease changes, which is kept later.
   */
  bind(
    client: Client,
    { address, hostname, seconds }: { address: number; hostname: string | undefined; seconds: number },
    bound: (kept: boolean) => void,
  ): void {
    const { mac, clientId } = client
    if (hostname !== undefined) this.#takeName(hostname, client)
    const before = this.#byClient.get(client.key)
    const same =
      before?.lease.address === address && before.lease.state === 'bound' && before.lease.hostname === hostname
    if (before !== undefined && before.lease.address !== address) this.#remove(before)
    const change = same && before !== undefined ? before.change : this.writer.change
    this.#put(this.#ending({ address, mac, clientId, hostname, state: 'bound' }, seconds, change))
    if (this.writer.isKept(change)) {
      this.writer.saveLater()
      bound(true)
    } else this.writer.saveFor(bound)
  }

  /** The lease has ended; its client is remembered. */
  release(lease: Lease): void {
    this.#put(this.#ending({ ...lease, state: 'free' }, 0))
    this.writer.save()
  }

  /** Nobody has the address for `seconds`, since a client found it in use. */
  decline({ mac }: Client, address: number, seconds: number): void {
    const lease = { address, mac, clientId: undefined, hostname: undefined, state: 'declined' } as const
    this.#put(this.#ending(lease, seconds))
    this.writer.save()
  }

  #ending(lease: Omit<Lease, 'expires'>, seconds: number, change = this.writer.change): Entry {
    const ms = seconds === DHCP_INFINITE ? Number.POSITIVE_INFINITY : seconds * 1000
    const until = this.#clock.now() + ms * NSEC_PER_MSEC
    return { lease: { ...lease, expires: this.#wall() + ms }, until, change, index: -1 }
  }

  #put(entry: Entry): void {
    const { lease, until } = entry
    const before = this.#byAddress.get(lease.address)
    if (before !== undefined) this.#remove(before)
    this.#byAddress.set(lease.address, entry)
    if (lease.state !== 'declined') this.#byClient.set(keyOf(lease), entry)
    if (lease.hostname !== undefined) this.#byName.set(lease.hostname, entry)
    if (until !== Number.POSITIVE_INFINITY) this.#ends.set(entry, until)
  }

  #remove(entry: Entry): void {
    const { lease } = entry
    const key = keyOf(lease)
    this.#byAddress.delete(lease.address)
    if (this.#byClient.get(key) === entry) this.#byClient.delete(key)
    if (lease.hostname !== undefined && this.#byName.get(lease.hostname) === entry) this.#byName.delete(lease.hostname)
    this.#ends.remove(entry)
  }

  #takeName(hostname: string, client: Client): void {
    const entry = this.#byName.get(hostname)
    if (entry === undefined || keyOf(entry.lease) === client.key) return
    this.#put({ ...entry, lease: { ...entry.lease, hostname: undefined }, change: this.writer.change, index: -1 })
  }

  #ifHeld(entry: Entry | undefined): Lease | undefined {
    if (entry === undefined || entry.lease.state === 'free') return undefined
    return entry.until > this.#clock.now() ? entry.lease : undefined
  }
}

function keyOf({ mac, clientId }: Lease): string {
  return asClient(mac, clientId).key
}
