/**
 * NeighbourTable: the hardware addresses of IP addresses, learned from ARP, neighbour discovery and
 * TCP. A full table forgets the entry that it learned first.
 */
import { copyAddress, ETH_ALEN, isMulticastAddress } from 'vnet/internal/packet/ethernet'
import { AddressTable } from '../switch/address-table.ts'

export class NeighbourTable {
  /** Hardware addresses, six bytes an entry; `find` returns a position in it. */
  readonly macs: Uint8Array
  readonly #table: AddressTable
  readonly #addresses: Uint8Array
  readonly #max: number
  #next = 0

  /** Holds up to `max` addresses of `length` bytes, 4 or 16. */
  constructor(length: number, max = 4096) {
    this.#table = new AddressTable(length)
    this.#max = max
    this.macs = new Uint8Array(max * ETH_ALEN)
    this.#addresses = new Uint8Array(max * length)
  }

  get size(): number {
    return this.#table.size
  }

  /** Position in `macs` of the hardware address for the address at `at`, -1 if it is unknown. */
  find(bytes: Uint8Array, at: number): number {
    const entry = this.#table.get(bytes, at)
    return entry < 0 || isMulticastAddress(this.macs, entry * ETH_ALEN) ? -1 : entry * ETH_ALEN
  }

  /**
   * Forgets the hardware address of the address at `at`. Its entry remains, with a group address.
   */
  forget(bytes: Uint8Array, at: number): void {
    const entry = this.#table.get(bytes, at)
    if (entry >= 0) this.macs.fill(0xff, entry * ETH_ALEN, (entry + 1) * ETH_ALEN)
  }

  /** Notes that the address at `at` has the hardware address in `mac` at `macAt`. */
  learn(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
    let entry = this.#table.get(bytes, at)
    if (entry < 0) {
      const { length } = this.#table
      entry = this.#next
      this.#next = (entry + 1) % this.#max
      if (this.#table.size === this.#max) this.#table.delete(this.#addresses, entry * length)
      for (let i = 0; i < length; i++) this.#addresses[entry * length + i] = bytes[at + i]
      this.#table.set(bytes, at, entry)
    }
    copyAddress(this.macs, entry * ETH_ALEN, mac, macAt)
  }

  /** Copies of all entries. */
  entries(): { readonly address: Uint8Array; readonly mac: Uint8Array }[] {
    const { length, size } = this.#table
    const all = Array.from({ length: size }, (_, entry) => ({
      address: this.#addresses.slice(entry * length, (entry + 1) * length),
      mac: this.macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN),
    }))
    return all.filter(({ mac }) => !isMulticastAddress(mac, 0))
  }
}
