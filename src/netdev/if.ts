/**
 * The constants of a network interface (if.constants), and checks of names and addresses that need
 * no device.
 */
import { ETH_ALEN, isStationAddress } from '../packet/ethernet.ts'
import { IFNAMSIZ } from './if.generated.ts'

export { ETH_ALEN, ETH_HLEN, ETH_ZLEN } from '../packet/ethernet.ts'
export { VLAN_HLEN } from '../packet/vlan.ts'
export * from './if.generated.ts'

/** is_valid_ether_addr: true unless it is a group address or all zero. */
export function isValidEtherAddr(address: Uint8Array): boolean {
  return address.length === ETH_ALEN && isStationAddress(address, 0)
}

/** dev_valid_name: whether an interface may have a name, or a pattern such as `eth%d`. */
export function devValidName(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length
  if (bytes === 0 || bytes >= IFNAMSIZ || name === '.' || name === '..') return false
  return !/[/:\s\0]/.test(name) && /^[^%]*(%d[^%]*)?$/.test(name)
}
