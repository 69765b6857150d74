/**
 * Generic netlink: messages of a family start with their own header (struct genlmsghdr: command,
 * version, two reserved bytes), followed by attributes. Also the constants of nlctrl, the family
 * that describes the families. include/uapi/linux/genetlink.h.
 */

import { GENL_HDRLEN } from './genl.generated.ts'
import { getU16 } from './host-order.ts'
import { checkRange, type Message, NetlinkParseError, NLMSG_HDRLEN } from './message.ts'

export * from './genl.generated.ts'

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
export const genlmsghdr = (cmd: number, version: number): Uint8Array => Uint8Array.of(cmd, version, 0, 0)

/** Parses the header of a message of `messages` in `bytes`. Throws NetlinkParseError. */
export function parseGenl(bytes: Uint8Array, { offset, length }: Message): GenlMessage {
  checkRange(bytes, offset, length)
  const at = offset - NLMSG_HDRLEN
  if (length < GENL_HDRLEN) throw new NetlinkParseError(`${length} bytes are too few for a generic header`, at)
  if (getU16(bytes, offset + 2) !== 0) throw new NetlinkParseError('the reserved bytes of the header are not zero', at)
  return { cmd: bytes[offset], version: bytes[offset + 1], offset: offset + GENL_HDRLEN, length: length - GENL_HDRLEN }
}
