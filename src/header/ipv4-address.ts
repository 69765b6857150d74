/** IPv4 addresses as unsigned numbers: 198.18.0.1 is 0xc6120001. `formatAddress` of ipv4.ts makes text of them. */
import { parseAddress, parsePrefix } from './ip-address.ts'
import { get32, put32 } from './octets.ts'

/** The address, or undefined for what is not exactly one. */
export function parseIpv4(text: string): number | undefined {
  const bytes = parseAddress(text)
  return bytes?.length === 4 ? get32(bytes, 0) : undefined
}

/** `198.18.0.0/24`, host part and all; undefined for what is not exactly that. */
export function parseIpv4Prefix(text: string): { address: number; length: number } | undefined {
  const prefix = parsePrefix(text)
  return prefix?.bytes.length === 4 ? { address: get32(prefix.bytes, 0), length: prefix.prefixLen } : undefined
}

/** The mask of a prefix length of 0 to 32. */
export function maskOf(length: number): number {
  return length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0
}

/** 4 octets in network order. */
export function addressOctets(address: number): Uint8Array {
  const octets = new Uint8Array(4)
  put32(octets, 0, address)
  return octets
}
