/** A queue's counters besides the fields of rtnl_link_stats64 and its drops. */
import type { NetDevice } from '../../netdev/net-device.ts'

/**
 * Counters of vnet about one queue, or their sums for a device. They only grow, until the
 * statistics are reset.
 */
export interface QueueCounters {
  /** Times that the driver was offered a frame again after NETDEV_TX_BUSY. */
  readonly requeues: number
  /** Times that the watchdog found the queue stopped for too long. */
  readonly txTimeouts: number
  /** Frames of the receive queue of the same number that were merged into the one before. */
  readonly groMerged: number
  /** Extra frames: duplicates, and every segment of a GSO frame except the first. */
  readonly made: number
}

/**
 * Returns the counters of each queue. Row q has transmit queue q and, if it exists, receive queue
 * q.
 */
export function queueCounters({ tx, counters: { groMerged, made } }: NetDevice): QueueCounters[] {
  return tx.map(({ requeues, transTimeout }, q) => ({
    requeues,
    txTimeouts: transTimeout,
    groMerged: groMerged[q] ?? 0,
    made: made[q] ?? 0,
  }))
}

/** Returns the sums over all queues of a device. */
export function deviceCounters({ tx, counters }: NetDevice): QueueCounters {
  const sum = { requeues: 0, txTimeouts: 0, groMerged: 0, made: 0 }
  for (let q = 0; q < tx.length; q++) {
    sum.requeues += tx[q].requeues
    sum.txTimeouts += tx[q].transTimeout
    sum.groMerged += counters.groMerged[q] ?? 0
    sum.made += counters.made[q] ?? 0
  }
  return sum
}
