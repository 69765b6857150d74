/**
 * VLAN tags (IEEE 802.1Q, 802.1ad): a type, then priority (3 bits), drop eligible (1) and VLAN id
 * (12). The EtherType of the payload follows the last tag. `at` is the position of the tag's type.
 */
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from './ethernet.ts'
import { type Getter, get16, put16, type Setter } from './octets.ts'

export const VLAN_HLEN = 4

/** Whether an EtherType marks a tag (eth_type_vlan, include/linux/if_vlan.h). */
export function isVlan(type: number): boolean {
  return type === ETH_P_8021Q || type === ETH_P_8021AD
}

/**
 * The offset of the network header in the Ethernet frame at `at`: 14, and 4 more for each tag. The
 * two bytes before it are the EtherType. -1 if the frame of `length` bytes ends before.
 */
export function networkOffset(bytes: Uint8Array, at: number, length: number): number {
  let offset = ETH_HLEN
  while (offset <= length) {
    if (!isVlan(get16(bytes, at + offset - 2))) return offset
    offset += VLAN_HLEN
  }
  return -1
}

/** Tag control information: priority, drop eligible and id. */
export const tci: Getter = (bytes, at) => get16(bytes, at + 2)
export const setTci: Setter = (bytes, at, value) => put16(bytes, at + 2, value)

/** Priority code point, 0 to 7. */
export const pcp: Getter = (bytes, at) => bytes[at + 2] >>> 5

/** Drop eligible indicator, 0 or 1. */
export const dei: Getter = (bytes, at) => (bytes[at + 2] >>> 4) & 1

/** VLAN id, 0 to 4095. */
export const vid: Getter = (bytes, at) => get16(bytes, at + 2) & 0xfff
