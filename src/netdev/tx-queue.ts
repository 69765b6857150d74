/**
 * TxQueue: one transmit queue of a device, `struct netdev_queue`. It is read while the device is
 * up, the driver has not stopped it, and the pool has a slot.
 */
import { type Alarm, EBADFD, errnoName, NSEC_PER_MSEC } from '../base/index.ts'
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_DRIVER_EXCEPTION,
  SKB_DROP_REASON_QDISC_DROP,
} from '../skb/drop-reason.ts'
import { OWNER_XMIT, Ring, type SkBuff } from '../skb/index.ts'
import { wrap } from './counters.ts'
import {
  IFF_UP,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
  NETIF_MSG_PKTDATA,
  NETIF_MSG_TX_QUEUED,
} from './if.ts'
import { type FrameProbe, logBadReturn } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { PortQueue } from './port.ts'
import { BATCH, BUSY, OWN_REASON, PortReader, READ_FAILED } from './port-reader.ts'
import { TX_ERRORS } from './stats.ts'

/** Why a queue is not read; bits of `state`. */
const DEV_DOWN = OWN_REASON
const DRV_STOPPED = OWN_REASON << 1
const REQUEUED = OWN_REASON << 2

/** After NETDEV_TX_BUSY without a stop, the frame is offered again after this time. */
const RETRY = NSEC_PER_MSEC
/**
 * Entries of a TAP's ring that were read and are not free yet, at most (`batch` in
 * include/linux/ptr_ring.h). A ring that is shorter than two batches has none.
 */
const RING_LAG = 15
const LAGGING_RING_MIN = 32
/** Segments and copies made of each frame of a batch after which the next batch has one frame. */
const MADE_MAX = 128

/**
 * Returns an array for the frames of a batch. All are of one length, so that V8 compiles the code
 * that fills them once: the first frame past the end of an array would have it compiled again.
 */
function newBatch(): SkBuff[] {
  return Array.from<SkBuff>({ length: BATCH })
}

/**
 * A transmit queue, which its device makes and the framework reads. A driver stops, starts and
 * wakes it by the netif functions, and does not read it itself.
 */
export class TxQueue extends PortReader {
  readonly index: number
  readonly dev: NetDevice
  /**
   * When the driver got the last frame before it stopped the queue, in ns, if `dev.watchdogTimeo`
   * is set. It stops its queue with that frame, so the clock is not read for every frame.
   */
  transStart = 0
  requeues = 0
  /** Times that the watchdog found the queue stopped for too long. */
  transTimeout = 0
  /** Notified of the frames that are read; undefined if the device has wires, which notify it. */
  frameProbe: FrameProbe | undefined = undefined

  /** True while requeued frames are drained; a wake() meanwhile starts no second drain. */
  #draining = false
  #port: PortQueue | undefined
  #retry: Alarm | undefined
  /** The error of the last failed read; the same error in a row is logged once. */
  #readError = 0
  readonly #batch = newBatch()
  /**
   * Frames to read in the next batch. Fewer while few wait, since the port prepares a slot for each
   * that it may read; one after frames that were cut or copied into many.
   */
  #most = BATCH
  /** Frames read in a row, without a sign that the queue in the kernel was empty. */
  #inRow = 0
  /** Frames that were read and that the driver could not take yet. */
  readonly #requeue = new Ring(2 * BATCH)
  readonly #pollBatch = (): number => this.#xmitBatch()
  readonly #drainBatch = (): number => this.#xmitRequeued()

  constructor(dev: NetDevice, index: number) {
    super(DEV_DOWN)
    this.dev = dev
    this.index = index
  }

  /** netif_tx_start_queue: lets the driver be given frames. */
  start(): void {
    if (this.stopped) {
      this.#log('started')
    }
    this.clear(DRV_STOPPED)
  }

  /** netif_tx_stop_queue: no more frames until `wake`. Frames already read are kept for it. */
  stop(): void {
    if (this.stopped) return
    this.#log('stopped')
    this.set(DRV_STOPPED)
    // A driver that is being closed stops its queues for good.
    if ((this.dev.flags & IFF_UP) !== 0) {
      this.#watch()
    }
  }

  /** netif_tx_wake_queue: continues after `stop` or NETDEV_TX_BUSY. */
  wake(): void {
    if ((this.state & (DRV_STOPPED | REQUEUED)) !== 0) {
      this.#log('woken')
    }
    this.clear(DRV_STOPPED | REQUEUED)
  }

  /** netif_tx_queue_stopped: true if the driver stopped it. */
  get stopped(): boolean {
    return (this.state & DRV_STOPPED) !== 0
  }

  /** Frames that were read and wait for the driver. */
  get held(): number {
    return this.#requeue.length
  }

  /** Joins the queue to its port, paused. */
  attach(port: PortQueue): void {
    this.#port = port
    this.#retry = this.dev.net.clock.alarm(() => this.clear(REQUEUED | READ_FAILED))
    port.listen(status => this.#poll(status))
  }

  /** Starts to read: the device was opened. */
  activate(): void {
    if (this.stopped) {
      this.#watch()
    }
    this.clear(DEV_DOWN)
  }

  /**
   * Stops reading, because the device was closed. Frames that remain in the kernel, or that the
   * driver did not accept, are dropped and counted: otherwise they would arrive after the next
   * open.
   */
  deactivate(): void {
    this.set(DEV_DOWN)
    this.#retry?.cancel()
    this.state &= DEV_DOWN | DRV_STOPPED
    this.#requeue.purge(SKB_DROP_REASON_DEV_STOPPED)
    // Not the batch of a poll: a driver may close its device in the middle of one.
    const batch = newBatch()
    // The kernel holds no more than this: a program that keeps sending must not block the loop.
    for (let left = this.dev.txQueueLen; left > 0; ) {
      const n = this.#read(batch)
      if (n <= 0) break
      for (let i = 0; i < n; i++) {
        batch[i].drop(SKB_DROP_REASON_DEV_STOPPED)
      }
      left -= n
    }
  }

  get ready(): boolean {
    return this.state === 0
  }

  /** The first frame that was read and waits for the driver. */
  get waiting(): SkBuff | undefined {
    return this.#requeue.peek(0)
  }

  /** For a StepGate: gives the driver the first waiting frame, or else reads one, which waits. */
  step(): void {
    const skb = this.#requeue.shift()
    if (skb === undefined) {
      this.#readOne()
    } else if (this.dev.cut) {
      skb.drop(this.dev.cutReason)
    } else {
      this.#xmit(skb)
    }
    this.continue()
  }

  /** Gives the driver the waiting frames, and reads again, if nothing prevents that. */
  continue(): void {
    if (this.state !== 0 || this.dev.gate?.holds(this)) return
    // The driver may stop the queue and wake it again while frames are drained.
    while (this.state === 0 && this.#requeue.length > 0) {
      this.#drainRequeue()
    }
    if (this.state === 0) {
      this.#port?.resume()
    }
  }

  /** Reads a frame, which waits on the queue that the driver chooses for it. */
  #readOne(): void {
    const { dev } = this
    const batch: SkBuff[] = []
    const n = this.#read(batch, 1)
    if (n < 0) {
      this.readFailed(n)
    }
    for (const skb of batch) {
      if (dev.cut) {
        skb.drop(dev.cutReason)
      } else {
        this.#select(skb).#park(skb)
      }
    }
  }

  #park(skb: SkBuff): void {
    if ((this.state & DEV_DOWN) !== 0) {
      skb.drop(SKB_DROP_REASON_DEV_STOPPED)
    } else if (!this.#requeue.push(skb)) {
      skb.drop(SKB_DROP_REASON_QDISC_DROP)
    } else {
      this.dev.gate?.holds(this)
    }
  }

  #log(what: string): void {
    if ((this.dev.msgEnable & NETIF_MSG_TX_QUEUED) !== 0) {
      this.dev.logEvent(`tx-${this.index} ${what}`)
    }
  }

  /** Lets the watchdog time the stopped queue from now on. */
  #watch(): void {
    const { dev } = this
    if (dev.watchdogTimeo === 0) return
    this.transStart = dev.net.clock.now()
    dev.watchdog.watch()
  }

  protected override pauseReading(): void {
    this.#port?.pause()
  }

  protected override resumeReading(): void {
    if (!this.#draining) {
      this.continue()
    }
  }

  protected override waitForSlot(): void {
    this.dev.waitForSlot()
  }

  protected override lost(): void {
    this.dev.linkLost()
  }

  protected override reread(ms: number, error: number): void {
    const { dev, index } = this
    dev.counters.count(index, TX_ERRORS)
    if (error !== this.#readError) {
      dev.log.err(`transmit queue ${index} cannot be read: ${errnoName(error)}; trying again`)
    }
    this.#readError = error
    this.#retry?.at(dev.net.clock.now() + ms * NSEC_PER_MSEC)
  }

  /** Reads a batch. Each frame is counted when it is read, as the kernel counts it. */
  #read(batch: SkBuff[], most: number = BATCH): number {
    const { dev, index } = this
    let bytes = 0
    const n = (this.#port as PortQueue).read(batch, most)
    for (let i = 0; i < n; i++) {
      const skb = batch[i]
      skb.dev = dev
      skb.queueMapping = index
      bytes += skb.len
    }
    if (n > 0) {
      dev.counters.transmitted(index, n, bytes)
    }
    if (n >= 0) {
      this.#countRow(n, most)
    }
    if (this.frameProbe !== undefined) {
      for (let i = 0; i < n; i++) {
        this.frameProbe.transmitted(batch[i])
      }
    }
    return n
  }

  /** Only a queue that was full loses frames, and then all that it held are read in a row. */
  #countRow(n: number, most: number): void {
    const { txQueueLen } = this.dev
    const full = txQueueLen < LAGGING_RING_MIN ? txQueueLen : txQueueLen - RING_LAG
    this.#inRow += n
    if (this.#inRow >= full) {
      this.dev.queueWasFull()
      this.#inRow = 0
    } else if (n < BUSY && n < most) {
      this.#inRow = 0
    }
  }

  /** Returns true if more frames may wait: it is then called again. */
  #poll(status: number): boolean {
    const { dev } = this
    if (status >= 0 && dev.gate === undefined) return dev.net.poll(this.#pollBatch)
    if (status >= 0) {
      this.#port?.pause()
      dev.gate?.waits(this)
    } else if (status === -EBADFD) {
      dev.linkLost()
    }
    return false
  }

  /** Hands a batch to the driver. Returns the number of frames, or the result of `read`. */
  #xmitBatch(): number {
    if (this.state !== 0) return 0
    const { dev } = this
    const batch = this.#batch
    const { pool } = dev.net
    const before = pool.allocated
    const n = this.#read(batch, this.#most)
    if (n < 0) {
      this.readFailed(n)
    } else if (dev.cut) {
      for (let i = 0; i < n; i++) {
        batch[i].drop(dev.cutReason)
      }
    } else if (dev.netdevOps.ndoSelectQueue === undefined) {
      for (let i = 0; i < n; i++) {
        this.#xmit(batch[i])
      }
    } else {
      for (let i = 0; i < n; i++) {
        this.#select(batch[i]).#xmit(batch[i])
      }
    }
    if (n > 0 && pool.allocated - before > MADE_MAX * n) {
      this.#most = 1
    } else if (n >= BUSY) {
      this.#most = BATCH
    } else if (n >= 0) {
      this.#most = this.#most < BUSY ? this.#most + 1 : Math.max(BUSY, this.#most >> 1)
    }
    return n
  }

  /** Returns the queue on which the driver wants a frame to leave, by default its own. */
  #select(skb: SkBuff): TxQueue {
    const { dev } = this
    try {
      const queue = dev.netdevOps.ndoSelectQueue?.(dev, skb)
      if (typeof queue === 'number') {
        skb.queueMapping = wrap(queue, dev.tx.length)
      } else if (queue !== undefined) {
        logBadReturn(dev, 'ndoSelectQueue', queue, 'the number of a queue')
      }
    } catch (error) {
      dev.logException('ndoSelectQueue', error)
    }
    return dev.txq(skb)
  }

  /** (2) Hands a frame to the driver, which owns it from here on. */
  #xmit(skb: SkBuff): void {
    if (this.state !== 0) {
      this.#park(skb)
      return
    }
    const { dev } = this
    skb.owner = OWNER_XMIT
    if ((dev.msgEnable & NETIF_MSG_PKTDATA) !== 0) {
      dev.logFrame('tx', skb)
    }
    let result: number | undefined
    try {
      result = dev.netdevOps.ndoStartXmit(skb, dev) as number | undefined
    } catch (error) {
      if (skb.owner === OWNER_XMIT) {
        skb.dev = dev
        skb.drop(SKB_DROP_REASON_DRIVER_EXCEPTION)
      }
      dev.logException('ndoStartXmit', error)
      return
    }
    if (result === NETDEV_TX_BUSY) {
      this.#busy(skb)
    } else if (result !== NETDEV_TX_OK && result !== undefined) {
      this.#refuse(skb, result)
    }
  }

  /** After an invalid result, drops a frame that was not handed on: it would leak. */
  #refuse(skb: SkBuff, result: unknown): void {
    logBadReturn(this.dev, 'ndoStartXmit', result, 'NETDEV_TX_OK or NETDEV_TX_BUSY')
    if (skb.owner === OWNER_XMIT) {
      skb.drop(SKB_DROP_REASON_DRIVER_EXCEPTION)
    }
  }

  /** NETDEV_TX_BUSY: the framework owns the frame again, and offers it first. */
  #busy(skb: SkBuff): void {
    if (skb.owner !== OWNER_XMIT) {
      this.dev.logException(
        'ndoStartXmit',
        'returned NETDEV_TX_BUSY for a frame that it had handed on',
      )
      return
    }
    this.requeues++
    this.#log('busy: the frame is offered again')
    if ((this.state & DEV_DOWN) !== 0) {
      skb.drop(SKB_DROP_REASON_DEV_STOPPED)
    } else if (!this.#requeue.unshift(skb)) {
      skb.drop(SKB_DROP_REASON_QDISC_DROP)
    }
    if (this.state !== 0) return
    this.set(REQUEUED)
    this.#retry?.at(this.dev.net.clock.now() + RETRY)
  }

  #drainRequeue(): void {
    this.#draining = true
    try {
      this.dev.net.poll(this.#drainBatch)
    } finally {
      this.#draining = false
    }
  }

  /** Hands over the requeued frames; a driver that closes its device meanwhile empties the ring. */
  #xmitRequeued(): number {
    if (this.dev.cut) {
      this.#requeue.purge(this.dev.cutReason)
    }
    while (this.state === 0 && this.#requeue.length > 0) {
      this.#xmit(this.#requeue.shift() as SkBuff)
    }
    return 0
  }
}
