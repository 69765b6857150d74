/**
 * LinkStats64: the counters of `struct rtnl_link_stats64` (include/uapi/linux/if_link.h), in its
 * order. A row is a Float64Array of one queue's or one device's counters; whole numbers are exact
 * up to 2^53.
 */
export * from './stats.generated.ts'

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
  for (const [i, field] of linkStats64Fields.entries()) stats[field] = row[i] ?? 0
  return stats
}
