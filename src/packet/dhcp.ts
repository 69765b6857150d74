/**
 * DHCP messages (RFC 2131 sec. 2). Fields have the RFC's names. Addresses are unsigned numbers;
 * byte arrays are copies.
 *
 * Options (RFC 2132 sec. 2) are a map from code to value. Several instances of an option are one
 * value (RFC 2131 sec. 4.1, RFC 3396), also in the fields `file` and `sname`, which hold options if
 * the sender says so. A value of more than 255 bytes is written as several instances.
 */

import { concat, get32, put32 } from './octets.ts'

export const DHO_RELAY_AGENT = 82

export const DHCP_SERVER_PORT = 67
export const DHCP_CLIENT_PORT = 68

export const BOOTREQUEST = 1
export const BOOTREPLY = 2

/** The bit of `flags` that requests replies by broadcast. */
export const DHCP_FLAG_BROADCAST = 0x8000

// Message types, option 53.
export const DHCPDISCOVER = 1
export const DHCPOFFER = 2
export const DHCPREQUEST = 3
export const DHCPDECLINE = 4
export const DHCPACK = 5
export const DHCPNAK = 6
export const DHCPRELEASE = 7
export const DHCPINFORM = 8

/** Message types by number, as people write them. */
export const DHCP_MESSAGE_NAMES: Readonly<Record<number, string>> = {
  [DHCPDISCOVER]: 'DISCOVER',
  [DHCPOFFER]: 'OFFER',
  [DHCPREQUEST]: 'REQUEST',
  [DHCPDECLINE]: 'DECLINE',
  [DHCPACK]: 'ACK',
  [DHCPNAK]: 'NAK',
  [DHCPRELEASE]: 'RELEASE',
  [DHCPINFORM]: 'INFORM',
}

// Options that a server reads or writes itself.
export const DHO_SUBNET_MASK = 1
export const DHO_HOST_NAME = 12
export const DHO_REQUESTED_ADDRESS = 50
export const DHO_LEASE_TIME = 51
export const DHO_MESSAGE_TYPE = 53
export const DHO_SERVER_IDENTIFIER = 54
export const DHO_PARAMETER_REQUEST_LIST = 55
export const DHO_MESSAGE = 56
export const DHO_MAX_MESSAGE_SIZE = 57
export const DHO_RENEWAL_TIME = 58
export const DHO_REBINDING_TIME = 59
export const DHO_CLIENT_IDENTIFIER = 61
export const DHO_TFTP_SERVER = 66
export const DHO_BOOTFILE = 67
export const DHO_CLIENT_FQDN = 81

/** The message size that every client accepts: 576 bytes of IP less the IP and UDP headers. */
export const DHCP_MIN_MESSAGE = 548

export type DhcpOptions = ReadonlyMap<number, Uint8Array>

const DHO_PAD = 0
const DHO_OVERLOAD = 52
const DHO_END = 255

/** Lengths of the fields that may hold options. */
const DHCP_FILE_LEN = 128
const DHCP_SNAME_LEN = 64

const PART_MAX = 255

/** Adds the options in `field`, with or without DHO_END. Returns false if one does not fit it. */
function readOptions(field: Uint8Array, into: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < field.length; ) {
    const code = field[at++] as number
    if (code === DHO_PAD) continue
    if (code === DHO_END) return true
    if (at === field.length) return false
    const length = field[at++] as number
    if (at + length > field.length) return false
    into.set(code, concat([into.get(code) ?? new Uint8Array(0), field.subarray(at, at + length)]))
    at += length
  }
  return true
}

/**
 * Packs options, in order, into at most `room` bytes, each if it fits whole. The relay agent option
 * is the last (RFC 3046 sec. 2.2). Returns the codes of options that do not fit, too.
 */
function packed(
  options: DhcpOptions,
  room: number,
): { octets: readonly number[]; left: readonly number[] } {
  let free = room - 1
  const left: number[] = []
  const take = ([code, value]: readonly [number, Uint8Array]): number[] => {
    const octets = written(code, value)
    if (octets.length > free) {
      left.push(code)
      return []
    }
    free -= octets.length
    return octets
  }
  const all = [...options]
  const last = all.filter(([code]) => code === DHO_RELAY_AGENT).flatMap(take)
  const first = all.filter(([code]) => code !== DHO_RELAY_AGENT).flatMap(take)
  return { octets: [...first, ...last, DHO_END], left }
}

function written(code: number, value: Uint8Array): number[] {
  const octets: number[] = []
  for (let at = 0; at === 0 || at < value.length; at += PART_MAX) {
    const part = value.subarray(at, at + PART_MAX)
    octets.push(code, part.length, ...part)
  }
  return octets
}

const MAGIC_COOKIE = 0x63825363

/** The numbers of a message: their positions and lengths. */
const NUMBERS = {
  op: [0, 1],
  htype: [1, 1],
  hops: [3, 1],
  xid: [4, 4],
  secs: [8, 2],
  flags: [10, 2],
  ciaddr: [12, 4],
  yiaddr: [16, 4],
  siaddr: [20, 4],
  giaddr: [24, 4],
} as const
type NumberName = keyof typeof NUMBERS
type Numbers = Readonly<Record<NumberName, number>>

const CHADDR = 28
const CHADDR_LEN = 16
const SNAME = 44
const FILE = SNAME + DHCP_SNAME_LEN
const COOKIE = FILE + DHCP_FILE_LEN
const OPTIONS = COOKIE + 4
/** The least length of a BOOTP message (RFC 1542 sec. 2.1). Old relays drop shorter ones. */
const BOOTP_LEN = 300

/** A parsed DHCP message; addresses are numbers. */
export interface DhcpMessage extends Numbers {
  /** `hlen` bytes. */
  readonly chaddr: Uint8Array
  /** Up to the first NUL; empty where the field holds options. */
  readonly sname: Uint8Array
  readonly file: Uint8Array
  readonly options: DhcpOptions
}

/** Parses a DHCP message. Returns undefined if it is truncated or malformed. */
export function parse(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < OPTIONS || get32(bytes, COOKIE) !== MAGIC_COOKIE) return undefined
  const hlen = bytes[2] as number
  if (hlen > CHADDR_LEN) return undefined
  const options = new Map<number, Uint8Array>()
  if (!readOptions(bytes.subarray(OPTIONS), options)) return undefined
  const overload = overloadOf(options)
  if (overload === undefined) return undefined
  const file = bytes.subarray(FILE, COOKIE)
  const sname = bytes.subarray(SNAME, FILE)
  if (overload & 1 && !readOptions(file, options)) return undefined
  if (overload & 2 && !readOptions(sname, options)) return undefined
  const numbers = Object.entries(NUMBERS).map(([name, [at, size]]) => [
    name,
    numberAt(bytes, at, size),
  ])
  return {
    ...(Object.fromEntries(numbers) as Numbers),
    chaddr: bytes.slice(CHADDR, CHADDR + hlen),
    sname: overload & 2 ? new Uint8Array(0) : upToNul(sname),
    file: overload & 1 ? new Uint8Array(0) : upToNul(file),
    options,
  }
}

function numberAt(bytes: Uint8Array, at: number, size: number): number {
  return bytes.subarray(at, at + size).reduce((value, byte) => value * 256 + byte, 0)
}

/** The fields that hold options: bit 0 `file`, bit 1 `sname`; undefined if malformed. */
function overloadOf(options: DhcpOptions): number | undefined {
  const value = options.get(DHO_OVERLOAD)
  if (value === undefined) return 0
  return value.length === 1 && (value[0] as number) >= 1 && (value[0] as number) <= 3
    ? value[0]
    : undefined
}

function upToNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0)
  return field.slice(0, end === -1 ? field.length : end)
}

/**
 * Builds a message of at most `limit` bytes, which is 548 or more. `file` has at most 127 bytes and
 * `sname` at most 63. `left` are the codes of the options that did not fit.
 */
export function build(
  message: DhcpMessage,
  limit: number = DHCP_MIN_MESSAGE,
): { data: Uint8Array; left: readonly number[] } {
  const { octets, left } = packed(message.options, limit - OPTIONS)
  const data = new Uint8Array(Math.max(BOOTP_LEN, OPTIONS + octets.length))
  data[2] = message.chaddr.length
  for (const name of Object.keys(NUMBERS) as NumberName[]) {
    const [at, size] = NUMBERS[name]
    for (let i = 0; i < size; i++) {
      data[at + i] = message[name] >>> (8 * (size - 1 - i))
    }
  }
  data.set(message.chaddr, CHADDR)
  data.set(message.sname, SNAME)
  data.set(message.file, FILE)
  put32(data, COOKIE, MAGIC_COOKIE)
  data.set(octets, OPTIONS)
  return { data, left }
}
