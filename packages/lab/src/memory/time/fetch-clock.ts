/**
 * The clock of undici, which is also the global `fetch`, in worlds in memory. undici counts its
 * time-outs in ticks of one timer, `onTick` each 499 ms, which it keeps for ever and refreshes. If
 * the end of a world cancelled this timer, the time-outs of all later requests of the process would
 * never ring, and if it kept ticking in real time, they would ring too late in a world.
 */
import { thread } from './real.ts'
import type { Timeout } from './timers.ts'

const TICK_MS = 499

/** The ticks of the copies of undici in this thread. */
const ticks = new Set<Timeout>()

/** Whether a timer is to be a tick. */
export function isTick(callback: unknown, ms: unknown): boolean {
  return ms === TICK_MS && typeof callback === 'function' && callback.name === 'onTick'
}

/** Remembers a tick. Returns it. */
export function noteTick(tick: Timeout): Timeout {
  ticks.add(tick)
  return tick
}

/** Returns a function that continues the pending ticks after the end of the world. */
export function saveTicks(): () => void {
  const pending = [...ticks].filter(timer => timer.isArmed)
  return () => {
    for (const timer of pending) timer.refresh()
  }
}

/** Rings pending ticks at the start of a world, which then has none of an earlier one. */
export function ringTicks(): void {
  for (const timer of ticks) if (timer.isArmed) timer.ring()
}

/** A timer of Node, as far as its class shows it. */
interface RealTimeout extends NodeJS.Timeout {
  _onTimeout: () => void
  readonly _idleTimeout: number
}

/** Ticks of Node, and the ticks that replace them while a world runs. */
const replaced = new WeakMap<RealTimeout, NodeJS.Timeout>()

/** Returns Timeout.prototype of Node with its `refresh`, for which a tick runs in the world. */
export function realRefresh(): [owner: object, name: string, value: unknown] {
  const timer = thread.setTimeout(() => {}, 0)
  thread.clearTimeout(timer)
  const prototype = Object.getPrototypeOf(timer) as RealTimeout
  const real = prototype.refresh
  const refresh = function (this: RealTimeout): RealTimeout {
    if (!isTick(this._onTimeout, this._idleTimeout)) return real.call(this) as RealTimeout
    const known = replaced.get(this)
    if (known !== undefined) known.refresh()
    else {
      const ring = this._onTimeout
      replaced.set(this, setTimeout(ring, TICK_MS).unref())
      // It may be pending in real time, and would count there, too.
      this._onTimeout = function onTick() {
        if (thread.timeline === undefined) ring()
      }
    }
    return this
  }
  return [prototype, 'refresh', refresh]
}
