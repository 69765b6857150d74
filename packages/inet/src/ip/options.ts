/**
 * The options of IPv4 (RFC 791 sec. 3.1) that a host receives: it checks them, records its address
 * and the time, drops packets with a source route, and returns the records in its replies to ICMP.
 */
import { ipv4 } from 'vnet'
import { put32 } from 'vnet/kit/packet'

const END = 0
const NOOP = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const LOOSE_ROUTE = 131
const STRICT_ROUTE = 137
const ROUTER_ALERT = 148

// A security label (FIPS 188), and the least length of one.
const CIPSO = 134
const LABEL_LENGTH = 8

// Kinds of timestamps: the time alone, with an address, or for given addresses.
const TIME = 0
const TIME_AND_ADDRESS = 1
const GIVEN = 3

const MAX_OVERFLOW = 15
const DAY_MS = 86_400_000

/** Returns a time of a clock as options and ICMP have it: milliseconds since midnight (UTC). */
export const timeOfDay = (now: number): number => Math.floor(now / 1e6) % DAY_MS

/** A host as its options see it. */
export interface OptionsHost {
  /** Its address, which it records. */
  readonly own: Uint8Array
  readonly now: number
  /** Whether an address may be a router's: neither an own one nor for all. */
  isOther(address: Uint8Array): boolean
}

/** The consequences of a received packet's options for its host. */
export interface Options {
  /** Offset of the mistake in the packet; 0 without one. */
  readonly problem: number
  readonly hasSourceRoute: boolean
  /** The options of a reply, a multiple of 4 bytes; undefined if it cannot have the records. */
  readonly replied: Uint8Array | undefined
}

/** Positions of the options that a reply has, too: records of routes and times, and a label. */
interface Records {
  [TIMESTAMP]?: number
  [RECORD_ROUTE]?: number
  [CIPSO]?: number
}

/** The positions of all options that are read. */
interface Found extends Records {
  [LOOSE_ROUTE]?: number
}

/** Reads and fills the options of the packet at `nh`, which the caller owns. */
export function readOptions(
  bytes: Uint8Array,
  nh: number,
  end: number,
  host: OptionsHost,
): Options {
  const found: Found = {}
  let problem = 0
  for (let at = nh + ipv4.IPV4_HLEN; at < end && problem === 0; ) {
    const type = bytes[at] as number
    if (type === END) {
      bytes.fill(END, at, end)
      break
    }
    if (type === NOOP) {
      at++
      continue
    }
    const length = at + 1 < end ? (bytes[at + 1] as number) : 0
    const isWhole = length >= 2 && at + length <= end
    const mistake = isWhole ? takeOption(bytes, at, length, found, host) : 0
    if (mistake >= 0) {
      problem = at + mistake - nh
    }
    at += length
  }
  const hasSourceRoute = problem === 0 && found[LOOSE_ROUTE] !== undefined
  return { problem, hasSourceRoute, replied: repliedOf(bytes, found, host) }
}

/** Takes an option of several bytes. Returns the offset of a mistake in it, or -1. */
function takeOption(
  bytes: Uint8Array,
  at: number,
  length: number,
  found: Found,
  host: OptionsHost,
): number {
  const type = bytes[at] as number
  if (type === ROUTER_ALERT) return length < 4 ? 1 : -1
  if (type === CIPSO) {
    // No domain of labels is known, as on Linux without a configuration of them.
    found[CIPSO] = at
    return length < LABEL_LENGTH ? 1 : 2
  }
  const kind = type === STRICT_ROUTE ? LOOSE_ROUTE : type
  if (kind !== LOOSE_ROUTE && kind !== RECORD_ROUTE && kind !== TIMESTAMP) return -1
  if (kind !== LOOSE_ROUTE && found[kind] !== undefined) return 0
  const mistake = takeRecord(bytes, at, length, kind, host)
  if (mistake >= 0) return mistake
  if (found[kind] !== undefined) return 0
  found[kind] = at
  return -1
}

/** Checks an option with a pointer, and fills it. Returns the offset of a mistake in it, or -1. */
function takeRecord(
  bytes: Uint8Array,
  at: number,
  length: number,
  kind: number,
  host: OptionsHost,
): number {
  const first = kind === TIMESTAMP ? 5 : 4
  if (length < first - 1) return 1
  const pointer = bytes[at + 2] as number
  if (pointer < first) return 2
  if (kind === LOOSE_ROUTE) return -1
  if (kind === TIMESTAMP) return takeTimestamp(bytes, at, length, host)
  if (pointer > length) return -1
  if (pointer + 3 > length) return 2
  bytes.set(host.own, at + pointer - 1)
  bytes[at + 2] = pointer + 4
  return -1
}

function takeTimestamp(bytes: Uint8Array, at: number, length: number, host: OptionsHost): number {
  const pointer = bytes[at + 2] as number
  const flags = bytes[at + 3] as number
  const kind = flags & 15
  if (pointer > length) {
    // Hosts that found no room count themselves.
    if (kind !== GIVEN && flags >> 4 === MAX_OVERFLOW) return 3
    if (kind !== GIVEN) {
      bytes[at + 3] = flags + 16
    }
    return -1
  }
  if (
    pointer + 3 > length ||
    ((kind === TIME_AND_ADDRESS || kind === GIVEN) && pointer + 7 > length)
  ) {
    return 2
  }
  fillTimestamp(bytes, at, pointer, kind, host)
  return -1
}

/** Writes a time, and moves the pointer past it. */
function fillTimestamp(
  bytes: Uint8Array,
  at: number,
  pointer: number,
  kind: number,
  host: OptionsHost,
): void {
  const place = at + pointer - 1
  if (kind === GIVEN && host.isOther(bytes.subarray(place, place + 4))) return
  if (kind !== TIME && kind !== TIME_AND_ADDRESS && kind !== GIVEN) return
  if (kind === TIME_AND_ADDRESS) {
    bytes.set(host.own, place)
  }
  put32(bytes, kind === TIME ? place : place + 4, timeOfDay(host.now))
  bytes[at + 2] = pointer + (kind === TIME ? 4 : 8)
}

/** Returns the records with the reply's additions. */
function repliedOf(bytes: Uint8Array, found: Records, host: OptionsHost): Uint8Array | undefined {
  const parts: Uint8Array[] = []
  for (const kind of [RECORD_ROUTE, TIMESTAMP, CIPSO] as const) {
    const from = found[kind]
    if (from === undefined) continue
    const length = bytes[from + 1] as number
    const part = bytes.slice(from, from + length)
    const pointer = part[2] as number
    if (kind !== CIPSO && pointer <= length) {
      if (
        kind === RECORD_ROUTE ? takeRecord(part, 0, length, kind, host) >= 0 : !addTime(part, host)
      ) {
        return undefined
      }
    }
    parts.push(part)
  }
  const replied = new Uint8Array((parts.reduce((sum, { length }) => sum + length, 0) + 3) & ~3)
  let at = 0
  for (const part of parts) {
    replied.set(part, at)
    at += part.length
  }
  return replied
}

/** Adds a time to a record with room. Returns false if the room is not enough. */
function addTime(part: Uint8Array, host: OptionsHost): boolean {
  const pointer = part[2] as number
  const kind = (part[3] as number) & 15
  const size = kind === TIME_AND_ADDRESS ? 8 : 4
  if (kind !== GIVEN) {
    if (pointer + size - 1 > part.length) return false
  } else if (pointer + 7 > part.length) {
    return pointer + 3 <= part.length
  }
  fillTimestamp(part, 0, pointer, kind, host)
  return true
}

/** Replaces the options that only the first fragment of a packet has (RFC 791 sec. 3.1). */
export function keepCopied(bytes: Uint8Array, nh: number, end: number): void {
  for (let at = nh + ipv4.IPV4_HLEN; at < end; ) {
    const type = bytes[at] as number
    if (type === END) return
    const length = type === NOOP ? 1 : (bytes[at + 1] as number)
    if (length < 1 || at + length > end) return
    if (type < 128) {
      bytes.fill(NOOP, at, at + length)
    }
    at += length
  }
}
