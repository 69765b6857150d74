/**
 * Stepper: halts frames on their way through a Net, so that a person can follow them. Each call of
 * `next` does one thing, of those that wait the one nearest to the end of the way:
 *
 *     5  writes a receive queue to the kernel
 *     4  lets netifRx take a frame
 *     3  takes an interrupt, runs a poll, or has a wire deliver a frame
 *     2  calls ndoStartXmit with a frame
 *     1  reads a frame from the kernel
 *
 * So one frame at a time is on its way, and frames keep their order. The thread never waits: what
 * is halted lies where it is, in the kernel's ring or in a queue, and everything else goes on. All
 * devices of the Net are halted, because a frame passes from one to another.
 */

import type { Alarm } from '../base/clock.ts'
import { OWN, stackFrame } from '../base/stack.ts'
import { SKB_DROP_REASON_DEV_STOPPED } from '../skb/drop-reason.ts'
import { OWNER_FREE, OWNER_PORT, OWNER_RX, OWNER_WIRE } from '../skb/owner.ts'
import { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { NETDEV_STEP, NETIF_MSG_STEP } from './if.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import { netifRx, netifRxDrop, netifRxNow } from './netif.ts'
import type { RxQueue } from './rx-queue.ts'
import type { TxQueue } from './tx-queue.ts'

/** Frames that may wait at one step; with more, the first of them goes on. */
const WAITING = 256

/** What waits for `next`. */
export interface Halt {
  /** The step that is done next, as numbered above. */
  readonly step: 1 | 2 | 3 | 4 | 5
  readonly dev: NetDevice
  readonly queue: number
  /** What runs next: an operation, or the driver's function. */
  readonly next: string
  /** The frame, to be read at once; undefined if it is in the kernel, or there is none. */
  readonly skb: SkBuff | undefined
  /** The driver's function that runs next; undefined if none does. */
  readonly code: unknown
  /** The line of the driver that called netifRx, as `/my-driver.js:12`; undefined otherwise. */
  readonly caller: string | undefined
}

/** Frames that wait at a step, each with the place that brought it there. */
interface Waiting {
  readonly frames: Ring
  readonly callers: (string | undefined)[]
}

export class Stepper {
  readonly #net: Net
  readonly #alarm: Alarm
  /** Frames of netifRx, which the driver has handed on, and frames at the end of a wire. */
  readonly #received: Waiting = { frames: new Ring(WAITING, OWNER_RX, OWNER_PORT), callers: [] }
  readonly #delivered: Waiting = { frames: new Ring(WAITING, OWNER_WIRE, OWNER_PORT), callers: [] }
  /** Transmit queues with frames, in the order in which they became ready. */
  readonly #queues = new Set<TxQueue>()
  /** The frame that ndoStartXmit got last, which an interrupt may be about. */
  #sent: SkBuff | undefined
  #every: number
  #isScheduled = false
  /** Steps that were done; with the place it identifies a halt that was reported. */
  #steps = 0
  #reported = ''

  /** Begins to halt. `every` is the time in ns after which a halt goes on by itself; 0 is never. */
  constructor(net: Net, every = 0) {
    this.#net = net
    this.#every = every
    this.#alarm = net.clock.alarm(() => void this.next())
    net.stepper = this
    for (const dev of net.devices) this.adopt(dev)
    this.#notifyAll()
    this.changed()
  }

  get every(): number {
    return this.#every
  }

  set every(ns: number) {
    this.#every = ns
    this.#alarm.cancel()
    if (ns > 0) this.#alarm.at(this.#net.clock.now() + ns)
  }

  /** Halts the frames of a device. For the one that is registered meanwhile. */
  adopt(dev: NetDevice): void {
    dev.msgEnable |= NETIF_MSG_STEP
    for (const rxq of dev.rx) rxq.hold(true)
  }

  /** What waits and is done next; undefined if nothing waits. */
  get halt(): Halt | undefined {
    const written = this.#written()
    if (written !== undefined) {
      const { rxq, ...where } = written
      return { step: 5, ...where, next: 'write', skb: rxq.first, code: undefined, caller: undefined }
    }
    return this.#inFrames(4, this.#received) ?? this.#inFrames(3, this.#delivered) ?? this.#inDriver()
  }

  /** Does the next thing. Returns false if nothing waits. */
  next(): boolean {
    const { halt } = this
    this.#alarm.cancel()
    if (halt === undefined || !this.#isOn) {
      // What waited is not ready any more, and is reported again when it is.
      this.#reported = ''
      return false
    }
    this.#steps++
    const written = this.#written()
    if (written !== undefined) written.rxq.flush()
    else if (this.#received.frames.length > 0) this.#receive()
    else if (this.#delivered.frames.length > 0) this.#deliver()
    else if (this.#net.softirq !== undefined) this.#net.runSoftirq()
    else this.#transmit()
    this.changed()
    return true
  }

  /** Ends: everything that waits goes on, in order. Idempotent. */
  off(): void {
    if (!this.#isOn) return
    this.#alarm.cancel()
    const net = this.#net
    net.stepper = undefined
    for (const dev of net.devices) {
      dev.msgEnable &= ~NETIF_MSG_STEP
      // What waits for an interrupt was not late by the driver's fault.
      for (const txq of dev.tx) if (txq.stopped) txq.transStart = net.clock.now()
      for (const rxq of dev.rx) rxq.hold(false)
    }
    while (this.#received.frames.length > 0) this.#receive()
    while (this.#delivered.frames.length > 0) {
      this.#deliver()
      this.#receive()
    }
    net.flush()
    for (const txq of this.#queues) txq.release()
    net.flush()
    this.#notifyAll()
  }

  /**
   * A frame that netifRx was given; the stepper owns it now. If a wire called that, the delivery is
   * a step, too. The stack alone knows, so that a frame that nothing halts costs no more.
   */
  received(skb: SkBuff): void {
    const place = callPlace()
    if (place?.startsWith(`${OWN}wire/`)) this.#wait(this.#delivered, skb, undefined)
    else this.#wait(this.#received, skb, isDriver(place) ? place : undefined)
    this.changed()
  }

  /** A transmit queue has frames, and halted. */
  waits(txq: TxQueue): void {
    this.#queues.add(txq)
    this.changed()
  }

  /** Something may wait now. Reports it once the code that runs has returned. */
  changed(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      if (this.#isOn) this.#report()
    })
  }

  /** Drops and counts the frames that wait for a device: it goes down. */
  purge(dev: NetDevice): void {
    for (const { frames, callers } of [this.#received, this.#delivered]) {
      for (let n = frames.length; n > 0; n--) {
        const skb = frames.shift() as SkBuff
        const caller = callers.shift()
        if (skb.dev === dev) netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)
        else {
          frames.push(skb)
          callers.push(caller)
        }
      }
    }
    this.changed()
  }

  get #isOn(): boolean {
    return this.#net.stepper === this
  }

  #wait({ frames, callers }: Waiting, skb: SkBuff, caller: string | undefined): void {
    // There is always room: the first frame goes on where the order is kept.
    if (frames.length === WAITING) {
      if (frames === this.#delivered.frames) this.#deliver()
      else this.#receive()
    }
    frames.push(skb)
    callers.push(caller)
  }

  /** The device takes the first frame that waits at netifRx. */
  #receive(): void {
    const { frames, callers } = this.#received
    callers.shift()
    const skb = frames.shift() as SkBuff
    netifRxNow(skb, skb.dev as NetDevice)
  }

  /** The first frame at the end of a wire comes to netifRx. */
  #deliver(): void {
    const { frames, callers } = this.#delivered
    this.#wait(this.#received, frames.shift() as SkBuff, callers.shift())
  }

  #report(): void {
    const { halt } = this
    if (halt === undefined) {
      // What waited is gone, as that of a device that went down. What waits next is another one.
      this.#reported = ''
      return
    }
    const { step, dev, queue } = halt
    const key = `${this.#steps} ${step} ${dev.ifindex} ${queue}`
    if (key === this.#reported) return
    this.#reported = key
    if (this.#every > 0) this.#alarm.at(this.#net.clock.now() + this.#every)
    this.#net.callNetdeviceNotifiers(NETDEV_STEP, dev)
  }

  #notifyAll(): void {
    for (const dev of [...this.#net.devices]) this.#net.callNetdeviceNotifiers(NETDEV_STEP, dev)
  }

  /** The first receive queue with frames for the kernel. */
  #written(): { readonly dev: NetDevice; readonly queue: number; readonly rxq: RxQueue } | undefined {
    for (const dev of this.#net.devices) {
      const queue = dev.rx.findIndex(({ length }) => length > 0)
      if (queue >= 0) return { dev, queue, rxq: dev.rx[queue] as RxQueue }
    }
    return undefined
  }

  #inFrames(step: 3 | 4, { frames, callers }: Waiting): Halt | undefined {
    const skb = frames.peek(0)
    if (skb === undefined) return undefined
    const next = step === 4 ? 'netifRx' : 'wire'
    const where = { dev: skb.dev as NetDevice, queue: skb.queueMapping }
    return { step, ...where, next, skb, code: undefined, caller: callers[0] }
  }

  #inDriver(): Halt | undefined {
    const { softirq } = this.#net
    if (softirq !== undefined) {
      const { dev, code, what } = softirq
      const skb = this.#sent?.owner === OWNER_FREE ? undefined : this.#sent
      return { step: 3, dev, queue: skb?.queueMapping ?? 0, next: nameOf(code) ?? what, skb, code, caller: undefined }
    }
    const txq = this.#ready()
    if (txq === undefined) return undefined
    const { dev, index: queue, waiting: skb } = txq
    if (skb === undefined) return { step: 1, dev, queue, next: 'read', skb, code: undefined, caller: undefined }
    return { step: 2, dev, queue, next: 'ndoStartXmit', skb, code: dev.netdevOps.ndoStartXmit, caller: undefined }
  }

  /** The first transmit queue whose frame was read, or else the first with one in the kernel. */
  #ready(): TxQueue | undefined {
    for (const txq of this.#queues) if (!txq.halted) this.#queues.delete(txq)
    const ready = [...this.#queues].filter(txq => txq.ready)
    return ready.find(({ waiting }) => waiting !== undefined) ?? ready[0]
  }

  #transmit(): void {
    const txq = this.#ready()
    this.#sent = txq?.waiting
    if (txq === undefined) return
    txq.step()
  }
}

function nameOf(code: unknown): string | undefined {
  return typeof code === 'function' && code.name !== '' ? code.name : undefined
}

/** Returns the line that called netifRx, as `/my-driver.js:12`; undefined if that has no file. */
function callPlace(): string | undefined {
  const trace: { stack?: unknown } = {}
  Error.captureStackTrace(trace, netifRx)
  const frame = String(trace.stack)
    .split('\n')
    .map(stackFrame)
    .find(found => found !== undefined)
  return /^(?:.* \()?(\/.+:\d+):\d+\)?$/.exec(frame ?? '')?.[1]
}

/** Whether a place is in a driver: in a file of the user's, or in one of vnet's drivers. */
function isDriver(place: string | undefined): boolean {
  return place !== undefined && (!place.startsWith(OWN) || /^(drivers|lan)\//.test(place.slice(OWN.length)))
}
