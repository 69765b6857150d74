/**
 * The family `vnet_nl` as both sides know it: its name, commands, attributes, and what may be in a request and an answer.
 * It is spoken in generic netlink's framing over NETLINK_USERSOCK, to the port of a running vnet.
 */
import { IFNAMSIZ } from '../core/if.ts'
import { linkStats64Fields } from '../core/stats.ts'
import { type Field, indexedArray, nested, policy, required, string, u8, u32, u64 } from '../netlink/index.ts'

export const VNET_GENL_NAME = 'vnet_nl'
export const VNET_GENL_VERSION = 1
/** Its message type; a client asks nlctrl for it. */
export const VNET_GENL_ID = 0x3f0
/** 'vnet' in ASCII: the netlink port of the first vnet in a network namespace. Others take the next ones. */
export const VNET_PORT = 0x766e6574
/** As many vnets as can be in one namespace. */
export const VNET_PORTS = 256

// Commands; an answer has the command of its request. 1 is kept for an echo, and those from 4 on for what changes a device.
export const VNET_CMD_GET_DEVICES = 2
export const VNET_CMD_GET_STATS = 3

// Attributes of a message, the same for every command.
export const VNET_ATTR_IFINDEX = 1
export const VNET_ATTR_IFNAME = 2
/** Where the interface was made, as its user named that; absent when it is the program's own. A later move changes nothing. */
export const VNET_ATTR_NETNS = 3
export const VNET_ATTR_NUM_TX_QUEUES = 4
export const VNET_ATTR_NUM_RX_QUEUES = 5
/** In a request for statistics: VNET_SCOPE_* that are wanted beside a device's sums. */
export const VNET_ATTR_SCOPE = 6
/** Fields of rtnl_link_stats64, in its order, from 1 on, as vnet counted them. */
export const VNET_ATTR_STATS = 7
/** The same, as the kernel counted them meanwhile; absent when the interface is just going. */
export const VNET_ATTR_KERNEL_STATS = 8
export const VNET_ATTR_DROPS = 9
/** The queue that the message's VNET_ATTR_STATS are of; absent when they are the device's. */
export const VNET_ATTR_QUEUE = 10
/** Beside the fields: of the device or, with VNET_ATTR_QUEUE, of the queue. */
export const VNET_ATTR_REQUEUES = 11
export const VNET_ATTR_TX_TIMEOUTS = 12
/** Frames that were read and are still out; of a device. */
export const VNET_ATTR_HELD = 13
/** Beside the fields, as VNET_ATTR_REQUEUES: frames received that were merged into the one before. */
export const VNET_ATTR_GRO_MERGED = 14
export const VNET_ATTR_MAX = 14

export const VNET_DROP_ATTR_WAY = 1
export const VNET_DROP_ATTR_REASON = 2
export const VNET_DROP_ATTR_FRAMES = 3
/** Of frames that the host sent, and of frames for the host. */
export const VNET_DROP_TX = 0
export const VNET_DROP_RX = 1

/** A message for each queue. Row q is transmit queue q and, where there is one, receive queue q. */
export const VNET_SCOPE_QUEUE = 1

/** A path of a namespace, if it has no name. */
const NETNS_MAX = 4096

/** Which devices are meant: those that have all that is named. */
const which = {
  ifindex: u32(VNET_ATTR_IFINDEX),
  ifname: string(VNET_ATTR_IFNAME, IFNAMSIZ - 1),
  netns: string(VNET_ATTR_NETNS, NETNS_MAX),
}
export const getDevicesRequest = policy(which, { strict: true })
export const getStatsRequest = policy({ ...which, scope: u32(VNET_ATTR_SCOPE) }, { strict: true })

export const linkStatsPolicy = policy(
  Object.fromEntries(linkStats64Fields.map((field, i): [string, Field<bigint, false>] => [field, u64(i + 1)])),
)

const dropPolicy = policy({
  way: required(u8(VNET_DROP_ATTR_WAY)),
  reason: required(string(VNET_DROP_ATTR_REASON)),
  frames: required(u64(VNET_DROP_ATTR_FRAMES)),
})

/** What an answer holds; a newer vnet may add to it. */
export const answerPolicy = policy({
  ifindex: required(u32(VNET_ATTR_IFINDEX)),
  ifname: required(string(VNET_ATTR_IFNAME)),
  netns: string(VNET_ATTR_NETNS),
  numTxQueues: u32(VNET_ATTR_NUM_TX_QUEUES),
  numRxQueues: u32(VNET_ATTR_NUM_RX_QUEUES),
  stats: nested(VNET_ATTR_STATS, linkStatsPolicy),
  kernelStats: nested(VNET_ATTR_KERNEL_STATS, linkStatsPolicy),
  drops: indexedArray(VNET_ATTR_DROPS, dropPolicy),
  queue: u32(VNET_ATTR_QUEUE),
  requeues: u64(VNET_ATTR_REQUEUES),
  txTimeouts: u64(VNET_ATTR_TX_TIMEOUTS),
  held: u64(VNET_ATTR_HELD),
  groMerged: u64(VNET_ATTR_GRO_MERGED),
})
