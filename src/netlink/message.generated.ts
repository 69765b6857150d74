/** The numbers of netlink messages (include/uapi/linux/netlink.h). */

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
/** On requests that read. */
export const NLM_F_DUMP = 0x300
/** On requests that change something. */
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
/** On acknowledgements. */
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

export const NLA_HDRLEN = 4
export const NLA_F_NESTED = 0x8000
/** The longest payload. */
export const NLA_PAYLOAD_MAX = 0xffff - NLA_HDRLEN

