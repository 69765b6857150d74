/**
 * The hardware of snull: what a real driver would find on its board, and does not write itself. A transmitter of so many
 * buffers a queue, a receiver with a ring, an interrupt line with a status word, and faults to order.
 *
 * What is transmitted arrives at once in the peer's receive ring. Both sides learn of it by interrupt: the receiver that
 * frames came (SNULL_RX_INTR), the transmitter that its buffers are free (SNULL_TX_INTR). Until then the buffers are in use,
 * and when all of a queue's are, its queue has to be stopped.
 */
import { type Alarm, NSEC_PER_MSEC } from '../core/clock.ts'
import { IFF_UP } from '../core/if.ts'
import { Irq } from '../core/irq.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifCarrierOff, netifCarrierOn, netifRxDrop } from '../core/netif.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_TX_CARRIER,
} from '../skb/drop-reason.ts'
import { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { type Fault, type Faults, isFaulty, takes } from './snull-faults.ts'
import { ORDER_LOSE, ORDER_STICK, SnullOrders } from './snull-orders.ts'

/** Bits of the status word. */
export const SNULL_RX_INTR = 1
export const SNULL_TX_INTR = 2

/** Of a link that flaps, how much of the time it is off. */
const FLAP_OFF = 0.5
/** How long a link that flaps once is off, ms: as long as a host takes to see it. */
const FLAP_ONCE = 1000

export class SnullHw {
  readonly irq: Irq
  /** Frames that arrived and that the driver has not fetched. */
  readonly rxRing: Ring
  readonly #dev: NetDevice
  readonly #buffers: number
  readonly #faults: Faults
  /** By queue: buffers in use, completions that were lost, the frame a stuck transmitter holds. */
  readonly #inUse: Int32Array
  readonly #lost: Uint8Array
  readonly #stuck: readonly Ring[]
  readonly #orders: SnullOrders
  #sent = 0
  #spurious: Alarm | undefined
  #flap: Alarm | undefined
  /** Sets the carrier again after one flap; whether that is still to come. */
  #relink: Alarm | undefined
  #flapping = false
  /** Something was triggered that is not over: each frame is looked at. */
  #triggered = false

  constructor(dev: NetDevice, buffers: number, ringSize: number, faults: Faults) {
    this.#dev = dev
    this.#buffers = buffers
    this.#faults = faults
    this.irq = new Irq(dev)
    this.rxRing = new Ring(ringSize)
    this.#inUse = new Int32Array(dev.numTxQueues)
    this.#lost = new Uint8Array(dev.numTxQueues)
    this.#orders = new SnullOrders(dev.numTxQueues)
    this.#stuck = dev.tx.map(() => new Ring(1))
  }

  /** Takes a frame for the wire to `peer`; answers whether the queue it came by still has a free buffer. */
  transmit(skb: SkBuff, peer: NetDevice, receiver: SnullHw): boolean {
    const queue = skb.queueMapping
    const inUse = this.#inUse[queue]
    this.#inUse[queue] = inUse + 1
    const free = inUse + 1 < this.#buffers
    if (this.#triggered || receiver.#triggered || isFaulty(this.#faults))
      return this.#transmitFaulty(skb, peer, receiver) && free
    receiver.#receive(skb, peer)
    // The first of a queue; those behind it are done with when its interrupt is taken.
    if (inUse === 0) this.irq.raise(SNULL_TX_INTR)
    return free
  }

  /** A fault now, once: of the next frame, of a queue or of any; or of the link. */
  trigger(fault: Fault, queue: number | undefined): void {
    if (fault === 'flap') this.#flapOnce()
    else if (fault === 'stuck') this.#orders.add(ORDER_STICK, queue)
    else if (fault === 'lockup' && queue === undefined) this.#orders.addToAll(ORDER_LOSE)
    else this.#orders.add(ORDER_LOSE, queue)
    this.#triggered = true
  }

  /** Takes back the buffers of a queue that were sent; false when that is not known, or they are stuck. */
  reclaim(queue: number): boolean {
    if (this.#lost[queue] !== 0 || this.#stuck[queue].length > 0) return false
    this.#inUse[queue] = 0
    return true
  }

  /** Mends one queue: sends what is stuck in it, where there is a peer still, and makes up for the interrupt that was lost. */
  reset(queue: number, peer: NetDevice | undefined, receiver: SnullHw | undefined): void {
    const skb = this.#stuck[queue].shift()
    if (peer === undefined || receiver === undefined) skb?.drop(SKB_DROP_REASON_DEV_READY)
    else if (skb !== undefined) receiver.#receive(skb, peer)
    this.#lost[queue] = 0
    this.irq.raise(SNULL_TX_INTR)
  }

  /** Powers up: interrupts go to `handler`. With `flap` in the faults the carrier goes off and on from here. */
  start(handler: () => number): void {
    this.irq.request(handler)
    const { clock } = this.#dev.net
    this.#spurious ??= clock.alarm(() => this.irq.raise(0))
    if (this.#faults.flap === 0) return
    this.#flap ??= clock.alarm(() => this.#flapNow())
    this.#flapIn(1 - FLAP_OFF)
  }

  /** Powers down; what is in its buffers and rings is lost, and counted. */
  stop(): void {
    this.irq.free()
    this.#spurious?.cancel()
    this.#flap?.cancel()
    this.#relink?.cancel()
    this.#flapping = this.#triggered = false
    this.#orders.clear()
    netifCarrierOn(this.#dev)
    for (let skb = this.rxRing.shift(); skb !== undefined; skb = this.rxRing.shift()) {
      netifRxDrop(skb, this.#dev, SKB_DROP_REASON_DEV_STOPPED)
    }
    for (const ring of this.#stuck) ring.purge(SKB_DROP_REASON_DEV_STOPPED)
    this.#inUse.fill(0)
    this.#lost.fill(0)
  }

  #flapOnce(): void {
    const dev = this.#dev
    const { clock } = dev.net
    netifCarrierOff(dev)
    this.#flapping = true
    this.#relink ??= clock.alarm(() => {
      this.#flapping = false
      this.#triggered = this.#orders.some
      netifCarrierOn(dev)
    })
    this.#relink.at(clock.now() + FLAP_ONCE * NSEC_PER_MSEC)
  }

  #flapNow(): void {
    const dev = this.#dev
    if (dev.carrier) netifCarrierOff(dev)
    else netifCarrierOn(dev)
    this.#flapIn(dev.carrier ? 1 - FLAP_OFF : FLAP_OFF)
  }

  #flapIn(part: number): void {
    const { clock } = this.#dev.net
    this.#flap?.at(clock.now() + part * this.#faults.flap * NSEC_PER_MSEC)
  }

  #receive(skb: SkBuff, dev: NetDevice): void {
    if ((dev.flags & IFF_UP) === 0) netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)
    else if (this.rxRing.push(skb)) {
      // Behind another one the interrupt, or the poll, is still to come.
      if (this.rxRing.length === 1) this.irq.raise(SNULL_RX_INTR)
    } else netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)
  }

  /** As transmit, with what was ordered to go wrong. False: the queue has to be stopped. */
  #transmitFaulty(skb: SkBuff, peer: NetDevice, receiver: SnullHw): boolean {
    const { lockup, stuck, spurious, drop } = this.#faults
    const queue = skb.queueMapping
    if (!this.#dev.carrier || !peer.carrier) {
      skb.drop(SKB_DROP_REASON_TX_CARRIER)
      this.irq.raise(SNULL_TX_INTR)
      return true
    }
    this.#sent++
    const order = this.#orders.some ? this.#orders.take(queue) : 0
    this.#triggered = this.#orders.some || this.#flapping
    if (((order & ORDER_STICK) !== 0 || takes(stuck, this.#sent)) && this.#stuck[queue].push(skb)) return false
    if (drop !== undefined && takes(drop.every, this.#sent)) {
      if (drop.rx) netifRxDrop(skb, peer, drop.reason)
      else skb.drop(drop.reason)
    } else receiver.#receive(skb, peer)
    // By itself, when those for the frames under way are over.
    if (takes(spurious, this.#sent)) this.#spurious?.at(this.#dev.net.clock.now())
    if ((order & ORDER_LOSE) !== 0 || takes(lockup, this.#sent)) {
      this.#lost[queue] = 1
      return false
    }
    this.irq.raise(SNULL_TX_INTR)
    return true
  }
}
