/**
 * Netlink messages: a 16-byte header (struct nlmsghdr), a payload, padding to 4 bytes. A datagram
 * may contain several. A payload may end in attributes: length and type (struct nlattr), payload,
 * padding to 4 bytes; that payload may consist of attributes. RFC 3549 sec. 2.3;
 * include/uapi/linux/netlink.h.
 */
import { getU16, getU32 } from './host-order.ts'

export const NLMSG_HDRLEN = 16

export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
/** Messages were lost before this one. */
export const NLMSG_OVERRUN = 4
/** The first type that a protocol defines; the lower ones are netlink's own. */
export const NLMSG_MIN_TYPE = 16

export const NLM_F_REQUEST = 0x01
export const NLM_F_MULTI = 0x02
export const NLM_F_ACK = 0x04
export const NLM_F_DUMP_INTR = 0x10
// On requests that read.
export const NLM_F_DUMP = 0x300
// On requests that change something.
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
// On acknowledgements.
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

export const NLA_HDRLEN = 4
export const NLA_F_NESTED = 0x8000
/** The longest payload. */
export const NLA_PAYLOAD_MAX = 0xffff - NLA_HDRLEN

// Positions of the fields after the length, in the header.
export const TYPE_AT = 4
export const FLAGS_AT = 6
export const SEQ_AT = 8
export const PORT_AT = 12

/** The position of the header of the request that an NLMSG_ERROR quotes. */
export const QUOTED_AT = NLMSG_HDRLEN + 4

/** A message found in a buffer. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly portid: number
  /** Position of the payload in the parsed buffer. */
  readonly offset: number
  /** Length of the payload without padding. */
  readonly length: number
}

/** Rounds `length` up to 4, the alignment of messages and attributes. */
export const align4 = (length: number): number => (length + 3) & ~3

/**
 * Yields the messages in `length` bytes at `offset`, without copying; the last padding may be
 * missing. Throws NetlinkParseError at the first truncated one, after those before it.
 */
export function* messages(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
): Generator<Message, void> {
  checkRange(bytes, offset, length)
  const end = offset + length
  for (let at = offset; at < end; ) {
    const message = readMessage(bytes, at, end)
    yield message
    at = endOfMessage(message)
  }
}

/**
 * Returns the message at `at` in bytes up to `end`, without copying. Throws NetlinkParseError if it
 * is truncated. For loops that many messages pass: `messages` makes more objects for each.
 */
export function readMessage(bytes: Uint8Array, at: number, end: number): Message {
  checkRange(bytes, at, end - at)
  if (end - at < NLMSG_HDRLEN) {
    throw new NetlinkParseError(`${end - at} bytes are too few for a message header`, at)
  }
  const size = getU32(bytes, at)
  if (size < NLMSG_HDRLEN) {
    throw new NetlinkParseError(`message length ${size} is less than its header`, at)
  }
  if (size > end - at) {
    throw new NetlinkParseError(`message length ${size} exceeds the ${end - at} bytes left`, at)
  }
  return {
    type: getU16(bytes, at + 4),
    flags: getU16(bytes, at + 6),
    seq: getU32(bytes, at + 8),
    portid: getU32(bytes, at + 12),
    offset: at + NLMSG_HDRLEN,
    length: size - NLMSG_HDRLEN,
  }
}

/** Returns the position of the next message; the padding of the last may be missing. */
export function endOfMessage({ offset, length }: Message): number {
  // Not align4(), which is negative from 2^31 on; here it is at most the size of the buffer.
  return offset + length + (-length & 3)
}

/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff

/** An attribute found in a buffer. */
export interface Attribute {
  /** Without the flags NLA_F_*. */
  readonly type: number
  /** Position of the payload in the parsed buffer. */
  readonly offset: number
  /** Length of the payload without padding. */
  readonly length: number
}

/**
 * Yields the attributes in `length` bytes at `offset`, without copying; the last padding may be
 * missing. Throws NetlinkParseError at the first truncated one and on bytes left over.
 */
export function* attributes(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
): Generator<Attribute, void> {
  checkRange(bytes, offset, length)
  const end = offset + length
  for (let at = offset; at < end; ) {
    const size = attributeSize(bytes, at, end)
    yield { type: attributeType(bytes, at), offset: at + NLA_HDRLEN, length: size - NLA_HDRLEN }
    at += align4(size)
  }
}

/** Returns the size of an attribute with its header, without padding. NetlinkParseError if cut. */
export function attributeSize(bytes: Uint8Array, at: number, end: number): number {
  const left = end - at
  if (left < NLA_HDRLEN) {
    throw new NetlinkParseError(`${left} bytes are too few for an attribute header`, at)
  }
  const size = getU16(bytes, at)
  if (size < NLA_HDRLEN) {
    throw new NetlinkParseError(`attribute length ${size} is less than its header`, at)
  }
  if (size > left) {
    throw new NetlinkParseError(`attribute length ${size} exceeds the ${left} bytes left`, at)
  }
  return size
}

/** Returns the type of the attribute at `at`, without the flags NLA_F_*. */
export const attributeType = (bytes: Uint8Array, at: number): number =>
  getU16(bytes, at + 2) & NLA_TYPE_MASK

/** The only error of parsing, on any input. Its message is one line: the error and its position. */
export class NetlinkParseError extends Error {
  /** The error without the position. */
  readonly reason: string
  /** Position of the wrong message or attribute in the parsed buffer. */
  readonly offset: number
  /** The type of a missing attribute; `offset` is then the position of the set that lacks it. */
  readonly missing: number | undefined
  /** The path of policy names to the attribute ('linkinfo.kind'); empty outside of attributes. */
  readonly attribute: string

  constructor(reason: string, offset: number, attribute = '', missing?: number) {
    super(`${attribute === '' ? '' : `${attribute}: `}${reason} (at offset ${offset})`)
    this.name = 'NetlinkParseError'
    this.reason = reason
    this.offset = offset
    this.attribute = attribute
    this.missing = missing
  }

  /** The same error with the enclosing attribute added to the path. */
  within(attribute: string): NetlinkParseError {
    const path = this.attribute === '' ? attribute : `${attribute}.${this.attribute}`
    return new NetlinkParseError(this.reason, this.offset, path, this.missing)
  }
}

/** Returns the result of `parse`; undefined if it throws a NetlinkParseError. */
export function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof NetlinkParseError) return undefined
    throw error
  }
}

/** Throws unless the range is inside `bytes`. All later reads rely on this check. */
export function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  const isRange = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0
  if (isRange && offset + length <= bytes.length) return
  throw new NetlinkParseError(`${length} bytes are not within a buffer of ${bytes.length}`, offset)
}
