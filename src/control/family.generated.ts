/**
 * What a running vnet is asked by its command line and by other programs. It is spoken in generic netlink's framing
 * over the Unix stream socket of a running vnet, nlctrl beside it. docs/control.md has the transport.
 *
 * Made by scripts/generate-family.mjs of docs/vnet_nl.yaml: change that, and run it.
 */

import { binary, flag, indexedArray, name, nested, policy, s32, string, u8, u32, u64 } from '../netlink/index.ts'

export const VNET_GENL_NAME = 'vnet_nl'
export const VNET_GENL_VERSION = 1
export const VNET_MCGRP_EVENTS_NAME = 'events'

/** Its message type; a client asks nlctrl for it. */
export const VNET_GENL_ID = 0x3f0

/**
 * Number of the group `events` for programs under `vnet exec`; nlctrl tells it too. No group of the kernel's has it. A
 * program that asks a vnet itself has SUBSCRIBE.
 */
export const VNET_MCGRP_EVENTS = 0x766e6574

/** Address of ioctl-data for the driver, where ifr_data is 0 in the request. */
export const VNET_IOCTL_DATA_ADDRESS = 0x1000

/** Bytes of ioctl-data at most. */
export const VNET_IOCTL_DATA_MAX = 16384

/** sizeof(struct ifreq) */
export const VNET_IFREQ_LEN = 40

/** A path of a namespace, if it has no name. */
export const VNET_NETNS_MAX = 4096

/** Octets of a parameter's name at most. */
export const VNET_PARAM_NAME_MAX = 64

/** Octets of a parameter's value at most. */
export const VNET_PARAM_VALUE_MAX = 1024

/** Octets of a fault's name at most. */
export const VNET_FAULT_MAX = 64

// What is wanted beside a device's sums.
/** A message for each queue. Row q is transmit queue q and, where there is one, receive queue q. */
export const VNET_SCOPE_QUEUE = 1

// Which way a frame went that was dropped.
/** Of frames that the host sent. */
export const VNET_DROP_TX = 0
/** Of frames for the host. */
export const VNET_DROP_RX = 1
export const wayNumbers = { tx: VNET_DROP_TX, rx: VNET_DROP_RX } as const

// Which entries of a segment are wanted.
export const VNET_SEGMENT_HOSTS = 1
export const VNET_SEGMENT_LEASES = 2
export const VNET_SEGMENT_NEIGHBOURS = 4
export const VNET_SEGMENT_STATIONS = 8
export const VNET_SEGMENT_COUNTERS = 16

// What a counter of a segment is of.
/** Of all frames; in = out + taken + dropped + held. */
export const VNET_COUNTER_FRAMES = 0
/** Of frames dropped on the segment, by reason. */
export const VNET_COUNTER_DROPPED = 1
/** Of what its hosts answered, or sent by themselves, by kind. */
export const VNET_COUNTER_ANSWERED = 2
export const counterGroupNumbers = {
  frames: VNET_COUNTER_FRAMES,
  dropped: VNET_COUNTER_DROPPED,
  answered: VNET_COUNTER_ANSWERED,
} as const

// What happened to a device.
export const VNET_EVENT_REGISTERED = 1
export const VNET_EVENT_UNREGISTERED = 2
export const VNET_EVENT_UP = 3
export const VNET_EVENT_DOWN = 4
/** A transmit queue, `queue`, was stopped for too long; `tx-timeouts` of the device so far. */
export const VNET_EVENT_TIMEOUT = 5
/** As many more were dropped as a subscriber has for a threshold; told to him and to the group. */
export const VNET_EVENT_DROPS = 6
export const eventNumbers = {
  registered: VNET_EVENT_REGISTERED,
  unregistered: VNET_EVENT_UNREGISTERED,
  up: VNET_EVENT_UP,
  down: VNET_EVENT_DOWN,
  timeout: VNET_EVENT_TIMEOUT,
  drops: VNET_EVENT_DROPS,
} as const

/** The text back, octet for octet. */
export const VNET_CMD_ECHO = 1
/** The devices of a vnet, or one of them. */
export const VNET_CMD_GET_DEVICES = 2
/** Statistics of a device; a dump has all of those meant and, in its scope, their queues after each. */
export const VNET_CMD_GET_STATS = 3
/** Statistics of a device begin anew, the kernel's in `kernel-stats` with them. Changes. */
export const VNET_CMD_RESET_STATS = 4
/** The carrier of a device, on or off. Changes. */
export const VNET_CMD_SET_CARRIER = 5
/**
 * A parameter of the driver, as in /sys/module/NAME/parameters, or a dump of all. A device may be named, to ask the
 * vnet that has it: its driver's parameters are the same for all of its devices.
 */
export const VNET_CMD_GET_PARAM = 6
/** Only those that may change while running. Changes. */
export const VNET_CMD_SET_PARAM = 7
/** A fault now, once; on `queue` if it is one of a queue. Changes. */
export const VNET_CMD_TRIGGER = 8
/** A private ioctl, SIOCSIFMAP or SIOCGIFMAP. The driver says which of its own change something. */
export const VNET_CMD_IOCTL = 9
/**
 * Events on the connection that asks, from now on. Asked again it takes the place of the former. A client that does not
 * read in time loses events; NLMSG_OVERRUN stands in their place.
 */
export const VNET_CMD_SUBSCRIBE = 10
/** Never a request, but sent to subscribers. Its sequence number is 0. */
export const VNET_CMD_EVENT = 11
/**
 * What is on the segment behind the devices of a vnet, an entry a message. A device may be named, to ask the vnet that
 * has it. EOPNOTSUPP where its driver has none.
 */
export const VNET_CMD_GET_SEGMENT = 13

export const VNET_ECHO_ATTR_TEXT = 1
export const VNET_ECHO_ATTR_MAX = 1

/** ECHO has an attribute set of its own, that of the sample programs for the driver in the kernel. */
export const echoAttributes = {
  text: string(VNET_ECHO_ATTR_TEXT),
}

export const VNET_LINK_STATS_RX_PACKETS = 1
export const VNET_LINK_STATS_TX_PACKETS = 2
export const VNET_LINK_STATS_RX_BYTES = 3
export const VNET_LINK_STATS_TX_BYTES = 4
export const VNET_LINK_STATS_RX_ERRORS = 5
export const VNET_LINK_STATS_TX_ERRORS = 6
export const VNET_LINK_STATS_RX_DROPPED = 7
export const VNET_LINK_STATS_TX_DROPPED = 8
export const VNET_LINK_STATS_MULTICAST = 9
export const VNET_LINK_STATS_COLLISIONS = 10
export const VNET_LINK_STATS_RX_LENGTH_ERRORS = 11
export const VNET_LINK_STATS_RX_OVER_ERRORS = 12
export const VNET_LINK_STATS_RX_CRC_ERRORS = 13
export const VNET_LINK_STATS_RX_FRAME_ERRORS = 14
export const VNET_LINK_STATS_RX_FIFO_ERRORS = 15
export const VNET_LINK_STATS_RX_MISSED_ERRORS = 16
export const VNET_LINK_STATS_TX_ABORTED_ERRORS = 17
export const VNET_LINK_STATS_TX_CARRIER_ERRORS = 18
export const VNET_LINK_STATS_TX_FIFO_ERRORS = 19
export const VNET_LINK_STATS_TX_HEARTBEAT_ERRORS = 20
export const VNET_LINK_STATS_TX_WINDOW_ERRORS = 21
export const VNET_LINK_STATS_RX_COMPRESSED = 22
export const VNET_LINK_STATS_TX_COMPRESSED = 23
export const VNET_LINK_STATS_RX_NOHANDLER = 24
export const VNET_LINK_STATS_RX_OTHERHOST_DROPPED = 25
export const VNET_LINK_STATS_MAX = 25

/** Fields of struct rtnl_link_stats64, in its order. */
export const linkStatsAttributes = {
  rxPackets: u64(VNET_LINK_STATS_RX_PACKETS),
  txPackets: u64(VNET_LINK_STATS_TX_PACKETS),
  rxBytes: u64(VNET_LINK_STATS_RX_BYTES),
  txBytes: u64(VNET_LINK_STATS_TX_BYTES),
  rxErrors: u64(VNET_LINK_STATS_RX_ERRORS),
  txErrors: u64(VNET_LINK_STATS_TX_ERRORS),
  rxDropped: u64(VNET_LINK_STATS_RX_DROPPED),
  txDropped: u64(VNET_LINK_STATS_TX_DROPPED),
  multicast: u64(VNET_LINK_STATS_MULTICAST),
  collisions: u64(VNET_LINK_STATS_COLLISIONS),
  rxLengthErrors: u64(VNET_LINK_STATS_RX_LENGTH_ERRORS),
  rxOverErrors: u64(VNET_LINK_STATS_RX_OVER_ERRORS),
  rxCrcErrors: u64(VNET_LINK_STATS_RX_CRC_ERRORS),
  rxFrameErrors: u64(VNET_LINK_STATS_RX_FRAME_ERRORS),
  rxFifoErrors: u64(VNET_LINK_STATS_RX_FIFO_ERRORS),
  rxMissedErrors: u64(VNET_LINK_STATS_RX_MISSED_ERRORS),
  txAbortedErrors: u64(VNET_LINK_STATS_TX_ABORTED_ERRORS),
  txCarrierErrors: u64(VNET_LINK_STATS_TX_CARRIER_ERRORS),
  txFifoErrors: u64(VNET_LINK_STATS_TX_FIFO_ERRORS),
  txHeartbeatErrors: u64(VNET_LINK_STATS_TX_HEARTBEAT_ERRORS),
  txWindowErrors: u64(VNET_LINK_STATS_TX_WINDOW_ERRORS),
  rxCompressed: u64(VNET_LINK_STATS_RX_COMPRESSED),
  txCompressed: u64(VNET_LINK_STATS_TX_COMPRESSED),
  rxNohandler: u64(VNET_LINK_STATS_RX_NOHANDLER),
  rxOtherhostDropped: u64(VNET_LINK_STATS_RX_OTHERHOST_DROPPED),
}
export const linkStatsPolicy = policy(linkStatsAttributes)

export const VNET_DROP_ATTR_WAY = 1
/** SKB_DROP_REASON_*, without the prefix. */
export const VNET_DROP_ATTR_REASON = 2
export const VNET_DROP_ATTR_FRAMES = 3
export const VNET_DROP_ATTR_MAX = 3

/** How many frames were dropped for a reason, one way. */
export const dropAttributes = {
  way: u8(VNET_DROP_ATTR_WAY),
  reason: string(VNET_DROP_ATTR_REASON),
  frames: u64(VNET_DROP_ATTR_FRAMES),
}
export const dropPolicy = policy(dropAttributes)

export const VNET_SEGMENT_ADDRESS_ATTR_ADDRESS = 1
export const VNET_SEGMENT_ADDRESS_ATTR_MAX = 1

/** An address of a host. */
export const segmentAddressAttributes = {
  address: binary(VNET_SEGMENT_ADDRESS_ATTR_ADDRESS, 4, 16),
}
export const segmentAddressPolicy = policy(segmentAddressAttributes)

export const VNET_SEGMENT_HOST_ATTR_NAME = 1
export const VNET_SEGMENT_HOST_ATTR_MAC = 2
/** The link-local address comes last. */
export const VNET_SEGMENT_HOST_ATTR_ADDRESSES = 3
/** There if it says of itself that it is one. */
export const VNET_SEGMENT_HOST_ATTR_ROUTER = 4
export const VNET_SEGMENT_HOST_ATTR_MAX = 4

/** A simulated host, or the gateway. */
export const segmentHostAttributes = {
  name: string(VNET_SEGMENT_HOST_ATTR_NAME),
  mac: binary(VNET_SEGMENT_HOST_ATTR_MAC, 6, 6),
  addresses: indexedArray(VNET_SEGMENT_HOST_ATTR_ADDRESSES, segmentAddressPolicy),
  router: flag(VNET_SEGMENT_HOST_ATTR_ROUTER),
}
export const segmentHostPolicy = policy(segmentHostAttributes)

export const VNET_SEGMENT_LEASE_ATTR_ADDRESS = 1
/** `02:00:00:00:00:01`; after `N-` where hardware of ARP's type N is no Ethernet. */
export const VNET_SEGMENT_LEASE_ATTR_MAC = 2
/** Its octets in hexadecimal, with colons between; absent for a client that gave none. */
export const VNET_SEGMENT_LEASE_ATTR_CLIENT_ID = 3
export const VNET_SEGMENT_LEASE_ATTR_HOSTNAME = 4
/** Milliseconds since 1970; absent for a lease without an end. */
export const VNET_SEGMENT_LEASE_ATTR_EXPIRES = 5
export const VNET_SEGMENT_LEASE_ATTR_MAX = 5

/** Who has an address of the DHCP server's now. */
export const segmentLeaseAttributes = {
  address: binary(VNET_SEGMENT_LEASE_ATTR_ADDRESS, 4, 16),
  mac: string(VNET_SEGMENT_LEASE_ATTR_MAC),
  clientId: string(VNET_SEGMENT_LEASE_ATTR_CLIENT_ID),
  hostname: string(VNET_SEGMENT_LEASE_ATTR_HOSTNAME),
  expires: u64(VNET_SEGMENT_LEASE_ATTR_EXPIRES),
}
export const segmentLeasePolicy = policy(segmentLeaseAttributes)

export const VNET_SEGMENT_NEIGHBOUR_ATTR_ADDRESS = 1
export const VNET_SEGMENT_NEIGHBOUR_ATTR_MAC = 2
export const VNET_SEGMENT_NEIGHBOUR_ATTR_MAX = 2

/** Who was heard to have an address, and is no host of the segment's own. */
export const segmentNeighbourAttributes = {
  address: binary(VNET_SEGMENT_NEIGHBOUR_ATTR_ADDRESS, 4, 16),
  mac: binary(VNET_SEGMENT_NEIGHBOUR_ATTR_MAC, 6, 6),
}
export const segmentNeighbourPolicy = policy(segmentNeighbourAttributes)

export const VNET_SEGMENT_STATION_ATTR_NAME = 1
export const VNET_SEGMENT_STATION_ATTR_MAC = 2
export const VNET_SEGMENT_STATION_ATTR_MAX = 2

/** What is plugged in, once for each hardware address that was heard behind it; once without, where none was. */
export const segmentStationAttributes = {
  name: string(VNET_SEGMENT_STATION_ATTR_NAME),
  mac: binary(VNET_SEGMENT_STATION_ATTR_MAC, 6, 6),
}
export const segmentStationPolicy = policy(segmentStationAttributes)

export const VNET_SEGMENT_COUNTER_ATTR_GROUP = 1
export const VNET_SEGMENT_COUNTER_ATTR_NAME = 2
export const VNET_SEGMENT_COUNTER_ATTR_VALUE = 3
export const VNET_SEGMENT_COUNTER_ATTR_MAX = 3

/** Since the segment began, how many frames. */
export const segmentCounterAttributes = {
  group: u32(VNET_SEGMENT_COUNTER_ATTR_GROUP),
  name: string(VNET_SEGMENT_COUNTER_ATTR_NAME),
  value: u64(VNET_SEGMENT_COUNTER_ATTR_VALUE),
}
export const segmentCounterPolicy = policy(segmentCounterAttributes)

export const VNET_ATTR_IFINDEX = 1
export const VNET_ATTR_IFNAME = 2
/**
 * Where the interface was made, as its user named that; absent when it is the program's own. A later move changes
 * nothing.
 */
export const VNET_ATTR_NETNS = 3
export const VNET_ATTR_NUM_TX_QUEUES = 4
export const VNET_ATTR_NUM_RX_QUEUES = 5
/** In a request for statistics, what is wanted beside a device's sums. */
export const VNET_ATTR_SCOPE = 6
/** As vnet counted. */
export const VNET_ATTR_STATS = 7
/** The same, as the kernel counted meanwhile; absent when the interface is just going. */
export const VNET_ATTR_KERNEL_STATS = 8
export const VNET_ATTR_DROPS = 9
/**
 * The queue that the message's `stats` are of; absent when they are the device's. With TRIGGER and an event, the
 * transmit queue.
 */
export const VNET_ATTR_QUEUE = 10
/** Beside the fields, of the device or, with `queue`, of the queue. */
export const VNET_ATTR_REQUEUES = 11
/** As `requeues`. */
export const VNET_ATTR_TX_TIMEOUTS = 12
/** Frames that were read and are still out; of a device. */
export const VNET_ATTR_HELD = 13
/** As `requeues`, frames received that were merged into the one before. */
export const VNET_ATTR_GRO_MERGED = 14
export const VNET_ATTR_PARAM_NAME = 15
/** As text, as it would be on the command line; empty is what has no value. */
export const VNET_ATTR_PARAM_VALUE = 16
/** `int`, `bool` or `string`. */
export const VNET_ATTR_PARAM_TYPE = 17
/** There if it can be set while running. */
export const VNET_ATTR_PARAM_LIVE = 18
export const VNET_ATTR_PARAM_DESCRIPTION = 19
/** What values it may have, in words; absent when there is nothing to say. */
export const VNET_ATTR_PARAM_RANGE = 20
/** 0 or 1, as the driver last said. */
export const VNET_ATTR_CARRIER = 21
/** `lockup`, `lost-interrupt`, `stuck`, `flap`, or what else a driver has. */
export const VNET_ATTR_FAULT = 22
export const VNET_ATTR_IOCTL_CMD = 23
/** struct ifreq, as it is in the caller's memory; in an answer, as the driver left it. */
export const VNET_ATTR_IOCTL_IFREQ = 24
/**
 * In a request, the caller's memory from where ifr_data points to on; the driver can read and write this and no more.
 * In a reply, what the driver wrote of it; absent when it wrote nothing.
 */
export const VNET_ATTR_IOCTL_DATA = 26
/** What ioctl(2) would answer, 0 or more, or -errno. */
export const VNET_ATTR_IOCTL_RESULT = 27
export const VNET_ATTR_EVENT = 28
/** Events that are wanted; all when it is absent, 0 ends the subscription. */
export const VNET_ATTR_EVENTS = 29
/** A device's drops between one `drops` event and the next; 0 or absent is none. */
export const VNET_ATTR_DROP_THRESHOLD = 30
/** With a `drops` event, frames that the device dropped, since it was registered or reset. */
export const VNET_ATTR_DROPPED = 31
/** IFF_* */
export const VNET_ATTR_FLAGS = 32
export const VNET_ATTR_MTU = 33
/** Hardware address. */
export const VNET_ATTR_ADDRESS = 34
/** Name of the driver. */
export const VNET_ATTR_DRIVER = 35
/** Where ioctl-data of a reply begins in that of the request; 0 when it is absent. */
export const VNET_ATTR_IOCTL_DATA_OFFSET = 39
/** Which entries are wanted; all when it is absent. */
export const VNET_ATTR_SEGMENT_PARTS = 40
export const VNET_ATTR_SEGMENT_HOST = 41
export const VNET_ATTR_SEGMENT_LEASE = 42
export const VNET_ATTR_SEGMENT_NEIGHBOUR = 43
export const VNET_ATTR_SEGMENT_STATION = 44
export const VNET_ATTR_SEGMENT_COUNTER = 45
export const VNET_ATTR_MAX = 45

/** Attributes of a message, the same for every command but ECHO. */
export const vnetAttributes = {
  ifindex: u32(VNET_ATTR_IFINDEX),
  ifname: name(VNET_ATTR_IFNAME, 15),
  netns: string(VNET_ATTR_NETNS, VNET_NETNS_MAX),
  numTxQueues: u32(VNET_ATTR_NUM_TX_QUEUES),
  numRxQueues: u32(VNET_ATTR_NUM_RX_QUEUES),
  scope: u32(VNET_ATTR_SCOPE),
  stats: nested(VNET_ATTR_STATS, linkStatsPolicy),
  kernelStats: nested(VNET_ATTR_KERNEL_STATS, linkStatsPolicy),
  drops: indexedArray(VNET_ATTR_DROPS, dropPolicy),
  queue: u32(VNET_ATTR_QUEUE),
  requeues: u64(VNET_ATTR_REQUEUES),
  txTimeouts: u64(VNET_ATTR_TX_TIMEOUTS),
  held: u64(VNET_ATTR_HELD),
  groMerged: u64(VNET_ATTR_GRO_MERGED),
  paramName: string(VNET_ATTR_PARAM_NAME, VNET_PARAM_NAME_MAX),
  paramValue: string(VNET_ATTR_PARAM_VALUE, VNET_PARAM_VALUE_MAX),
  paramType: string(VNET_ATTR_PARAM_TYPE),
  paramLive: flag(VNET_ATTR_PARAM_LIVE),
  paramDescription: string(VNET_ATTR_PARAM_DESCRIPTION),
  paramRange: string(VNET_ATTR_PARAM_RANGE),
  carrier: u8(VNET_ATTR_CARRIER),
  fault: string(VNET_ATTR_FAULT, VNET_FAULT_MAX),
  ioctlCmd: u32(VNET_ATTR_IOCTL_CMD),
  ioctlIfreq: binary(VNET_ATTR_IOCTL_IFREQ, VNET_IFREQ_LEN, VNET_IFREQ_LEN),
  ioctlData: binary(VNET_ATTR_IOCTL_DATA, 0, VNET_IOCTL_DATA_MAX),
  ioctlResult: s32(VNET_ATTR_IOCTL_RESULT),
  event: u32(VNET_ATTR_EVENT),
  events: u32(VNET_ATTR_EVENTS),
  dropThreshold: u64(VNET_ATTR_DROP_THRESHOLD),
  dropped: u64(VNET_ATTR_DROPPED),
  flags: u32(VNET_ATTR_FLAGS),
  mtu: u32(VNET_ATTR_MTU),
  address: binary(VNET_ATTR_ADDRESS),
  driver: string(VNET_ATTR_DRIVER),
  ioctlDataOffset: u32(VNET_ATTR_IOCTL_DATA_OFFSET),
  segmentParts: u32(VNET_ATTR_SEGMENT_PARTS),
  segmentHost: nested(VNET_ATTR_SEGMENT_HOST, segmentHostPolicy),
  segmentLease: nested(VNET_ATTR_SEGMENT_LEASE, segmentLeasePolicy),
  segmentNeighbour: nested(VNET_ATTR_SEGMENT_NEIGHBOUR, segmentNeighbourPolicy),
  segmentStation: nested(VNET_ATTR_SEGMENT_STATION, segmentStationPolicy),
  segmentCounter: nested(VNET_ATTR_SEGMENT_COUNTER, segmentCounterPolicy),
}

/** The text back, octet for octet. */
export const echoRequest = policy({ text: echoAttributes.text }, { strict: true })
export const echoReply = policy({ text: echoAttributes.text })

/** The devices of a vnet, or one of them. */
export const getDevicesRequest = policy(
  { ifindex: vnetAttributes.ifindex, ifname: vnetAttributes.ifname, netns: vnetAttributes.netns },
  { strict: true },
)
export const getDevicesReply = policy({
  ifindex: vnetAttributes.ifindex,
  ifname: vnetAttributes.ifname,
  netns: vnetAttributes.netns,
  numTxQueues: vnetAttributes.numTxQueues,
  numRxQueues: vnetAttributes.numRxQueues,
  carrier: vnetAttributes.carrier,
  flags: vnetAttributes.flags,
  mtu: vnetAttributes.mtu,
  address: vnetAttributes.address,
  driver: vnetAttributes.driver,
})

/** Statistics of a device; a dump has all of those meant and, in its scope, their queues after each. */
export const getStatsRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    scope: vnetAttributes.scope,
  },
  { strict: true },
)
export const getStatsReply = policy({
  ifindex: vnetAttributes.ifindex,
  ifname: vnetAttributes.ifname,
  netns: vnetAttributes.netns,
  numTxQueues: vnetAttributes.numTxQueues,
  numRxQueues: vnetAttributes.numRxQueues,
  stats: vnetAttributes.stats,
  kernelStats: vnetAttributes.kernelStats,
  drops: vnetAttributes.drops,
  queue: vnetAttributes.queue,
  requeues: vnetAttributes.requeues,
  txTimeouts: vnetAttributes.txTimeouts,
  held: vnetAttributes.held,
  groMerged: vnetAttributes.groMerged,
})

/** Statistics of a device begin anew, the kernel's in `kernel-stats` with them. Changes. */
export const resetStatsRequest = policy(
  { ifindex: vnetAttributes.ifindex, ifname: vnetAttributes.ifname, netns: vnetAttributes.netns },
  { strict: true },
)

/** The carrier of a device, on or off. Changes. */
export const setCarrierRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    carrier: vnetAttributes.carrier,
  },
  { strict: true },
)

/**
 * A parameter of the driver, as in /sys/module/NAME/parameters, or a dump of all. A device may be named, to ask the
 * vnet that has it: its driver's parameters are the same for all of its devices.
 */
export const getParamRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    paramName: vnetAttributes.paramName,
  },
  { strict: true },
)
export const getParamReply = policy({
  driver: vnetAttributes.driver,
  paramName: vnetAttributes.paramName,
  paramValue: vnetAttributes.paramValue,
  paramType: vnetAttributes.paramType,
  paramLive: vnetAttributes.paramLive,
  paramDescription: vnetAttributes.paramDescription,
  paramRange: vnetAttributes.paramRange,
})

/** Only those that may change while running. Changes. */
export const setParamRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    paramName: vnetAttributes.paramName,
    paramValue: vnetAttributes.paramValue,
  },
  { strict: true },
)

/** A fault now, once; on `queue` if it is one of a queue. Changes. */
export const triggerRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    fault: vnetAttributes.fault,
    queue: vnetAttributes.queue,
  },
  { strict: true },
)

/** A private ioctl, SIOCSIFMAP or SIOCGIFMAP. The driver says which of its own change something. */
export const ioctlRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    ioctlCmd: vnetAttributes.ioctlCmd,
    ioctlIfreq: vnetAttributes.ioctlIfreq,
    ioctlData: vnetAttributes.ioctlData,
  },
  { strict: true },
)
export const ioctlReply = policy({
  ioctlResult: vnetAttributes.ioctlResult,
  ioctlIfreq: vnetAttributes.ioctlIfreq,
  ioctlData: vnetAttributes.ioctlData,
  ioctlDataOffset: vnetAttributes.ioctlDataOffset,
})

/**
 * Events on the connection that asks, from now on. Asked again it takes the place of the former. A client that does not
 * read in time loses events; NLMSG_OVERRUN stands in their place.
 */
export const subscribeRequest = policy(
  { events: vnetAttributes.events, dropThreshold: vnetAttributes.dropThreshold },
  { strict: true },
)

export const eventReply = policy({
  ifindex: vnetAttributes.ifindex,
  ifname: vnetAttributes.ifname,
  netns: vnetAttributes.netns,
  event: vnetAttributes.event,
  queue: vnetAttributes.queue,
  txTimeouts: vnetAttributes.txTimeouts,
  dropped: vnetAttributes.dropped,
})

/**
 * What is on the segment behind the devices of a vnet, an entry a message. A device may be named, to ask the vnet that
 * has it. EOPNOTSUPP where its driver has none.
 */
export const getSegmentRequest = policy(
  {
    ifindex: vnetAttributes.ifindex,
    ifname: vnetAttributes.ifname,
    netns: vnetAttributes.netns,
    segmentParts: vnetAttributes.segmentParts,
  },
  { strict: true },
)
export const getSegmentReply = policy({
  segmentHost: vnetAttributes.segmentHost,
  segmentLease: vnetAttributes.segmentLease,
  segmentNeighbour: vnetAttributes.segmentNeighbour,
  segmentStation: vnetAttributes.segmentStation,
  segmentCounter: vnetAttributes.segmentCounter,
})
