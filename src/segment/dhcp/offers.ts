/** What is offered and not yet taken: at most one address a client, and one client an address. An offer lapses by itself. */
import { type Clock, NSEC_PER_SEC } from '../../core/clock.ts'
import { type HeapItem, MomentHeap } from '../../core/moment-heap.ts'
import type { Client } from './client.ts'

interface Offer extends HeapItem {
  readonly client: Client
  readonly address: number
  readonly until: number
}

export class Offers {
  readonly #byClient = new Map<string, Offer>()
  readonly #byAddress = new Map<number, Offer>()
  readonly #ends = new MomentHeap<Offer>()
  readonly #clock: Clock
  readonly #over: (address: number) => void

  /** `over` is called with each address that is offered no more. */
  constructor(clock: Clock, over: (address: number) => void) {
    this.#clock = clock
    this.#over = over
  }

  /** What a client has been offered. */
  of({ key }: Client): number | undefined {
    const offer = this.#byClient.get(key)
    return offer !== undefined && offer.until > this.#clock.now() ? offer.address : undefined
  }

  /** Whom an address has been offered to. */
  taker(address: number): Client | undefined {
    const offer = this.#byAddress.get(address)
    return offer !== undefined && offer.until > this.#clock.now() ? offer.client : undefined
  }

  make(client: Client, address: number, seconds: number): void {
    this.drop(client)
    this.#drop(this.#byAddress.get(address))
    const offer = { client, address, until: this.#clock.now() + seconds * NSEC_PER_SEC, index: -1 }
    this.#byClient.set(client.key, offer)
    this.#byAddress.set(address, offer)
    this.#ends.set(offer, offer.until)
  }

  drop({ key }: Client): void {
    this.#drop(this.#byClient.get(key))
  }

  /** Drops what has lapsed, at most `max` of it. */
  dropLapsed(max: number): void {
    for (let n = 0; n < max && this.#ends.first <= this.#clock.now(); n++) this.#drop(this.#ends.shift())
  }

  #drop(offer: Offer | undefined): void {
    if (offer === undefined) return
    this.#byClient.delete(offer.client.key)
    this.#byAddress.delete(offer.address)
    this.#ends.remove(offer)
    this.#over(offer.address)
  }
}
