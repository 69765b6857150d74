/**
 * Checks of names and addresses that need no device (net/core/dev.c, linux/etherdevice.h). The
 * command line uses them, and commands that need no device start faster without one.
 */
import { isStationAddress } from '../packet/ethernet.ts'
import { ETH_ALEN, IFNAMSIZ } from './if.ts'

/** is_valid_ether_addr: true unless it is a group address or all zero. */
export function isValidEtherAddr(address: Uint8Array): boolean {
  return address.length === ETH_ALEN && isStationAddress(address, 0)
}

/** dev_valid_name, for a name or a pattern. */
export function devValidName(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length
  if (bytes === 0 || bytes >= IFNAMSIZ || name === '.' || name === '..') return false
  return !/[/:\s\0]/.test(name) && /^[^%]*(%d[^%]*)?$/.test(name)
}
