/** What is offered and not yet taken: at most one address a client, and one client an address. An offer lapses by itself. */
import type { Client } from './client.ts'

interface Offer {
  readonly client: Client
  readonly address: number
  readonly until: number
}

export class Offers {
  readonly #byClient = new Map<string, Offer>()
  readonly #byAddress = new Map<number, Offer>()
  readonly #now: () => number

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** What a client has been offered. */
  of({ key }: Client): number | undefined {
    const offer = this.#byClient.get(key)
    return offer !== undefined && offer.until > this.#now() ? offer.address : undefined
  }

  /** Whom an address has been offered to. */
  taker(address: number): Client | undefined {
    const offer = this.#byAddress.get(address)
    return offer !== undefined && offer.until > this.#now() ? offer.client : undefined
  }

  make(client: Client, address: number, seconds: number): void {
    this.drop(client)
    this.#drop(this.#byAddress.get(address))
    const offer = { client, address, until: this.#now() + seconds * 1000 }
    this.#byClient.set(client.key, offer)
    this.#byAddress.set(address, offer)
  }

  drop({ key }: Client): void {
    this.#drop(this.#byClient.get(key))
  }

  #drop(offer: Offer | undefined): void {
    if (offer === undefined) return
    this.#byClient.delete(offer.client.key)
    this.#byAddress.delete(offer.address)
  }
}
