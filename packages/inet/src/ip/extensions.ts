/** Reads IPv6's extension headers before the upper header, and finds their mistakes (RFC 8200). */
import { icmpv6, ipv6 } from 'vnet'
import { get16, get32 } from 'vnet/kit/packet'

const { IPV6_HLEN, NEXTHDR_DEST, NEXTHDR_FRAGMENT, NEXTHDR_HOP, NEXTHDR_ROUTING } = ipv6
/** The authentication header (RFC 4302), which the host does not know but skips to quote. */
const NEXTHDR_AUTH = 51
const FRAGMENT_HLEN = 8
/** The bits of a fragment header that are 0 in a packet of one fragment (RFC 6946). */
const OFFSET_AND_MORE = 0xfff9
const MAX_LENGTH = 0xffff

const isExtension = (protocol: number): boolean =>
  protocol === NEXTHDR_HOP ||
  protocol === NEXTHDR_DEST ||
  protocol === NEXTHDR_ROUTING ||
  protocol === NEXTHDR_FRAGMENT

function sizeOf(bytes: Uint8Array, h: number, protocol: number): number {
  if (protocol === NEXTHDR_FRAGMENT) return FRAGMENT_HLEN
  const length = bytes[h + 1] as number
  return protocol === NEXTHDR_AUTH ? (length + 2) << 2 : (length + 1) << 3
}

/**
 * Returns the position of the byte that names the upper protocol of an IPv6 packet, after all its
 * extension headers. If `throughFragments` is false, the search stops at a fragment header and
 * returns the position of the byte that names it.
 */
export function nextHeaderAt(
  bytes: Uint8Array,
  nh: number,
  end: number,
  throughFragments: boolean,
): number {
  let at = nh + 6
  let header = nh + IPV6_HLEN
  for (;;) {
    const protocol = bytes[at] as number
    const isSkipped = isExtension(protocol) && (throughFragments || protocol !== NEXTHDR_FRAGMENT)
    // A hop-by-hop header after others is not one.
    if (!isSkipped || header + 8 > end || (protocol === NEXTHDR_HOP && at !== nh + 6)) return at
    at = header
    header += sizeOf(bytes, header, protocol)
  }
}

interface Upper {
  readonly h: number
  readonly protocol: number
  /** Whether other pieces of the packet follow. */
  readonly isPart: boolean
}

/**
 * Returns the position of the upper header, which may be beyond the packet, and its protocol.
 * Returns undefined without one: in a later fragment, after an extension header that is cut off,
 * and without a next header.
 */
export function upperAt(bytes: Uint8Array, nh: number, end: number): Upper | undefined {
  let isPart = false
  let protocol = bytes[nh + 6] as number
  let header = nh + IPV6_HLEN
  while (isExtension(protocol) || protocol === NEXTHDR_AUTH) {
    if (header + 2 > end) return undefined
    if (protocol === NEXTHDR_FRAGMENT) {
      if (header + 4 > end || get16(bytes, header + 2) >= 8) return undefined
      isPart = get16(bytes, header + 2) !== 0
    }
    const size = sizeOf(bytes, header, protocol)
    protocol = bytes[header] as number
    header += size
  }
  return protocol === ipv6.NEXTHDR_NONE ? undefined : { h: header, protocol, isPart }
}

/** Whether a packet is an ICMPv6 error, or may be one. */
export function isErrorMessage(bytes: Uint8Array, nh: number, end: number): boolean {
  const upper = upperAt(bytes, nh, end)
  if (upper?.protocol !== ipv6.NEXTHDR_ICMP) return false
  return upper.h >= end ? !upper.isPart : (bytes[upper.h] as number) < icmpv6.ICMPV6_ECHO_REQUEST
}

/** Whether an IPv6 packet with a fragment header is only a part of one. */
export function isPiece(bytes: Uint8Array, nh: number, end: number): boolean {
  const h = nh + (ipv6.upperLayer(bytes, nh, end - nh, false, true) >>> 8)
  return (get16(bytes, h + 2) & OFFSET_AND_MORE) !== 0
}

// Codes of a Parameter Problem (RFC 4443, RFC 7112).
export const HDR_FIELD = 0
export const UNK_NEXTHDR = 1
export const UNK_OPTION = 2
export const HDR_INCOMP = 3

/** A mistake, and its offset from the start of the packet. It is reported if it has a code. */
export type HeaderProblem = Readonly<{ code: number | undefined; pointer: number }>

/** Positions of an extension header and of the byte that says which one it is. */
export type HeaderStart = Readonly<{ nextAt: number; h: number }>

const SILENT: HeaderProblem = { code: undefined, pointer: 0 }

/**
 * Returns the first problem of a packet at `nh` before its upper header, or before the header of a
 * fragment, other than of options for each hop; undefined without one. `isForUs` is false for
 * frames to groups. A packet that was put together is read from `start`.
 */
export function headerProblem(
  bytes: Uint8Array,
  nh: number,
  end: number,
  isForUs: boolean,
  start?: HeaderStart,
): HeaderProblem | undefined {
  let hasFragment = start !== undefined
  let nextAt = start?.nextAt ?? nh + 6
  for (let h = start?.h ?? nh + IPV6_HLEN; ; ) {
    const protocol = bytes[nextAt] as number
    if (!isExtension(protocol)) return undefined
    if (protocol === NEXTHDR_HOP && (nextAt !== nh + 6 || hasFragment)) {
      return { code: UNK_NEXTHDR, pointer: nextAt - nh }
    }
    if (protocol === NEXTHDR_FRAGMENT) {
      if (hasFragment || h + FRAGMENT_HLEN > end) return { code: HDR_FIELD, pointer: h - nh }
      if ((get16(bytes, h + 2) & OFFSET_AND_MORE) !== 0) return undefined
      hasFragment = true
    } else if (protocol !== NEXTHDR_HOP) {
      const problem = problemWithin(bytes, nh, h, end, protocol, isForUs)
      if (problem !== undefined) return problem
    }
    nextAt = h
    h += sizeOf(bytes, h, protocol)
  }
}

/** Returns the problem of a header for routing or with options for the destination. */
function problemWithin(
  bytes: Uint8Array,
  nh: number,
  h: number,
  end: number,
  protocol: number,
  isForUs: boolean,
): HeaderProblem | undefined {
  if (h + 8 > end || h + sizeOf(bytes, h, protocol) > end) return SILENT
  if (protocol === NEXTHDR_ROUTING) return routingProblem(bytes, nh, h, isForUs)
  return optionProblem(bytes, nh, h, h + sizeOf(bytes, h, protocol), false)
}

/** Returns the problem of the hop-by-hop header with which a packet at `nh` starts. */
export function hopByHopProblem(
  bytes: Uint8Array,
  nh: number,
  end: number,
): HeaderProblem | undefined {
  const h = nh + IPV6_HLEN
  if (h + 8 > end || h + sizeOf(bytes, h, NEXTHDR_HOP) > end) return SILENT
  return optionProblem(bytes, nh, h, h + sizeOf(bytes, h, NEXTHDR_HOP), true)
}

// Types of routing headers that are dropped without a report: RPL and segment routing are off.
const RPL = 3
const SEGMENTS = 4

function routingProblem(
  bytes: Uint8Array,
  nh: number,
  h: number,
  isForUs: boolean,
): HeaderProblem | undefined {
  if (!isForUs || bytes[nh + 24] === 0xff || bytes[h + 2] === RPL || bytes[h + 2] === SEGMENTS) {
    return SILENT
  }
  if (bytes[h + 3] !== 0) return { code: HDR_FIELD, pointer: h + 2 - nh }
  return undefined
}

// Types of options, and the limits of Linux: of padding, and of options in a header.
const PAD1 = 0
const PADN = 1
const ROUTER_ALERT = 5
const CALIPSO = 7
const IOAM = 0x31
const JUMBO = 0xc2

const MAX_PADDING = 7
const MAX_OPTIONS = 8

// The two high bits of an unknown option: skip it, discard the packet, or report it, too.
const SKIP = 0
const DISCARD = 1
const REPORT = 2
const REPORT_UNICAST = 3

function optionProblem(
  bytes: Uint8Array,
  nh: number,
  h: number,
  end: number,
  isHopByHop: boolean,
): HeaderProblem | undefined {
  let [padding, count] = [0, 0]
  for (let at = h + 2; at < end; ) {
    const type = bytes[at] as number
    const next = type === PAD1 ? at + 1 : at + 2 + (bytes[at + 1] as number)
    if (next > end) return SILENT
    if (type === PAD1 || type === PADN) {
      padding += next - at
      if (padding > MAX_PADDING || !isZero(bytes, at + 2, next)) return SILENT
    } else {
      padding = 0
      count++
      const known = isHopByHop ? hopOptionProblem(bytes, nh, at) : undefined
      const problem = known === undefined ? unknownProblem(bytes, nh, at) : known
      if (count > MAX_OPTIONS) return SILENT
      if (problem !== null) return problem
    }
    at = next
  }
  return undefined
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from
  while (at < to && bytes[at] === 0) {
    at++
  }
  return at >= to
}

/** Returns the problem of an option that Linux knows, null without one; undefined for others. */
function hopOptionProblem(
  bytes: Uint8Array,
  nh: number,
  at: number,
): HeaderProblem | null | undefined {
  const length = bytes[at + 1] as number
  const offset = at - nh
  switch (bytes[at]) {
    case ROUTER_ALERT:
      return length === 2 ? null : SILENT
    case IOAM:
      return (offset & 3) === 0 ? null : SILENT
    case CALIPSO:
      return length >= 8 && (bytes[at + 6] as number) * 4 + 8 <= length ? null : SILENT
    case JUMBO: {
      if (length !== 4 || (offset & 3) !== 2) return SILENT
      if (get32(bytes, at + 2) <= MAX_LENGTH) return { code: HDR_FIELD, pointer: offset + 2 }
      // No frame is as long as a jumbogram.
      return ipv6.payloadLength(bytes, nh) === 0 ? SILENT : { code: HDR_FIELD, pointer: offset }
    }
  }
  return undefined
}

function unknownProblem(bytes: Uint8Array, nh: number, at: number): HeaderProblem | null {
  const action = (bytes[at] as number) >> 6
  if (action === SKIP) return null
  const isSilent = action === DISCARD || (action === REPORT_UNICAST && bytes[nh + 24] === 0xff)
  return { code: isSilent ? undefined : UNK_OPTION, pointer: at - nh }
}

/** Whether a problem is reported although its packet was for a group: RFC 4443 sec. 2.4 (e.3). */
export const isForAllSenders = (
  bytes: Uint8Array,
  nh: number,
  { code, pointer }: HeaderProblem,
): boolean => code === UNK_OPTION && (bytes[nh + pointer] as number) >> 6 === REPORT
