/**
 * Net: the kernel's global state, one per thread: frame memory, clock, chance, log, the platform,
 * and the devices and notifiers that are registered on it. No module has state of its own:
 * everything that outlives a call belongs to a Net.
 */
import type { Alarm, Clock } from '../base/clock.ts'
import { EINVAL, EIO, ENOMEM, VnetError } from '../base/errno.ts'
import { describeException, isOwn, lineOf, OWN, traceOf } from '../base/exception.ts'
import { LimitedLog, type Log } from '../base/log.ts'
import { type Random, random } from '../base/random.ts'
import { Turns } from '../base/turns.ts'
import { print } from '../packet/print.ts'
import {
  dropReasonName,
  Ring,
  type SkBuff,
  SkBuffPool,
  type SkBuffPoolOptions,
} from '../skb/index.ts'
import type { DebugHooks } from './debug/hooks.ts'
import type { Gate, TimedCall } from './gate.ts'
import { GSO_SEGS_MAX } from './gso.ts'
import type { NetDevice } from './net-device.ts'
import type { Platform } from './port.ts'
import { pollBatches } from './port-reader.ts'
import type { RxQueue } from './rx-queue.ts'

/** Rounds of interrupts and polls before the event loop has its turn, and interrupts in a round. */
const SOFTIRQ_ROUNDS = 10
const ROUND_IRQS = 64

/** Notified of a device's life. A negative errno vetoes NETDEV_POST_INIT and NETDEV_REGISTER. */
export type NetdeviceNotifier = (event: number, dev: NetDevice) => number | void

/**
 * The parts of a Net. The program makes them and closes the clock and the platform after the last
 * device is unregistered; a Net itself has nothing to close.
 */
export interface NetOptions {
  platform: Platform
  clock: Clock
  log: Log
  /** By default a new pool; with `debug` always. */
  pool?: SkBuffPool | undefined
  random?: Random
  /** The initial NETIF_MSG_* bits of devices. */
  msgEnable?: number
  /** Makes the driver checks (debugWith); without it none of their code is loaded. */
  debug?: ((net: Net) => DebugHooks) | undefined
}

/** An interrupt (Irq) or a poll (Napi) that runs next. */
interface Softirq {
  readonly dev: NetDevice
  readonly what: string
  /** The driver's function; undefined if it does not run any more. */
  readonly code: unknown
}

interface RaisedIrq extends Softirq {
  handle(): void
}

/** `run` returns true if it is to be run again. */
interface ScheduledPoll extends Softirq {
  run(): boolean
}

/**
 * One network stack for the devices that are registered on it, on one thread. It notifies,
 * schedules and counts, and owns the frame memory; the platform, the clock and the log remain the
 * program's.
 */
export class Net {
  readonly platform: Platform
  readonly clock: Clock
  readonly log: Log
  readonly pool: SkBuffPool
  readonly random: Random
  /** Grants time for work that others cause: the platform's, so both together get no more. */
  readonly turns: Turns
  readonly msgEnable: number
  readonly debug: DebugHooks | undefined
  /** The registered devices, in the order of their registration. */
  readonly devices: NetDevice[] = []
  /** Makes frames wait at each step of their path; undefined unless requested. */
  gate: Gate<NetDevice> | undefined
  /** Segments of the GSO frame being cut. */
  readonly segments = new Ring(GSO_SEGS_MAX)

  readonly #notifiers: NetdeviceNotifier[] = []
  // Each array is valid up to its count. The arrays only grow: emptying them would allocate.
  readonly #dirty: Pick<RxQueue, 'flush'>[] = []
  #dirtyCount = 0
  readonly #irqs: RaisedIrq[] = []
  #irqCount = 0
  readonly #napis: ScheduledPoll[] = []
  #napiCount = 0
  /** Runs the rest of the work after SOFTIRQ_ROUNDS. */
  readonly #ksoftirqd: Alarm
  /** True during a poll, which flushes received frames when it ends. */
  #polling = false
  #inSoftirq = false
  #flushScheduled = false
  readonly #limitedLog: LimitedLog
  readonly #flushBatch = (): void => this.flush(true)
  readonly #flushLater = (): void => {
    this.#flushScheduled = false
    this.flush()
  }

  constructor({
    platform,
    clock,
    log,
    pool,
    random: chance = random(1),
    msgEnable = 0,
    debug,
  }: NetOptions) {
    this.platform = platform
    this.#limitedLog = new LimitedLog(log, clock, { lines: 1, seconds: 1 })
    this.clock = guarded(clock, this, error => this.#alarmThrew(error))
    this.log = log
    this.random = chance
    this.turns = platform.turns ?? new Turns(this.clock)
    this.msgEnable = msgEnable
    this.#ksoftirqd = clock.alarm(() => this.flush())
    this.debug = debug?.(this)
    const { debug: found } = this
    if (found !== undefined) {
      this.pool = framePool(options => found.makePool(options))
    } else {
      this.pool = pool ?? framePool(options => new SkBuffPool(options))
    }
  }

  /** Notifies `fn` of devices registered, changed and unregistered. Returns how to stop that. */
  registerNetdeviceNotifier(fn: NetdeviceNotifier): () => void {
    this.#notifiers.push(fn)
    return () => {
      const i = this.#notifiers.indexOf(fn)
      if (i >= 0) {
        this.#notifiers.splice(i, 1)
      }
    }
  }

  /**
   * Runs the notifiers in order. Returns the first negative errno, which ends the run, or 0. One
   * that throws is logged and counts as -EIO, but the others still learn of the end of a device.
   */
  callNetdeviceNotifiers(event: number, dev: NetDevice): number {
    let thrown = 0
    for (const fn of [...this.#notifiers]) {
      try {
        const error = fn(event, dev) ?? 0
        if (error < 0) return error
      } catch (error) {
        dev.logException('netdevice notifier', error)
        thrown = -EIO
      }
    }
    return thrown
  }

  /** Schedules a flush of the queue, at the end of the current poll or in a microtask. */
  markDirty(queue: Pick<RxQueue, 'flush'>): void {
    this.#dirty[this.#dirtyCount++] = queue
    this.#scheduleFlush()
  }

  /** Returns a frame as tcpdump would print it, for a log; `dropped` is a drop reason. */
  frameText(skb: SkBuff, dropped?: number): string {
    const gso = skb.gsoSize === 0 ? '' : `, gso ${skb.gsoSize}`
    const why = dropped === undefined ? '' : `, dropped: ${dropReasonName(dropped)}`
    return print(skb.bytes, skb.data, skb.len) + gso + why
  }

  raiseIrq(irq: RaisedIrq): void {
    this.#irqs[this.#irqCount++] = irq
    this.#scheduleFlush()
  }

  scheduleNapi(napi: ScheduledPoll): void {
    this.#napis[this.#napiCount++] = napi
    this.#scheduleFlush()
  }

  /** Polls a queue by pollBatches, flushes after each batch, and returns true if more may wait. */
  poll(readBatch: () => number): boolean {
    const nested = this.#polling
    this.#polling = true
    try {
      const more = pollBatches(this.pool, readBatch, this.#flushBatch, this.clock)
      if (!nested) {
        this.flush()
      }
      return more
    } finally {
      this.#polling = nested
    }
  }

  /**
   * Takes the interrupts and runs the waiting polls, then writes the received frames to the kernel,
   * one native call a queue. With `more` frames to come in the same poll, a queue may wait.
   */
  flush(more = false): void {
    if (this.gate !== undefined) {
      this.gate.changed()
      return
    }
    // Not again from a handler that closes its device.
    if (this.#irqCount + this.#napiCount !== 0 && !this.#inSoftirq) {
      this.#softirq()
    }
    let kept = 0
    // (5) After each batch, every queue with frames is written to the kernel.
    for (let i = 0; i < this.#dirtyCount; i++) {
      const queue = this.#dirty[i]
      if (!queue.flush(more)) {
        this.#dirty[kept++] = queue
      }
    }
    this.#dirtyCount = kept
  }

  /** The interrupt that is taken next, or else the poll that runs next. For a Gate. */
  get softirq(): Softirq | undefined {
    // Interrupts and polls that were freed or disabled meanwhile do nothing.
    while (this.#irqCount > 0 && this.#irqs[0].code === undefined) {
      this.#takeIrqs(1)
    }
    if (this.#irqCount > 0) return this.#irqs[0]
    while (this.#napiCount > 0 && this.#napis[0].code === undefined) {
      this.#pollNapis(1)
    }
    return this.#napiCount > 0 ? this.#napis[0] : undefined
  }

  runSoftirq(): void {
    const nested = this.#polling
    this.#polling = true
    if (this.#irqCount > 0) {
      this.#takeIrqs(1)
    } else {
      this.#pollNapis(1)
    }
    this.#polling = nested
  }

  #alarmThrew(error: unknown): void {
    this.debug?.threw('alarm', error)
    this.#limitedLog.err('alarm', () => `alarm: ${describeException(error)}; vnet goes on`)
  }

  #scheduleFlush(): void {
    if (this.#polling || this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(this.#flushLater)
  }

  #softirq(): void {
    const nested = this.#polling
    this.#polling = true
    this.#inSoftirq = true
    for (let round = 0; round < SOFTIRQ_ROUNDS && this.#irqCount + this.#napiCount !== 0; round++) {
      this.#takeIrqs(ROUND_IRQS)
      this.#pollNapis(this.#napiCount)
    }
    this.#inSoftirq = false
    this.#polling = nested
    if (this.#irqCount + this.#napiCount !== 0) {
      this.#ksoftirqd.at(this.clock.now())
    }
  }

  /** Takes at most `most`. Interrupts that handlers raise are taken in the same round. */
  #takeIrqs(most: number): void {
    let i = 0
    while (i < this.#irqCount && i < most) {
      this.#irqs[i++].handle()
    }
    const left = this.#irqCount - i
    for (let j = 0; j < left; j++) {
      this.#irqs[j] = this.#irqs[i + j]
    }
    this.#irqCount = left
  }

  #pollNapis(n: number): void {
    let again = 0
    for (let i = 0; i < n; i++) {
      if (this.#napis[i].run()) {
        this.#napis[again++] = this.#napis[i]
      }
    }
    // Entries that were scheduled meanwhile move up.
    for (let i = n; i < this.#napiCount; i++) {
      this.#napis[again++] = this.#napis[i]
    }
    this.#napiCount = again
  }
}

/**
 * Returns a clock that permits alarms to throw or to reject: `failed` is called with the error, and
 * the rest continues. While stepping is on, the alarms of a driver wait for a step.
 */
function guarded(
  clock: Clock,
  net: { readonly gate: Gate<NetDevice> | undefined },
  failed: (error: unknown) => void,
): Clock {
  function alarm(fn: () => void): Alarm {
    const run = () => {
      try {
        const result: unknown = fn()
        if (result instanceof Promise) {
          result.catch(failed)
        }
      } catch (error) {
        failed(error)
      }
    }
    const call: TimedCall<NetDevice> = { next: 'alarm', code: fn, run, dev: undefined }
    const trace = traceOf(alarm)
    let isOfDriver: boolean | undefined
    /** Returns the gate of the driver's alarms while stepping is on. */
    const gate = () => {
      if (net.gate === undefined) return undefined
      isOfDriver ??= !isOwn(lineOf(trace) ?? OWN)
      return isOfDriver ? net.gate : undefined
    }
    const timer = clock.alarm(() => {
      const stepped = gate()
      if (stepped === undefined) {
        run()
      } else {
        stepped.due(call)
      }
    })
    return {
      at(ns) {
        if (Number.isNaN(ns)) {
          throw new VnetError(EINVAL, 'alarm at NaN', 'it rings at a number of nanoseconds')
        }
        gate()?.rearmed(call)
        timer.at(ns)
      },
      cancel() {
        gate()?.rearmed(call)
        timer.cancel()
      },
    }
  }
  return { now: () => clock.now(), ...(clock.slack !== undefined && { slack: clock.slack }), alarm }
}

/** Small slots for the frames that wires hold, 512 MiB of addresses. */
const WIRE_RESERVE = 1 << 18

/** Reserves frame memory, and slots of wires if addresses are left. VnetError ENOMEM without. */
function framePool(
  make: (options: SkBuffPoolOptions) => SkBuffPool,
  reserve = WIRE_RESERVE,
): SkBuffPool {
  try {
    return make({ reserve })
  } catch (error) {
    if (error instanceof RangeError && reserve > 0) return framePool(make, 0)
    if (!(error instanceof RangeError)) throw error
    throw new VnetError(
      ENOMEM,
      'frame memory',
      'it takes 100 MiB of address space; raise the limit (ulimit -v)',
    )
  }
}
