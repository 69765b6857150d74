/**
 * LinkStats64: the counters of `struct rtnl_link_stats64` (include/uapi/linux/if_link.h), in its
 * order. A row is a Float64Array of one queue's or one device's counters; whole numbers are exact
 * up to 2^53.
 */

// Positions in a row.
export const RX_PACKETS = 0
export const TX_PACKETS = 1
export const RX_BYTES = 2
export const TX_BYTES = 3
export const RX_ERRORS = 4
export const TX_ERRORS = 5
export const RX_DROPPED = 6
export const TX_DROPPED = 7
export const MULTICAST = 8
export const COLLISIONS = 9
export const RX_LENGTH_ERRORS = 10
export const RX_OVER_ERRORS = 11
export const RX_CRC_ERRORS = 12
export const RX_FRAME_ERRORS = 13
export const RX_FIFO_ERRORS = 14
export const RX_MISSED_ERRORS = 15
export const TX_ABORTED_ERRORS = 16
export const TX_CARRIER_ERRORS = 17
export const TX_FIFO_ERRORS = 18
export const TX_HEARTBEAT_ERRORS = 19
export const TX_WINDOW_ERRORS = 20
export const RX_COMPRESSED = 21
export const TX_COMPRESSED = 22
export const RX_NOHANDLER = 23
export const RX_OTHERHOST_DROPPED = 24

/** The counters by name, in the order of a row. */
export const linkStats64Fields = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
  'rxCompressed',
  'txCompressed',
  'rxNohandler',
  'rxOtherhostDropped',
] as const

export type LinkStats64Field = (typeof linkStats64Fields)[number]
export type LinkStats64 = Record<LinkStats64Field, number>

export const LINK_STATS64_LENGTH = linkStats64Fields.length

/** Returns a name in the kernel's spelling: `rx_packets` for `rxPackets`. */
export function kernelName(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** Returns a row as an object with the kernel's names in camelCase. */
export function linkStats64(row: Float64Array): LinkStats64 {
  const stats = {} as LinkStats64
  for (const [i, field] of linkStats64Fields.entries()) {
    stats[field] = row[i] ?? 0
  }
  return stats
}
