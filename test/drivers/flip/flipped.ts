/** The expected flip of a frame, and of the addresses in it. */
import { type ErrorBody, FIELD, isIpv6, type Packet, transportOffset } from '../../packet/frames.ts'

/** Whether an address has a far end, by its text. */
export function hasFarEnd(octets: number[]): boolean {
  if (octets.length === 4) {
    return !/^(0|127|169\.254|2[2-5][4-9]|2[345]\d)(\.|$)/.test(octets.join('.'))
  }
  const text = octets.map(octet => octet.toString(16).padStart(2, '0')).join('')
  return !/^(0{15}[01]0{15}[01]$|fe[89ab]|ff)/.test(text)
}

export function farEnd(octets: number[]): number[] {
  if (!hasFarEnd(octets)) return octets
  return octets.map((octet, i) => (i === (octets.length === 4 ? 2 : 7) ? octet ^ 1 : octet))
}

/**
 * The same frame at the far end, built from a description: its checksums are computed, not
 * adjusted.
 */
export function flipped(packet: Packet): Packet {
  const { error } = packet
  const addresses = { source: farEnd(packet.source), destination: farEnd(packet.destination) }
  if (error === undefined) return { ...packet, ...addresses }
  const isRedirect = !isIpv6(packet) && error.type === 5
  return {
    ...packet,
    ...addresses,
    error: {
      ...error,
      rest: isRedirect ? farEnd(error.rest) : error.rest,
      quote: flippedQuote(error),
    },
  }
}

/** A quote has only its complete addresses flipped. */
export function flippedQuote({ quote, cut }: ErrorBody): Packet {
  const [first, second] = isIpv6(quote) ? [24, 40] : [16, 20]
  return {
    ...quote,
    source: cut >= first ? farEnd(quote.source) : quote.source,
    destination: cut >= second ? farEnd(quote.destination) : quote.destination,
  }
}

/** Whether a quote ends in half a checksum, which is too little to adjust it. */
export function cutsField({ quote, cut }: ErrorBody): boolean {
  const field = transportOffset(quote) + FIELD[quote.kind]
  const headerSum = !isIpv6(quote) && cut === 11
  return quote.kind !== 'other' && (cut === field + 1 || headerSum)
}
