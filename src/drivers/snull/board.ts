/**
 * The hardware of snull, which a real driver finds on its board: a transmitter with a number of
 * buffers a queue, a receiver with a ring, an interrupt line with a status word, and faults to
 * order.
 *
 * Transmitted frames arrive through the wire in the peer's receive ring, immediately if the wire
 * has no stages. Both sides are notified by interrupt: the receiver of arrived frames
 * (SNULL_RX_INTR), the transmitter of free buffers (SNULL_TX_INTR). Until then the buffers are in
 * use, and a queue without a free one has to be stopped.
 */
import { type Alarm, NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import type { IrqHandler, NetDevice, ParamValues, Part } from '../../netdev/index.ts'
import {
  IFF_UP,
  Irq,
  int,
  netifCarrierOff,
  netifCarrierOn,
  netifRxDrop,
  text,
} from '../../netdev/index.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_TX_CARRIER,
} from '../../skb/drop-reason.ts'
import { dropReasonName, dropReasonOf, Ring, type SkBuff } from '../../skb/index.ts'
import type { DirectedWire } from '../../wire/directed-wire.ts'

/** Bits of the status word. */
export const SNULL_RX_INTR = 1
export const SNULL_TX_INTR = 2

/** Faults ordered for a frame: its completion is lost, or it sticks in the transmitter. */
const ORDER_LOSE = 1
const ORDER_STICK = 2

/** How much of the time a flapping link is off. */
const FLAP_OFF = 0.5
/** How long a link that flaps once is off, ms: long enough for the kernel to see it. */
const FLAP_ONCE = 1000

/** `--drop RX_CRC=10` drops the tenth frame, and each tenth after it, for that reason. */
export interface DropFault {
  readonly reason: number
  readonly every: number
  /** True if the receiver drops and counts it. */
  readonly rx: boolean
}

/** A day in milliseconds, longer than any test. */
export const DAY = 86_400_000

const everyNth = (description: string) => int({ default: 0, live: true, description })

/** Parameters of a driver with SnullHw as its board: a fault every so many frames. */
export const faultParams = {
  lockup: everyNth(
    'lose the interrupt of every Nth transmit completion: the queue stops until the timeout',
  ),
  stuck: everyNth('keep every Nth frame in the transmitter, its queue stopped, until the timeout'),
  spurious: everyNth('raise a spurious interrupt every Nth frame'),
  lowmem: everyNth('fail the buffer allocation of every Nth received frame'),
  // 2000: the kernel looks for lost carriers once a second (net/core/link_watch.c).
  flap: int({
    default: 0,
    max: DAY,
    description:
      'turn the carrier off for half of every N ms; the kernel notices it from N = 2000 on',
  }),
  drop: text<DropFault | undefined>({
    default: undefined,
    live: true,
    description: 'drop every Nth frame for a reason: RX_CRC=10',
    parse: parseDrop,
    format: fault =>
      fault === undefined ? 'none' : `${dropReasonName(fault.reason)}=${fault.every}`,
  }),
}

/** Faults that happen once, when they are triggered. */
export const faults = {
  lockup:
    'Loses the interrupt after the next frame sent on a queue, or on each: it stops until the timeout.',
  'lost-interrupt': 'The same after one frame, on the chosen queue or the first that sends.',
  stuck: 'Keeps the next frame in the transmitter: its queue stops until the timeout.',
  flap: 'Takes the link down for a second.',
}
type Fault = keyof typeof faults

export const isFault = (name: string): name is Fault => Object.hasOwn(faults, name)

type Faults = ParamValues<typeof faultParams>

/**
 * The simulated card of one snull device: its buffers, receive ring, interrupt line and faults. The
 * driver makes one with each device, connects it to the peer's card by `outgoing`, and starts and
 * stops it with the device. It owns the frames in its ring, and frames that a fault has stuck,
 * until the driver takes them or the card is stopped.
 */
export class SnullHw {
  readonly irq: Irq
  /** Frames that arrived and that the driver has not taken. */
  readonly rxRing: Ring
  /** Leads to the peer's board. The driver sets it. */
  outgoing!: Pick<DirectedWire, 'wire'>
  readonly #dev: NetDevice
  readonly #buffers: number
  readonly #faults: Faults
  /** By queue: buffers in use, lost completions, the frame that a stuck transmitter holds. */
  readonly #inUse: Int32Array
  readonly #lost: Uint8Array
  readonly #stuck: readonly Ring[]
  /** Faults ordered for the next frame of each queue, and in the last entry of any queue. */
  readonly #orders: Uint8Array
  #sent = 0
  #spurious: Alarm | undefined
  #flap: Alarm | undefined
  /** Sets the carrier again after one flap; true while a flap is pending. */
  #relink: Alarm | undefined
  #flapping = false
  /** True while a triggered fault is pending or lasts: each frame is then checked. */
  #triggered = false

  constructor(dev: NetDevice, buffers: number, ringSize: number, params: Faults) {
    this.#dev = dev
    this.#buffers = buffers
    this.#faults = params
    this.irq = new Irq(dev)
    this.rxRing = new Ring(ringSize)
    this.#inUse = new Int32Array(dev.numTxQueues)
    this.#lost = new Uint8Array(dev.numTxQueues)
    this.#orders = new Uint8Array(dev.numTxQueues + 1)
    this.#stuck = dev.tx.map(() => new Ring(1))
  }

  /** Puts a frame on the wire. Returns true if the frame's queue has a free buffer. */
  transmit(skb: SkBuff, peer: NetDevice, receiver: SnullHw): boolean {
    const queue = skb.queueMapping
    const inUse = this.#inUse[queue]
    this.#inUse[queue] = inUse + 1
    const free = inUse + 1 < this.#buffers
    if (this.#triggered || receiver.#triggered || isFaulty(this.#faults)) {
      return this.#transmitFaulty(skb, peer) && free
    }
    this.outgoing.wire.push(skb)
    // For the first of a queue; later frames are completed by its interrupt.
    if (inUse === 0) {
      this.irq.raise(SNULL_TX_INTR)
    }
    return free
  }

  /** Causes a fault once: to the next frame, of a queue or of any, or to the link. */
  trigger(fault: Fault, queue: number | undefined): void {
    const any = this.#orders.length - 1
    if (fault === 'flap') {
      this.#flapOnce()
    } else if (fault === 'lockup' && queue === undefined) {
      for (let each = 0; each < any; each++) {
        this.#orders[each] |= ORDER_LOSE
      }
    } else {
      this.#orders[queue ?? any] |= fault === 'stuck' ? ORDER_STICK : ORDER_LOSE
    }
    this.#triggered = true
  }

  /** Frees a queue's sent buffers. Returns false if a completion was lost or a frame is stuck. */
  reclaim(queue: number): boolean {
    if (this.#lost[queue] !== 0 || this.#stuck[queue].length > 0) return false
    this.#inUse[queue] = 0
    return true
  }

  /** Repairs a queue: sends the stuck frame, if a peer exists, and raises the lost interrupt. */
  reset(queue: number, peer: NetDevice | undefined): void {
    const skb = this.#stuck[queue].shift()
    if (peer === undefined) {
      skb?.drop(SKB_DROP_REASON_DEV_READY)
    } else if (this.#dev.cut) {
      skb?.drop(SKB_DROP_REASON_TX_CARRIER)
    } else if (skb !== undefined) {
      this.outgoing.wire.push(skb)
    }
    this.#lost[queue] = 0
    this.irq.raise(SNULL_TX_INTR)
  }

  get parts(): Part[] {
    const buffers = [...this.#inUse].map((used, queue): Part => {
      const state = this.#faultOf(queue)
      return {
        kind: 'buffers',
        name: `tx buffers ${queue}`,
        direction: 'tx',
        length: used,
        capacity: this.#buffers,
        ...(state && { state }),
      }
    })
    const { length, capacity } = this.rxRing
    return [...buffers, { kind: 'ring', name: 'rx ring', direction: 'rx', length, capacity }]
  }

  #faultOf(queue: number): string | undefined {
    if (this.#lost[queue] !== 0) return 'interrupt lost'
    return this.#stuck[queue].length > 0 ? 'stuck' : undefined
  }

  /** Powers up: interrupts call `handler`, and the fault `flap` switches the carrier. */
  start(handler: IrqHandler): void {
    this.irq.request(handler)
    const { clock } = this.#dev.net
    this.#spurious ??= clock.alarm(() => this.irq.raise(0))
    if (this.#faults.flap === 0) return
    this.#flap ??= clock.alarm(() => this.#flapNow())
    this.#flapIn(1 - FLAP_OFF)
  }

  /** Powers down. Frames in the buffers and rings are dropped and counted. */
  stop(): void {
    this.irq.free()
    this.#spurious?.cancel()
    this.#flap?.cancel()
    this.#relink?.cancel()
    this.#flapping = false
    this.#triggered = false
    this.#orders.fill(0)
    netifCarrierOn(this.#dev)
    for (let skb = this.rxRing.shift(); skb !== undefined; skb = this.rxRing.shift()) {
      netifRxDrop(skb, this.#dev, SKB_DROP_REASON_DEV_STOPPED)
    }
    for (const ring of this.#stuck) {
      ring.purge(SKB_DROP_REASON_DEV_STOPPED)
    }
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
      this.#triggered = this.#orders.some(isOrder)
      netifCarrierOn(dev)
    })
    this.#relink.at(clock.now() + FLAP_ONCE * NSEC_PER_MSEC)
  }

  #flapNow(): void {
    const dev = this.#dev
    if (dev.carrier) {
      netifCarrierOff(dev)
    } else {
      netifCarrierOn(dev)
    }
    this.#flapIn(dev.carrier ? 1 - FLAP_OFF : FLAP_OFF)
  }

  #flapIn(part: number): void {
    const { clock } = this.#dev.net
    this.#flap?.at(clock.now() + part * this.#faults.flap * NSEC_PER_MSEC)
  }

  receive(skb: SkBuff): void {
    const dev = this.#dev
    if (dev.cut) {
      skb.drop(SKB_DROP_REASON_TX_CARRIER)
    } else if ((dev.flags & IFF_UP) === 0) {
      netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)
    } else if (this.rxRing.push(skb)) {
      // After another frame the interrupt, or the poll, is still pending.
      if (this.rxRing.length === 1) {
        this.irq.raise(SNULL_RX_INTR)
      }
    } else {
      netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)
    }
  }

  /** Transmits a frame with the ordered faults. Returns false if the queue has to be stopped. */
  #transmitFaulty(skb: SkBuff, peer: NetDevice): boolean {
    const { lockup, stuck, spurious, drop } = this.#faults
    const queue = skb.queueMapping
    if (!this.#dev.carrier || !peer.carrier) {
      skb.drop(SKB_DROP_REASON_TX_CARRIER)
      this.irq.raise(SNULL_TX_INTR)
      return true
    }
    this.#sent++
    const at = this.#orders[queue] === 0 ? this.#orders.length - 1 : queue
    const order = this.#orders[at]
    this.#orders[at] = 0
    this.#triggered = this.#flapping || this.#orders.some(isOrder)
    if (((order & ORDER_STICK) !== 0 || takes(stuck, this.#sent)) && this.#stuck[queue].push(skb)) {
      return false
    }
    if (drop !== undefined && takes(drop.every, this.#sent)) {
      if (drop.rx) {
        netifRxDrop(skb, peer, drop.reason)
      } else {
        skb.drop(drop.reason)
      }
    } else {
      this.outgoing.wire.push(skb)
    }
    // On its own, after the interrupts for the frames under way.
    if (takes(spurious, this.#sent)) {
      this.#spurious?.at(this.#dev.net.clock.now())
    }
    if ((order & ORDER_LOSE) !== 0 || takes(lockup, this.#sent)) {
      this.#lost[queue] = 1
      return false
    }
    this.irq.raise(SNULL_TX_INTR)
    return true
  }
}

function isFaulty({ lockup, stuck, spurious, flap, drop }: Faults): boolean {
  return (lockup | stuck | spurious | flap) !== 0 || drop !== undefined
}

/** Returns true if the `count`-th frame is one of "every Nth". */
export const takes = (every: number, count: number): boolean => every !== 0 && count % every === 0

/** `none` turns it off while the driver runs. */
function parseDrop(value: string): DropFault | undefined {
  if (value === 'none') return undefined
  const [, name = '', n = ''] = /^(\w+)=([1-9]\d{0,8})$/.exec(value) ?? []
  const reason = dropReasonOf(name.toUpperCase())
  if (reason === undefined) {
    throw new UsageError(`'${value}' is not REASON=N, with N from 1; reasons are ${reasonNames()}`)
  }
  return { reason, every: Number(n), rx: !name.toUpperCase().startsWith('TX_') }
}

function reasonNames(): string {
  return Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) => dropReasonName(i + 1)).join(', ')
}

const isOrder = (order: number): boolean => order !== 0
