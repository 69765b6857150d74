/**
 * MAC, IPv4 and IPv6 addresses as text and as bytes in network order; IPv4 addresses also as
 * unsigned numbers (198.18.0.1 is 0xc6120001). Parsing is strict: it returns undefined unless the
 * whole text is an address.
 */
import { EINVAL, VnetError } from '../base/errno.ts'
import { get32, put32 } from './octets.ts'

/** A network address and how many of its bits are the network's. */
export interface Prefix {
  /** The address as given, host part included: 4 or 16 bytes. */
  readonly bytes: Uint8Array
  readonly prefixLen: number
}

/** Parses `02:00:00:00:00:01`, in upper or lower case. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined
  return Uint8Array.from(text.split(':'), byte => Number.parseInt(byte, 16))
}

/** Formats the six bytes from `at` as `02:00:00:00:00:01`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  return formatHex(bytes.subarray(at, at + 6))
}

/** Formats bytes as `00:03:00:01`. */
export function formatHex(bytes: Iterable<number>): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(':')
}

/**
 * Parses an IPv4 address of four decimal numbers without leading zeros (4 bytes), or an IPv6
 * address in any form of RFC 4291 sec. 2.2, without a zone (16 bytes).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseQuad(text)
}

/** Formats 4 bytes as a dotted quad, 16 by RFC 5952. RangeError on any other length. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) {
    groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16))
  }
  // IPv4-mapped addresses end in a dotted quad (RFC 5952 sec. 5).
  if (groups.slice(0, 6).join() === '0,0,0,0,0,ffff') {
    groups.splice(6, 2, bytes.subarray(12).join('.'))
  }
  const { start, length } = longestZeros(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

/** Parses an IPv4 address as an unsigned number. */
export function parseIpv4(text: string): number | undefined {
  const bytes = parseQuad(text)
  return bytes && get32(bytes, 0)
}

/** Formats an IPv4 address that is an unsigned number. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`
}

/** The 4 bytes of an IPv4 address that is an unsigned number. */
export function ipv4Bytes(address: number): Uint8Array {
  const bytes = new Uint8Array(4)
  put32(bytes, 0, address)
  return bytes
}

/** The IPv4 network mask of a prefix length of 0 to 32, as an unsigned number. */
export function maskOf(prefixLen: number): number {
  return prefixLen === 0 ? 0 : (0xffff_ffff << (32 - prefixLen)) >>> 0
}

/** Parses `198.18.0.1/24` or `2001:db8::1/64`; the length is decimal, without leading zeros. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return undefined
  const bytes = parseAddress(text.slice(0, slash))
  const prefixLen = decimal(text.slice(slash + 1), 128)
  if (bytes === undefined || prefixLen === undefined || prefixLen > bytes.length * 8) {
    return undefined
  }
  return { bytes, prefixLen }
}

/** Like parsePrefix. VnetError EINVAL on any other text. */
export function toPrefix(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (prefix !== undefined) return prefix
  throw new VnetError(EINVAL, `address ${text}`, 'write it as 198.18.0.1/24 or 2001:db8::1/64')
}

/** Returns a prefix as text, `198.18.0.0/24` or `2001:db8::/64`. */
export function formatPrefix({ bytes, prefixLen }: Prefix): string {
  return `${formatAddress(bytes)}/${prefixLen}`
}

/** The address with its host part cleared. */
export function networkOf({ bytes, prefixLen }: Prefix): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLen - 8 * i))))
}

/** Whether an address, of either family, is in the network of `prefix`. */
export function isInPrefix(address: Uint8Array, prefix: Prefix): boolean {
  if (address.length !== prefix.bytes.length) return false
  return sameBytes(networkOf({ bytes: address, prefixLen: prefix.prefixLen }), networkOf(prefix))
}

/** Addresses of different families are never the same. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}

/** Whether two prefixes have an address in common: one then contains the other. */
export function prefixesIntersect(one: Prefix, other: Prefix): boolean {
  return one.prefixLen <= other.prefixLen
    ? isInPrefix(other.bytes, one)
    : isInPrefix(one.bytes, other)
}

/** The address `n` places on: adds `n` to the last four bytes, which wrap around. */
export function plus(address: Uint8Array, n: number): Uint8Array {
  const sum = address.slice()
  const at = sum.length - 4
  put32(sum, at, get32(sum, at) + n)
  return sum
}

/** Parses a decimal number of at most `max`, without leading zeros. */
function decimal(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}

function parseQuad(text: string): Uint8Array | undefined {
  const bytes = text.split('.').map(part => decimal(part, 255))
  if (bytes.length !== 4 || bytes.includes(undefined)) return undefined
  return Uint8Array.from(bytes as number[])
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves
  const front = bytesOfGroups(head, tail === undefined)
  const back = tail === undefined ? [] : bytesOfGroups(tail, true)
  if (front === undefined || back === undefined) return undefined
  const given = front.length + back.length
  // '::' stands for at least one group.
  if (tail === undefined ? given !== 16 : given > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(front)
  bytes.set(back, 16 - back.length)
  return bytes
}

/** Parses 16-bit groups between colons; the last of an address may be a dotted quad. */
function bytesOfGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
      continue
    }
    const quad = last && i === groups.length - 1 ? parseQuad(group) : undefined
    if (quad === undefined) return undefined
    bytes.push(...quad)
  }
  return bytes
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') {
      length++
    }
    if (length > longest.length) {
      longest = { start, length }
    }
  }
  return longest
}
