/**
 * TxQueue: one transmit queue of a device, `struct netdev_queue`. It is read while nothing stands against it: the device
 * is up, the driver has not stopped it, the pool has a slot. Otherwise it is paused, not polled, and back-pressure reaches
 * the kernel's own ring.
 */
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_DRIVER_EXCEPTION,
  SKB_DROP_REASON_QDISC_DROP,
} from '../skb/drop-reason.ts'
import { Ring } from '../skb/ring.ts'
import { OWNER_XMIT, type SkBuff } from '../skb/sk-buff.ts'
import { type Alarm, NSEC_PER_MSEC } from './clock.ts'
import { wrap } from './counters.ts'
import { EBADFD, ENOBUFS, errnoName } from './errno.ts'
import { IFF_UP, NETDEV_TX_BUSY, NETDEV_TX_OK, NETIF_MSG_PKTDATA } from './if.ts'
import { logFrame } from './log-frame.ts'
import { refuseAnswer } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { PortQueue } from './port.ts'
import { TX_ERRORS } from './stats.ts'

/** Frames a native call reads at most, and frames a wake-up handles before others have their turn. */
export const BATCH = 16
export const BUDGET = 64
/** A queue that had so many is looked at again at once: a port may end a batch of large frames before the queue is empty. */
export const BUSY = 4

/** What stands against reading. */
const DEV_DOWN = 1 << 0
const DRV_STOPPED = 1 << 1
const NO_SLOT = 1 << 2
const REQUEUED = 1 << 3
const READ_FAILED = 1 << 4

/** After NETDEV_TX_BUSY without a stop, the frame is offered again after this time. */
const RETRY = NSEC_PER_MSEC
/** After a read that failed, the next one: a queue that cannot be read is readable all the time. */
const REREAD = 10 * NSEC_PER_MSEC

export class TxQueue {
  readonly index: number
  readonly dev: NetDevice
  /**
   * When the driver got the last frame before it stopped the queue, ns of the Net's clock; kept where `dev.watchdogTimeo` is
   * set. A driver stops its queue with that frame, so it is then that the clock is read, not with every frame.
   */
  transStart = 0
  /** Frames the driver was offered again after NETDEV_TX_BUSY. */
  requeues = 0
  /** Times that the watchdog found it stopped for too long. */
  transTimeout = 0

  #state = DEV_DOWN
  /** The driver is being given what was requeued: a wake by it then is answered by who does so. */
  #draining = false
  #port: PortQueue | undefined
  #retry: Alarm | undefined
  /** The error of the last read that failed; each is logged once. */
  #readError = 0
  readonly #batch: SkBuff[] = []
  /** Frames that were read and that the driver could not take yet. */
  readonly #requeue = new Ring(2 * BATCH)

  constructor(dev: NetDevice, index: number) {
    this.dev = dev
    this.index = index
  }

  /** netif_tx_start_queue: lets the driver be given frames. */
  start(): void {
    this.#clear(DRV_STOPPED)
  }

  /** netif_tx_stop_queue: no more frames until `wake`. Frames already read are kept for it. */
  stop(): void {
    if (this.stopped) return
    this.#set(DRV_STOPPED)
    // A driver that is being closed stops its queues for good.
    if ((this.dev.flags & IFF_UP) !== 0) this.#watch()
  }

  /** netif_tx_wake_queue: goes on where `stop`, or NETDEV_TX_BUSY, left off. */
  wake(): void {
    this.#clear(DRV_STOPPED | REQUEUED)
  }

  /** netif_tx_queue_stopped: whether the driver stopped it. */
  get stopped(): boolean {
    return (this.#state & DRV_STOPPED) !== 0
  }

  /** Frames that were read and wait for the driver. */
  get held(): number {
    return this.#requeue.length
  }

  /** The device's port is there. */
  attach(port: PortQueue): void {
    this.#port = port
    this.#retry = this.dev.net.clock.alarm(() => this.#clear(REQUEUED | READ_FAILED))
    port.listen(status => this.#poll(status))
  }

  /** The device was opened: reading may begin. */
  activate(): void {
    if (this.stopped) this.#watch()
    this.#clear(DEV_DOWN)
  }

  /**
   * The device was stopped: frames that the kernel still has, and those the driver did not take, are dropped and counted,
   * or they would come out after the next open.
   */
  deactivate(): void {
    this.#set(DEV_DOWN)
    this.#retry?.cancel()
    this.#state &= ~(REQUEUED | NO_SLOT | READ_FAILED)
    this.#requeue.purge(SKB_DROP_REASON_DEV_STOPPED)
    // Not the batch of a poll: a driver may stop its device in the middle of one.
    const batch: SkBuff[] = []
    // The kernel holds no more than this; a host that goes on sending must not keep us here.
    for (let left = this.dev.txQueueLen; left > 0; ) {
      const n = this.#read(batch)
      if (n <= 0) break
      for (let i = 0; i < n; i++) batch[i].drop(SKB_DROP_REASON_DEV_STOPPED)
      left -= n
    }
  }

  /** The pool has a slot again. */
  slotFreed(): void {
    this.#clear(NO_SLOT)
  }

  /** Has the watchdog look after it, from now on, since it is stopped. */
  #watch(): void {
    const { dev } = this
    if (dev.watchdogTimeo === 0) return
    this.transStart = dev.net.clock.now()
    dev.watchdog.watch()
  }

  #set(reason: number): void {
    if (this.#state === 0) this.#port?.pause()
    this.#state |= reason
  }

  #clear(reason: number): void {
    if ((this.#state & reason) === 0) return
    this.#state &= ~reason
    if (this.#state !== 0 || this.#draining) return
    this.#drainRequeue()
    if (this.#state === 0) this.#port?.resume()
  }

  /** (2) One native call reads a batch into slots of the pool. Each is counted when read, as the kernel does. */
  #read(batch: SkBuff[]): number {
    const { dev, index } = this
    let bytes = 0
    const n = (this.#port as PortQueue).read(batch, BATCH)
    for (let i = 0; i < n; i++) {
      const skb = batch[i]
      skb.dev = dev
      skb.queueMapping = index
      bytes += skb.len
    }
    if (n > 0) dev.counters.transmitted(index, n, bytes)
    return n
  }

  /** Answers whether more is to come: it is polled again then. */
  #poll(status: number): boolean {
    const { dev } = this
    if (status < 0) {
      dev.linkLost()
      return false
    }
    const { net } = dev
    net.polling = true
    let budget = BUDGET
    try {
      while (budget > 0 && this.#state === 0) {
        const n = this.#read(this.#batch)
        if (n <= 0) {
          if (n < 0) this.#readFailed(n)
          break
        }
        if (dev.netdevOps.ndoSelectQueue === undefined) for (let i = 0; i < n; i++) this.#xmit(this.#batch[i])
        else for (let i = 0; i < n; i++) this.#select(this.#batch[i]).#xmit(this.#batch[i])
        budget -= n
        net.flush(true)
        if (n < BUSY) break
      }
      net.flush()
    } finally {
      net.polling = false
    }
    return budget <= BUDGET - BUSY
  }

  /** The queue the driver wants a frame to leave by, the one it came from when it does not say. */
  #select(skb: SkBuff): TxQueue {
    const { dev } = this
    try {
      const queue = dev.netdevOps.ndoSelectQueue?.(dev, skb)
      if (typeof queue === 'number') skb.queueMapping = wrap(queue, dev.tx.length)
      else if (queue !== undefined) refuseAnswer(dev, 'ndoSelectQueue', queue, 'the number of a queue')
    } catch (error) {
      dev.logException('ndoSelectQueue', error)
    }
    return dev.txq(skb)
  }

  /** Only EBADFD says that the interface is gone; of a TAP it is certain. All else may pass, and costs no device. */
  #readFailed(error: number): void {
    const { dev, index } = this
    if (error === -ENOBUFS) {
      this.#set(NO_SLOT)
      dev.waitForSlot()
    } else if (error === -EBADFD) {
      dev.linkLost()
    } else {
      dev.counters.count(index, TX_ERRORS)
      if (error !== this.#readError)
        dev.log.err(`transmit queue ${index} cannot be read: ${errnoName(error)}; trying again`)
      this.#readError = error
      this.#set(READ_FAILED)
      this.#retry?.at(dev.net.clock.now() + REREAD)
    }
  }

  /** (3) Each frame goes to the driver, who owns it from here. */
  #xmit(skb: SkBuff): void {
    if (this.#state !== 0) {
      if ((this.#state & DEV_DOWN) !== 0) skb.drop(SKB_DROP_REASON_DEV_STOPPED)
      else if (!this.#requeue.push(skb)) skb.drop(SKB_DROP_REASON_QDISC_DROP)
      return
    }
    const { dev } = this
    skb.owner = OWNER_XMIT
    if ((dev.msgEnable & NETIF_MSG_PKTDATA) !== 0) logFrame(dev, 'tx', skb)
    let answer: number | undefined
    try {
      answer = dev.netdevOps.ndoStartXmit(skb, dev) as number | undefined
    } catch (error) {
      if (skb.owner === OWNER_XMIT) {
        skb.dev = dev
        skb.drop(SKB_DROP_REASON_DRIVER_EXCEPTION)
      }
      dev.logException('ndoStartXmit', error)
      return
    }
    if (answer === NETDEV_TX_BUSY) this.#busy(skb)
    else if (answer !== NETDEV_TX_OK && answer !== undefined) this.#refuse(skb, answer)
  }

  /** An answer that means nothing: a frame that was not handed on is lost, or nobody would ever free it. */
  #refuse(skb: SkBuff, answer: unknown): void {
    refuseAnswer(this.dev, 'ndoStartXmit', answer, 'NETDEV_TX_OK or NETDEV_TX_BUSY')
    if (skb.owner === OWNER_XMIT) skb.drop(SKB_DROP_REASON_DRIVER_EXCEPTION)
  }

  /** NETDEV_TX_BUSY: the frame is the framework's again, and first in line. */
  #busy(skb: SkBuff): void {
    if (skb.owner !== OWNER_XMIT) {
      this.dev.logException('ndoStartXmit', 'answered NETDEV_TX_BUSY for a frame it had handed on')
      return
    }
    this.requeues++
    if ((this.#state & DEV_DOWN) !== 0) skb.drop(SKB_DROP_REASON_DEV_STOPPED)
    else if (!this.#requeue.unshift(skb)) skb.drop(SKB_DROP_REASON_QDISC_DROP)
    if (this.#state !== 0) return
    this.#set(REQUEUED)
    this.#retry?.at(this.dev.net.clock.now() + RETRY)
  }

  #drainRequeue(): void {
    if (this.#requeue.length === 0) return
    const { net } = this.dev
    const nested = net.polling
    net.polling = true
    this.#draining = true
    try {
      // A driver that closes its device meanwhile takes the rest out of the ring.
      while (this.#state === 0 && this.#requeue.length > 0) this.#xmit(this.#requeue.shift() as SkBuff)
    } finally {
      this.#draining = false
      net.polling = nested
    }
    if (!nested) net.flush()
  }
}
