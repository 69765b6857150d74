/**
 * Flips an ICMP or ICMPv6 error for hidden-loopback: the packet that it quotes was sent by the far
 * end, so its addresses are flipped, too. A quote may be cut at any byte: an address or checksum
 * that is not whole is not changed. The caller updates the checksum of the message.
 */
import { pseudoHeaderSum4, pseudoHeaderSum6 } from '../../packet/checksum.ts'
import * as icmp from '../../packet/icmp.ts'
import * as icmpv6 from '../../packet/icmpv6.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import { IPPROTO_UDP } from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { get16 } from '../../packet/octets.ts'
import { adjust, BIT_IPV4, BIT_IPV6, checksumField, flip, isUnicast4, isUnicast6, isZeroNone } from './address.ts'

/** The shortest quote with a valid length field (RFC 4884 sec. 4.1), which was once unused. */
const MIN_QUOTE_LENGTH = 128

/** Flips the addresses in an ICMP error; returns the growth of the words after its checksum. */
export function flipIcmp(bytes: Uint8Array, h: number, end: number): number {
  const type = icmp.type(bytes, h)
  if (!icmp.isError(type) || icmp.parse(bytes, h, end - h) < 0) return 0
  let delta = 0
  if (type === icmp.ICMP_REDIRECT && isUnicast4(bytes, h + 4)) delta += flip(bytes, h + 6, BIT_IPV4)
  return delta + flipQuote4(bytes, h + 8, quoteEnd(h + 8, icmp.quoteLength(bytes, h), end))
}

/** The same for an ICMPv6 error. */
export function flipIcmpv6(bytes: Uint8Array, h: number, end: number): number {
  if (!icmpv6.isError(icmpv6.type(bytes, h)) || icmpv6.parse(bytes, h, end - h) < 0) return 0
  return flipQuote6(bytes, h + 8, quoteEnd(h + 8, icmpv6.quoteLength(bytes, h), end))
}

function quoteEnd(quote: number, length: number, end: number): number {
  return length >= MIN_QUOTE_LENGTH && quote + length < end ? quote + length : end
}

/** Flips the addresses that a quote holds whole, and adjusts its checksums. Returns as flipIcmp. */
function flipQuote4(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 16 || ipv4.version(bytes, q) !== 4 || ipv4.headerLength(bytes, q) < ipv4.IPV4_HLEN) return 0
  const protocol = ipv4.protocol(bytes, q)
  const field = quotedField4(bytes, q, length)
  const partial = field !== 0 && get16(bytes, field) === quotedPseudoSum4(bytes, q, length)
  let delta = 0
  if (isUnicast4(bytes, q + 12)) delta += flip(bytes, q + 14, BIT_IPV4)
  if (length >= 20 && isUnicast4(bytes, q + 16)) delta += flip(bytes, q + 18, BIT_IPV4)
  const changed = delta + adjust(bytes, q + 10, delta, false, false)
  return field === 0 ? changed : changed + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/** The position of the transport checksum in a quote; 0 if it is absent or unknown. */
function quotedField4(bytes: Uint8Array, q: number, length: number): number {
  if (length < ipv4.IPV4_HLEN) return 0
  const header = ipv4.headerLength(bytes, q)
  const total = ipv4.totalLength(bytes, q)
  // Behind a source route the pseudo-header names another destination than the header does.
  if (header > length || ipv4.fragmentOffset(bytes, q) !== 0 || ipv4.hasSourceRoute(bytes, q)) return 0
  const field = checksumField(ipv4.protocol(bytes, q), q + header, false)
  return field + 2 > q + (total < length ? total : length) ? 0 : field
}

function quotedPseudoSum4(bytes: Uint8Array, q: number, length: number): number {
  const header = ipv4.headerLength(bytes, q)
  const protocol = ipv4.protocol(bytes, q)
  const size = ipv4.totalLength(bytes, q) - header
  return pseudoHeaderSum4(bytes, q, protocol, transportLength(bytes, q + header, q + length, protocol, size))
}

function flipQuote6(bytes: Uint8Array, q: number, end: number): number {
  const length = end - q
  if (length < 24 || ipv6.version(bytes, q) !== 6) return 0
  const size = ipv6.IPV6_HLEN + (length < ipv6.IPV6_HLEN ? 0 : ipv6.payloadLength(bytes, q))
  const upper = length < ipv6.IPV6_HLEN ? 0 : ipv6.upperLayer(bytes, q, length)
  const protocol = upper & 0xff
  const h = upper < 0 ? 0 : upper >>> 8
  let field = h === 0 ? 0 : checksumField(protocol, q + h, true)
  if (field + 2 > q + size || field + 2 > end) field = 0
  const partial =
    field !== 0 &&
    get16(bytes, field) === pseudoHeaderSum6(bytes, q, protocol, transportLength(bytes, q + h, end, protocol, size - h))
  let delta = 0
  if (isUnicast6(bytes, q + 8)) delta += flip(bytes, q + 15, BIT_IPV6)
  if (length >= 40 && isUnicast6(bytes, q + 24)) delta += flip(bytes, q + 31, BIT_IPV6)
  return field === 0 ? delta : delta + adjust(bytes, field, delta, partial, isZeroNone(protocol))
}

/**
 * The length in the pseudo-header of a quote: UDP's own field, which is right in a first fragment,
 * too, or `size`, from the IP header.
 */
function transportLength(bytes: Uint8Array, h: number, end: number, protocol: number, size: number): number {
  return protocol === IPPROTO_UDP && h + 6 <= end ? get16(bytes, h + 4) : size
}
