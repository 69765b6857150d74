/**
 * The IPv4 header (RFC 791). `parse` and `parseHeader` check version and lengths; the accessors do
 * not check anything. `at` is the position of the header's first byte; lengths and offsets are in
 * bytes.
 */
import { finish, onesComplementSum } from './checksum.ts'
import {
  type Getter,
  get16,
  get32,
  type Predicate,
  put16,
  put32,
  type Setter,
  swap,
} from './octets.ts'

// Lengths of a header without options, and of an address.
export const IPV4_HLEN = 20
export const IPV4_ALEN = 4

// Protocol numbers, also IPv6 next headers, include/uapi/linux/in.h.
export const IPPROTO_ICMP = 1
export const IPPROTO_IGMP = 2
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_DCCP = 33
export const IPPROTO_ESP = 50
export const IPPROTO_AH = 51
export const IPPROTO_UDPLITE = 136

// Flag bits, in the field that also holds the fragment offset.
export const IP_DF = 0x4000
export const IP_MF = 0x2000

const IPOPT_END = 0
const IPOPT_NOOP = 1
const IPOPT_LSRR = 131
const IPOPT_SSRR = 137

/**
 * Returns the length of the header with options, or -1 if the version is wrong or the lengths do
 * not fit in `length` bytes. Bytes after the total length are padding.
 */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  const header = parseHeader(bytes, at, length)
  return header < 0 || totalLength(bytes, at) > length ? -1 : header
}

/**
 * Checks the header of a packet that may be cut off after it, like a record of a capture or the
 * packet that an ICMP error quotes. Returns the length of the header with options, or -1 if the
 * version is wrong, the header does not fit in `length` bytes, or the total length is less than the
 * header. The total length may be more than `length`.
 */
export function parseHeader(bytes: Uint8Array, at: number, length: number): number {
  if (length < IPV4_HLEN || bytes[at] >>> 4 !== 4) return -1
  const header = headerLength(bytes, at)
  return header < IPV4_HLEN || header > length || totalLength(bytes, at) < header ? -1 : header
}

export const version: Getter = (bytes, at) => bytes[at] >>> 4

/** Internet header length in bytes (the field is in units of four). */
export const headerLength: Getter = (bytes, at) => (bytes[at] & 0xf) << 2

/** Type of service: DSCP (RFC 2474) in the upper six bits, ECN (RFC 3168) in the lower two. */
export const typeOfService: Getter = (bytes, at) => bytes[at + 1]

/** Length of header and payload. */
export const totalLength: Getter = (bytes, at) => get16(bytes, at + 2)
export const setTotalLength: Setter = (bytes, at, value) => put16(bytes, at + 2, value)
export const identification: Getter = (bytes, at) => get16(bytes, at + 4)
export const setIdentification: Setter = (bytes, at, value) => put16(bytes, at + 4, value)

/** IP_DF and IP_MF, at their positions in the field. */
export const flags: Getter = (bytes, at) => get16(bytes, at + 6) & 0xe000

/** Offset of this fragment in the payload, in bytes. */
export const fragmentOffset: Getter = (bytes, at) => (get16(bytes, at + 6) & 0x1fff) << 3

/** Whether more fragments follow this one, or it is not the first. */
export const isFragment: Predicate = (bytes, at) => (get16(bytes, at + 6) & 0x3fff) !== 0
export const timeToLive: Getter = (bytes, at) => bytes[at + 8]
export const protocol: Getter = (bytes, at) => bytes[at + 9]
export const headerChecksum: Getter = (bytes, at) => get16(bytes, at + 10)
export const setHeaderChecksum: Setter = (bytes, at, value) => put16(bytes, at + 10, value)

/** Computes and writes the header checksum. */
export function fillHeaderChecksum(bytes: Uint8Array, at: number): void {
  put16(bytes, at + 10, 0)
  put16(bytes, at + 10, finish(onesComplementSum(bytes, at, headerLength(bytes, at))))
}

/** Positions of the two addresses. */
export const sourceAt = (at: number): number => at + 12
export const destinationAt = (at: number): number => at + 16

/** The two addresses as unsigned numbers. */
export const source: Getter = (bytes, at) => get32(bytes, at + 12)
export const destination: Getter = (bytes, at) => get32(bytes, at + 16)
export const setSource: Setter = (bytes, at, address) => put32(bytes, at + 12, address)
export const setDestination: Setter = (bytes, at, address) => put32(bytes, at + 16, address)

/**
 * Whether the options contain a loose or strict source route (RFC 791 sec. 3.1). The search ends at
 * an option of an invalid length.
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

/** Whether an address is unicast: not in 0/8, 127/8, 224/4 or 240/4 (RFC 1122 sec. 3.2.1.3). */
export const isUnicastAddress: Predicate = (bytes, at) =>
  bytes[at] !== 0 && bytes[at] !== 127 && bytes[at] < 224

/**
 * Writes a header without options: DF set, not a fragment, `upper` as protocol and `life` as TTL.
 * `length` is the length of the payload. Addresses and checksum are left to the caller.
 */
export function create(
  bytes: Uint8Array,
  at: number,
  upper: number,
  length: number,
  life: number,
): void {
  put16(bytes, at, 0x4500)
  put16(bytes, at + 2, IPV4_HLEN + length)
  put16(bytes, at + 4, 0)
  put16(bytes, at + 6, IP_DF)
  bytes[at + 8] = life
  bytes[at + 9] = upper
}

/** Writes options, a multiple of 4 bytes, into a header that `create` has written. */
export function setOptions(bytes: Uint8Array, at: number, options: Uint8Array): void {
  bytes[at] = 0x40 | ((IPV4_HLEN + options.length) >>> 2)
  setTotalLength(bytes, at, totalLength(bytes, at) + options.length)
  bytes.set(options, at + IPV4_HLEN)
}

/** Swaps source and destination, which changes no checksum. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  swap(bytes, at + 12, IPV4_ALEN)
}
