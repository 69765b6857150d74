/**
 * Net: everything global in the kernel, one a thread: frame memory, clock, chance, log, the host, and the devices and
 * notifiers registered on it. No module holds state of its own.
 */
import { SkBuffPool } from '../skb/pool.ts'
import { Ring } from '../skb/ring.ts'
import type { Clock } from './clock.ts'
import { EIO } from './errno.ts'
import type { Log } from './log.ts'
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
}

export class Net {
  readonly host: Host
  readonly clock: Clock
  readonly log: Log
  readonly pool: SkBuffPool
  readonly random: Random
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
  #flushScheduled = false
  readonly #flushLater = (): void => {
    this.#flushScheduled = false
    this.flush()
  }

  constructor({ host, clock, log, pool = new SkBuffPool(), random: chance = random(1) }: NetOptions) {
    this.host = host
    this.clock = clock
    this.log = log
    this.pool = pool
    this.random = chance
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
    if (this.polling || this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(this.#flushLater)
  }

  /** Gives the host everything that was received since the last flush: one native call a queue. */
  flush(): void {
    for (let i = 0; i < this.#dirtyCount; i++) this.#dirty[i].flush()
    this.#dirtyCount = 0
  }
}
