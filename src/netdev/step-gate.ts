/**
 * StepGate: makes frames wait before each step of their path through a Net, so that a person can
 * follow them. While it is on, `net.gate` is set, and all code that moves a frame consults it. Each
 * `next()` runs one step: of everything that is waiting, the item furthest along its path.
 *
 *     1  a frame is read from the kernel
 *     2  ndoStartXmit gets it
 *     3  its driver or wire carries it: an interrupt, a poll, an alarm of the driver,
 *        ndoTxTimeout, or the delivery of a wire
 *     4  netifRx gives it to the receiving device
 *     5  the receive queue is written to the kernel
 *
 * So one frame at a time moves, and frames keep their order. The thread is never blocked: frames
 * wait in the kernel's ring or in a queue, and everything else continues. All devices of the Net
 * are stepped, because a frame passes from one to another.
 */
import { type Alarm, lineOf, traceOf } from '../base/index.ts'
import type { SkBuff } from '../skb/index.ts'
import {
  OWNER_FREE,
  OWNER_PORT,
  OWNER_RX,
  OWNER_WIRE,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
} from '../skb/index.ts'
import type { FrameOrigin, Gate, Halt, TimedCall } from './gate.ts'
import { NETDEV_STEP } from './if.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import { netifRx, netifRxDrop, netifRxNow } from './netif.ts'
import type { RxQueue } from './rx-queue.ts'
import type { TxQueue } from './tx-queue.ts'

/** Frames that may wait at one step; with more, the first one continues. */
const WAITING = 256

/** Frames that wait at a step, each with the driver's line that brought it there. */
type Waiting = Readonly<{ frames: Ring; callers: (string | undefined)[] }>

export class StepGate implements Gate<NetDevice> {
  readonly #net: Net
  readonly #alarm: Alarm
  /** Frames that wait at netifRx, and frames at the end of a wire. */
  readonly #received: Waiting = { frames: new Ring(WAITING, OWNER_RX, OWNER_PORT), callers: [] }
  readonly #delivered: Waiting = { frames: new Ring(WAITING, OWNER_WIRE, OWNER_PORT), callers: [] }
  /** Transmit queues with waiting frames, their own or in the kernel; oldest first. */
  readonly #queues = new Set<TxQueue>()
  /** Alarms that rang, and timeouts, in the order of their times. */
  readonly #calls: TimedCall<NetDevice>[] = []
  /** True from a step that ran one of them to the next ndoStartXmit, which then precedes others. */
  #wasCall = false
  #running: NetDevice | undefined
  /** The last frame that ndoStartXmit got. The next interrupt may be for it. */
  #sent: SkBuff | undefined
  /** When the last step ran, in ns. */
  ranAt: number
  #every: number
  #isScheduled = false
  /** The number of steps that ran. With its place, it identifies a halt that was reported. */
  steps = 0
  #reported = ''

  constructor(net: Net, every = 0) {
    this.#net = net
    this.#every = every
    this.ranAt = net.clock.now()
    this.#alarm = net.clock.alarm(() => void this.next())
    net.gate = this
    this.#notifyAll()
    this.changed()
  }

  /** The time in ns after which a step runs by itself; 0 is never. */
  get every(): number {
    return this.#every
  }

  set every(ns: number) {
    this.#every = ns
    this.#alarm.cancel()
    if (ns > 0) {
      this.#alarm.at(this.#net.clock.now() + ns)
    }
  }

  get halt(): Halt<NetDevice> | undefined {
    const written = this.#written()
    if (written !== undefined) {
      const { rxq, ...where } = written
      return {
        step: 5,
        ...where,
        next: 'write',
        skb: rxq.first,
        code: undefined,
        caller: undefined,
      }
    }
    return (
      this.#inFrames(4, this.#received) ?? this.#inFrames(3, this.#delivered) ?? this.#inDriver()
    )
  }

  /** Runs the next step. Returns false if nothing waits. */
  next(): boolean {
    const { halt } = this
    this.#alarm.cancel()
    if (halt === undefined || !this.#isOn) {
      // A queue that stopped being ready is reported again when it is next ready.
      this.#reported = ''
      return false
    }
    this.steps++
    this.ranAt = this.#net.clock.now()
    this.#running = halt.dev
    this.#run()
    this.#running = undefined
    this.changed()
    return true
  }

  #run(): void {
    const written = this.#written()
    if (written !== undefined) {
      written.rxq.write()
    } else if (this.#received.frames.length > 0) {
      this.#receive()
    } else if (this.#delivered.frames.length > 0) {
      this.#deliver()
    } else if (this.#net.softirq !== undefined) {
      this.#net.runSoftirq()
    } else if (this.#isCallNext) {
      this.#call()
    } else {
      this.#transmit()
    }
  }

  /** Turns stepping off: everything that waits continues, in order. Idempotent. */
  off(): void {
    if (!this.#isOn) return
    this.#alarm.cancel()
    const net = this.#net
    net.gate = undefined
    // It is not the driver's fault that a queue had to wait for its interrupt.
    for (const { tx } of net.devices) {
      for (const txq of tx) {
        if (txq.stopped) {
          txq.transStart = net.clock.now()
        }
      }
    }
    while (this.#received.frames.length > 0) {
      this.#receive()
    }
    while (this.#delivered.frames.length > 0) {
      this.#deliver()
      this.#receive()
    }
    while (this.#calls.length > 0) {
      this.#call()
    }
    net.flush()
    for (const txq of this.#queues) {
      txq.continue()
    }
    net.flush()
    this.#notifyAll()
  }

  /** Takes over a frame from netifRx. Delivery by a wire is a separate step. */
  received(skb: SkBuff, from: FrameOrigin): void {
    if (from === 'wire') {
      this.#wait(this.#delivered, skb, undefined)
    } else {
      this.#wait(this.#received, skb, from === 'driver' ? lineOf(traceOf(netifRx)) : undefined)
    }
    this.changed()
  }

  /** Makes a transmit queue wait: the kernel has frames for it, and its port is paused. */
  waits(txq: TxQueue): void {
    this.#queues.add(txq)
    this.changed()
  }

  /** Returns true if a transmit queue waits, and must neither hand over frames nor read. */
  holds(txq: TxQueue): boolean {
    if (txq.waiting !== undefined) {
      this.#queues.add(txq)
    }
    if (!this.#queues.has(txq)) return false
    this.changed()
    return true
  }

  due(call: TimedCall<NetDevice>): void {
    if (!this.#calls.includes(call)) {
      this.#calls.push(call)
    }
    this.changed()
  }

  /** Forgets a call that waits, because its alarm was armed again or cancelled. */
  rearmed(call: TimedCall<NetDevice>): void {
    call.dev = this.#running
    const at = this.#calls.indexOf(call)
    if (at < 0) return
    this.#calls.splice(at, 1)
    this.changed()
  }

  /** Reports the waiting frame, once the running code has returned. */
  changed(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      if (this.#isOn) {
        this.#report()
      }
    })
  }

  /** Drops and counts the waiting frames of a device that is brought down. */
  purge(dev: NetDevice): void {
    for (const txq of dev.tx) {
      this.#queues.delete(txq)
    }
    for (const { frames, callers } of [this.#received, this.#delivered]) {
      for (let n = frames.length; n > 0; n--) {
        const skb = frames.shift() as SkBuff
        const caller = callers.shift()
        if (skb.dev === dev) {
          netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)
        } else {
          frames.push(skb)
          callers.push(caller)
        }
      }
    }
    this.changed()
  }

  get #isOn(): boolean {
    return this.#net.gate === this
  }

  #wait({ frames, callers }: Waiting, skb: SkBuff, caller: string | undefined): void {
    // Makes room, in order.
    if (frames.length === WAITING) {
      if (frames === this.#delivered.frames) {
        this.#deliver()
      } else {
        this.#receive()
      }
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

  /** The first frame at the end of a wire reaches netifRx. */
  #deliver(): void {
    const { frames, callers } = this.#delivered
    this.#wait(this.#received, frames.shift() as SkBuff, callers.shift())
  }

  #report(): void {
    const { halt } = this
    if (halt === undefined) {
      // The frame was dropped, for example with its device. The next one is a new halt.
      this.#reported = ''
      return
    }
    const { step, dev, queue } = halt
    const key = `${this.steps} ${step} ${dev.ifindex} ${queue}`
    if (key === this.#reported) return
    this.#reported = key
    if (this.#every > 0) {
      this.#alarm.at(this.#net.clock.now() + this.#every)
    }
    this.#net.callNetdeviceNotifiers(NETDEV_STEP, dev)
  }

  #notifyAll(): void {
    for (const dev of [...this.#net.devices]) {
      this.#net.callNetdeviceNotifiers(NETDEV_STEP, dev)
    }
  }

  /** The first receive queue with frames for the kernel. */
  #written():
    | { readonly dev: NetDevice; readonly queue: number; readonly rxq: RxQueue }
    | undefined {
    for (const dev of this.#net.devices) {
      const queue = dev.rx.findIndex(({ length }) => length > 0)
      if (queue >= 0) return { dev, queue, rxq: dev.rx[queue] as RxQueue }
    }
    return undefined
  }

  #inFrames(step: 3 | 4, { frames, callers }: Waiting): Halt<NetDevice> | undefined {
    const skb = frames.peek(0)
    if (skb === undefined) return undefined
    const next = step === 4 ? 'netifRx' : 'wire'
    const where = { dev: skb.dev as NetDevice, queue: skb.queueMapping }
    return { step, ...where, next, skb, code: undefined, caller: callers[0] }
  }

  #inDriver(): Halt<NetDevice> | undefined {
    const { softirq, devices } = this.#net
    const sent = this.#sent?.owner === OWNER_FREE ? undefined : this.#sent
    const rest = { step: 3, skb: sent, caller: undefined } as const
    if (softirq !== undefined) {
      const { dev, what } = softirq
      const code = this.#codeOf(softirq.code)
      return { ...rest, dev, queue: sent?.queueMapping ?? 0, next: nameOf(code) ?? what, code }
    }
    if (this.#isCallNext) {
      const { dev = devices[0], queue = 0, next, code } = this.#calls[0]
      return {
        ...rest,
        dev: devices.includes(dev) ? dev : devices[0],
        queue,
        next: nameOf(code) ?? next,
        code,
      }
    }
    const txq = this.#ready()
    if (txq === undefined) return undefined
    const { dev, index: queue, waiting: skb } = txq
    if (skb === undefined) {
      return { step: 1, dev, queue, next: 'read', skb, code: undefined, caller: undefined }
    }
    const code = this.#codeOf(dev.netdevOps.ndoStartXmit)
    return { step: 2, dev, queue, next: 'ndoStartXmit', skb, code, caller: undefined }
  }

  /** The driver's own function: with `--debug` another one calls it. */
  #codeOf(fn: unknown): unknown {
    return this.#net.debug === undefined ? fn : this.#net.debug.codeOf(fn)
  }

  /** The first transmit queue with a frame that was read, or else with one in the kernel. */
  #ready(): TxQueue | undefined {
    const ready = [...this.#queues].filter(txq => txq.ready)
    return ready.find(({ waiting }) => waiting !== undefined) ?? ready[0]
  }

  /** A frame waits for one call at most, so that an alarm that rings often does not keep it. */
  get #isCallNext(): boolean {
    if (this.#net.devices.length === 0) return false
    return this.#calls.length > 0 && !(this.#wasCall && this.#ready() !== undefined)
  }

  #call(): void {
    this.#wasCall = true
    this.#calls.shift()?.run()
  }

  #transmit(): void {
    this.#wasCall = false
    const txq = this.#ready()
    if (txq === undefined) return
    this.#sent = txq.waiting
    this.#queues.delete(txq)
    txq.step()
  }
}

function nameOf(code: unknown): string | undefined {
  return typeof code === 'function' && code.name !== '' ? code.name : undefined
}
