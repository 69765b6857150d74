/**
 * IPv4 header (RFC 791) as pure functions over octets: `parse` checks version and lengths once, the accessors after it
 * do not. `at` is the position of the header's first octet; lengths and offsets are in octets.
 */
import { finish, onesComplementSum } from './checksum.ts'
import { get16, get32, put16, put32 } from './octets.ts'

/** Octets of a header without options, and of an address. */
export const IPV4_HLEN = 20
export const IPV4_ALEN = 4

/** Protocol numbers, also IPv6 next headers, include/uapi/linux/in.h. */
export const IPPROTO_ICMP = 1
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_DCCP = 33
export const IPPROTO_ESP = 50
export const IPPROTO_AH = 51
export const IPPROTO_UDPLITE = 136

/** Flag bits, in the field that also holds the fragment offset. */
export const IP_DF = 0x4000
export const IP_MF = 0x2000

const IPOPT_END = 0
const IPOPT_NOOP = 1
const IPOPT_LSRR = 131
const IPOPT_SSRR = 137

/**
 * The header's length with its options, or -1 when `length` octets do not hold a whole IPv4 packet: wrong version,
 * header or total length that do not fit. Octets after the total length are padding.
 */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < IPV4_HLEN || bytes[at] >>> 4 !== 4) return -1
  const header = headerLength(bytes, at)
  const total = totalLength(bytes, at)
  return header < IPV4_HLEN || total < header || total > length ? -1 : header
}

export function version(bytes: Uint8Array, at: number): number {
  return bytes[at] >>> 4
}

/** Internet header length in octets (the field counts words of four). */
export function headerLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0xf) << 2
}

/** Type of service: DSCP (RFC 2474) in the upper six bits, ECN (RFC 3168) in the lower two. */
export function typeOfService(bytes: Uint8Array, at: number): number {
  return bytes[at + 1]
}

/** Octets of header and payload. */
export function totalLength(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2)
}
export function setTotalLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 2, value)
}

export function identification(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 4)
}
export function setIdentification(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value)
}

/** IP_DF and IP_MF as they stand in the field. */
export function flags(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 6) & 0xe000
}

/** Where this fragment's payload belongs, in octets. */
export function fragmentOffset(bytes: Uint8Array, at: number): number {
  return (get16(bytes, at + 6) & 0x1fff) << 3
}

/** Whether this is a fragment: more follow, or it is not the first. */
export function isFragment(bytes: Uint8Array, at: number): boolean {
  return (get16(bytes, at + 6) & 0x3fff) !== 0
}

export function timeToLive(bytes: Uint8Array, at: number): number {
  return bytes[at + 8]
}

export function protocol(bytes: Uint8Array, at: number): number {
  return bytes[at + 9]
}

export function headerChecksum(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 10)
}
export function setHeaderChecksum(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 10, value)
}

/** Computes the header checksum anew and writes it. */
export function fillHeaderChecksum(bytes: Uint8Array, at: number): void {
  put16(bytes, at + 10, 0)
  put16(bytes, at + 10, finish(onesComplementSum(bytes, at, headerLength(bytes, at))))
}

/** Source and destination address as unsigned numbers. */
export function source(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 12)
}
export function destination(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 16)
}
export function setSource(bytes: Uint8Array, at: number, address: number): void {
  put32(bytes, at + 12, address)
}
export function setDestination(bytes: Uint8Array, at: number, address: number): void {
  put32(bytes, at + 16, address)
}

/**
 * Whether the options hold a loose or strict source route (RFC 791 sec. 3.1). The search ends at an option whose length
 * makes no sense.
 */
export function hasSourceRoute(bytes: Uint8Array, at: number): boolean {
  const end = at + headerLength(bytes, at)
  let option = at + IPV4_HLEN
  while (option < end) {
    const type = bytes[option]
    if (type === IPOPT_LSRR || type === IPOPT_SSRR) return true
    if (type === IPOPT_END) return false
    if (type === IPOPT_NOOP) {
      option++
      continue
    }
    if (option + 1 >= end || bytes[option + 1] < 2) return false
    option += bytes[option + 1]
  }
  return false
}

/** Whether the address at `at` can be one host's: not of 0/8 or 127/8, no group, not 240/4 (RFC 1122 sec. 3.2.1.3). */
export function isUnicastAddress(bytes: Uint8Array, at: number): boolean {
  return bytes[at] !== 0 && bytes[at] !== 127 && bytes[at] < 224
}

/**
 * Writes a header without options but for its addresses and its checksum: DF set, no fragment, `life` as its TTL; `length` is that
 * of what it carries.
 */
export function create(bytes: Uint8Array, at: number, protocol: number, length: number, life: number): void {
  put16(bytes, at, 0x4500)
  put16(bytes, at + 2, IPV4_HLEN + length)
  put16(bytes, at + 4, 0)
  put16(bytes, at + 6, IP_DF)
  bytes[at + 8] = life
  bytes[at + 9] = protocol
}

/** Source and destination change sides; no checksum notices. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  // Octet by octet: a number of 32 bits may cost an object.
  for (let i = at + 12; i < at + 16; i++) {
    const octet = bytes[i]
    bytes[i] = bytes[i + IPV4_ALEN]
    bytes[i + IPV4_ALEN] = octet
  }
}

/** An address as text, `198.18.0.1`. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`
}
