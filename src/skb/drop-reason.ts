/**
 * Why a frame ended without being delivered. Names are those of the kernel's `enum skb_drop_reason`
 * (include/net/dropreason-core.h) where it has one, and follow its pattern where it has none. The numbers are ours:
 * they index counters, and the kernel's own change between releases.
 */

export const SKB_NOT_DROPPED_YET = 0
export const SKB_DROP_REASON_NOT_SPECIFIED = 1
/** The frame is shorter than the header it must have. */
export const SKB_DROP_REASON_PKT_TOO_SMALL = 2
/** Longer than the receiver's MTU + link header + one VLAN tag, and not GSO (`is_skb_forwardable`). */
export const SKB_DROP_REASON_PKT_TOO_BIG = 3
/** The receiving device is not up, or not there any more. */
export const SKB_DROP_REASON_DEV_READY = 4
/** The device was stopped while the frame was in its transmit ring. */
export const SKB_DROP_REASON_DEV_STOPPED = 5
/** A driver's receive ring had no room. */
export const SKB_DROP_REASON_FULL_RING = 6
/** No free slot in the frame pool. */
export const SKB_DROP_REASON_NOMEM = 7
/** Neither IPv4 nor IPv6, so there is no address to translate. */
export const SKB_DROP_REASON_UNHANDLED_PROTO = 8
/** An IPv4 or IPv6 header whose version or lengths do not fit the frame. */
export const SKB_DROP_REASON_IP_INHDR = 9
/** A transport header that is cut, or a first fragment that ends before the transport checksum. */
export const SKB_DROP_REASON_L4_HDR = 10
/** An address that has no far end: loopback, link-local, unspecified, or a multicast source. */
export const SKB_DROP_REASON_IP_NOT_TRANSLATABLE = 11
/** An authentication header covers the addresses: rewriting them would break it (RFC 4302). */
export const SKB_DROP_REASON_IP_AUTH = 12
/** A routing header or source-route option names further addresses (RFC 8200 sec. 4.4, RFC 791 sec. 3.1). */
export const SKB_DROP_REASON_IP_SOURCE_ROUTE = 13
/** ARP or neighbour discovery, which is never reflected: the host would find its own address taken. */
export const SKB_DROP_REASON_NEIGH = 14
/** The driver's ndoStartXmit threw. */
export const SKB_DROP_REASON_DRIVER_EXCEPTION = 15
/** The host refused the frame as malformed (EINVAL). */
export const SKB_DROP_REASON_HDR_TRUNC = 16
/** The host could not take the frame for another reason. */
export const SKB_DROP_REASON_HOST_ERROR = 17
/** A GSO frame that cannot be segmented: unknown kind, or headers that do not fit. */
export const SKB_DROP_REASON_SKB_GSO_SEG = 18
/** A partial checksum that lies outside the frame. */
export const SKB_DROP_REASON_SKB_CSUM = 19
/** Lost on purpose by a wire. */
export const SKB_DROP_REASON_WIRE_LOSS = 20
/** Not for the receiver: its filter lets neither this address nor this group pass. */
export const SKB_DROP_REASON_OTHERHOST = 21
/** The host took no frame while a whole queue of them waited for it. */
export const SKB_DROP_REASON_CPU_BACKLOG = 22
/** What a port of real hardware loses frames by; each has its counter in LinkStats64 (core/drop-stats.ts). */
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
 * A driver chose (ndoSelectQueue) a queue that is stopped and holds as many frames as it can; or an interface that we send on
 * had no room in its queueing discipline.
 */
export const SKB_DROP_REASON_QDISC_DROP = 33
/** A wrong checksum, of IPv4's own header, or of what it or IPv6 carries. */
export const SKB_DROP_REASON_IP_CSUM = 34
export const SKB_DROP_REASON_TCP_CSUM = 35
export const SKB_DROP_REASON_UDP_CSUM = 36
export const SKB_DROP_REASON_ICMP_CSUM = 37
/** A source hardware address that no station can have. */
export const SKB_DROP_REASON_MAC_INVALID_SOURCE = 38
/** A simulated host got a packet that is not for an address of its own, or not from one that a host can have. */
export const SKB_DROP_REASON_IP_INADDRERRORS = 39
/** Nobody knows the hardware address of the one it is for. */
export const SKB_DROP_REASON_NEIGH_FAILED = 40
/** A fragment: the simulated hosts put none together. */
export const SKB_DROP_REASON_FRAG_REASM = 41
/** A user's handler threw. */
export const SKB_DROP_REASON_HANDLER_EXCEPTION = 42

/** How many reasons there are: the length of a row of drop counters. */
export const SKB_DROP_REASON_MAX = 43

const names: readonly string[] = [
  'NOT_DROPPED_YET',
  'NOT_SPECIFIED',
  'PKT_TOO_SMALL',
  'PKT_TOO_BIG',
  'DEV_READY',
  'DEV_STOPPED',
  'FULL_RING',
  'NOMEM',
  'UNHANDLED_PROTO',
  'IP_INHDR',
  'L4_HDR',
  'IP_NOT_TRANSLATABLE',
  'IP_AUTH',
  'IP_SOURCE_ROUTE',
  'NEIGH',
  'DRIVER_EXCEPTION',
  'HDR_TRUNC',
  'HOST_ERROR',
  'SKB_GSO_SEG',
  'SKB_CSUM',
  'WIRE_LOSS',
  'OTHERHOST',
  'CPU_BACKLOG',
  'RX_OVER',
  'RX_CRC',
  'RX_FRAME',
  'RX_FIFO',
  'RX_NOHANDLER',
  'TX_ABORTED',
  'TX_CARRIER',
  'TX_FIFO',
  'TX_HEARTBEAT',
  'TX_WINDOW',
  'QDISC_DROP',
  'IP_CSUM',
  'TCP_CSUM',
  'UDP_CSUM',
  'ICMP_CSUM',
  'MAC_INVALID_SOURCE',
  'IP_INADDRERRORS',
  'NEIGH_FAILED',
  'FRAG_REASM',
  'HANDLER_EXCEPTION',
]

/** The name of a reason without its prefix, as tools print it: `PKT_TOO_SMALL`. */
export function dropReasonName(reason: number): string {
  return names[reason] ?? `REASON_${reason}`
}

/** The reason of that name, without its prefix; undefined when there is none that a frame can be dropped for. */
export function dropReasonOf(name: string): number | undefined {
  const reason = names.indexOf(name)
  return reason > SKB_NOT_DROPPED_YET ? reason : undefined
}
