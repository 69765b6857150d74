/**
 * NeighbourTable: who on the segment has which protocol address, as its ARP, neighbour discovery and DHCP tell. With more
 * than it holds the one learned first makes room.
 */
import { copyAddress, ETH_ALEN, formatAddress } from '../header/ethernet.ts'
import { formatAddress as formatIp } from '../header/ip-address.ts'
import { AddressTable } from './address-table.ts'

export interface Neighbour {
  readonly address: string
  readonly mac: string
}

export class NeighbourTable {
  /** Hardware addresses, six octets an entry: `find` answers positions in it. */
  readonly macs: Uint8Array
  readonly #table: AddressTable
  readonly #addresses: Uint8Array
  readonly #max: number
  #next = 0

  /** For addresses of `length` octets, 4 or 16; at most `max` of them. */
  constructor(length: number, max = 4096) {
    this.#table = new AddressTable(length)
    this.#max = max
    this.macs = new Uint8Array(max * ETH_ALEN)
    this.#addresses = new Uint8Array(max * length)
  }

  get size(): number {
    return this.#table.size
  }

  /** The position in `macs` of the hardware address that the address at `at` has, -1 when it is not known. */
  find(bytes: Uint8Array, at: number): number {
    const entry = this.#table.get(bytes, at)
    return entry < 0 ? -1 : entry * ETH_ALEN
  }

  /** The address at `at` has the hardware address in `mac` at `macAt`. */
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

  /** All of them, as text. */
  entries(): Neighbour[] {
    return this.octets().map(({ address, mac }) => ({ address: formatIp(address), mac: formatAddress(mac, 0) }))
  }

  /** All of them, copies of their octets. */
  octets(): { readonly address: Uint8Array; readonly mac: Uint8Array }[] {
    const { length, size } = this.#table
    return Array.from({ length: size }, (_, entry) => ({
      address: this.#addresses.slice(entry * length, (entry + 1) * length),
      mac: this.macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN),
    }))
  }
}
