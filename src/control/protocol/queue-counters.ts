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

/** A field of QueueCounters, which is also the name of its attribute in GET_STATS. */
export type QueueCounterField = keyof QueueCounters

interface QueueCounter {
  /** The help text of its metric. */
  readonly help: string
  /** Returns it for transmit queue `q` and, if that exists, receive queue `q`. */
  readonly of: (dev: NetDevice, q: number) => number
}

/** The table of the counters, in the order in which they are shown. */
export const QUEUE_COUNTERS: Readonly<Record<QueueCounterField, QueueCounter>> = {
  requeues: {
    help: 'Frames that the driver was offered again after NETDEV_TX_BUSY',
    of: ({ tx }, q) => tx[q].requeues,
  },
  txTimeouts: {
    help: 'Times that the watchdog found the queue stopped for too long',
    of: ({ tx }, q) => tx[q].transTimeout,
  },
  groMerged: {
    help: 'Received frames that were merged into the one before',
    of: ({ counters }, q) => counters.groMerged[q] ?? 0,
  },
  made: {
    help: 'Frames added to the transmitted ones: duplicates, segments of GSO frames but the first, and frames that a wire sends itself',
    of: ({ counters }, q) => counters.made[q] ?? 0,
  },
}

export const queueCounterFields = Object.keys(QUEUE_COUNTERS) as readonly QueueCounterField[]

/** Returns the counters with these values. */
export function countersWith(countOf: (field: QueueCounterField) => number): QueueCounters {
  const counters = {} as Record<QueueCounterField, number>
  for (const field of queueCounterFields) {
    counters[field] = countOf(field)
  }
  return counters
}

/** Returns the counters of each transmit queue. */
export function queueCounters(dev: NetDevice): QueueCounters[] {
  return dev.tx.map((_, q) => countersWith(field => QUEUE_COUNTERS[field].of(dev, q)))
}

/** Returns the sums over all queues of a device. */
export function deviceCounters(dev: NetDevice): QueueCounters {
  return countersWith(field => {
    let sum = 0
    for (let q = 0; q < dev.tx.length; q++) {
      sum += QUEUE_COUNTERS[field].of(dev, q)
    }
    return sum
  })
}
