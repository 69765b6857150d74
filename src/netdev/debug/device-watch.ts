/**
 * DeviceWatch: checks a driver's use of one device: the frames that ndoStartXmit gets, its queues
 * and its counters. A device without `--debug` has no DeviceWatch.
 */
import { NSEC_PER_SEC } from '../../base/clock.ts'
import { OWNER_FREE, OWNER_HOLDER, OWNER_PORT, OWNER_XMIT, type SkBuff } from '../../skb/index.ts'
import { IFF_UP, NETDEV_TX_BUSY } from '../if.ts'
import type { NetDevice, TxQueue } from '../index.ts'
import {
  kernelName,
  linkStats64Fields,
  MULTICAST,
  RX_BYTES,
  RX_PACKETS,
  TX_BYTES,
  TX_PACKETS,
} from '../stats.ts'
import type { GuardedPool, Reports } from './guarded-pool.ts'
import type { GuardedSkb } from './guarded-skb.ts'
import { calledByDriver, driverPlace, isInDriver, type Trace, trace } from './trace.ts'

/** How long a queue may be stopped, in ns: with frames in the driver, and after they have left. */
export const TOO_LONG = 5 * NSEC_PER_SEC
const TOO_LONG_IDLE = NSEC_PER_SEC
/** Fields and bytes of a frame that are compared after NETDEV_TX_BUSY. */
const FIELDS = ['data', 'len', 'protocol', 'ipSummed', 'gsoSize', 'gsoType'] as const
const COMPARED = 256
/** Fields that vnet counts for every device. */
const COUNTED: ReadonlySet<number> = new Set([
  RX_PACKETS,
  TX_PACKETS,
  RX_BYTES,
  TX_BYTES,
  MULTICAST,
])

interface Stop {
  readonly at: Trace
  readonly since: number
  /** True if the driver kept the frame with which it stopped the queue. */
  hasFrame: boolean
}

export class DeviceWatch {
  /** The operations that the driver set. */
  readonly #ops: NetDevice['netdevOps']
  readonly #dev: NetDevice
  readonly #pool: GuardedPool
  readonly #reports: Reports
  readonly #stops = new Map<TxQueue, Stop>()

  constructor(dev: NetDevice, reports: Reports) {
    const ops = dev.netdevOps
    this.#ops = ops
    this.#dev = dev
    this.#pool = reports.pool
    this.#reports = reports
    dev.netdevOps = Object.assign(Object.create(ops) as typeof ops, {
      ndoStartXmit: (skb: SkBuff) => this.#xmit(skb as GuardedSkb),
    })
    for (const txq of dev.tx) {
      this.#watchQueue(txq)
    }
    const { counters } = dev
    counters.count = (queue, field, n) => {
      this.#counts(field)
      Object.getPrototypeOf(counters).count.call(counters, queue, field, n)
    }
  }

  release(): void {
    const { tx, counters, netdevOps } = this.#dev
    if (Object.getPrototypeOf(netdevOps) === this.#ops) {
      this.#dev.netdevOps = this.#ops
    }
    for (const txq of tx) {
      for (const method of ['start', 'stop']) {
        Reflect.deleteProperty(txq, method)
      }
    }
    Reflect.deleteProperty(counters, 'count')
  }

  /** Reports queues that were stopped for too long, each stop once. `held` are drivers' frames. */
  look(held: readonly GuardedSkb[]): void {
    const { watchdogTimeo, flags, name } = this.#dev
    const isIdle = !held.some(({ dev }) => dev === this.#dev)
    for (const [txq, { at, since, hasFrame }] of this.#stops) {
      const stopped = this.#reports.now() - since
      const hasMissed = isIdle && hasFrame && stopped >= TOO_LONG_IDLE
      if (txq.stopped && !hasMissed && stopped < TOO_LONG) continue
      this.#stops.delete(txq)
      if (!txq.stopped || watchdogTimeo !== 0 || (flags & IFF_UP) === 0) continue
      const why = hasMissed ? '1 s, although all frames have left the driver' : '5 s'
      const what = `transmit queue ${txq.index} stopped for more than ${why}`
      this.#reports.found('queue-stopped', what, driverPlace(at), name)
    }
  }

  #watchQueue(txq: TxQueue): void {
    const { stop, start } = Object.getPrototypeOf(txq)
    txq.stop = () => {
      if (!txq.stopped) {
        this.#stops.set(txq, { at: trace(), since: this.#reports.now(), hasFrame: false })
      }
      stop.call(txq)
    }
    txq.start = () => {
      if (txq.stopped && (this.#dev.flags & IFF_UP) !== 0) {
        const what = `transmit queue ${txq.index} was stopped, and started instead of woken`
        this.#report('started-not-woken', what, trace())
      }
      start.call(txq)
    }
  }

  #counts(field: number): void {
    this.#pool.activity++
    if (!COUNTED.has(field)) return
    const at = trace()
    if (isInDriver(at)) {
      this.#report(
        'counted-twice',
        `the driver counts ${kernelName(linkStats64Fields[field] as string)}`,
        at,
      )
    }
  }

  /** Calls ndoStartXmit, and checks what became of the frame. */
  #xmit(skb: GuardedSkb): number | undefined {
    const ops = this.#ops
    const dev = this.#dev
    this.#reports.chaos?.beforeXmit(dev)
    const { data, len } = skb
    const fields = FIELDS.map(name => skb[name])
    const before = this.#pool.bytes.slice(data, data + Math.min(len, COMPARED))
    const { activity } = this.#pool
    const txq = dev.txq(skb)
    const result = ops.ndoStartXmit(skb, dev) as number | undefined
    const { life } = skb
    const stop = this.#stops.get(txq)
    if (stop !== undefined && life.owner >= OWNER_HOLDER && life.owner < OWNER_PORT) {
      stop.hasFrame = true
    }
    if (life.owner === OWNER_FREE) {
      if (this.#pool.activity === activity && life.readTo < data + len) {
        this.#freed(life.freed)
      }
    } else if (life.owner !== OWNER_XMIT) {
      return result
    } else if (result === NETDEV_TX_BUSY) {
      const isSame =
        FIELDS.every((name, i) => skb[name] === fields[i]) &&
        before.every((byte, i) => byte === this.#pool.bytes[data + i])
      const what = 'NETDEV_TX_BUSY for a frame that it changed'
      if (!isSame) {
        this.#reports.found('busy-changed', what, this.#reports.placeOf(ops.ndoStartXmit), dev.name)
      }
    } else if (life.refused !== undefined) {
      this.#report(
        'ring-overflow',
        'a full ring refused a frame, which the driver keeps',
        life.refused,
      )
    }
    return result
  }

  /** It freed a frame, counted nothing, made and handed on no other, and read it in part. */
  #freed(at: Trace | undefined): void {
    // It may count in ndoGetStats64.
    if (
      at === undefined ||
      this.#ops.ndoGetStats64 !== undefined ||
      calledByDriver(at) !== 'free'
    ) {
      return
    }
    this.#report('freed-uncounted', 'ndoStartXmit freed a frame and counted no drop', at)
  }

  #report(rule: string, what: string, at: Trace): void {
    this.#reports.found(rule, what, driverPlace(at), this.#dev.name)
  }
}
