/**
 * Budget limits the requests of each client, identified by an address, and of all clients together,
 * so a client that floods uses up its own share only.
 */
import type { Clock } from 'vnet/internal/base/clock'
import { type Rate, TokenBucket } from 'vnet/internal/base/token-bucket'
import { ETH_ALEN } from 'vnet/internal/packet/ethernet'
import { AddressTable } from '../switch/address-table.ts'

/** Clients that a budget remembers; beyond that the first is forgotten. */
const CLIENTS = 4096

export class Budget {
  readonly #each: TokenBucket
  readonly #all: TokenBucket
  readonly #table: AddressTable
  readonly #addresses: Uint8Array
  #next = 0

  /** `length` is the length of the clients' addresses in bytes: MAC addresses by default. */
  constructor(clock: Clock, each: Rate, all: Rate, length: number = ETH_ALEN) {
    this.#each = new TokenBucket(clock, each, CLIENTS)
    this.#all = new TokenBucket(clock, all)
    this.#table = new AddressTable(length)
    this.#addresses = new Uint8Array(CLIENTS * length)
  }

  /**
   * Takes a request of the client with the address at `at`. Returns false if its budget is empty.
   */
  take(bytes: Uint8Array, at = 0): boolean {
    const known = this.#table.get(bytes, at)
    return this.#each.take(known < 0 ? this.#add(bytes, at) : known) && this.#all.take()
  }

  #add(bytes: Uint8Array, at: number): number {
    const client = this.#next
    const { length } = this.#table
    this.#next = (client + 1) % CLIENTS
    if (this.#table.size === CLIENTS) this.#table.delete(this.#addresses, client * length)
    for (let i = 0; i < length; i++) this.#addresses[client * length + i] = bytes[at + i]
    this.#table.set(bytes, at, client)
    this.#each.fill(client)
    return client
  }
}
