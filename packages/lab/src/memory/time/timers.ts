/**
 * Timers of a world in memory, with the behaviour of Node's: setTimeout, setInterval, and Timeout.
 *
 * They are vnet's own. They share one heap with the alarms of networks, in ns, so that a timer at
 * 20 ms rings before a frame at 20.3 ms. @sinonjs/fake-timers counts in ms and keeps its timers to
 * itself, and node:test's MockTimers has a queue of its own, too. Neither shows when its next timer
 * is due, and neither restores the AsyncLocalStorage of the code that set a timer.
 *
 * Timers of a host's program stop with the host (boot.ts).
 *
 * When no world runs, they call Node's functions, because a program may keep them after its world.
 */
import { AsyncResource } from 'node:async_hooks'
import { NSEC_PER_MSEC } from 'vnet'
import { outside } from '../../world/code.ts'
import { type Boot, currentBoot } from './boot.ts'
import { isTick, noteTick, TICK_MS } from './fetch-clock.ts'
import { thread } from './real.ts'
import type { Entry, Timeline } from './timeline.ts'

/** Longer timers ring after 1 ms, like in Node. */
const TIMEOUT_MAX = 2 ** 31 - 1

type Callback = (...args: unknown[]) => void

/** Timers by number, if a program has asked for the number. */
const known = new Map<number, Timeout>()

/** What setTimeout and setInterval return. Only the methods and behaviour of Node's class. */
export class Timeout extends AsyncResource implements Entry {
  index = -1
  readonly owner = undefined
  readonly boot: Boot | undefined = currentBoot()
  /** Where it was armed last; undefined without a world. */
  #timeline: Timeline | undefined
  #real: NodeJS.Timeout | undefined
  readonly #ms: number
  readonly #isInterval: boolean
  #callback: Callback | undefined
  readonly #args: unknown[]
  #isRef = true
  /** Whether it was due in a pause of its host. */
  #isHeld = false

  constructor(callback: Callback, delay: unknown, args: unknown[], isInterval: boolean) {
    super('Timeout', { requireManualDestroy: true })
    this.#callback = callback
    this.#ms = msOf(delay)
    this.#args = args
    this.#isInterval = isInterval
    this.#arm()
  }

  get isArmed(): boolean {
    return this.index >= 0 || this.#isHeld || this.#real !== undefined
  }

  get isRef(): boolean {
    return this.#isRef
  }

  ref(): this {
    return this.#setRef(true)
  }

  unref(): this {
    return this.#setRef(false)
  }

  hasRef(): boolean {
    return this.#isRef
  }

  /** Arms it in the present world, or, after the last one, in real time. */
  refresh(): this {
    if (this.#callback !== undefined) {
      this.#arm()
    }
    return this
  }

  close(): this {
    this.#callback = undefined
    this.#disarm()
    known.delete(this.asyncId())
    return this
  }

  /** Returns a number that clearTimeout takes. */
  [Symbol.toPrimitive](): number {
    const id = this.asyncId()
    if (this.#callback !== undefined) {
      known.set(id, this)
    }
    return id
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Called by the timeline. */
  ring(): void {
    if (this.boot === undefined || this.boot.isRunning) {
      this.#ring()
      return
    }
    this.#isHeld = true
    this.boot.hold(() => {
      if (this.#isHeld) {
        this.#ring()
      }
    })
  }

  #ring(): void {
    const callback = this.#callback
    if (callback === undefined) return
    this.#disarm()
    try {
      this.runInAsyncScope(callback, this, ...this.#args)
    } finally {
      // The callback may have closed the world.
      if (this.#isInterval && this.#timeline === thread.timeline) {
        this.refresh()
      } else if (!this.isArmed) {
        known.delete(this.asyncId())
      }
    }
  }

  #arm(): void {
    this.#disarm()
    if (this.boot?.isDead) return
    const timeline = thread.timeline
    this.#timeline = timeline
    if (timeline !== undefined) {
      timeline.arm(this, timeline.now + this.#ms * NSEC_PER_MSEC)
    } else {
      this.#real = thread.setTimeout(() => this.ring(), this.#ms)
      if (!this.#isRef) {
        this.#real.unref()
      }
    }
  }

  #disarm(): void {
    this.#timeline?.cancel(this)
    this.#isHeld = false
    thread.clearTimeout(this.#real)
    this.#real = undefined
  }

  #setRef(isRef: boolean): this {
    if (this.#isRef !== isRef) {
      this.#isRef = isRef
      this.#timeline?.changeRef(this)
      if (isRef) {
        this.#real?.ref()
      } else {
        this.#real?.unref()
      }
    }
    return this
  }
}

/** Returns whole ms from 1 to TIMEOUT_MAX. */
function msOf(delay: unknown): number {
  const ms = Number(delay)
  if (ms >= 1 && ms <= TIMEOUT_MAX) return Math.trunc(ms)
  if (ms > TIMEOUT_MAX) {
    const text = `${ms} does not fit into a 32-bit signed integer.\nTimeout duration was set to 1.`
    process.emitWarning(text, 'TimeoutOverflowWarning')
  }
  return 1
}

function checkCallback(callback: unknown): void {
  if (typeof callback === 'function') return
  const error = new TypeError('The "callback" argument must be of type function')
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' })
}

/** Arms a tick of undici. The clock of all hosts does not stop with the first host to use it. */
export function newTick(onTick: () => void): Timeout {
  return noteTick(outside(() => new Timeout(onTick, TICK_MS, [], false).unref()))
}

export function setTimeout(
  callback: Callback,
  delay?: unknown,
  ...args: unknown[]
): Timeout | NodeJS.Timeout {
  if (thread.timeline === undefined) return thread.setTimeout(callback, delay as number, ...args)
  checkCallback(callback)
  if (isTick(callback, delay)) return newTick(callback)
  return new Timeout(callback, delay, args, false)
}

export function setInterval(
  callback: Callback,
  delay?: unknown,
  ...args: unknown[]
): Timeout | NodeJS.Timeout {
  if (thread.timeline === undefined) return thread.setInterval(callback, delay as number, ...args)
  checkCallback(callback)
  return new Timeout(callback, delay, args, true)
}

/** Also clears timers of Node that were set before the world. */
export function clearTimeout(timer: unknown): void {
  const isNumber = typeof timer === 'number' || typeof timer === 'string'
  const object = timer instanceof Timeout ? timer : undefined
  const own = isNumber ? known.get(Number(timer)) : object
  if (own !== undefined) {
    own.close()
  } else {
    thread.clearTimeout(timer as NodeJS.Timeout)
  }
}

/** Forgets all numbers of timers. */
export function forgetTimers(): void {
  known.clear()
}
