import { EFAULT } from '../core/errno.ts'
import type { UserMemory } from '../core/user-data.ts'

/** Memory that is `octets` at `base`, and nothing besides. */
export function inlineMemory(octets: Uint8Array, base: number): UserMemory {
  /** The part of it that an access is to, if it is all there. */
  function part(address: bigint, length: number): Uint8Array | undefined {
    const offset = address - BigInt(base)
    if (offset < 0n || offset + BigInt(length) > BigInt(octets.length)) return undefined
    return octets.subarray(Number(offset), Number(offset) + length)
  }
  return {
    read(address, into) {
      const from = part(address, into.length)
      if (from === undefined) return -EFAULT
      into.set(from)
      return 0
    },
    write(address, from) {
      const into = part(address, from.length)
      if (into === undefined) return -EFAULT
      into.set(from)
      return 0
    },
  }
}
