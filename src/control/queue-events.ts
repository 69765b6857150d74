/** What a queue counts that is no field of rtnl_link_stats64 and no drop. */
import type { NetDevice } from '../core/net-device.ts'

export interface QueueEvents {
  /** Frames that the driver was offered again after NETDEV_TX_BUSY. */
  readonly requeues: number
  /** Times that the watchdog found the queue stopped for too long. */
  readonly txTimeouts: number
  /** Frames of the receive queue of that number that were merged into the one before. */
  readonly groMerged: number
}

/** Those of each queue, as they are now. */
export function queueEvents({ tx, counters: { groMerged } }: NetDevice): QueueEvents[] {
  return tx.map(({ requeues, transTimeout }, q) => ({
    requeues,
    txTimeouts: transTimeout,
    groMerged: groMerged[q] ?? 0,
  }))
}

/** Those of a device: the sum over its queues. */
export function sumOfEvents(queues: readonly QueueEvents[]): QueueEvents {
  return {
    requeues: queues.reduce((n, { requeues }) => n + requeues, 0),
    txTimeouts: queues.reduce((n, { txTimeouts }) => n + txTimeouts, 0),
    groMerged: queues.reduce((n, { groMerged }) => n + groMerged, 0),
  }
}
