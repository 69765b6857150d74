/** Neighbours of the hosts of a segment, by their IP addresses. */
import { ETH_ALEN, ethernet } from 'vnet'
import { RecentAddresses } from '../switch/address-table.ts'

/**
 * The hardware addresses of stations on the segment, by IP address. The hosts learn them from
 * received frames. A full table forgets the address that was added first.
 */
export class NeighbourTable {
  /** Hardware addresses, six bytes an entry; `find` returns a position in it. */
  readonly macs: Uint8Array
  readonly #known: RecentAddresses

  /** Holds up to `max` addresses of `length` bytes, 4 or 16. */
  constructor(length: number, max = 4096) {
    this.macs = new Uint8Array(max * ETH_ALEN)
    this.#known = new RecentAddresses(length, max)
  }

  get size(): number {
    return this.#known.table.size
  }

  /** Position in `macs` of the hardware address for the address at `at`, -1 if it is unknown. */
  find(bytes: Uint8Array, at: number): number {
    const entry = this.#known.table.get(bytes, at)
    return entry < 0 || ethernet.isMulticastAddress(this.macs, entry * ETH_ALEN)
      ? -1
      : entry * ETH_ALEN
  }

  /** Forgets the hardware address for the address at `at`. Its entry has a group address then. */
  forget(bytes: Uint8Array, at: number): void {
    const entry = this.#known.table.get(bytes, at)
    if (entry >= 0) {
      this.macs.fill(0xff, entry * ETH_ALEN, (entry + 1) * ETH_ALEN)
    }
  }

  /** Sets the hardware address at `macAt` for the address at `at`. Copies both. */
  learn(bytes: Uint8Array, at: number, mac: Uint8Array, macAt: number): void {
    const known = this.#known.table.get(bytes, at)
    const entry = known < 0 ? this.#known.add(bytes, at) : known
    ethernet.copyAddress(this.macs, entry * ETH_ALEN, mac, macAt)
  }

  /** Copies of all entries. */
  entries(): { readonly address: Uint8Array; readonly mac: Uint8Array }[] {
    const all = Array.from({ length: this.size }, (_, entry) => ({
      address: this.#known.address(entry),
      mac: this.macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN),
    }))
    return all.filter(({ mac }) => !ethernet.isMulticastAddress(mac, 0))
  }
}
