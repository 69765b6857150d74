/**
 * VirtualTime: the time of labs in memory. Programs of Node in this thread see it as their own:
 * timers, Date, performance.now, process.hrtime, AbortSignal.timeout. It stands still while
 * something can run, and then jumps to the next alarm or timer. All worlds of a thread share one
 * timeline, since they share the globals of JavaScript, but the `clock` of each starts at 0.
 *
 * Not in it: timers that a module took before the world (`const { setTimeout } = require('timers')`
 * at its top), and those inside Node, such as the header and request time-outs of http servers.
 */
import { type Clock, durationOf, NSEC_PER_MSEC } from 'vnet/internal/base/index'
import { state } from '../../world/code.ts'
import { ringTicks, saveTicks } from './fetch-clock.ts'
import { refuseFakes, replaceGlobals } from './globals.ts'
import { Outside } from './outside.ts'
import { type SharedParts, thread } from './real.ts'
import { clockOf, type Owner, Timeline } from './timeline.ts'
import { TimelineTurns } from './timeline-turns.ts'
import { forgetTimers } from './timers.ts'

state.onRequestEnd = id => thread.shared?.outside.ended(id)

export interface VirtualTimeOptions {
  /**
   * Real milliseconds without an event after which the clock no longer waits for real sockets and
   * child processes. Default 5,000.
   */
  readonly patience?: number | undefined
  /** Is given a line about each of them. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined
}

/** What Date shows at the start, in ms since 1970. */
export const EPOCH = Date.UTC(2000, 0, 1)
const PATIENCE = 5000

/** The parts that all worlds of a thread share. The first world's options count. */
interface Shared extends SharedParts {
  readonly timeline: Timeline
  readonly outside: Outside
  readonly turns: TimelineTurns
  /** The number of worlds that are not closed, and the number of running worlds. */
  worlds: number
  running: number
  restore: () => void
}

export class VirtualTime implements Owner, Disposable {
  /** In ns since this object was made. Armed alarms keep the process alive, like open sockets. */
  readonly clock: Clock
  readonly #shared: Shared
  #isInstalled = false
  #isClosed = false

  /** Time runs from `install` to `close`. Throws a UsageError if the timers are fake already. */
  constructor(options: VirtualTimeOptions = {}) {
    refuseFakes()
    thread.shared ??= makeShared(options)
    this.#shared = thread.shared as Shared
    this.#shared.worlds++
    const { timeline } = this.#shared
    this.clock = clockOf(timeline, this, timeline.now)
  }

  /** Starts time and makes it the time of this thread. */
  install(): this {
    if (this.#isInstalled || this.#isClosed) return this
    this.#isInstalled = true
    const shared = this.#shared
    if (shared.running++ > 0) return this
    thread.timeline = shared.timeline
    ringTicks()
    shared.restore = replaceGlobals()
    shared.outside.open()
    shared.turns.start()
    return this
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Milliseconds since this object was made. */
  get now(): number {
    return this.clock.now() / NSEC_PER_MSEC
  }

  /** Waits for virtual time: ms, or a text such as '2h'. After `close` it never ends. */
  sleep(duration: number | string): Promise<void> {
    const at = this.clock.now() + durationOf(duration)
    return new Promise(resolve => this.clock.alarm(resolve).at(at))
  }

  /**
   * Stops the clock until the returned function is called: for real work that vnet does not see,
   * such as a reply from a process that was started before.
   */
  hold(): () => void {
    return this.#shared.outside.hold()
  }

  /** What real things the clock waits for. */
  get awaited(): readonly string[] {
    return this.#shared.outside.awaited
  }

  /** Whether nothing is due, and it waits for nothing real. */
  get isIdle(): boolean {
    const { timeline, outside } = this.#shared
    return !timeline.isRef && !outside.isWaiting
  }

  /** Cancels the timers of the program, if this is the only running world. */
  cancelTimers(): void {
    if (!this.#isClosed && this.#isInstalled && this.#shared.running === 1) cancelTimers(this.#shared.timeline)
  }

  /**
   * Idempotent. Its alarms never ring. With the last world, the real clock and timers return, and
   * timers that are pending are cancelled.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const shared = this.#shared
    shared.timeline.cancelOf(this)
    shared.worlds--
    if (this.#isInstalled && --shared.running === 0) uninstall(shared)
    if (shared.worlds > 0) return
    shared.timeline.close()
    thread.shared = undefined
  }

  readonly [Symbol.dispose] = (): void => this.close()
}

function uninstall(shared: Shared): void {
  shared.turns.stop()
  shared.outside.close()
  shared.restore()
  thread.timeline = undefined
  cancelTimers(shared.timeline)
}

/** Cancels all timers, which belong to no world, but to all. */
function cancelTimers(timeline: Timeline): void {
  const continueTicks = saveTicks()
  timeline.cancelOf(undefined)
  forgetTimers()
  continueTicks()
}

function makeShared(options: VirtualTimeOptions): Shared {
  const { patience = PATIENCE, log = line => process.stderr.write(`${line}\n`) } = options
  const timeline = new Timeline(EPOCH)
  const outside = new Outside({ patience, log }, () => turns.wake())
  const turns = new TimelineTurns(timeline, outside)
  return { timeline, outside, turns, worlds: 0, running: 0, restore: () => {} }
}
