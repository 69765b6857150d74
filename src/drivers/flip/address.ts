/**
 * Flips one address, and a checksum over it, for hidden-loopback. Only this file decides which
 * addresses are flipped. Callers check bounds.
 */
import { checksumGrow, get16, growthOf, put16, sumGrow } from '../../packet/index.ts'
import { IPPROTO_DCCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../../packet/ipv4.ts'
import { NEXTHDR_ICMP } from '../../packet/ipv6.ts'

/** The index of the address byte with the flipped lowest bit. */
export const FLIPPED_IPV4 = 2
export const FLIPPED_IPV6 = 7

/** The weight of that bit in its 16-bit word. */
export const BIT_IPV4 = 0x100
export const BIT_IPV6 = 1

/** Position of the checksum over the addresses in the header at `h`, or 0. */
export function checksumField(protocol: number, h: number, isIpv6: boolean): number {
  if (protocol === IPPROTO_TCP) return h + 16
  if (protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE || protocol === IPPROTO_DCCP) {
    return h + 6
  }
  return isIpv6 && protocol === NEXTHDR_ICMP ? h + 2 : 0
}

/** Whether a checksum of 0 means none (RFC 768), or is not allowed (RFC 3828 sec. 3.1). */
export const isZeroNone = (protocol: number): boolean =>
  protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE

/** Returns a copy of an address of 4 or 16 bytes with its network number flipped. */
export function flipAddress(address: Uint8Array): Uint8Array {
  const flipped = address.slice()
  flipped[flipped.length === 4 ? FLIPPED_IPV4 : FLIPPED_IPV6] ^= 1
  return flipped
}

/** Flips the lowest bit of a byte; returns by how much its 16-bit word grew. */
export function flip(bytes: Uint8Array, at: number, weight: number): number {
  const byte = bytes[at]
  bytes[at] = byte ^ 1
  return (byte & 1) === 0 ? weight : -weight
}

/** Adjusts a checksum after its words grew by `delta`; returns the growth of the checksum. */
export function adjust(
  bytes: Uint8Array,
  field: number,
  delta: number,
  partial: boolean,
  zeroIsNone: boolean,
): number {
  const before = get16(bytes, field)
  grow(bytes, field, growthOf(delta), partial, zeroIsNone)
  return get16(bytes, field) - before
}

/** With `zeroIsNone` a checksum of 0 is kept, and one that becomes 0 is written as 0xffff. */
export function grow(
  bytes: Uint8Array,
  field: number,
  growth: number,
  partial: boolean,
  zeroIsNone: boolean,
): void {
  const before = get16(bytes, field)
  if (partial) {
    put16(bytes, field, sumGrow(before, growth))
  } else if (before !== 0 || !zeroIsNone) {
    const after = checksumGrow(before, growth)
    put16(bytes, field, after === 0 && zeroIsNone ? 0xffff : after)
  }
}

/** Whether the IPv4 address at `at` has a far end. */
export function isUnicast4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  return first !== 0 && first !== 127 && first < 224 && (first !== 169 || bytes[at + 1] !== 254)
}

/** Whether the IPv4 address at `at` is multicast or 255.255.255.255. */
export function isGroup4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  return first >>> 4 === 0xe || (first & bytes[at + 1] & bytes[at + 2] & bytes[at + 3]) === 0xff
}

/** Whether the IPv6 address at `at` has a far end. */
export function isUnicast6(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  if (first === 0xff || (first === 0xfe && (bytes[at + 1] & 0xc0) === 0x80)) return false
  if (first !== 0) return true
  let rest = (bytes[at + 7] & 0xfe) | (bytes[at + 15] & 0xfe)
  for (let i = 1; i < 15; i++) {
    if (i !== 7) {
      rest |= bytes[at + i]
    }
  }
  return rest !== 0
}
