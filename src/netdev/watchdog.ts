/**
 * Watchdog: calls ndoTxTimeout for a transmit queue that remains stopped for `dev.watchdogTimeo`
 * after it handed the driver its last frame, and again after each such period (dev_watchdog,
 * net/sched/sch_generic.c). A link without a carrier is not timed.
 */
import { type Alarm, NSEC_PER_MSEC } from '../base/clock.ts'
import { IFF_UP, NETDEV_TX_TIMEOUT, NETIF_MSG_TIMER } from './if.ts'
import { callNdo } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { TxQueue } from './tx-queue.ts'

export class Watchdog {
  /** The queue of the last NETDEV_TX_TIMEOUT. */
  lastQueue = -1
  readonly #dev: NetDevice
  readonly #alarm: Alarm
  /** The time in ns at which each queue was last found stopped for too long. */
  readonly #barked: Float64Array
  #armed = false

  constructor(dev: NetDevice) {
    this.#dev = dev
    this.#barked = new Float64Array(dev.numTxQueues).fill(Number.NEGATIVE_INFINITY)
    this.#alarm = dev.net.clock.alarm(() => this.#look())
  }

  /** Starts to time: a queue was stopped. */
  watch(): void {
    if (this.#armed) return
    this.#armed = true
    this.#alarm.at(this.#dev.net.clock.now() + this.#timeo)
  }

  /** Stops timing: the device is down. */
  down(): void {
    this.#armed = false
    this.#alarm.cancel()
  }

  get #timeo(): number {
    return this.#dev.watchdogTimeo * NSEC_PER_MSEC
  }

  #due({ index, transStart }: TxQueue): number {
    // While frames are stepped, a queue has waited for the person until the last step.
    return Math.max(transStart, this.#barked[index], this.#dev.gate?.ranAt ?? 0) + this.#timeo
  }

  #look(): void {
    const dev = this.#dev
    this.#armed = false
    // After a stall of the event loop, the interrupt that a queue waits for may be raised but not
    // taken.
    dev.net.flush()
    const now = dev.net.clock.now()
    // The interrupt that a queue waits for may wait for a step.
    if (dev.gate?.halt !== undefined) {
      this.watch()
      return
    }
    let next = Number.POSITIVE_INFINITY
    for (const txq of dev.tx) {
      // A driver may close its device in an interrupt handler or in ndoTxTimeout.
      if ((dev.flags & IFF_UP) === 0) return
      if (!txq.stopped) continue
      if ((dev.msgEnable & NETIF_MSG_TIMER) !== 0) {
        dev.logEvent(
          `watchdog: tx-${txq.index} stopped for ${inMs(now - txq.transStart)} ms of ${dev.watchdogTimeo}`,
        )
      }
      if (now >= this.#due(txq)) {
        this.#barked[txq.index] = now
        if (dev.carrier) {
          this.#timeout(txq, now - txq.transStart)
        }
      }
      if (txq.stopped) {
        next = Math.min(next, this.#due(txq))
      }
    }
    if (next === Number.POSITIVE_INFINITY || (dev.flags & IFF_UP) === 0) return
    this.#armed = true
    this.#alarm.at(next)
  }

  /** Calls ndoTxTimeout, as a step of its own while frames are stepped. */
  #timeout(txq: TxQueue, latency: number): void {
    const dev = this.#dev
    const { gate, netdevOps } = dev
    const { index: queue, transStart } = txq
    if (gate === undefined) {
      this.#bark(queue, latency)
      return
    }
    const run = () => {
      // Other steps, or the end of stepping, may have ended the wait of the queue.
      if (txq.stopped && txq.transStart === transStart && (dev.flags & IFF_UP) !== 0) {
        this.#bark(queue, latency)
      }
    }
    gate.due({ next: 'ndoTxTimeout', code: netdevOps.ndoTxTimeout, run, dev, queue })
  }

  #bark(queue: number, latency: number): void {
    const dev = this.#dev
    dev.tx[queue].transTimeout++
    this.lastQueue = queue
    dev.net.callNetdeviceNotifiers(NETDEV_TX_TIMEOUT, dev)
    const text = `NETDEV WATCHDOG: transmit queue ${queue} timed out after ${inMs(latency)} ms`
    dev.limitedLog.warn('NETDEV WATCHDOG', text)
    callNdo(dev, 'ndoTxTimeout', () => dev.netdevOps.ndoTxTimeout?.(dev, queue))
  }
}

const inMs = (ns: number): number => Math.round(ns / NSEC_PER_MSEC)
