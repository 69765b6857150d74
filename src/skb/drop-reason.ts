/**
 * Reasons for which a frame is dropped. Names are taken from the kernel's `enum skb_drop_reason`
 * (include/net/dropreason-core.h), or follow its pattern. The numbers are vnet's own: they index
 * rows of counters, and the kernel's change between releases. A new one has the next number, and
 * needs its cause in packages/web/src/page/drop-cause.ts, from which `npm run generate` makes the
 * table of docs/statistics.md.
 */

export const SKB_NOT_DROPPED_YET = 0
export const SKB_DROP_REASON_NOT_SPECIFIED = 1
export const SKB_DROP_REASON_PKT_TOO_SMALL = 2
export const SKB_DROP_REASON_PKT_TOO_BIG = 3
export const SKB_DROP_REASON_DEV_READY = 4
export const SKB_DROP_REASON_DEV_STOPPED = 5
export const SKB_DROP_REASON_FULL_RING = 6
export const SKB_DROP_REASON_NOMEM = 7
export const SKB_DROP_REASON_UNHANDLED_PROTO = 8
export const SKB_DROP_REASON_IP_INHDR = 9
export const SKB_DROP_REASON_L4_HDR = 10
export const SKB_DROP_REASON_IP_NOT_TRANSLATABLE = 11
export const SKB_DROP_REASON_IP_AUTH = 12
export const SKB_DROP_REASON_IP_SOURCE_ROUTE = 13
export const SKB_DROP_REASON_NEIGH = 14
export const SKB_DROP_REASON_DRIVER_EXCEPTION = 15
export const SKB_DROP_REASON_HDR_TRUNC = 16
export const SKB_DROP_REASON_KERNEL_ERROR = 17
export const SKB_DROP_REASON_SKB_GSO_SEG = 18
export const SKB_DROP_REASON_SKB_CSUM = 19
export const SKB_DROP_REASON_WIRE_LOSS = 20
export const SKB_DROP_REASON_OTHERHOST = 21
export const SKB_DROP_REASON_CPU_BACKLOG = 22
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
export const SKB_DROP_REASON_QDISC_DROP = 33
export const SKB_DROP_REASON_IP_CSUM = 34
export const SKB_DROP_REASON_TCP_CSUM = 35
export const SKB_DROP_REASON_UDP_CSUM = 36
export const SKB_DROP_REASON_ICMP_CSUM = 37
export const SKB_DROP_REASON_MAC_INVALID_SOURCE = 38
export const SKB_DROP_REASON_IP_INADDRERRORS = 39
export const SKB_DROP_REASON_NEIGH_FAILED = 40
export const SKB_DROP_REASON_FRAG_REASM = 41
export const SKB_DROP_REASON_HANDLER_EXCEPTION = 42
export const SKB_DROP_REASON_QDISC_OVERLIMIT = 43
export const SKB_DROP_REASON_QDISC_CONGESTED = 44
export const SKB_DROP_REASON_CUT = 45
export const SKB_DROP_REASON_COPIES = 46

/** The number of reasons: the length of a row of drop counters. */
export const SKB_DROP_REASON_MAX = 47
