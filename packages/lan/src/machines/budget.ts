/** Budgets of requests: a client that floods a service uses up its own share only. */
import { type Clock, ETH_ALEN } from 'vnet'
import { type Rate, TokenBucket } from 'vnet/kit/base'
import { RecentAddresses } from '../switch/address-table.ts'

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
