/**
 * LeaseTable: at most one lease per address, per client and per name. An ended lease is kept until
 * another client gets its address, so that its client can have it again. Leases expire by the
 * monotonic clock; the store has wall-clock times. Only live() and ended() walk all leases.
 */
import { type Clock, NSEC_PER_MSEC } from 'vnet'
import { type HeapItem, MomentHeap } from 'vnet/kit/base'
import { DHCP_INFINITE } from './config.ts'
import type { Lease, LeaseStore } from './lease.ts'
import { LeaseWriter } from './lease-writer.ts'
import { asClient, type DhcpClient } from './request.ts'

interface Entry extends HeapItem {
  readonly lease: Lease
  /** The clock's time in ns at which it ends. */
  readonly until: number
  /** The last change of anything but its time, as numbered by LeaseWriter. */
  readonly change: number
}

/** The leases of one server, in memory, and the writer that stores them. */
export class LeaseTable {
  readonly writer: LeaseWriter
  readonly #byAddress = new Map<number, Entry>()
  readonly #byClient = new Map<string, Entry>()
  readonly #byName = new Map<string, Entry>()
  /** Leases that end, by their end; takeEnded() removes them. */
  readonly #ends = new MomentHeap<Entry>()
  readonly #clock: Clock
  readonly #wall: () => number

  /** Passes on the store's exceptions. `wall` returns milliseconds since 1970. */
  constructor(
    store: LeaseStore,
    clock: Clock,
    wall: () => number,
    onWritten: (error: unknown) => void,
  ) {
    this.#clock = clock
    this.#wall = wall
    this.writer = new LeaseWriter({ store, clock, leases: () => this.#all(), onWritten })
    for (const lease of store.load()) {
      const until = clock.now() + (lease.expires - wall()) * NSEC_PER_MSEC
      this.#put({ lease, until, change: 0, index: -1 })
    }
  }

  *#all(): Generator<Lease, void> {
    for (const { lease } of this.#byAddress.values()) {
      yield lease
    }
  }

  /** The lease that keeps an address from other clients: bound or declined, and not expired. */
  held(address: number): Lease | undefined {
    return this.#ifHeld(this.#byAddress.get(address))
  }

  /** The lease of a client, even if it has ended. */
  of(client: DhcpClient): Lease | undefined {
    return this.#byClient.get(client.key)?.lease
  }

  /** The lease that has not ended of the client with this name. */
  named(hostname: string): Lease | undefined {
    return this.#ifHeld(this.#byName.get(hostname))
  }

  /** Whether a client's lease is neither released nor expired. */
  isLive({ address, state }: Lease): boolean {
    return state === 'bound' && this.held(address) !== undefined
  }

  /** The lease that an address has or last had. */
  last(address: number): Lease | undefined {
    return this.#byAddress.get(address)?.lease
  }

  /** The leases of clients that have not ended. */
  live(): Lease[] {
    return [...this.#byAddress.values()].flatMap(entry => {
      const lease = this.#ifHeld(entry)
      return lease?.state === 'bound' ? [lease] : []
    })
  }

  /** Addresses with an ended lease, in the order in which the leases ended. */
  ended(): number[] {
    const entries = [...this.#byAddress.values()].filter(entry => this.#ifHeld(entry) === undefined)
    return entries.sort((one, other) => one.until - other.until).map(({ lease }) => lease.address)
  }

  /** Takes at most `max` addresses with an ended lease, in the same order, each once. */
  takeEnded(max: number): number[] {
    const addresses: number[] = []
    const now = this.#clock.now()
    while (addresses.length < max && this.#ends.first <= now) {
      const entry = this.#ends.shift()
      if (entry !== undefined) {
        addresses.push(entry.lease.address)
      }
    }
    return addresses
  }

  /**
   * Leases the address for `seconds`. The client loses any other address, another client the name.
   * Calls `bound` with whether it was saved, after the write, or now if only its time changes.
   */
  bind(
    client: DhcpClient,
    {
      address,
      hostname,
      seconds,
    }: { address: number; hostname: string | undefined; seconds: number },
    bound: (saved: boolean) => void,
  ): void {
    const { mac, clientId } = client
    if (hostname !== undefined) {
      this.#takeName(hostname, client)
    }
    const before = this.#byClient.get(client.key)
    const had = before?.lease
    const same = had?.address === address && had.state === 'bound' && had.hostname === hostname
    if (before !== undefined && had?.address !== address) {
      this.#remove(before)
    }
    const change = same && before !== undefined ? before.change : this.writer.change
    this.#put(this.#ending({ address, mac, clientId, hostname, state: 'bound' }, seconds, change))
    if (this.writer.isSaved(change)) {
      this.writer.saveLater()
      bound(true)
    } else {
      this.writer.saveFor(bound)
    }
  }

  /** Ends a lease; its client is remembered. */
  release(lease: Lease): void {
    this.#put(this.#ending({ ...lease, state: 'free' }, 0))
    this.writer.save()
  }

  /** Keeps an address from all clients for `seconds`: `mac`, or its owner, reports it in use. */
  decline(mac: string, address: number, seconds: number): void {
    const lease = {
      address,
      mac,
      clientId: undefined,
      hostname: undefined,
      state: 'declined',
    } as const
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
    if (before !== undefined) {
      this.#remove(before)
    }
    this.#byAddress.set(lease.address, entry)
    if (lease.state !== 'declined') {
      this.#byClient.set(keyOf(lease), entry)
    }
    if (lease.hostname !== undefined) {
      this.#byName.set(lease.hostname, entry)
    }
    if (until !== Number.POSITIVE_INFINITY) {
      this.#ends.set(entry, until)
    }
  }

  #remove(entry: Entry): void {
    const { lease } = entry
    const key = keyOf(lease)
    this.#byAddress.delete(lease.address)
    if (this.#byClient.get(key) === entry) {
      this.#byClient.delete(key)
    }
    if (lease.hostname !== undefined && this.#byName.get(lease.hostname) === entry) {
      this.#byName.delete(lease.hostname)
    }
    this.#ends.remove(entry)
  }

  #takeName(hostname: string, client: DhcpClient): void {
    const entry = this.#byName.get(hostname)
    if (entry === undefined || keyOf(entry.lease) === client.key) return
    this.#put({
      ...entry,
      lease: { ...entry.lease, hostname: undefined },
      change: this.writer.change,
      index: -1,
    })
  }

  #ifHeld(entry: Entry | undefined): Lease | undefined {
    if (entry === undefined || entry.lease.state === 'free') return undefined
    return entry.until > this.#clock.now() ? entry.lease : undefined
  }
}

const keyOf = ({ mac, clientId }: Lease): string => asClient(mac, clientId).key
