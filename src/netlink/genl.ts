/**
 * Generic netlink: messages of a family start with their own header (struct genlmsghdr: command,
 * version, two reserved bytes), followed by attributes. Also the constants of nlctrl, the family
 * that describes the families. include/uapi/linux/genetlink.h.
 */

import { getU16 } from './host-order.ts'
import { checkRange, type Message, NetlinkParseError, NLMSG_HDRLEN } from './message.ts'

export const GENL_HDRLEN = 4

/** Message type of nlctrl, which assigns the types of all other families. */
export const GENL_ID_CTRL = 0x10
export const CTRL_VERSION = 2
export const CTRL_CMD_NEWFAMILY = 1
export const CTRL_CMD_GETFAMILY = 3
export const CTRL_CMD_GETPOLICY = 10
export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2
export const CTRL_ATTR_VERSION = 3
export const CTRL_ATTR_HDRSIZE = 4
export const CTRL_ATTR_MAXATTR = 5
export const CTRL_ATTR_OPS = 6
export const CTRL_ATTR_MCAST_GROUPS = 7
export const CTRL_ATTR_POLICY = 8
export const CTRL_ATTR_OP_POLICY = 9
/** In a request for policies: selects the policy of one command. */
export const CTRL_ATTR_OP = 10
export const CTRL_ATTR_POLICY_DO = 1
export const CTRL_ATTR_POLICY_DUMP = 2
export const CTRL_ATTR_MCAST_GRP_NAME = 1
export const CTRL_ATTR_MCAST_GRP_ID = 2
export const CTRL_ATTR_OP_ID = 1
export const CTRL_ATTR_OP_FLAGS = 2
/** Needs the right to change something. */
export const GENL_ADMIN_PERM = 0x01
export const GENL_CMD_CAP_DO = 0x02
export const GENL_CMD_CAP_DUMP = 0x04
export const GENL_CMD_CAP_HASPOL = 0x08
/** The longest name of a family, in bytes including the NUL. */
export const GENL_NAMSIZ = 16

/** A message of a family: its command, and where its attributes are. */
export interface GenlMessage {
  readonly cmd: number
  readonly version: number
  /** Position of the attributes in the parsed buffer. */
  readonly offset: number
  /** Length of the attributes. */
  readonly length: number
}

/** Returns a struct genlmsghdr, for MessageBuilder.payload. */
export const genlmsghdr = (cmd: number, version: number): Uint8Array =>
  Uint8Array.of(cmd, version, 0, 0)

/** Parses the header of a message of `messages` in `bytes`. Throws NetlinkParseError. */
export function parseGenl(bytes: Uint8Array, { offset, length }: Message): GenlMessage {
  checkRange(bytes, offset, length)
  const at = offset - NLMSG_HDRLEN
  if (length < GENL_HDRLEN) {
    throw new NetlinkParseError(`${length} bytes are too few for a generic header`, at)
  }
  if (getU16(bytes, offset + 2) !== 0) {
    throw new NetlinkParseError('the reserved bytes of the header are not zero', at)
  }
  return {
    cmd: bytes[offset],
    version: bytes[offset + 1],
    offset: offset + GENL_HDRLEN,
    length: length - GENL_HDRLEN,
  }
}
