/**
 * Budget: how many requests are served: of each client, which its hardware address stands for, and
 * of all together. A client that floods uses up its own share and not that of others; of more
 * clients than are remembered, the first is forgotten.
 */
import type { Clock } from '../core/clock.ts'
import { type Rate, TokenBucket } from '../core/token-bucket.ts'
import { copyAddress, ETH_ALEN } from '../header/ethernet.ts'
import { AddressTable } from './address-table.ts'

/** Clients that are remembered. */
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

  /** Whether a request of the client with the hardware address at `at` is to be served. */
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
