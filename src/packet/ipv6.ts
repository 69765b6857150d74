/**
 * The IPv6 header and extension headers (RFC 8200). `parse` checks version and lengths; the
 * accessors do not check anything. `at` is the position of the header's first byte.
 */
import { type Getter, get16, type Predicate, put16, type Setter, swap } from './octets.ts'

/** Lengths of the fixed header, and of an address. */
export const IPV6_HLEN = 40
export const IPV6_ALEN = 16

/** ff02::1, all nodes of a link. Not to be written to. */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** Next headers that only IPv6 has, include/uapi/linux/in6.h. */
export const NEXTHDR_HOP = 0
export const NEXTHDR_ROUTING = 43
export const NEXTHDR_FRAGMENT = 44
export const NEXTHDR_ICMP = 58
export const NEXTHDR_NONE = 59
export const NEXTHDR_DEST = 60

/**
 * Returns IPV6_HLEN, or -1 if the version is wrong or the payload does not fit in `length` bytes.
 * Bytes after the payload are padding. Jumbograms (RFC 2675) have a payload length of 0.
 */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < IPV6_HLEN || bytes[at] >>> 4 !== 6) return -1
  return IPV6_HLEN + payloadLength(bytes, at) > length ? -1 : IPV6_HLEN
}

export const version: Getter = (bytes, at) => bytes[at] >>> 4
export const trafficClass: Getter = (bytes, at) => (get16(bytes, at) >>> 4) & 0xff
export const flowLabel: Getter = (bytes, at) => ((bytes[at + 1] & 0xf) << 16) | get16(bytes, at + 2)

/** Length of all after the fixed header, extension headers included. */
export const payloadLength: Getter = (bytes, at) => get16(bytes, at + 4)
export const setPayloadLength: Setter = (bytes, at, value) => put16(bytes, at + 4, value)
export const nextHeader: Getter = (bytes, at) => bytes[at + 6]
export const hopLimit: Getter = (bytes, at) => bytes[at + 7]

/** Positions of the two addresses. */
export const sourceAt = (at: number): number => at + 8
export const destinationAt = (at: number): number => at + 24

/**
 * Skips hop-by-hop options, destination options and fragment headers and returns the first other
 * header, as `offset << 8 | protocol`, with the offset counted from `at`. `length` includes the
 * fixed header. In a later fragment, which has no such header, the offset is 0 and the protocol is
 * the fragment header's. Returns -1 if a skipped header does not fit. The returned header is not
 * checked: it may be a routing or authentication header, or lie at the end of the packet.
 *
 * If `fragments` is false, a fragment header is returned, not skipped. If `routed` is true, a
 * routing header without segments left is skipped, as its destination does (RFC 8200 sec. 4.4).
 */
export function upperLayer(
  bytes: Uint8Array,
  at: number,
  length: number,
  fragments = true,
  routed = false,
): number {
  let protocol = bytes[at + 6]
  let offset = IPV6_HLEN
  for (;;) {
    const isOver = protocol === NEXTHDR_ROUTING && routed && bytes[at + offset + 3] === 0
    if (protocol === NEXTHDR_HOP || protocol === NEXTHDR_DEST || isOver) {
      if (!(offset + 8 <= length)) return -1
      const size = (bytes[at + offset + 1] + 1) << 3
      if (offset + size > length) return -1
      protocol = bytes[at + offset]
      offset += size
    } else if (protocol === NEXTHDR_FRAGMENT && fragments) {
      if (offset + 8 > length) return -1
      protocol = bytes[at + offset]
      if ((get16(bytes, at + offset + 2) & 0xfff8) !== 0) return protocol
      offset += 8
    } else {
      return (offset << 8) | protocol
    }
  }
}

/** Whether the address at `at` is unicast, and neither unspecified nor loopback. */
export function isUnicastAddress(bytes: Uint8Array, at: number): boolean {
  return bytes[at] !== 0xff && (bytes[at + 15] > 1 || !isLow(bytes, at))
}

/** Whether the address at `at` is unspecified (`::`). */
export const isUnspecified: Predicate = (bytes, at) => bytes[at + 15] === 0 && isLow(bytes, at)

function isLow(bytes: Uint8Array, at: number): boolean {
  let i = 0
  while (i < IPV6_ALEN - 1 && bytes[at + i] === 0) {
    i++
  }
  return i === IPV6_ALEN - 1
}

/** Whether the address at `at` is link-local. */
export const isLinkLocal: Predicate = (bytes, at) =>
  bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0x80

/** Swaps source and destination, which changes no checksum. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  swap(bytes, at + 8, IPV6_ALEN)
}

/** Writes a header for `length` bytes of payload, without traffic class, label and addresses. */
export function create(
  bytes: Uint8Array,
  at: number,
  protocol: number,
  length: number,
  hops: number,
): void {
  put16(bytes, at, 0x6000)
  put16(bytes, at + 2, 0)
  put16(bytes, at + 4, length)
  bytes[at + 6] = protocol
  bytes[at + 7] = hops
}
