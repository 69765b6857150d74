/**
 * IPv6 header and the extension headers in front of the upper layer (RFC 8200) as pure functions over octets: `parse`
 * checks version and lengths once, the accessors after it do not. `at` is the position of the header's first octet.
 */
import { get16, put16 } from './octets.ts'

/** Octets of the fixed header, and of an address. */
export const IPV6_HLEN = 40
export const IPV6_ALEN = 16

/** Next headers that only IPv6 has, include/uapi/linux/in6.h. */
export const NEXTHDR_HOP = 0
export const NEXTHDR_ROUTING = 43
export const NEXTHDR_FRAGMENT = 44
export const NEXTHDR_ICMP = 58
export const NEXTHDR_NONE = 59
export const NEXTHDR_DEST = 60

/**
 * 40, the fixed header's length, or -1 when `length` octets do not hold a whole IPv6 packet: wrong version, or a payload
 * length that does not fit. Octets after the payload are padding. Jumbograms (RFC 2675) have a payload length of 0.
 */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < IPV6_HLEN || bytes[at] >>> 4 !== 6) return -1
  return IPV6_HLEN + payloadLength(bytes, at) > length ? -1 : IPV6_HLEN
}

export function version(bytes: Uint8Array, at: number): number {
  return bytes[at] >>> 4
}

export function trafficClass(bytes: Uint8Array, at: number): number {
  return (get16(bytes, at) >>> 4) & 0xff
}

export function flowLabel(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] & 0xf) << 16) | get16(bytes, at + 2)
}

/** Octets after the fixed header, extension headers included. */
export function payloadLength(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 4)
}
export function setPayloadLength(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 4, value)
}

export function nextHeader(bytes: Uint8Array, at: number): number {
  return bytes[at + 6]
}

export function hopLimit(bytes: Uint8Array, at: number): number {
  return bytes[at + 7]
}

/** Positions of the two addresses. */
export function source(at: number): number {
  return at + 8
}
export function destination(at: number): number {
  return at + 24
}

/**
 * Walks hop-by-hop options, destination options and fragment headers within `length` octets (fixed header included) to
 * the first header of another kind: `offset << 8 | protocol`, the offset counted from `at`. The offset is 0 in a later
 * fragment, which has no such header; the protocol is then what the fragment header names. -1 when a header on the way
 * does not fit. What stands at the offset is not checked: it may be a routing or authentication header, or the end.
 *
 * With `fragments` false a fragment header is not walked past, but answered.
 */
export function upperLayer(bytes: Uint8Array, at: number, length: number, fragments = true): number {
  let protocol = bytes[at + 6]
  let offset = IPV6_HLEN
  for (;;) {
    if (protocol === NEXTHDR_HOP || protocol === NEXTHDR_DEST) {
      if (offset + 8 > length) return -1
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

/** Whether the address at `at` can be one host's: neither a group's, nor the unspecified one, nor loopback. */
export function isUnicastAddress(bytes: Uint8Array, at: number): boolean {
  return bytes[at] !== 0xff && (bytes[at + 15] > 1 || !isLow(bytes, at))
}

/** Whether the address at `at` is the unspecified one. */
export function isUnspecified(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 15] === 0 && isLow(bytes, at)
}

/** Whether all of it but the last octet is zero. */
function isLow(bytes: Uint8Array, at: number): boolean {
  let i = 0
  while (i < IPV6_ALEN - 1 && bytes[at + i] === 0) i++
  return i === IPV6_ALEN - 1
}

/** Whether the address at `at` is link-local. */
export function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0x80
}

/** Source and destination change sides; no checksum notices. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  for (let i = at + 8; i < at + 24; i++) {
    const octet = bytes[i]
    bytes[i] = bytes[i + IPV6_ALEN]
    bytes[i + IPV6_ALEN] = octet
  }
}

/** Writes a header but for its addresses: no traffic class or flow label; `length` is that of what it carries. */
export function create(bytes: Uint8Array, at: number, protocol: number, length: number, hops: number): void {
  put16(bytes, at, 0x6000)
  put16(bytes, at + 2, 0)
  put16(bytes, at + 4, length)
  bytes[at + 6] = protocol
  bytes[at + 7] = hops
}

/** The address at `at` as text in the form of RFC 5952: lower case, the longest run of zeros as `::`. */
export function formatAddress(bytes: Uint8Array, at: number): string {
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && get16(bytes, at + 2 * (i + n)) === 0) n++
    if (n > bestLength) {
      best = i
      bestLength = n
    }
    i += n
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      text += '::'
      i += bestLength - 1
    } else {
      text += `${text === '' || text.endsWith(':') ? '' : ':'}${get16(bytes, at + 2 * i).toString(16)}`
    }
  }
  return text
}
