/**
 * VLAN tags (IEEE 802.1Q, 802.1ad): a type, then priority (3 bits), drop eligible (1) and VLAN id
 * (12). The EtherType of the payload follows the last tag. The getters take the position of the
 * tag's type, 12 bytes after the start of a frame with one tag: the kernel's `struct vlan_hdr`
 * starts 2 bytes later, at the tag control information.
 */
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from './ethernet.ts'
import { type Getter, get16, put16, type Setter } from './octets.ts'

export const VLAN_HLEN = 4
/** Where an Ethernet frame has its type, and so its outer tag. */
const TYPE_AT = 12

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

/** Tag control information of the tag with its type at `at`: priority, drop eligible and id. */
export const tci: Getter = (bytes, at) => get16(bytes, at + 2)
export const setTci: Setter = (bytes, at, value) => put16(bytes, at + 2, value)

/** Priority code point of the tag with its type at `at`, 0 to 7. */
export const pcp: Getter = (bytes, at) => bytes[at + 2] >>> 5

/** Drop eligible indicator of the tag with its type at `at`, 0 or 1. */
export const dei: Getter = (bytes, at) => (bytes[at + 2] >>> 4) & 1

/** VLAN id of the tag with its type at `at`, 0 to 4095. */
export const vid: Getter = (bytes, at) => get16(bytes, at + 2) & 0xfff

interface Frame {
  readonly bytes: Uint8Array
  readonly data: number
  readonly len: number
  push(n: number): number
  pull(n: number): number
}

/**
 * Inserts a tag after the addresses (vlan_insert_tag). Throws without 4 bytes of headroom. `nh`
 * and `csumStart` remain right: only the start of the frame moves.
 */
export function insertTag(skb: Frame, control: number, type = ETH_P_8021Q): void {
  const at = skb.push(VLAN_HLEN)
  skb.bytes.copyWithin(at, at + VLAN_HLEN, at + VLAN_HLEN + TYPE_AT)
  put16(skb.bytes, at + TYPE_AT, type)
  put16(skb.bytes, at + TYPE_AT + 2, control)
}

/** Removes the outer tag, and returns its control information; -1 without one (skb_vlan_pop). */
export function popTag(skb: Frame): number {
  const { bytes, data, len } = skb
  if (len < ETH_HLEN + VLAN_HLEN || !isVlan(get16(bytes, data + TYPE_AT))) return -1
  const value = get16(bytes, data + TYPE_AT + 2)
  bytes.copyWithin(data + VLAN_HLEN, data, data + TYPE_AT)
  skb.pull(VLAN_HLEN)
  return value
}
