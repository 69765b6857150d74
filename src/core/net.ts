/**
 * Net: everything global in the kernel, one a thread: frame memory, clock, chance, log, the host, and the devices and
 * notifiers registered on it. No module holds state of its own.
 */
import { SkBuffPool } from '../skb/pool.ts'
import { Ring } from '../skb/ring.ts'
import type { Alarm, Clock } from './clock.ts'
import { EINVAL, EIO, ENOMEM, VnetError } from './errno.ts'
import { describeException } from './exception.ts'
import type { Irq } from './irq.ts'
import { LimitedLog } from './limited-log.ts'
import type { Log } from './log.ts'
import type { Napi } from './napi.ts'
import type { NetDevice } from './net-device.ts'
import type { Host } from './port.ts'
import { type Random, random } from './random.ts'
import type { RxQueue } from './rx-queue.ts'

/** Told of a device's life. A negative errno for NETDEV_POST_INIT or NETDEV_REGISTER vetoes the registration. */
export type NetdeviceNotifier = (event: number, dev: NetDevice) => number | void

export interface NetOptions {
  host: Host
  clock: Clock
  log: Log
  pool?: SkBuffPool
  random?: Random
  /** NETIF_MSG_* that devices begin with. */
  msgEnable?: number
}

/** Rounds of polls in one go, and interrupts in each, so that a driver that raises its own for ever does not keep us. */
const SOFTIRQ_ROUNDS = 10
const ROUND_IRQS = 64

export class Net {
  readonly host: Host
  readonly clock: Clock
  readonly log: Log
  readonly pool: SkBuffPool
  readonly random: Random
  readonly msgEnable: number
  /** The registered devices, in the order of their registration. */
  readonly devices: NetDevice[] = []
  /** Segments of the GSO frame being cut: room for 64 KiB in pieces of 16 octets. */
  readonly segments = new Ring(4096)
  /** True while a queue is being polled: what is received then is flushed by the poll. */
  polling = false

  readonly #notifiers: NetdeviceNotifier[] = []
  /** The first `#dirtyCount` have frames for their hosts. The array only grows: emptying it would cost an allocation a poll. */
  readonly #dirty: RxQueue[] = []
  #dirtyCount = 0
  /** Raised and not yet taken; scheduled and not yet polled. As above, the first so many. */
  readonly #irqs: Irq[] = []
  #irqCount = 0
  readonly #napis: Napi[] = []
  #napiCount = 0
  /** For what is left over when the others had their turn. */
  readonly #ksoftirqd: Alarm
  #inSoftirq = false
  #flushScheduled = false
  readonly #limitedLog: LimitedLog
  readonly #flushLater = (): void => {
    this.#flushScheduled = false
    this.flush()
  }

  constructor({ host, clock, log, pool = framePool(), random: chance = random(1), msgEnable = 0 }: NetOptions) {
    this.host = host
    this.#limitedLog = new LimitedLog(log, clock, { lines: 1, seconds: 1 })
    this.clock = guarded(clock, error => this.#limitedLog.err('alarm', () => `alarm: ${describeException(error)}`))
    this.log = log
    this.pool = pool
    this.random = chance
    this.msgEnable = msgEnable
    this.#ksoftirqd = clock.alarm(() => this.flush())
  }

  /** Tells `fn` of every device registered, changed and unregistered; answers how to stop that. */
  registerNetdeviceNotifier(fn: NetdeviceNotifier): () => void {
    this.#notifiers.push(fn)
    return () => {
      const i = this.#notifiers.indexOf(fn)
      if (i >= 0) this.#notifiers.splice(i, 1)
    }
  }

  /**
   * Runs the notifiers in order; answers the first negative errno, which ends the run, or 0. One that throws is logged and
   * counts as -EIO, but does not end the run: the others would not learn of a device that goes.
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

  /** Notes that a receive queue has frames for its host. They go out with the poll that runs, or else a flush of their own. */
  markDirty(queue: RxQueue): void {
    this.#dirty[this.#dirtyCount++] = queue
    this.#scheduleFlush()
  }

  /** An interrupt is to be taken. For Irq. */
  raiseIrq(irq: Irq): void {
    this.#irqs[this.#irqCount++] = irq
    this.#scheduleFlush()
  }

  /** A poll is to be run. For Napi. */
  scheduleNapi(napi: Napi): void {
    this.#napis[this.#napiCount++] = napi
    this.#scheduleFlush()
  }

  /**
   * Takes the interrupts and runs the polls that wait, then gives the host what was received: one native call a queue. With
   * `more` frames to come in the same poll a queue may wait for them.
   */
  flush(more = false): void {
    // A driver that closes its device in a handler of its own comes here while they are run.
    if (this.#irqCount + this.#napiCount !== 0 && !this.#inSoftirq) this.#softirq()
    let kept = 0
    for (let i = 0; i < this.#dirtyCount; i++) {
      const queue = this.#dirty[i]
      if (!queue.flush(more)) this.#dirty[kept++] = queue
    }
    this.#dirtyCount = kept
  }

  #scheduleFlush(): void {
    if (this.polling || this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(this.#flushLater)
  }

  #softirq(): void {
    const nested = this.polling
    this.polling = this.#inSoftirq = true
    for (let round = 0; round < SOFTIRQ_ROUNDS && this.#irqCount + this.#napiCount !== 0; round++) {
      this.#takeIrqs()
      this.#pollNapis()
    }
    this.#inSoftirq = false
    this.polling = nested
    if (this.#irqCount + this.#napiCount !== 0) this.#ksoftirqd.at(this.clock.now())
  }

  /** What handlers raise in turn is added behind, and handled in the same go. */
  #takeIrqs(): void {
    let i = 0
    while (i < this.#irqCount && i < ROUND_IRQS) this.#irqs[i++].handle()
    const left = this.#irqCount - i
    for (let j = 0; j < left; j++) this.#irqs[j] = this.#irqs[i + j]
    this.#irqCount = left
  }

  /** One poll each. */
  #pollNapis(): void {
    const n = this.#napiCount
    let again = 0
    for (let i = 0; i < n; i++) if (this.#napis[i].run()) this.#napis[again++] = this.#napis[i]
    // Those scheduled meanwhile move up.
    for (let i = n; i < this.#napiCount; i++) this.#napis[again++] = this.#napis[i]
    this.#napiCount = again
  }
}

/** A clock whose alarms end nothing but themselves when they throw; `failed` is told. */
function guarded(clock: Clock, failed: (error: unknown) => void): Clock {
  return {
    now: () => clock.now(),
    alarm(fn) {
      const alarm = clock.alarm(() => {
        try {
          const answer: unknown = fn()
          if (answer instanceof Promise) answer.catch(failed)
        } catch (error) {
          failed(error)
        }
      })
      return {
        at(ns) {
          if (Number.isNaN(ns)) throw new VnetError(EINVAL, 'alarm at NaN', 'it rings at a number of nanoseconds')
          alarm.at(ns)
        },
        cancel: () => alarm.cancel(),
      }
    },
  }
}

/** Reserves the usual frame memory. Throws VnetError ENOMEM if the process may not have as much address space. */
function framePool(): SkBuffPool {
  try {
    return new SkBuffPool()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new VnetError(ENOMEM, 'frame memory', 'it takes 100 MiB of address space; raise the limit (ulimit -v)')
  }
}
