/**
 * A caller's memory of a few bytes, starting at an address, and a struct ifreq that points to it.
 */

import { ByteMemory } from '#src/netdev/dev-ioctl.ts'

export const MEMORY_AT = 0x7f00_1234_5678n

export const memoryOf = (octets: Uint8Array): ByteMemory => new ByteMemory(octets, MEMORY_AT)

export function ifreqTo(name: string, address = MEMORY_AT): Uint8Array {
  const ifr = new Uint8Array(40)
  ifr.set(new TextEncoder().encode(name))
  new DataView(ifr.buffer).setBigUint64(16, address, true)
  return ifr
}
