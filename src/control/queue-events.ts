/** What a transmit queue counts that is no field of rtnl_link_stats64 and no frame's end. */
import type { NetDevice } from '../core/net-device.ts'

export interface QueueEvents {
  /** Frames that the driver was offered again after NETDEV_TX_BUSY. */
  readonly requeues: number
  /** Times that the watchdog found the queue stopped for too long. */
  readonly txTimeouts: number
}

/** Those of each transmit queue, as they are now. */
export function queueEvents({ tx }: NetDevice): QueueEvents[] {
  return tx.map(({ requeues, transTimeout }) => ({ requeues, txTimeouts: transTimeout }))
}

/** Those of a device: the sum over its queues. */
export function sumOfEvents(queues: readonly QueueEvents[]): QueueEvents {
  return {
    requeues: queues.reduce((n, { requeues }) => n + requeues, 0),
    txTimeouts: queues.reduce((n, { txTimeouts }) => n + txTimeouts, 0),
  }
}
