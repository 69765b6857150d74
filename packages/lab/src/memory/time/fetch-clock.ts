/**
 * The clock of undici, which is also the global `fetch`, in worlds in memory. undici counts its
 * time-outs in ticks of one timer, `onTick` each 499 ms, which it keeps for ever and refreshes. If
 * the end of a world cancelled this timer, the time-outs of all later requests of the process would
 * never ring, and if it kept ticking in real time, they would ring too late in a world.
 */
import { thread } from './real.ts'
import type { Timeout } from './timers.ts'

export const TICK_MS = 499

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
    for (const timer of pending) {
      timer.refresh()
    }
  }
}

/**
 * Rings pending ticks at the start of a world, which then has none of an earlier one, nor of real
 * time. `newTick` arms a tick in the world.
 */
export function ringTicks(newTick: NewTick): void {
  for (const tick of pendingTicks()) {
    replaceTick(tick, newTick)
  }
  for (const timer of ticks) {
    if (timer.isArmed) {
      timer.ring()
    }
  }
}

/** Makes a timer of the world that is a tick, and notes it. */
export type NewTick = (onTick: () => void) => Timeout

/** A timer of Node, as far as its class shows it. */
interface RealTimeout extends NodeJS.Timeout {
  readonly _onTimeout: () => void
  readonly _idleTimeout: number
  /** The timer before it in the ring of pending timers of one duration, or the ring's head. */
  readonly _idlePrev: RealTimeout | null
}

/** Returns the ticks that are pending in real time: Node has them in a ring with a new timer. */
function pendingTicks(): RealTimeout[] {
  const probe = thread.setTimeout(() => {}, TICK_MS) as RealTimeout
  const found: RealTimeout[] = []
  for (let timer = probe._idlePrev; timer && timer !== probe; timer = timer._idlePrev) {
    if (isTick(timer._onTimeout, timer._idleTimeout)) {
      found.push(timer)
    }
  }
  thread.clearTimeout(probe)
  return found
}

/**
 * Lets a timer of the world ring in place of a tick of Node, in this world, in all later ones and
 * in real time between them: only one of the two can be pending then. undici calls `refresh` alone.
 */
function replaceTick(tick: RealTimeout, newTick: NewTick): void {
  const own = newTick(tick._onTimeout)
  thread.clearTimeout(tick)
  tick.refresh = () => {
    own.refresh()
    return tick
  }
}

/** Returns Timeout.prototype of Node with its `refresh`, for which a tick runs in the world. */
export function realRefresh(newTick: NewTick): [owner: object, name: string, value: unknown] {
  const timer = thread.setTimeout(() => {}, 0)
  thread.clearTimeout(timer)
  const prototype = Object.getPrototypeOf(timer) as RealTimeout
  const real = prototype.refresh
  const refresh = function (this: RealTimeout): RealTimeout {
    if (!isTick(this._onTimeout, this._idleTimeout)) return real.call(this) as RealTimeout
    replaceTick(this, newTick)
    return this
  }
  return [prototype, 'refresh', refresh]
}
