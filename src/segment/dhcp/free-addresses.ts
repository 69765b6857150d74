/**
 * FreeAddresses: the addresses of a subnet that may be free, so that finding one takes no search:
 * those that were never given, counted up, and queues of those that came back. What is in it may be
 * taken by now: the caller checks, and an address that turns out to be taken is put back when it is
 * free again.
 */

export class FreeAddresses {
  readonly #ranges: readonly { readonly first: number; readonly last: number }[]
  /** The range that is counted through, and how many of its addresses were passed. */
  #range = 0
  #passed = 0
  readonly #unused = new Queue()
  readonly #ended = new Queue()

  constructor(ranges: readonly { readonly first: number; readonly last: number }[]) {
    this.#ranges = ranges
  }

  /** An address came back that nobody ever had a lease of, as far as is remembered. */
  putUnused(address: number): void {
    this.#unused.push(address)
  }

  /** The lease of an address has ended. */
  putEnded(address: number): void {
    this.#ended.push(address)
  }

  /**
   * Takes out an address that is free: one that is `isUnused` as well, else the one whose lease
   * ended first.
   */
  take(isFree: (address: number) => boolean, isUnused: (address: number) => boolean): number | undefined {
    return this.#unused.take(isUnused) ?? this.#count(isUnused) ?? this.#ended.take(isFree)
  }

  #count(isFree: (address: number) => boolean): number | undefined {
    for (; this.#range < this.#ranges.length; this.#range++, this.#passed = 0) {
      const { first, last } = this.#ranges[this.#range]
      while (first + this.#passed <= last) {
        const address = first + this.#passed++
        if (isFree(address)) return address
      }
    }
    return undefined
  }
}

/** First in, first out, each address once. */
class Queue {
  readonly #members = new Set<number>()
  #addresses: number[] = []
  #head = 0

  push(address: number): void {
    if (this.#members.has(address)) return
    this.#members.add(address)
    this.#addresses.push(address)
  }

  take(isFree: (address: number) => boolean): number | undefined {
    while (this.#head < this.#addresses.length) {
      const address = this.#addresses[this.#head++]
      this.#members.delete(address)
      if (2 * this.#head > this.#addresses.length) {
        this.#addresses = this.#addresses.slice(this.#head)
        this.#head = 0
      }
      if (isFree(address)) return address
    }
    return undefined
  }
}
