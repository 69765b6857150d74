/**
 * The leases: at most one of an address, and at most one of a client. One that has ended stays until somebody else gets its
 * address, so that its client can have it again. Time runs by the clock; the wall's time is for the store.
 */
import { asClient, type Client } from './client.ts'
import { DHCP_INFINITE } from './config.ts'
import type { Lease, LeaseStore } from './lease.ts'

/** Milliseconds of a clock that never goes back, and of the wall's, since 1970. */
export interface Times {
  now(): number
  wall(): number
}

interface Entry {
  readonly lease: Lease
  /** By now(), in milliseconds. */
  readonly until: number
}

export class LeaseTable {
  readonly #byAddress = new Map<number, Entry>()
  readonly #byClient = new Map<string, Entry>()
  readonly #store: LeaseStore
  readonly #times: Times

  /** Loads what the store has. */
  constructor(store: LeaseStore, times: Times) {
    this.#store = store
    this.#times = times
    const past = times.wall() - times.now()
    for (const lease of store.load()) this.#put({ lease, until: lease.expires - past })
  }

  /** The lease of an address that nobody else may have now: bound and not expired, or declined not long ago. */
  held(address: number): Lease | undefined {
    const entry = this.#byAddress.get(address)
    return entry !== undefined && this.#isHeld(entry) ? entry.lease : undefined
  }

  /** The lease of a client, also when it has ended. */
  of(client: Client): Lease | undefined {
    return this.#byClient.get(client.key)?.lease
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
    const entries = [...this.#byAddress.values()]
    return entries.filter(entry => entry.lease.state === 'bound' && this.#isHeld(entry)).map(({ lease }) => lease)
  }

  /** Addresses whose lease has ended, the one that ended first before the others. */
  ended(): number[] {
    const entries = [...this.#byAddress.values()].filter(entry => !this.#isHeld(entry))
    return entries.sort((one, other) => one.until - other.until).map(({ lease }) => lease.address)
  }

  /** The client has the address for `seconds`, and no other; a name that somebody else has goes over to it. */
  bind(client: Client, address: number, hostname: string | undefined, seconds: number): Lease {
    if (hostname !== undefined) this.#takeName(hostname, client)
    const before = this.#byClient.get(client.key)
    if (before !== undefined && before.lease.address !== address) this.#byAddress.delete(before.lease.address)
    const { mac, clientId } = client
    const entry = this.#ending({ address, mac, clientId, hostname, state: 'bound' }, seconds)
    this.#put(entry)
    this.save()
    return entry.lease
  }

  /** The lease has ended; its client is remembered. */
  release(lease: Lease): void {
    this.#put(this.#ending({ ...lease, state: 'free' }, 0))
    this.save()
  }

  /** Nobody has the address for `seconds`, since a client found it in use. */
  decline({ mac }: Client, address: number, seconds: number): void {
    const lease = { address, mac, clientId: undefined, hostname: undefined, state: 'declined' } as const
    this.#put(this.#ending(lease, seconds))
    this.save()
  }

  save(): void {
    this.#store.save([...this.#byAddress.values()].map(({ lease }) => lease))
  }

  #ending(lease: Omit<Lease, 'expires'>, seconds: number): Entry {
    const ms = seconds === DHCP_INFINITE ? Number.POSITIVE_INFINITY : seconds * 1000
    return { lease: { ...lease, expires: this.#times.wall() + ms }, until: this.#times.now() + ms }
  }

  #put(entry: Entry): void {
    const { lease } = entry
    const before = this.#byAddress.get(lease.address)
    if (before !== undefined) this.#forgetClient(before)
    this.#byAddress.set(lease.address, entry)
    if (lease.state !== 'declined') this.#byClient.set(keyOf(lease), entry)
  }

  #forgetClient({ lease }: Entry): void {
    const key = keyOf(lease)
    if (this.#byClient.get(key)?.lease === lease) this.#byClient.delete(key)
  }

  #takeName(hostname: string, client: Client): void {
    for (const { lease, until } of [...this.#byAddress.values()])
      if (lease.hostname === hostname && keyOf(lease) !== client.key)
        this.#put({ lease: { ...lease, hostname: undefined }, until })
  }

  #isHeld({ lease, until }: Entry): boolean {
    return lease.state !== 'free' && until > this.#times.now()
  }
}

function keyOf({ mac, clientId }: Lease): string {
  return asClient(mac, clientId).key
}
