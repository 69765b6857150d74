/**
 * Debug: the driver checks of `--debug`, like KASAN, kmemleak and the kernel's other checks. It is
 * absent unless requested. Its pool watches the frames (guarded-pool.ts); this file checks frames
 * that are handed to the kernel and to wires, and frames that are held too long or leak.
 */
import {
  type Alarm,
  describeException,
  LimitedLog,
  NSEC_PER_SEC,
  random,
} from '../../base/index.ts'
import { print } from '../../packet/print.ts'
import {
  OWNER_DMA,
  OWNER_HOLDER,
  OWNER_PORT,
  OWNER_RX,
  OWNER_XMIT,
  SkbError,
} from '../../skb/error.ts'
import type { SkBuffPool, SkBuffPoolOptions } from '../../skb/pool.ts'
import type { Irq, IrqHandler, Napi, Net, NetDevice } from '../index.ts'
import { IRQ_HANDLED, NETDEV_DOWN, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../index.ts'
import { Chaos } from './chaos.ts'
import { DeviceWatch, TOO_LONG } from './device-watch.ts'
import { checkFrame } from './frame-check.ts'
import { GuardedPool, type Reports } from './guarded-pool.ts'
import type { GuardedSkb, Life } from './guarded-skb.ts'
import type { DebugHooks, Finding } from './hooks.ts'
import { RULES } from './rules.ts'
import { calledByDriver, driverPlace, type Trace, trace } from './trace.ts'

/**
 * The options of the driver checks (`--debug`, or `debug` of a test bed). The checks themselves are
 * always all on.
 */
export interface DebugOptions {
  /** Causes events at awkward moments; the seed chooses them. */
  readonly chaos?: number | undefined
  readonly pool?: SkBuffPoolOptions | undefined
  /** Returns the place of a function, such as `/my-driver.js:12`, if it is known. */
  readonly placeOf?: ((fn: unknown) => string | undefined) | undefined
}

/** Interval in ns between checks of the memory, of held frames and of stopped queues. */
const SWEEP = NSEC_PER_SEC
const FINDINGS_MAX = 1000

/** Returns the `debug` option of a Net, which makes the checks for it. */
export function debugWith(options: DebugOptions): (net: Net) => Debug {
  return net => new Debug(net, options)
}

export class Debug implements DebugHooks, Reports {
  readonly findings: Finding[] = []
  pool!: GuardedPool
  readonly #poolOptions: SkBuffPoolOptions
  readonly chaos: Chaos | undefined
  readonly #net: Net
  readonly #log: LimitedLog
  readonly #sweep: Alarm
  readonly placeOf: (fn: unknown) => string | undefined
  readonly #byKey = new Map<string, Finding>()
  readonly #watched = new Map<object, DeviceWatch>()
  /** The netdevOps that each device's driver set. */
  readonly #ops = new WeakMap<object, NetDevice['netdevOps']>()
  /** The driver's function for each function that checks it. */
  readonly #code = new WeakMap<object, unknown>()
  /** Where interrupts were requested and polls enabled. */
  readonly #irqs = new Map<Irq, Trace>()
  readonly #napis = new Map<Napi, Trace>()

  constructor(net: Net, { chaos, pool = {}, placeOf = () => undefined }: DebugOptions) {
    const { clock, log } = net
    this.#net = net
    this.#log = new LimitedLog(log, clock, { lines: 1, seconds: 10 })
    // The debugger takes its time.
    const places = new Map<unknown, string | undefined>()
    this.placeOf = fn => {
      if (!places.has(fn)) {
        places.set(fn, placeOf(fn))
      }
      return places.get(fn)
    }
    this.chaos = chaos === undefined ? undefined : new Chaos(net, random(chaos))
    this.#poolOptions = pool
    this.#sweep = clock.alarm(() => this.#look())
    net.registerNetdeviceNotifier((event, dev) => this.#notified(event, dev))
  }

  makePool(options: SkBuffPoolOptions): SkBuffPool {
    this.pool = new GuardedPool(this, { ...options, ...this.#poolOptions })
    return this.pool
  }

  /** Checks everything once more, and reports frames that were never handed on nor freed. */
  end(): void {
    this.#sweep.cancel()
    this.pool.sweep()
    // Each place has its line.
    const left = this.pool.frames().filter(({ life }) => !isOverflow(life))
    this.#report('leak', left, n => `${framesOf(n)} neither handed on nor freed`)
    this.#log.flush()
  }

  threw(op: string, error: unknown): void {
    const place = error instanceof Error ? driverPlace({ stack: String(error.stack) }) : undefined
    // A refused verb is a finding already.
    if (
      error instanceof SkbError &&
      place !== undefined &&
      this.findings.some(found => found.place === place)
    ) {
      return
    }
    this.#add('exception', `${op}: ${describeException(error)}`, place)
  }

  /** Watches a registered device. Undone by `release`. */
  watch(dev: NetDevice): void {
    const { netdevOps } = dev
    this.#ops.set(dev, netdevOps)
    this.#watched.set(dev, new DeviceWatch(dev, this))
    this.#code.set(dev.netdevOps.ndoStartXmit, netdevOps.ndoStartXmit)
  }

  release(dev: NetDevice): void {
    this.#watched.get(dev)?.release()
    this.#watched.delete(dev)
  }

  /** An interrupt was requested. Returns the handler to call in place of the driver's. */
  requested(irq: Irq, handler: IrqHandler): IrqHandler {
    const at = trace()
    this.#irqs.set(irq, at)
    this.chaos?.irqs.add(irq)
    const checked = () => {
      const { mayHaveCause } = irq
      const result = handler(irq.dev)
      if (result !== IRQ_HANDLED) return result
      const place = this.placeOf(handler) ?? driverPlace(at)
      const { name } = irq.dev
      if (!mayHaveCause) {
        this.found('irq-claimed', 'IRQ_HANDLED, but no bit was set', place, name)
      } else if (irq.stuck) {
        this.found('irq-not-acknowledged', 'bits that were handled are still set', place, name)
      }
      return result
    }
    this.#code.set(checked, handler)
    return checked
  }

  codeOf(fn: unknown): unknown {
    return (typeof fn === 'function' && this.#code.get(fn)) || fn
  }

  freed(irq: Irq): void {
    this.#irqs.delete(irq)
    this.chaos?.irqs.delete(irq)
  }

  enabled(napi: Napi): void {
    this.#napis.set(napi, trace())
  }

  disabled(napi: Napi): void {
    this.#napis.delete(napi)
  }

  now(): number {
    return this.#net.clock.now()
  }

  #notified(event: number, dev: NetDevice): void {
    const { devices, clock } = this.#net
    if (event === NETDEV_REGISTER) {
      this.#sweep.at(clock.now() + SWEEP)
    }
    if (event === NETDEV_DOWN) {
      this.#stopped(dev)
    }
    if (event === NETDEV_UNREGISTER && devices.length === 0) {
      this.#sweep.cancel()
    }
    this.chaos?.notified(event)
  }

  /** Its ndoStop has returned. */
  #stopped(dev: NetDevice): void {
    const found = (at: Trace, rule: string, what: string) =>
      this.found(rule, `${what} after ndoStop`, driverPlace(at), dev.name)
    for (const [irq, at] of this.#irqs) {
      if (irq.dev === dev) {
        found(at, 'irq-not-freed', 'an interrupt is requested')
      }
    }
    for (const [napi, at] of this.#napis) {
      if (napi.dev === dev) {
        found(at, 'napi-not-disabled', 'a poll is enabled')
      }
    }
  }

  #look(): void {
    const now = this.#net.clock.now()
    this.pool.sweep()
    const held = this.pool
      .frames()
      .filter(({ life }) => life.owner >= OWNER_HOLDER && life.owner < OWNER_PORT)
    const old = held.filter(({ life }) => now - life.since >= TOO_LONG && !isOverflow(life))
    this.#report('held', old, n => `${framesOf(n)} held for more than 5 s`)
    for (const watch of this.#watched.values()) {
      watch.look(held)
    }
    this.#sweep.at(now + SWEEP)
  }

  /** Reports frames by the place where they were last taken. */
  #report(rule: string, frames: readonly GuardedSkb[], what: (n: number) => string): void {
    const byPlace = new Map<string, GuardedSkb[]>()
    for (const skb of frames) {
      const place = this.#takenAt(skb) ?? ''
      byPlace.set(place, [...(byPlace.get(place) ?? []), skb])
    }
    for (const [place, [skb, ...more]] of byPlace) {
      if (rule === 'held' && (place === '' || this.#byKey.has(`${rule} ${place}`))) continue
      this.found(rule, what(more.length + 1), place === '' ? undefined : place, skb?.dev?.name)
    }
  }

  #takenAt(skb: GuardedSkb): string | undefined {
    const { held, owner, refused } = skb.life
    const ops = skb.dev && this.#ops.get(skb.dev)
    return owner === OWNER_XMIT ? this.placeOf(ops?.ndoStartXmit) : driverPlace(refused ?? held)
  }

  handedOn(skb: GuardedSkb, at: Trace): void {
    // A buffer for a card to fill is not yet a frame.
    if (skb.life.owner === OWNER_DMA) return
    const isForKernel = skb.life.owner === OWNER_PORT || skb.life.owner === OWNER_RX
    const complaint = checkFrame(skb, skb.life.isMade && isForKernel)
    const fn = complaint && calledByDriver(at)
    // Frames that the framework passes on were checked before, or damaged on purpose by a wire.
    if (complaint === undefined || fn === undefined || fn === 'netifRxDrop') return
    const { rule, what } = complaint
    const frame = rule === 'frame-bounds' ? '' : `: ${print(this.pool.bytes, skb.data, skb.len)}`
    this.found(rule, `${what}${frame}`, driverPlace(at), skb.dev?.name)
  }

  found(rule: string, what: string, place: string | undefined, name: string | undefined): void {
    const message = `${what}${place === undefined ? '' : `, at ${place}`}; ${RULES[rule]}`
    this.#add(rule, message, place)
    const line = `${name === undefined ? '' : `${name}: `}debug: ${rule}`
    if (rule === 'leak') {
      this.#net.log.err(`${line}: ${message}`)
    } else {
      // Each place is limited alone: of two mistakes of every frame, both are logged.
      this.#log.err(place === undefined ? line : `${line} at ${place}`, `${line}: ${message}`)
    }
  }

  #add(rule: string, message: string, place: string | undefined): void {
    const key = `${rule} ${place ?? message}`
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    if (this.findings.length === FINDINGS_MAX) return
    const finding = { rule, message, place, count: 1 }
    this.#byKey.set(key, finding)
    this.findings.push(finding)
  }
}

/** Whether ndoStartXmit kept a frame that a full ring refused, which was reported then. */
const isOverflow = ({ owner, refused }: Life): boolean =>
  owner === OWNER_XMIT && refused !== undefined

const framesOf = (n: number): string => (n === 1 ? '1 frame' : `${n} frames`)
