/**
 * A caller's memory of a few bytes, starting at an address, and a struct ifreq that points to it.
 */

import { EFAULT } from '../../src/base/errno.ts'
import type { UserMemory } from '../../src/netdev/dev-ioctl.ts'

export const MEMORY_AT = 0x7f00_1234_5678n

export function memoryOf(octets: Uint8Array): UserMemory {
  function at(address: bigint, length: number): number {
    const offset = Number(address - MEMORY_AT)
    return offset >= 0 && offset + length <= octets.length ? offset : -EFAULT
  }
  return {
    read(address, into) {
      const offset = at(address, into.length)
      if (offset < 0) return offset
      into.set(octets.subarray(offset, offset + into.length))
      return 0
    },
    write(address, from) {
      const offset = at(address, from.length)
      if (offset < 0) return offset
      octets.set(from, offset)
      return 0
    },
  }
}

export function ifreqTo(name: string, address = MEMORY_AT): Uint8Array {
  const ifr = new Uint8Array(40)
  ifr.set(new TextEncoder().encode(name))
  new DataView(ifr.buffer).setBigUint64(16, address, true)
  return ifr
}
