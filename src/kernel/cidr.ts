/**
 * Protocol addresses as text and octets: `198.18.0.1/24`, `2001:db8::1/64`. Reading is strict: what is not exactly an
 * address and a prefix length is undefined, never a guess. Octets are in network order.
 */

import { EINVAL, VnetError } from '../core/errno.ts'
import { formatAddress, type Prefix, parseAddress, parsePrefix } from '../header/ip-address.ts'
import { AF_INET, AF_INET6 } from './uapi.ts'

export { formatAddress, parseAddress }

export type Family = typeof AF_INET | typeof AF_INET6

export interface Cidr extends Prefix {
  readonly family: Family
}

/** `address/prefix`; the prefix is required, in decimal without leading zeros, at most 32 or 128. */
export function parseCidr(text: string): Cidr | undefined {
  const prefix = parsePrefix(text)
  return prefix && { family: prefix.bytes.length === 4 ? AF_INET : AF_INET6, ...prefix }
}

/** As parseCidr, for an address that is to be one: VnetError EINVAL, which says how it is written. */
export function toCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr !== undefined) return cidr
  throw new VnetError(EINVAL, `address ${text}`, 'write it as 198.18.0.1/24 or 2001:db8::1/64')
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
