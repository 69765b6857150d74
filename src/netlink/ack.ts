/**
 * The answer to a request (NLMSG_ERROR; error 0 is the acknowledgement) and the end of a dump (NLMSG_DONE), with the
 * extended acknowledgement that NETLINK_EXT_ACK turns on. include/uapi/linux/netlink.h, struct nlmsgerr, enum nlmsgerr_attrs.
 */
import { getS32, getU32 } from './host-order.ts'
import { align4, type Message, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_ERROR, NLMSG_HDRLEN } from './message.ts'
import { checkRange, NetlinkParseError } from './parse-error.ts'
import { binary, decodeAttributes, policy, string, u32 } from './policy.ts'

export const NLMSGERR_ATTR_MSG = 1
export const NLMSGERR_ATTR_OFFS = 2
export const NLMSGERR_ATTR_COOKIE = 3
export const NLMSGERR_ATTR_MISS_TYPE = 5
export const NLMSGERR_ATTR_MISS_NEST = 6

const extendedAck = policy({
  /** What is wrong, in the kernel's words. */
  message: string(NLMSGERR_ATTR_MSG),
  /** Octets from the request's header to the attribute that is wrong. */
  offset: u32(NLMSGERR_ATTR_OFFS),
  cookie: binary(NLMSGERR_ATTR_COOKIE),
  /** Type of an attribute that is missing from the request. */
  missingType: u32(NLMSGERR_ATTR_MISS_TYPE),
  /** Octets to the nest where it is missing; absent if that is the message itself. */
  missingNest: u32(NLMSGERR_ATTR_MISS_NEST),
})

export interface Ack {
  /** 0 or -errno. */
  readonly error: number
  readonly message?: string
  readonly offset?: number
  readonly cookie?: Uint8Array
  readonly missingType?: number
  readonly missingNest?: number
}

/**
 * Reads an NLMSG_ERROR or NLMSG_DONE found by `messages` in the same `bytes`. Throws NetlinkParseError when it is neither,
 * too short, or its attributes are not whole. The cookie is a view into `bytes`.
 */
export function parseAck(bytes: Uint8Array, { type, flags, offset, length }: Message): Ack {
  checkRange(bytes, offset, length)
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) {
    throw new NetlinkParseError(`message type ${type} is not an acknowledgement`, offset - NLMSG_HDRLEN)
  }
  const fixed = type === NLMSG_ERROR ? 4 + NLMSG_HDRLEN : 4
  if (length < fixed) {
    // an NLMSG_DONE of user space may come without its error
    if (type === NLMSG_DONE && length === 0) return { error: 0 }
    throw new NetlinkParseError(`acknowledgement has ${length} octets, fewer than ${fixed}`, offset - NLMSG_HDRLEN)
  }
  const error = getS32(bytes, offset)
  if ((flags & NLM_F_ACK_TLVS) === 0) return { error }

  let head = fixed
  if (type === NLMSG_ERROR && (flags & NLM_F_CAPPED) === 0) {
    const request = getU32(bytes, offset + 4)
    if (request < NLMSG_HDRLEN || request > length - 4) {
      throw new NetlinkParseError(`quoted request of ${request} octets does not fit its answer`, offset + 4)
    }
    head = Math.min(4 + align4(request), length)
  }
  return { error, ...decodeAttributes(extendedAck, bytes, offset + head, length - head) }
}
