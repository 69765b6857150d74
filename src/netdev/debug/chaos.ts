/**
 * Chaos: events that a driver must bear at any moment, at moments that a seed chooses: an interrupt
 * right after it was requested or without a reason, a poll that runs inside napi_schedule, the
 * interface down and up again, no memory for a frame, a kernel without room, a transmit timeout
 * before its time. Each is logged. The same seed and the same frames make the same events.
 */
import {
  type Alarm,
  LimitedLog,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  type Random,
} from '../../base/index.ts'
import { IFF_UP, NETDEV_REGISTER } from '../if.ts'
import type { Irq, Napi, Net, NetDevice, PortQueue } from '../index.ts'
import { closeDevice, openDevice } from '../link-change.ts'
import { callNdo } from '../ndo.ts'

/** Nanoseconds between two events that have no other cause. */
const PERIOD = 50 * NSEC_PER_MSEC
/** Minimum time in ns for which an interface is up: some negotiate before they have a carrier. */
const UP_TIME = 5 * NSEC_PER_SEC
/** The odds of each event: one in this many. */
const ALLOC = 16
const XMIT = 16
const POLL = 4
const ROOM = 8
const SMALL_READ = 4

export class Chaos {
  readonly irqs = new Set<Irq>()
  readonly #net: Net
  readonly #random: Random
  readonly #log: LimitedLog
  readonly #alarm: Alarm
  /** When each device was last taken down and up. */
  readonly #wentUp = new WeakMap<NetDevice, number>()

  constructor(net: Net, random: Random) {
    this.#net = net
    this.#random = random
    this.#log = new LimitedLog(net.log, net.clock, { lines: 10, seconds: 1 })
    this.#alarm = net.clock.alarm(() => this.#happen())
    const scheduleNapi = net.scheduleNapi.bind(net)
    net.scheduleNapi = napi => {
      scheduleNapi(napi)
      this.#scheduled(napi as Napi)
    }
  }

  notified(event: number): void {
    if (this.#net.devices.length === 0 && event !== NETDEV_REGISTER) {
      this.#alarm.cancel()
    } else if (event === NETDEV_REGISTER) {
      this.#again()
    }
  }

  failsAlloc(): boolean {
    // Allocations succeed until the first device exists: a driver may need frames for its setup.
    if (this.#net.devices.length === 0 || !this.#is(ALLOC)) return false
    this.#say(undefined, 'no memory for a frame')
    return true
  }

  /** Before ndoStartXmit: hardware interrupts at any time. */
  beforeXmit(dev: NetDevice): void {
    if (this.#is(XMIT)) {
      this.#interrupt(dev)
    }
  }

  /** Right after request_irq, as CONFIG_DEBUG_SHIRQ has it. */
  requested(irq: Irq): void {
    this.#say(irq.dev, 'an interrupt right after request_irq')
    irq.handle()
  }

  /** A poll was scheduled. On another processor it would run now. */
  #scheduled(napi: Napi): void {
    if (!this.#is(POLL)) return
    this.#say(napi.dev, 'a poll inside napi_schedule')
    napi.run()
  }

  /** Returns a queue that now and then has no room for the driver's frames, or reads only one. */
  queue(queue: PortQueue, dev: NetDevice): PortQueue {
    return {
      read: (into, max) => queue.read(into, this.#is(SMALL_READ) ? 1 : max),
      submit: from => {
        if (!this.#is(ROOM) || (dev.flags & IFF_UP) === 0) return queue.submit(from)
        this.#say(dev, 'the kernel has no room')
        return 0
      },
      listen: fn => queue.listen(fn),
      pause: () => queue.pause(),
      resume: () => queue.resume(),
    }
  }

  #happen(): void {
    const { devices } = this.#net
    const dev = devices[this.#random.below(devices.length)]
    if (dev !== undefined && (dev.flags & IFF_UP) !== 0) {
      const event = this.#random.below(8)
      if (event === 0) {
        this.#downAndUp(dev)
      } else if (event < 4) {
        this.#interrupt(dev)
      } else if (event < 6) {
        this.#timeout(dev)
      } else {
        this.#look(dev)
      }
    }
    this.#again()
  }

  #again(): void {
    this.#alarm.at(this.#net.clock.now() + 1 + this.#random.below(2 * PERIOD))
  }

  #interrupt(dev: NetDevice): void {
    for (const irq of this.irqs) {
      if (irq.dev !== dev) continue
      this.#say(dev, 'a spurious interrupt')
      irq.raise(0)
    }
  }

  #downAndUp(dev: NetDevice): void {
    const now = this.#net.clock.now()
    if (now < (this.#wentUp.get(dev) ?? 0) + UP_TIME) return
    this.#wentUp.set(dev, now)
    this.#say(dev, 'down and up again')
    closeDevice(dev)
    openDevice(dev)
  }

  #timeout(dev: NetDevice): void {
    for (const txq of dev.tx) {
      if (!txq.stopped || dev.watchdogTimeo === 0 || (dev.flags & IFF_UP) === 0) continue
      this.#say(dev, `transmit queue ${txq.index} times out`)
      callNdo(dev, 'ndoTxTimeout', () => dev.netdevOps.ndoTxTimeout?.(dev, txq.index))
    }
  }

  #look(dev: NetDevice): void {
    this.#say(dev, 'its statistics are read and its receive mode is set')
    dev.getStats64()
    callNdo(dev, 'ndoSetRxMode', () => dev.netdevOps.ndoSetRxMode?.(dev))
  }

  #is(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0
  }

  #say(dev: NetDevice | undefined, what: string): void {
    this.#log.info('chaos', `${dev === undefined ? '' : `${dev.name}: `}chaos: ${what}`)
  }
}
