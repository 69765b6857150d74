/**
 * Budget limits the requests of each client, identified by its hardware address, and of all clients
 * together, so a client that floods uses up its own share only.
 */
import type { Clock } from '../../netdev/clock.ts'
import { type Rate, TokenBucket } from '../../netdev/token-bucket.ts'
import { copyAddress, ETH_ALEN } from '../../packet/ethernet.ts'
import { AddressTable } from '../switch/address-table.ts'

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
