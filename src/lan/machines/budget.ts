/**
 * Rate limits. TokenBucket limits one kind of work; Budget limits the requests of each client,
 * identified by its hardware address, and of all clients together, so a client that floods uses up
 * its own share only. (Log lines have a limiter that reports what it drops: netdev/limited-log.ts.)
 */
import { type Clock, NSEC_PER_SEC } from '../../netdev/clock.ts'
import { copyAddress, ETH_ALEN } from '../../packet/ethernet.ts'
import { AddressTable } from '../switch/address-table.ts'

export interface Rate {
  /** On average. */
  readonly perSecond: number
  /** After a time without any. */
  readonly burst: number
}

/** One bucket, or `count` buckets with the same rate. Taking a token allocates nothing. */
export class TokenBucket {
  readonly #clock: Clock
  /** Time per token, ns. */
  readonly #period: number
  /** Time in which an empty bucket fills, ns. */
  readonly #capacity: number
  /** When each bucket will be full, ns. */
  readonly #full: Float64Array

  constructor(clock: Clock, { perSecond, burst }: Rate, count = 1) {
    this.#clock = clock
    this.#period = NSEC_PER_SEC / perSecond
    this.#capacity = burst * this.#period
    this.#full = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  }

  /** Takes a token out of bucket `i`. Returns false if it is empty. */
  take(i = 0): boolean {
    const now = this.#clock.now()
    const full = Math.max(this.#full[i], now) + this.#period
    if (full - now > this.#capacity) return false
    this.#full[i] = full
    return true
  }

  fill(i = 0): void {
    this.#full[i] = Number.NEGATIVE_INFINITY
  }
}

/** Clients that a budget remembers; beyond that the first is forgotten. */
const CLIENTS = 4096

export class Budget {
  readonly #each: TokenBucket
  readonly #all: TokenBucket
  readonly #table = new AddressTable(ETH_ALEN)
  readonly #macs = new Uint8Array(CLIENTS * ETH_ALEN)
  #next = 0

  constructor(clock: Clock, each: Rate, all: Rate) {
    this.#each = new TokenBucket(clock, each, CLIENTS)
    this.#all = new TokenBucket(clock, all)
  }

  /** Takes a request of the client with the MAC address at `at`. Returns false if none is left. */
  take(bytes: Uint8Array, at = 0): boolean {
    const known = this.#table.get(bytes, at)
    return this.#each.take(known < 0 ? this.#add(bytes, at) : known) && this.#all.take()
  }

  #add(bytes: Uint8Array, at: number): number {
    const client = this.#next
    this.#next = (client + 1) % CLIENTS
    if (this.#table.size === CLIENTS) this.#table.delete(this.#macs, client * ETH_ALEN)
    copyAddress(this.#macs, client * ETH_ALEN, bytes, at)
    this.#table.set(bytes, at, client)
    this.#each.fill(client)
    return client
  }
}
