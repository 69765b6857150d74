/**
 * The Ethernet II header (IEEE 802.3, RFC 894). `parse` checks the length; the accessors do not
 * check anything. `at` is the position of the header's first byte.
 */

import { type Getter, get16, type Predicate, put16, type Setter, swap } from './octets.ts'

// include/uapi/linux/if_ether.h

// Lengths of an address, of the header, and of the shortest frame without its check sequence.
export const ETH_ALEN = 6
export const ETH_HLEN = 14
export const ETH_ZLEN = 60
export const ETH_FRAME_LEN = 1514
// EtherTypes. The first two are the kernel's own, for frames with a length in place of the type.
export const ETH_P_802_3 = 0x0001
export const ETH_P_802_2 = 0x0004
export const ETH_P_IP = 0x0800
export const ETH_P_ARP = 0x0806
export const ETH_P_8021Q = 0x8100
export const ETH_P_IPV6 = 0x86dd
export const ETH_P_PAUSE = 0x8808
export const ETH_P_8021AD = 0x88a8
/** A smaller value in the type field is the length of an 802.3 frame. */
export const ETH_P_802_3_MIN = 0x0600

/** The address of all stations. Not to be written to. */
export const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255)

const DESTINATION = 0
const SOURCE = 6
const TYPE = 12

/** Returns ETH_HLEN, or -1 if the frame of `length` bytes is shorter. */
export function parse(_bytes: Uint8Array, _at: number, length: number): number {
  return length < ETH_HLEN ? -1 : ETH_HLEN
}

/** Positions of the two addresses. */
export const destinationAt = (at: number): number => at + DESTINATION
export const sourceAt = (at: number): number => at + SOURCE

/** EtherType, or a length when below ETH_P_802_3_MIN. */
export const etherType: Getter = (bytes, at) => get16(bytes, at + TYPE)
export const setEtherType: Setter = (bytes, at, type) => put16(bytes, at + TYPE, type)

/** Copies a six-byte address from `from` at `fromAt` to position `at`. */
export function copyAddress(bytes: Uint8Array, at: number, from: Uint8Array, fromAt = 0): void {
  // Unrolled, here and below: a loop over six bytes takes three times as long.
  bytes[at] = from[fromAt]
  bytes[at + 1] = from[fromAt + 1]
  bytes[at + 2] = from[fromAt + 2]
  bytes[at + 3] = from[fromAt + 3]
  bytes[at + 4] = from[fromAt + 4]
  bytes[at + 5] = from[fromAt + 5]
}

/** Whether the address at `at` equals the address in `other` at `otherAt`. */
export function isSameAddress(
  bytes: Uint8Array,
  at: number,
  other: Uint8Array,
  otherAt = 0,
): boolean {
  return (
    bytes[at + 5] === other[otherAt + 5] &&
    bytes[at + 4] === other[otherAt + 4] &&
    bytes[at + 3] === other[otherAt + 3] &&
    bytes[at + 2] === other[otherAt + 2] &&
    bytes[at + 1] === other[otherAt + 1] &&
    bytes[at] === other[otherAt]
  )
}

/** Whether the address at `at` is a group address, including broadcast. */
export const isMulticastAddress: Predicate = (bytes, at) => (bytes[at] & 1) !== 0

/** Whether the address at `at` is ff:ff:ff:ff:ff:ff. */
export function isBroadcastAddress(bytes: Uint8Array, at: number): boolean {
  return (
    (bytes[at] & bytes[at + 1] & bytes[at + 2] & bytes[at + 3] & bytes[at + 4] & bytes[at + 5]) ===
    0xff
  )
}

/**
 * Returns the address to which the IP address of a group, or 255.255.255.255, is mapped (RFC 1112
 * section 6.4, RFC 2464 section 7); undefined for another.
 */
export function groupAddress(ip: Uint8Array): Uint8Array | undefined {
  if (ip.length === 16) {
    return ip[0] === 0xff ? Uint8Array.of(0x33, 0x33, ...ip.subarray(12)) : undefined
  }
  if (ip.every(byte => byte === 255)) return BROADCAST
  return ip[0] >>> 4 === 14 ? Uint8Array.of(1, 0, 0x5e, ip[1] & 0x7f, ip[2], ip[3]) : undefined
}

/** Whether the address at `at` is a valid station address: neither group nor zero. */
export function isStationAddress(bytes: Uint8Array, at: number): boolean {
  if ((bytes[at] & 1) !== 0) return false
  return (
    (bytes[at] | bytes[at + 1] | bytes[at + 2] | bytes[at + 3] | bytes[at + 4] | bytes[at + 5]) !==
    0
  )
}

/** Swaps destination and source. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  swap(bytes, at, ETH_ALEN)
}
