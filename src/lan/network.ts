/** Addresses as numbers, to count from one to the next: both families alike. */
import { formatAddress, parseAddress, parsePrefix } from '../header/ip-address.ts'

/** From the first to the last, both included. */
export interface Span {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
}

export interface Network extends Span {
  readonly prefixLen: number
  /** Whether the text has bits behind the prefix. */
  readonly hostBits: boolean
}

/** An address in text as a number, with its family. */
export function toNumber(text: string): { family: 4 | 6; value: bigint } | undefined {
  const bytes = parseAddress(text)
  if (bytes === undefined) return undefined
  return { family: bytes.length === 4 ? 4 : 6, value: numberOf(bytes) }
}

/** `198.18.0.0/24`; undefined when it is none. */
export function toNetwork(text: string): Network | undefined {
  const prefix = parsePrefix(text)
  if (prefix === undefined) return undefined
  const { bytes, prefixLen } = prefix
  const size = 1n << BigInt(bytes.length * 8 - prefixLen)
  const value = numberOf(bytes)
  const first = value - (value % size)
  return { family: bytes.length === 4 ? 4 : 6, first, last: first + size - 1n, prefixLen, hostBits: value !== first }
}

/** `198.18.0.100-198.18.0.199`, or one address, of IPv4. */
export function toSpan(text: string): Span | undefined {
  const [from, to = from] = text.split('-').map(part => toNumber(part.trim()))
  if (from === undefined || to === undefined || from.family !== 4 || from.value > to.value) return undefined
  return { family: 4, first: from.value, last: to.value }
}

export function formatNumber(family: 4 | 6, value: bigint): string {
  const octets = family === 4 ? 4 : 16
  return formatAddress(
    Uint8Array.from({ length: octets }, (_, i) => Number((value >> BigInt(8 * (octets - 1 - i))) & 0xffn)),
  )
}

export function formatSpan({ family, first, last }: Span): string {
  const from = formatNumber(family, first)
  return first === last ? from : `${from}-${formatNumber(family, last)}`
}

/** Those that a host may have: not the network's own, nor the broadcast address (RFC 4291 sec. 2.6.1 for IPv6). */
export function usable({ family, first, last }: Network): Span {
  return { family, first: first + 1n, last: family === 4 ? last - 1n : last }
}

export function isWithin(inner: Span, outer: Span): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last
}

/** The 100th to the 199th address of a network; of a small one the upper half. */
export function defaultPool({ family, first, last }: Network): Span {
  const size = last - first + 1n
  if (size >= 256n) return { family, first: first + 100n, last: first + 199n }
  return { family, first: first + size / 2n, last: last - 1n }
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n)
}
