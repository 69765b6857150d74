/**
 * VLAN tags (IEEE 802.1Q, 802.1ad) as pure functions over octets. A tag is the four octets from its own type field:
 * type | priority (3 bits), drop eligible (1), VLAN id (12); the EtherType of what follows comes after it.
 */
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from './ethernet.ts'
import { get16, put16 } from './octets.ts'

/** Octets of a tag. */
export const VLAN_HLEN = 4

/** Whether an EtherType announces a tag (eth_type_vlan, include/linux/if_vlan.h). */
export function isVlan(type: number): boolean {
  return type === ETH_P_8021Q || type === ETH_P_8021AD
}

/**
 * How far behind the start of the Ethernet frame at `at` the network header begins: 14, and 4 more for every tag. The
 * EtherType is the two octets before it. -1 when the frame of `length` octets ends before that.
 */
export function networkOffset(bytes: Uint8Array, at: number, length: number): number {
  let offset = ETH_HLEN
  while (offset <= length) {
    if (!isVlan(get16(bytes, at + offset - 2))) return offset
    offset += VLAN_HLEN
  }
  return -1
}

/** Tag control information: priority, drop eligible and id together. `at` is the position of the tag's type field. */
export function tci(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2)
}
export function setTci(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value)
}

/** Priority code point, 0 to 7. */
export function pcp(bytes: Uint8Array, at: number): number {
  return bytes[at + 2] >>> 5
}

/** Drop eligible indicator, 0 or 1. */
export function dei(bytes: Uint8Array, at: number): number {
  return (bytes[at + 2] >>> 4) & 1
}

/** VLAN id, 0 to 4095. */
export function vid(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2) & 0xfff
}
