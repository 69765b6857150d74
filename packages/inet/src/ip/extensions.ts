/** Reads IPv6's extension headers before the upper header, and finds their mistakes (RFC 8200). */
import { IPV6_HLEN, NEXTHDR_DEST, NEXTHDR_HOP, NEXTHDR_ROUTING } from 'vnet/internal/packet/ipv6'

/** Returns the position of an IPv6 packet's upper protocol byte, or of its fragment header. */
export function nextHeaderAt(bytes: Uint8Array, nh: number, end: number): number {
  let at = nh + 6
  let header = nh + IPV6_HLEN
  while ((bytes[at] === NEXTHDR_HOP || bytes[at] === NEXTHDR_DEST) && header + 8 <= end) {
    at = header
    header += ((bytes[header + 1] as number) + 1) << 3
  }
  return at
}

/** Codes of a Parameter Problem (RFC 4443, RFC 7112). */
export const [HDR_FIELD, UNK_NEXTHDR, UNK_OPTION, HDR_INCOMP] = [0, 1, 2, 3] as const

/** A mistake, and its offset from the start of the packet. It is reported if it has a code. */
export type HeaderProblem = Readonly<{ code: number | undefined; pointer: number }>

/** Types of options that Linux knows. */
const KNOWN: Readonly<Record<number, readonly number[]>> = {
  [NEXTHDR_HOP]: [1, 5, 7, 0x31, 0xc2],
  [NEXTHDR_DEST]: [1, 0xc9],
}
/** The two high bits of an unknown option: skip it, discard the packet, or report it, too. */
const [SKIP, DISCARD, REPORT_UNICAST] = [0, 1, 3]

/** Returns the first problem of a packet at `nh`; undefined without one. */
export function headerProblem(bytes: Uint8Array, nh: number, end: number): HeaderProblem | undefined {
  let nextAt = nh + 6
  for (let h = nh + IPV6_HLEN; h + 8 <= end; ) {
    const protocol = bytes[nextAt] as number
    const size = ((bytes[h + 1] as number) + 1) << 3
    if (protocol === NEXTHDR_ROUTING) {
      if (bytes[h + 3] !== 0) return { code: HDR_FIELD, pointer: h + 2 - nh }
    } else if (protocol === NEXTHDR_HOP && nextAt !== nh + 6) return { code: UNK_NEXTHDR, pointer: nextAt - nh }
    else if (protocol !== NEXTHDR_HOP && protocol !== NEXTHDR_DEST) return undefined
    else {
      const at = unknownOption(bytes, h, Math.min(h + size, end), KNOWN[protocol] as readonly number[])
      if (at >= 0) return problemOf(bytes, nh, at)
    }
    nextAt = h
    h += size
  }
  return undefined
}

/** Returns the position of an option that is too long, or unknown and not to be skipped, or -1. */
function unknownOption(bytes: Uint8Array, h: number, end: number, known: readonly number[]): number {
  for (let at = h + 2; at < end; ) {
    const type = bytes[at] as number
    const next = type === 0 ? at + 1 : at + 2 + (bytes[at + 1] as number)
    if (next > end || (type !== 0 && type >> 6 !== SKIP && !known.includes(type))) return at
    at = next
  }
  return -1
}

function problemOf(bytes: Uint8Array, nh: number, at: number): HeaderProblem {
  const action = (bytes[at] as number) >> 6
  const isSilent = action === SKIP || action === DISCARD || (action === REPORT_UNICAST && bytes[nh + 24] === 0xff)
  return { code: isSilent ? undefined : UNK_OPTION, pointer: at - nh }
}
