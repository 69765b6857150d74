/**
 * Protocol addresses as text and octets: `198.18.0.1/24`, `2001:db8::1/64`. Reading is strict: what is not exactly an
 * address and a prefix length is undefined, never a guess. Octets are in network order.
 */

import { EINVAL, VnetError } from '../core/errno.ts'
import { AF_INET, AF_INET6 } from './uapi.ts'

export type Family = typeof AF_INET | typeof AF_INET6

export interface Cidr {
  readonly family: Family
  /** The address as given, host part and all: 4 or 16 octets. */
  readonly bytes: Uint8Array
  readonly prefixLen: number
}

/** `address/prefix`; the prefix is required, in decimal without leading zeros, at most 32 or 128. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return undefined
  const bytes = parseAddress(text.slice(0, slash))
  const prefixLen = decimal(text.slice(slash + 1), 128)
  if (bytes === undefined || prefixLen === undefined || prefixLen > bytes.length * 8) return undefined
  return { family: bytes.length === 4 ? AF_INET : AF_INET6, bytes, prefixLen }
}

/** As parseCidr, for an address that is to be one: VnetError EINVAL, which says how it is written. */
export function toCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr !== undefined) return cidr
  throw new VnetError(EINVAL, `address ${text}`, 'write it as 198.18.0.1/24 or 2001:db8::1/64')
}

/** An IPv4 address of four decimal numbers without leading zeros, or an IPv6 address as in RFC 4291 sec. 2.2, no zone. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text)
}

/** 4 octets as a dotted quad, 16 as RFC 5952 says (IPv4-mapped ones end in a dotted quad, sec. 5). */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 octets, not ${bytes.length}`)
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16))
  const mapped = groups.slice(0, 6).join() === '0,0,0,0,0,ffff'
  if (mapped) groups.splice(6, 2, bytes.subarray(12).join('.'))
  const { start, length } = longestZeros(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

export function formatCidr({ bytes, prefixLen }: Cidr): string {
  return `${formatAddress(bytes)}/${prefixLen}`
}

/** Whether the first `prefixLen` bits of two addresses of one family are the same. */
export function samePrefix(one: Uint8Array, other: Uint8Array, prefixLen: number): boolean {
  for (let bit = 0, i = 0; bit < prefixLen; bit += 8, i++) {
    const mask = prefixLen - bit >= 8 ? 0xff : (0xff00 >> (prefixLen - bit)) & 0xff
    if (((one[i] ^ other[i]) & mask) !== 0) return false
  }
  return true
}

/** Whether two prefixes have an address in common: one of them then holds the other. */
export function prefixesIntersect(one: Cidr, other: Cidr): boolean {
  return one.family === other.family && samePrefix(one.bytes, other.bytes, Math.min(one.prefixLen, other.prefixLen))
}

function decimal(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}

function parseIPv4(text: string): Uint8Array | undefined {
  const octets = text.split('.').map(octet => decimal(octet, 255))
  if (octets.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (const [i, octet] of octets.entries()) {
    if (octet === undefined) return undefined
    bytes[i] = octet
  }
  return bytes
}

function parseIPv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves
  const front = octetsOfGroups(head, tail === undefined)
  const back = tail === undefined ? [] : octetsOfGroups(tail, true)
  if (front === undefined || back === undefined) return undefined
  const given = front.length + back.length
  // '::' stands for at least one group
  if (tail === undefined ? given !== 16 : given > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(front)
  bytes.set(back, 16 - back.length)
  return bytes
}

/** Groups of 16 bits with colons between; the last may be a dotted quad where the address ends. */
function octetsOfGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const octets: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      octets.push(value >> 8, value & 0xff)
      continue
    }
    const quad = last && i === groups.length - 1 ? parseIPv4(group) : undefined
    if (quad === undefined) return undefined
    octets.push(...quad)
  }
  return octets
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > longest.length) longest = { start, length }
  }
  return longest
}
