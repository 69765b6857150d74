/** Ranges of addresses, of IPv4 (4 bytes) and IPv6 (16 bytes) alike. */
import { formatAddress, networkOf, parseAddress, parsePrefix, plus } from 'vnet/internal/packet/address'

/** Addresses of one family from the first to the last, both included. */
export interface AddressSpan {
  readonly first: Uint8Array
  readonly last: Uint8Array
}

export interface AddressNetwork {
  /** The address with a host part of zero. */
  readonly base: Uint8Array
  readonly prefixLen: number
  /** Without the base (for IPv6: RFC 4291 sec. 2.6.1) and the IPv4 broadcast address. */
  readonly hosts: AddressSpan
}

/** Parses `198.18.0.0/24`. Bits of the host part are cleared. */
export function toNetwork(text: string): AddressNetwork | undefined {
  const prefix = parsePrefix(text)
  if (prefix === undefined) return undefined
  const { bytes, prefixLen } = prefix
  const base = networkOf(prefix)
  const hostPart = networkOf({ bytes: new Uint8Array(bytes.length).fill(255), prefixLen }).map(byte => ~byte)
  const end = base.map((byte, i) => byte | hostPart[i])
  return { base, prefixLen, hosts: { first: plus(base, 1), last: bytes.length === 4 ? plus(end, -1) : end } }
}

/** Parses `198.18.0.100-198.18.0.199`, or one address. */
export function toSpan(text: string): AddressSpan | undefined {
  const [first, last = first] = text.split('-').map(part => parseAddress(part.trim()))
  return first && last && Buffer.compare(first, last) <= 0 ? { first, last } : undefined
}

export function formatSpan({ first, last }: AddressSpan): string {
  const [from, to] = [formatAddress(first), formatAddress(last)]
  return from === to ? from : `${from}-${to}`
}

/** Whether all of `inner` is in `outer`; false for a range that wraps around. */
export function isWithin(inner: AddressSpan, outer: AddressSpan): boolean {
  const order = [outer.first, inner.first, inner.last, outer.last]
  return order.every((address, i) => i === 0 || Buffer.compare(order[i - 1], address) <= 0)
}

/** The 100th to the 199th address of an IPv4 network; the upper half of one smaller than /24. */
export function defaultPool({ base, prefixLen, hosts }: AddressNetwork): AddressSpan {
  if (prefixLen <= 24) return { first: plus(base, 100), last: plus(base, 199) }
  return { first: plus(base, 2 ** (31 - prefixLen)), last: hosts.last }
}
