/**
 * DHCP messages (RFC 2131 sec. 2). Fields have the RFC's names. Addresses are unsigned numbers;
 * byte arrays are copies.
 */
import {
  DHCP_FILE_LEN,
  DHCP_SNAME_LEN,
  DHO_OVERLOAD,
  type DhcpOptions,
  type LaidOut,
  layOut,
  readOptions,
} from './dhcp-options.ts'
import { get16, get32, put16, put32 } from './octets.ts'

export const DHCP_SERVER_PORT = 67
export const DHCP_CLIENT_PORT = 68

export const BOOTREQUEST = 1
export const BOOTREPLY = 2

/** The bit of `flags` that requests replies by broadcast. */
export const DHCP_FLAG_BROADCAST = 0x8000

/** Message types, option 53. */
export const DHCPDISCOVER = 1
export const DHCPOFFER = 2
export const DHCPREQUEST = 3
export const DHCPDECLINE = 4
export const DHCPACK = 5
export const DHCPNAK = 6
export const DHCPRELEASE = 7
export const DHCPINFORM = 8

/** Options that a server reads or writes itself. */
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

const MAGIC_COOKIE = 0x63825363
const SECS = 8
const FLAGS = 10
const CIADDR = 12
const CHADDR = 28
const CHADDR_LEN = 16
const SNAME = 44
const FILE = SNAME + DHCP_SNAME_LEN
const COOKIE = FILE + DHCP_FILE_LEN
const OPTIONS = COOKIE + 4
/** The least length of a BOOTP message (RFC 1542 sec. 2.1). Old relays drop shorter ones. */
const BOOTP_LEN = 300

export interface DhcpMessage {
  readonly op: number
  readonly htype: number
  readonly hops: number
  readonly xid: number
  readonly secs: number
  readonly flags: number
  readonly ciaddr: number
  readonly yiaddr: number
  readonly siaddr: number
  readonly giaddr: number
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
  const address = (i: number) => get32(bytes, CIADDR + 4 * i)
  return {
    op: bytes[0] as number,
    htype: bytes[1] as number,
    hops: bytes[3] as number,
    xid: get32(bytes, 4),
    secs: get16(bytes, SECS),
    flags: get16(bytes, FLAGS),
    ciaddr: address(0),
    yiaddr: address(1),
    siaddr: address(2),
    giaddr: address(3),
    chaddr: bytes.slice(CHADDR, CHADDR + hlen),
    sname: overload & 2 ? new Uint8Array(0) : upToNul(sname),
    file: overload & 1 ? new Uint8Array(0) : upToNul(file),
    options,
  }
}

/** The fields that hold options: bit 0 `file`, bit 1 `sname`; undefined if malformed. */
function overloadOf(options: DhcpOptions): number | undefined {
  const value = options.get(DHO_OVERLOAD)
  if (value === undefined) return 0
  return value.length === 1 && (value[0] as number) >= 1 && (value[0] as number) <= 3 ? value[0] : undefined
}

function upToNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0)
  return field.slice(0, end === -1 ? field.length : end)
}

/** A message as bytes, and the codes of the options that did not fit. */
export interface BuiltDhcp {
  readonly data: Uint8Array
  readonly left: readonly number[]
}

/**
 * Builds a message of at most `limit` bytes, which is 548 or more. `file` has at most 127 bytes and
 * `sname` at most 63. If their fields are needed for options, `file` and `sname` become options.
 */
export function build(message: DhcpMessage, limit: number = DHCP_MIN_MESSAGE): BuiltDhcp {
  const { laid, sname, file } = fitted(message, limit - OPTIONS)
  const data = new Uint8Array(Math.max(BOOTP_LEN, OPTIONS + laid.options.length))
  data[0] = message.op
  data[1] = message.htype
  data[2] = message.chaddr.length
  data[3] = message.hops
  put32(data, 4, message.xid)
  put16(data, SECS, message.secs)
  put16(data, FLAGS, message.flags)
  for (const [i, address] of [message.ciaddr, message.yiaddr, message.siaddr, message.giaddr].entries())
    put32(data, CIADDR + 4 * i, address)
  data.set(message.chaddr, CHADDR)
  data.set(sname, SNAME)
  data.set(file, FILE)
  put32(data, COOKIE, MAGIC_COOKIE)
  data.set(laid.options, OPTIONS)
  return { data, left: laid.left }
}

interface Fitted {
  readonly laid: LaidOut
  readonly sname: Uint8Array
  readonly file: Uint8Array
}

/**
 * Packs the options into the options field first, then into empty `file` and `sname` fields, then
 * into both (RFC 2132 sec. 9.3).
 */
function fitted(message: DhcpMessage, room: number): Fitted {
  const { sname, file, options } = message
  const none = new Uint8Array(0)
  const within = (overflow: { file: boolean; sname: boolean }) => layOut(options, room, overflow)
  let best: Fitted = { laid: within({ file: false, sname: false }), sname, file }
  for (const next of [
    () => ({ laid: within({ file: file.length === 0, sname: sname.length === 0 }), sname, file }),
    () => ({ laid: layOut(withNames(message), room, { file: true, sname: true }), sname: none, file: none }),
  ]) {
    if (best.laid.left.length === 0) break
    const other = next()
    if (other.laid.left.length < best.laid.left.length) best = other
  }
  const { laid } = best
  return { laid, sname: laid.sname ?? best.sname, file: laid.file ?? best.file }
}

function withNames({ options, sname, file }: DhcpMessage): DhcpOptions {
  const type = options.get(DHO_MESSAGE_TYPE)
  return new Map([
    ...(type === undefined ? [] : [[DHO_MESSAGE_TYPE, type] as const]),
    ...(sname.length === 0 ? [] : [[DHO_TFTP_SERVER, sname] as const]),
    ...(file.length === 0 ? [] : [[DHO_BOOTFILE, file] as const]),
    ...options,
  ])
}
