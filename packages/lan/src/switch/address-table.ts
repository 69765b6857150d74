/**
 * AddressTable: a map from addresses of one length (6, 4 or 16 bytes) to whole numbers from 0, some
 * 20 bytes an entry. Reads keys in place. Open addressing, linear probing, at most half full.
 */

/**
 * AddressTable: a map from addresses of one length (6, 4 or 16 bytes) to whole numbers of 0 or
 * more. Keys are read in place from a frame, without allocation, and copied to typed arrays: about
 * 20 bytes an entry. Open addressing with linear probing, at most half full.
 */
export class AddressTable {
  /** Bytes of a key. */
  readonly length: number
  #keys: Uint8Array
  /** -1 in a free slot. */
  #values: Int32Array
  #size = 0

  constructor(length: number) {
    this.length = length
    this.#keys = new Uint8Array(16 * length)
    this.#values = new Int32Array(16).fill(-1)
  }

  get size(): number {
    return this.#size
  }

  /** The value of the address at `at`, -1 if it has none. */
  get(bytes: Uint8Array, at: number): number {
    return this.#values[this.#find(bytes, at)]
  }

  set(bytes: Uint8Array, at: number, value: number): void {
    let slot = this.#find(bytes, at)
    if (this.#values[slot] < 0) {
      if (2 * (this.#size + 1) > this.#values.length) {
        this.#grow()
        slot = this.#find(bytes, at)
      }
      this.#size++
      for (let i = 0; i < this.length; i++) {
        this.#keys[slot * this.length + i] = bytes[at + i]
      }
    }
    this.#values[slot] = value
  }

  /** Returns false if the address at `at` had no value. */
  delete(bytes: Uint8Array, at: number): boolean {
    const values = this.#values
    const mask = values.length - 1
    let hole = this.#find(bytes, at)
    if (values[hole] < 0) return false
    this.#size--
    // Entries after the hole move up unless they are at home there, so no tombstones are needed.
    for (let i = (hole + 1) & mask; values[i] >= 0; i = (i + 1) & mask) {
      const home = this.#home(this.#keys, i * this.length)
      if (((i - home) & mask) < ((i - hole) & mask)) continue
      values[hole] = values[i]
      this.#keys.copyWithin(hole * this.length, i * this.length, (i + 1) * this.length)
      hole = i
    }
    values[hole] = -1
    return true
  }

  /** The slot of the key, or the free slot where it belongs. */
  #find(bytes: Uint8Array, at: number): number {
    const { length } = this
    const keys = this.#keys
    const values = this.#values
    const mask = values.length - 1
    let slot = this.#home(bytes, at)
    for (; values[slot] >= 0; slot = (slot + 1) & mask) {
      const key = slot * length
      let i = length - 1
      while (i >= 0 && keys[key + i] === bytes[at + i]) {
        i--
      }
      if (i < 0) return slot
    }
    return slot
  }

  #home(bytes: Uint8Array, at: number): number {
    let hash = 0
    for (let i = 0; i < this.length; i += 2) {
      hash = Math.imul(hash ^ ((bytes[at + i] << 8) | bytes[at + i + 1]), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash & (this.#values.length - 1)
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#keys = new Uint8Array(2 * keys.length)
    this.#values = new Int32Array(2 * values.length).fill(-1)
    this.#size = 0
    for (const [i, value] of values.entries()) {
      if (value >= 0) {
        this.set(keys, i * this.length, value)
      }
    }
  }
}

/** Numbers addresses from 0 to `max` - 1. Beyond that it forgets the oldest address. */
export class RecentAddresses {
  readonly table: AddressTable
  readonly #addresses: Uint8Array
  readonly #max: number
  #next = 0

  constructor(length: number, max: number) {
    this.table = new AddressTable(length)
    this.#addresses = new Uint8Array(max * length)
    this.#max = max
  }

  /** Adds the address at `at`, which has no number yet. Returns its number. */
  add(bytes: Uint8Array, at: number): number {
    const { length, size } = this.table
    const n = this.#next
    this.#next = (n + 1) % this.#max
    if (size === this.#max) {
      this.table.delete(this.#addresses, n * length)
    }
    for (let i = 0; i < length; i++) {
      this.#addresses[n * length + i] = bytes[at + i]
    }
    this.table.set(bytes, at, n)
    return n
  }

  /** A copy of the address with a number. */
  address(n: number): Uint8Array {
    const { length } = this.table
    return this.#addresses.slice(n * length, (n + 1) * length)
  }
}
