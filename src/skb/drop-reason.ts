/**
 * Reasons for which a frame is dropped. Names are taken from the kernel's `enum skb_drop_reason`
 * (include/net/dropreason-core.h), or follow its pattern. The numbers are vnet's own: they index
 * rows of counters, and the kernel's change between releases.
 */

export const SKB_NOT_DROPPED_YET = 0
export const SKB_DROP_REASON_NOT_SPECIFIED = 1
/** The frame is shorter than the header it must have. */
export const SKB_DROP_REASON_PKT_TOO_SMALL = 2
/**
 * Longer than the receiver's MTU + link header + one VLAN tag, and not GSO (`is_skb_forwardable`).
 */
export const SKB_DROP_REASON_PKT_TOO_BIG = 3
/** The receiving device is down or gone. */
export const SKB_DROP_REASON_DEV_READY = 4
/** The device was stopped while the frame was in its transmit ring. */
export const SKB_DROP_REASON_DEV_STOPPED = 5
/** The driver's receive ring is full. */
export const SKB_DROP_REASON_FULL_RING = 6
/** The frame pool has no free slot. */
export const SKB_DROP_REASON_NOMEM = 7
/** Neither IPv4 nor IPv6, so it has no address to translate. */
export const SKB_DROP_REASON_UNHANDLED_PROTO = 8
/** The version or a length in the IP header is wrong for the frame. */
export const SKB_DROP_REASON_IP_INHDR = 9
/** The transport header is truncated, or the first fragment ends before the transport checksum. */
export const SKB_DROP_REASON_L4_HDR = 10
/** An address without a far end: loopback, link-local, unspecified, or a multicast source. */
export const SKB_DROP_REASON_IP_NOT_TRANSLATABLE = 11
/** An authentication header (RFC 4302) covers the addresses, so that they cannot be rewritten. */
export const SKB_DROP_REASON_IP_AUTH = 12
/**
 * A routing header or source-route option names further addresses (RFC 8200 sec. 4.4, RFC 791 sec.
 * 3.1).
 */
export const SKB_DROP_REASON_IP_SOURCE_ROUTE = 13
/** ARP or neighbour discovery: reflected, it would make the sender's own address look taken. */
export const SKB_DROP_REASON_NEIGH = 14
/** The driver's ndoStartXmit threw. */
export const SKB_DROP_REASON_DRIVER_EXCEPTION = 15
/** The kernel refused the frame as malformed (EINVAL). */
export const SKB_DROP_REASON_HDR_TRUNC = 16
/** The kernel did not take the frame for another reason. */
export const SKB_DROP_REASON_KERNEL_ERROR = 17
/**
 * A GSO frame of an unknown kind, or with headers that do not fit, so that it cannot be segmented.
 */
export const SKB_DROP_REASON_SKB_GSO_SEG = 18
/** The checksum field of a partial checksum lies outside the frame. */
export const SKB_DROP_REASON_SKB_CSUM = 19
/** Dropped on purpose by a wire. */
export const SKB_DROP_REASON_WIRE_LOSS = 20
/** The receiver's filter passes neither this address nor this group. */
export const SKB_DROP_REASON_OTHERHOST = 21
/** The kernel took no frame until the queue toward it was full. */
export const SKB_DROP_REASON_CPU_BACKLOG = 22
/** Faults of real hardware. Each has a counter in LinkStats64 (netdev/drop-stats.ts). */
export const SKB_DROP_REASON_RX_OVER = 23
export const SKB_DROP_REASON_RX_CRC = 24
export const SKB_DROP_REASON_RX_FRAME = 25
export const SKB_DROP_REASON_RX_FIFO = 26
export const SKB_DROP_REASON_RX_NOHANDLER = 27
export const SKB_DROP_REASON_TX_ABORTED = 28
export const SKB_DROP_REASON_TX_CARRIER = 29
export const SKB_DROP_REASON_TX_FIFO = 30
export const SKB_DROP_REASON_TX_HEARTBEAT = 31
export const SKB_DROP_REASON_TX_WINDOW = 32
/**
 * The queue that ndoSelectQueue chose is stopped and full, or the queueing discipline of an
 * interface that vnet sends on is full.
 */
export const SKB_DROP_REASON_QDISC_DROP = 33
/** The checksum of the IPv4 header, or of the transport header, is wrong. */
export const SKB_DROP_REASON_IP_CSUM = 34
export const SKB_DROP_REASON_TCP_CSUM = 35
export const SKB_DROP_REASON_UDP_CSUM = 36
export const SKB_DROP_REASON_ICMP_CSUM = 37
/** The source hardware address is zero or a group address. */
export const SKB_DROP_REASON_MAC_INVALID_SOURCE = 38
/** A simulated host received a packet for another address, or from one that no host can have. */
export const SKB_DROP_REASON_IP_INADDRERRORS = 39
/** The hardware address of the destination is unknown. */
export const SKB_DROP_REASON_NEIGH_FAILED = 40
/** A fragment: simulated hosts do not reassemble. */
export const SKB_DROP_REASON_FRAG_REASM = 41
/** A handler of a simulated host threw. */
export const SKB_DROP_REASON_HANDLER_EXCEPTION = 42
/** A queue or a wire held as many packets as its limit allows. */
export const SKB_DROP_REASON_QDISC_OVERLIMIT = 43
/** A queue's congestion control (RED, CoDel) dropped the packet. */
export const SKB_DROP_REASON_QDISC_CONGESTED = 44
/** The cable of an attachment is cut. */
export const SKB_DROP_REASON_CUT = 45
/** A wire has made as many frames of one frame as it may. */
export const SKB_DROP_REASON_COPIES = 46

/** The number of reasons: the length of a row of drop counters. */
export const SKB_DROP_REASON_MAX = 47
