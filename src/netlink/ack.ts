/**
 * Acknowledgements of requests (NLMSG_ERROR, with error 0 for success) and ends of dumps
 * (NLMSG_DONE), with the extended acknowledgement that NETLINK_EXT_ACK turns on. Source:
 * include/uapi/linux/netlink.h, struct nlmsgerr, enum nlmsgerr_attrs.
 */
import type { MessageBuilder } from './builder.ts'
import { getS32, getU32, putU32 } from './host-order.ts'
import * as netlink from './message.ts'
import {
  binary,
  type Decoded,
  decodeAttributes,
  encodeAttributes,
  policy,
  string,
  u32,
} from './policy.ts'

const NLMSGERR_ATTR_MSG = 1
const NLMSGERR_ATTR_OFFS = 2
const NLMSGERR_ATTR_COOKIE = 3
const NLMSGERR_ATTR_MISS_TYPE = 5
const NLMSGERR_ATTR_MISS_NEST = 6

const extendedAck = policy({
  /** The error as text. */
  message: string(NLMSGERR_ATTR_MSG),
  /** Bytes from the request's header to the wrong attribute. */
  offset: u32(NLMSGERR_ATTR_OFFS),
  cookie: binary(NLMSGERR_ATTR_COOKIE),
  /** The type of an attribute that the request lacks. */
  missingType: u32(NLMSGERR_ATTR_MISS_TYPE),
  /** Bytes from the request's header to the nest that lacks it; absent for the message itself. */
  missingNest: u32(NLMSGERR_ATTR_MISS_NEST),
})

/** `error` is 0 or -errno. */
export type Ack = { readonly error: number } & Decoded<(typeof extendedAck)['fields']>

/**
 * Parses an NLMSG_ERROR or NLMSG_DONE of `messages`, with the cookie as a view of `bytes`. Throws a
 * NetlinkParseError if it is another message, or if it is truncated or malformed.
 */
export function parseAck(bytes: Uint8Array, { type, flags, offset, length }: netlink.Message): Ack {
  netlink.checkRange(bytes, offset, length)
  if (type !== netlink.NLMSG_ERROR && type !== netlink.NLMSG_DONE) {
    throw new netlink.NetlinkParseError(
      `message type ${type} is not an acknowledgement`,
      offset - netlink.NLMSG_HDRLEN,
    )
  }
  const fixed = type === netlink.NLMSG_ERROR ? 4 + netlink.NLMSG_HDRLEN : 4
  if (length < fixed) {
    // An NLMSG_DONE from user space may lack its error.
    if (type === netlink.NLMSG_DONE && length === 0) return { error: 0 }
    throw new netlink.NetlinkParseError(
      `acknowledgement has ${length} bytes, fewer than ${fixed}`,
      offset - netlink.NLMSG_HDRLEN,
    )
  }
  const error = getS32(bytes, offset)
  if ((flags & netlink.NLM_F_ACK_TLVS) === 0) return { error }

  let head = fixed
  if (type === netlink.NLMSG_ERROR && (flags & netlink.NLM_F_CAPPED) === 0) {
    const request = getU32(bytes, offset + 4)
    if (request < netlink.NLMSG_HDRLEN || request > length - 4) {
      throw new netlink.NetlinkParseError(
        `quoted request of ${request} bytes does not fit its answer`,
        offset + 4,
      )
    }
    head = Math.min(4 + netlink.align4(request), length)
  }
  return { error, ...decodeAttributes(extendedAck, bytes, offset + head, length - head) }
}

/** The fields of an Ack that a server sets. */
export type Answer = Omit<Ack, 'cookie'>

/** Writes an NLMSG_ERROR to `portid` that quotes only the header of the request (NLM_F_CAPPED). */
export function writeAck(
  builder: MessageBuilder,
  bytes: Uint8Array,
  message: netlink.Message,
  portid: number,
  answer: Answer,
): void {
  const octets = new Uint8Array(4 + netlink.NLMSG_HDRLEN)
  putU32(octets, 0, answer.error)
  octets.set(bytes.subarray(message.offset - netlink.NLMSG_HDRLEN, message.offset), 4)
  builder
    .message(netlink.NLMSG_ERROR, netlink.NLM_F_CAPPED | tlvFlag(answer), message.seq, portid)
    .payload(octets)
  encodeAttributes(builder, extendedAck, answer)
}

/** Writes the NLMSG_DONE that ends a dump, with error 0 if the dump is complete. */
export function writeDone(
  builder: MessageBuilder,
  seq: number,
  portid: number,
  answer: Answer,
): void {
  const octets = new Uint8Array(4)
  putU32(octets, 0, answer.error)
  builder
    .message(netlink.NLMSG_DONE, netlink.NLM_F_MULTI | tlvFlag(answer), seq, portid)
    .payload(octets)
  encodeAttributes(builder, extendedAck, answer)
}

function tlvFlag({ message, offset, missingType }: Answer): number {
  return (message ?? offset ?? missingType) === undefined ? 0 : netlink.NLM_F_ACK_TLVS
}
