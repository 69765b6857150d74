/**
 * The counters of one device: for every queue a row of LinkStats64 and a row of drops by reason, in
 * Float64Arrays on SharedArrayBuffers, so that another thread can read them. Row q holds the
 * transmit fields of transmit queue q and the receive fields of receive queue q. A frame is counted
 * as transmitted when it is read from the kernel, and as received when the kernel took it. The
 * kernel counts at the same moments, so both agree to the frame.
 */
import { isBroadcastAddress } from '../packet/ethernet.ts'
import {
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_HDR_TRUNC,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_NOT_SPECIFIED,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_RX_CRC,
  SKB_DROP_REASON_RX_FIFO,
  SKB_DROP_REASON_RX_FRAME,
  SKB_DROP_REASON_RX_NOHANDLER,
  SKB_DROP_REASON_RX_OVER,
  SKB_DROP_REASON_TX_ABORTED,
  SKB_DROP_REASON_TX_CARRIER,
  SKB_DROP_REASON_TX_FIFO,
  SKB_DROP_REASON_TX_HEARTBEAT,
  SKB_DROP_REASON_TX_WINDOW,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Port } from './port.ts'
import {
  LINK_STATS64_LENGTH,
  MULTICAST,
  RX_BYTES,
  RX_CRC_ERRORS,
  RX_DROPPED,
  RX_ERRORS,
  RX_FIFO_ERRORS,
  RX_FRAME_ERRORS,
  RX_LENGTH_ERRORS,
  RX_MISSED_ERRORS,
  RX_NOHANDLER,
  RX_OTHERHOST_DROPPED,
  RX_OVER_ERRORS,
  RX_PACKETS,
  TX_ABORTED_ERRORS,
  TX_BYTES,
  TX_CARRIER_ERRORS,
  TX_DROPPED,
  TX_ERRORS,
  TX_FIFO_ERRORS,
  TX_HEARTBEAT_ERRORS,
  TX_PACKETS,
  TX_WINDOW_ERRORS,
} from './stats.ts'

/**
 * The fields of LinkStats64 that count a drop, by its reason and the side it is on. One field
 * counts the lost frame (dropped, errors, missed, otherhost or nohandler); an error has a second
 * one for its kind (Documentation/networking/statistics.rst).
 */
type Fields = readonly number[]

const rxByReason = byReason([RX_DROPPED], {
  [SKB_DROP_REASON_PKT_TOO_SMALL]: [RX_ERRORS, RX_LENGTH_ERRORS],
  [SKB_DROP_REASON_PKT_TOO_BIG]: [RX_ERRORS, RX_LENGTH_ERRORS],
  [SKB_DROP_REASON_HDR_TRUNC]: [RX_ERRORS, RX_FRAME_ERRORS],
  [SKB_DROP_REASON_RX_OVER]: [RX_ERRORS, RX_OVER_ERRORS],
  [SKB_DROP_REASON_RX_CRC]: [RX_ERRORS, RX_CRC_ERRORS],
  [SKB_DROP_REASON_RX_FRAME]: [RX_ERRORS, RX_FRAME_ERRORS],
  [SKB_DROP_REASON_RX_FIFO]: [RX_ERRORS, RX_FIFO_ERRORS],
  [SKB_DROP_REASON_FULL_RING]: [RX_MISSED_ERRORS],
  [SKB_DROP_REASON_OTHERHOST]: [RX_OTHERHOST_DROPPED],
  [SKB_DROP_REASON_RX_NOHANDLER]: [RX_NOHANDLER],
})

const txByReason = byReason([TX_DROPPED], {
  [SKB_DROP_REASON_TX_ABORTED]: [TX_ERRORS, TX_ABORTED_ERRORS],
  [SKB_DROP_REASON_TX_CARRIER]: [TX_ERRORS, TX_CARRIER_ERRORS],
  [SKB_DROP_REASON_TX_FIFO]: [TX_ERRORS, TX_FIFO_ERRORS],
  [SKB_DROP_REASON_TX_HEARTBEAT]: [TX_ERRORS, TX_HEARTBEAT_ERRORS],
  [SKB_DROP_REASON_TX_WINDOW]: [TX_ERRORS, TX_WINDOW_ERRORS],
})

function byReason(others: Fields, fields: Readonly<Record<number, Fields>>): readonly Fields[] {
  return Array.from({ length: SKB_DROP_REASON_MAX }, (_, reason) => fields[reason] ?? others)
}

/** Returns the fields that count a drop of this reason on the receive or the transmit side. */
export const statsOfDrop = (reason: number, rx: boolean): Fields =>
  (rx ? rxByReason : txByReason)[reason]

/** Frames that entered, and their fate. */
export interface Frames {
  in: number
  /** Includes frames that were merged into another one that is out. */
  out: number
  dropped: number
  /** Extra frames: duplicates, and every segment of a GSO frame except the first. */
  made: number
}

/** Drops by reason of frames from the kernel, and for it. */
export class Drops {
  readonly tx = new Float64Array(SKB_DROP_REASON_MAX)
  readonly rx = new Float64Array(SKB_DROP_REASON_MAX)
}

export class Counters {
  readonly txqs: number
  readonly rxqs: number
  readonly rows: Float64Array
  readonly #txDrops: Float64Array
  readonly #rxDrops: Float64Array
  /** Frames that GRO merged into the one before, by receive queue. Shared like the rows. */
  readonly groMerged: Float64Array
  /** Extra frames (`made`) per transmit queue. Shared like the rows. */
  readonly made: Float64Array
  /** Frames counted before the last reset. */
  readonly #past: Frames = { in: 0, out: 0, dropped: 0, made: 0 }

  constructor(txqs: number, rxqs: number) {
    this.txqs = txqs
    this.rxqs = rxqs
    this.rows = shared(txqs * LINK_STATS64_LENGTH)
    this.#txDrops = shared(txqs * SKB_DROP_REASON_MAX)
    this.#rxDrops = shared(rxqs * SKB_DROP_REASON_MAX)
    this.groMerged = shared(rxqs)
    this.made = shared(txqs)
  }

  transmitted(queue: number, packets: number, bytes: number): void {
    const row = queue * LINK_STATS64_LENGTH
    this.rows[row + TX_PACKETS] += packets
    this.rows[row + TX_BYTES] += bytes
  }

  received(skb: SkBuff): void {
    const { rows } = this
    const row = wrap(skb.queueMapping, this.rxqs) * LINK_STATS64_LENGTH
    rows[row + RX_PACKETS] += 1
    rows[row + RX_BYTES] += skb.len
    const { bytes, data } = skb
    if ((bytes[data] & 1) !== 0 && !isBroadcastAddress(bytes, data)) {
      rows[row + MULTICAST] += 1
    }
  }

  /** Counts `n` extra frames that were made from one frame of transmit queue `queue`. */
  madeFrom(queue: number, n: number): void {
    this.made[wrap(queue, this.txqs)] += n
  }

  merged(skb: SkBuff): void {
    this.groMerged[wrap(skb.queueMapping, this.rxqs)] += 1
  }

  /** Adds to a field of a queue that only a driver can count (RX_COMPRESSED, COLLISIONS ...). */
  count(queue: number, field: number, n = 1): void {
    this.rows[queue * LINK_STATS64_LENGTH + field] += n
  }

  /** Counts a drop: as received once netifRx has the frame, as transmitted before. */
  dropped(skb: SkBuff, reason: number, rx = skb.rxDev !== undefined): void {
    const queue = wrap(skb.queueMapping, rx ? this.rxqs : this.txqs)
    const drops = rx ? this.#rxDrops : this.#txDrops
    // An unknown reason would be counted for another queue, or nowhere.
    const known =
      reason >>> 0 === reason && reason < SKB_DROP_REASON_MAX
        ? reason
        : SKB_DROP_REASON_NOT_SPECIFIED
    drops[queue * SKB_DROP_REASON_MAX + known] += 1
    for (const field of statsOfDrop(known, rx)) {
      this.count(queue, field)
    }
  }

  /** Returns all frames ever counted, also before a reset: in + made = out + dropped + held. */
  frames(): Frames {
    const sum = { ...this.#past }
    const stats = this.sum()
    sum.in += stats[TX_PACKETS]
    sum.out += stats[RX_PACKETS]
    for (const n of this.groMerged) {
      sum.out += n
    }
    for (const n of this.made) {
      sum.made += n
    }
    const { tx, rx } = this.drops()
    for (const n of [...tx, ...rx]) {
      sum.dropped += n
    }
    return sum
  }

  /** Sets everything to zero, except the totals that `frames` returns. */
  reset(): void {
    Object.assign(this.#past, this.frames())
    for (const each of [this.rows, this.#txDrops, this.#rxDrops, this.groMerged, this.made]) {
      each.fill(0)
    }
  }

  /** Returns the row of one queue, as a view that keeps counting. */
  queue(q: number): Float64Array {
    return this.rows.subarray(q * LINK_STATS64_LENGTH, (q + 1) * LINK_STATS64_LENGTH)
  }

  /** Sets a row to the sum of all queues, and returns it. */
  sum(row: Float64Array = new Float64Array(LINK_STATS64_LENGTH)): Float64Array {
    return sumRows(this.rows, row)
  }

  /** Sets `drops` to the drops by reason of frames from the kernel and for it, and returns it. */
  drops(drops = new Drops()): Drops {
    sumRows(this.#txDrops, drops.tx)
    sumRows(this.#rxDrops, drops.rx)
    return drops
  }
}

/** Returns `queue`, 16 bits as in the kernel, modulo `queues`; in range without a division. */
export function wrap(queue: number, queues: number): number {
  const index = queue & 0xffff
  return index < queues ? index : index % queues
}

/** Memory that other threads can read. A page that is not isolated has none, and no such thread. */
function shared(length: number): Float64Array {
  return new Float64Array(new (globalThis.SharedArrayBuffer ?? ArrayBuffer)(8 * length))
}

function sumRows(rows: Float64Array, sum: Float64Array): Float64Array {
  sum.fill(0)
  for (let at = 0; at < rows.length; at += sum.length) {
    for (let i = 0; i < sum.length; i++) {
      sum[i] += rows[at + i]
    }
  }
  return sum
}

/** The parts of a device that its statistics use. */
interface StatsOwner {
  readonly counters: Counters
  readonly tx: readonly { requeues: number; transTimeout: number }[]
  readonly port: Port | undefined
  /** Adds the driver's own statistics (ndoGetStats64). */
  addDriverStats(stats: Float64Array): void
}

/**
 * A device's statistics since it was made or last reset. The kernel's counters and the driver's own
 * cannot be set to zero, so their values at the reset are subtracted.
 */
export class DevStats {
  readonly #dev: StatsOwner
  #kernelBefore: Float64Array | undefined
  #driverBefore: Float64Array | undefined
  /** True after a reset, until the kernel's counters are read. */
  #kernelIsStale = false

  constructor(dev: StatsOwner) {
    this.#dev = dev
  }

  /** Sets `row` to the sum of all queues plus the driver's own statistics, and returns it. */
  get(row?: Float64Array): Float64Array {
    const stats = this.#dev.counters.sum(row)
    this.#dev.addDriverStats(stats)
    return less(stats, this.#driverBefore)
  }

  /** Returns a copy of the kernel's counters; undefined without any, or a deleted interface. */
  kernel(): Float64Array | undefined {
    this.#readKernel()
    const stats = this.#dev.port?.kernelStats()
    return stats && less(stats, this.#kernelBefore)
  }

  /**
   * Sets all statistics to zero. The kernel's counters are read in a microtask, so that the
   * requester gets its reply first, but before the next frame changes them.
   */
  reset(): void {
    const { counters, tx } = this.#dev
    counters.reset()
    for (const txq of tx) {
      txq.requeues = 0
      txq.transTimeout = 0
    }
    this.#kernelIsStale = true
    queueMicrotask(() => this.#readKernel())
    const driver = new Float64Array(LINK_STATS64_LENGTH)
    this.#dev.addDriverStats(driver)
    this.#driverBefore = driver
  }

  #readKernel(): void {
    if (!this.#kernelIsStale) return
    this.#kernelIsStale = false
    this.#kernelBefore = this.#dev.port?.kernelStats()
  }
}

function less(stats: Float64Array, before: Float64Array | undefined): Float64Array {
  if (before !== undefined) {
    for (let i = 0; i < stats.length; i++) {
      stats[i] = stats[i] - before[i]
    }
  }
  return stats
}
