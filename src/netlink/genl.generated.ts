/** The numbers of generic netlink and of nlctrl (include/uapi/linux/genetlink.h). */

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

