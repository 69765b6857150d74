/**
 * Netlink messages: a 16-octet header (struct nlmsghdr), a payload, padding to 4 octets; one datagram holds several.
 * Parsing copies nothing: a message is an offset and a length in the caller's octets. RFC 3549 sec. 2.3;
 * include/uapi/linux/netlink.h.
 */
import { getU16, getU32 } from './host-order.ts'
import { checkRange, NetlinkParseError } from './parse-error.ts'

export const NLMSG_HDRLEN = 16

export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
/** Something that was to be told has been lost, before what follows. */
export const NLMSG_OVERRUN = 4
/** The first type that belongs to the protocol; the ones below are netlink's own. */
export const NLMSG_MIN_TYPE = 16

export const NLM_F_REQUEST = 0x01
export const NLM_F_MULTI = 0x02
export const NLM_F_ACK = 0x04
export const NLM_F_DUMP_INTR = 0x10
/** On requests for reading. */
export const NLM_F_DUMP = 0x300
/** On requests that change something. */
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
/** On acknowledgements. */
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

/** A message found in a buffer. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly portid: number
  /** Where its payload begins, in the buffer that was parsed. */
  readonly offset: number
  /** Octets of payload, padding not counted. */
  readonly length: number
}

/** `length` rounded up to the alignment of messages and attributes, which is 4 for both. */
export function align4(length: number): number {
  return (length + 3) & ~3
}

/**
 * The messages in `length` octets at `offset`, in order; the payloads stay where they are. Throws NetlinkParseError at the
 * first one that is not whole (those before it have been given); the last one's padding may be missing.
 */
export function* messages(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Generator<Message, void> {
  checkRange(bytes, offset, length)
  const end = offset + length
  for (let at = offset; at < end; ) {
    if (end - at < NLMSG_HDRLEN) throw new NetlinkParseError(`${end - at} octets are too few for a message header`, at)
    const size = getU32(bytes, at)
    if (size < NLMSG_HDRLEN) throw new NetlinkParseError(`message length ${size} is less than its header`, at)
    if (size > end - at) throw new NetlinkParseError(`message length ${size} exceeds the ${end - at} octets left`, at)
    yield {
      type: getU16(bytes, at + 4),
      flags: getU16(bytes, at + 6),
      seq: getU32(bytes, at + 8),
      portid: getU32(bytes, at + 12),
      offset: at + NLMSG_HDRLEN,
      length: size - NLMSG_HDRLEN,
    }
    // not align4(): a length near 2^32 would turn negative; here it is at most the buffer's
    at += size + (-size & 3)
  }
}
