/**
 * Timers of a world in memory, with the behaviour of Node's: setTimeout, setInterval, and Timeout.
 *
 * They are vnet's own. They share one heap with the alarms of networks, in ns, so that a timer at
 * 20 ms rings before a frame at 20.3 ms. @sinonjs/fake-timers counts in ms and keeps its timers to
 * itself, and node:test's MockTimers has a queue of its own, too. Neither shows when its next timer
 * is due, and neither restores the AsyncLocalStorage of the code that set a timer.
 *
 * Without a world they call Node's functions, because a program may keep them after its world.
 */
import { AsyncResource } from 'node:async_hooks'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
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
  rang = -1
  readonly owner = undefined
  readonly #timeline: Timeline
  readonly #ns: number
  readonly #isInterval: boolean
  #callback: Callback | undefined
  readonly #args: unknown[]
  #isRef = true

  constructor(timeline: Timeline, callback: Callback, delay: unknown, args: unknown[], isInterval: boolean) {
    super('Timeout', { requireManualDestroy: true })
    this.#timeline = timeline
    this.#callback = callback
    this.#ns = msOf(delay) * NSEC_PER_MSEC
    this.#args = args
    this.#isInterval = isInterval
    this.#arm()
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

  refresh(): this {
    if (this.#callback !== undefined) this.#arm()
    return this
  }

  close(): this {
    this.#callback = undefined
    this.#timeline.cancel(this)
    known.delete(this.asyncId())
    return this
  }

  /** Returns a number that clearTimeout takes. */
  [Symbol.toPrimitive](): number {
    const id = this.asyncId()
    if (this.#callback !== undefined) known.set(id, this)
    return id
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Called by the timeline. */
  ring(): void {
    const callback = this.#callback
    if (callback === undefined) return
    try {
      this.runInAsyncScope(callback, this, ...this.#args)
    } finally {
      if (this.#isInterval) this.refresh()
      else if (this.index < 0) known.delete(this.asyncId())
    }
  }

  #arm(): void {
    this.#timeline.arm(this, this.#timeline.now + this.#ns)
  }

  #setRef(isRef: boolean): this {
    if (this.#isRef !== isRef) {
      this.#isRef = isRef
      this.#timeline.changeRef(this)
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

export function setTimeout(callback: Callback, delay?: unknown, ...args: unknown[]): Timeout | NodeJS.Timeout {
  if (thread.timeline === undefined) return thread.setTimeout(callback, delay as number, ...args)
  checkCallback(callback)
  return new Timeout(thread.timeline, callback, delay, args, false)
}

export function setInterval(callback: Callback, delay?: unknown, ...args: unknown[]): Timeout | NodeJS.Timeout {
  if (thread.timeline === undefined) return thread.setInterval(callback, delay as number, ...args)
  checkCallback(callback)
  return new Timeout(thread.timeline, callback, delay, args, true)
}

/** Also clears timers of Node that were set before the world. */
export function clearTimeout(timer: unknown): void {
  const own = timer instanceof Timeout ? timer : known.get(typeof timer === 'object' ? Number.NaN : Number(timer))
  if (own !== undefined) own.close()
  else thread.clearTimeout(timer as NodeJS.Timeout)
}

/** Forgets all numbers of timers. */
export function forgetTimers(): void {
  known.clear()
}
