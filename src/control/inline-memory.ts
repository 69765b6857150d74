import { EFAULT } from '../core/errno.ts'
import type { UserMemory } from '../core/user-data.ts'

/** Memory that is some bytes at an address, and nothing besides. */
export class InlineMemory implements UserMemory {
  readonly #octets: Uint8Array
  readonly #base: bigint
  /** What was written lies from the one to the other. */
  #from = Number.POSITIVE_INFINITY
  #until = 0

  constructor(octets: Uint8Array, base: bigint) {
    this.#octets = octets
    this.#base = base
  }

  read(address: bigint, into: Uint8Array): number {
    const offset = this.#offset(address, into.length)
    if (offset === undefined) return -EFAULT
    into.set(this.#octets.subarray(offset, offset + into.length))
    return 0
  }

  write(address: bigint, from: Uint8Array): number {
    const offset = this.#offset(address, from.length)
    if (offset === undefined) return -EFAULT
    if (from.length === 0) return 0
    this.#octets.set(from, offset)
    this.#from = Math.min(this.#from, offset)
    this.#until = Math.max(this.#until, offset + from.length)
    return 0
  }

  /** The part that holds all that was written; undefined when nothing was. */
  get written(): { readonly offset: number; readonly octets: Uint8Array } | undefined {
    if (this.#until === 0) return undefined
    return { offset: this.#from, octets: this.#octets.subarray(this.#from, this.#until) }
  }

  /** Undefined unless all of an access is there. */
  #offset(address: bigint, length: number): number | undefined {
    const offset = address - this.#base
    return offset < 0n || offset + BigInt(length) > BigInt(this.#octets.length) ? undefined : Number(offset)
  }
}
