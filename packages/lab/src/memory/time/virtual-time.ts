/**
 * VirtualTime: the time of labs in memory. Programs of Node in this thread see it as their own:
 * timers, Date, performance.now, process.hrtime, AbortSignal.timeout. It stands still while
 * something can run, and then jumps to the next alarm or timer. All worlds of a thread share one
 * timeline, since they share the globals of JavaScript, but the `clock` of each starts at 0.
 *
 * Not in it: timers that a module took before the world (`const { setTimeout } = require('timers')`
 * at its top), and those inside Node, such as the header and request time-outs of http servers.
 */
import { type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { state } from '../../world/code.ts'
import { ringTicks, saveTicks } from './fetch-clock.ts'
import { refuseFakes, replaceGlobals } from './globals.ts'
import { Outside } from './outside.ts'
import { type SharedParts, thread } from './real.ts'
import { clockOf, type Owner, Timeline } from './timeline.ts'
import { TimelineTurns } from './timeline-turns.ts'
import { forgetTimers, newTick } from './timers.ts'

state.onRequestEnd = id => thread.shared?.outside.ended(id)

/** Options of VirtualTime. Only the options of the first open world of a thread count. */
export interface VirtualTimeOptions {
  /**
   * Real milliseconds without an event after which the clock no longer waits for real sockets and
   * child processes. Default 5,000.
   */
  readonly patience?: number | undefined
  /** The timers and packets after which a line asks whether something polls for ever. */
  readonly many?: number | undefined
  /** Is given a line about each of them. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined
}

/** What Date shows at the start, in ms since 1970. */
export const EPOCH = Date.UTC(2000, 0, 1)
const PATIENCE = 5000
/** They take some 20 s, and hours of most tests have fewer. */
const MANY = 2_000_000

/** The parts that all worlds of a thread share. The first world's options count. */
interface Shared extends SharedParts {
  readonly timeline: Timeline
  readonly outside: Outside
  readonly turns: TimelineTurns
  /** The number of worlds that are not closed. */
  worlds: number
  readonly restore: () => void
}

/**
 * The time of one world in memory. All worlds of a thread share a timeline and the patched timers.
 * With the last world that is closed, the real clock and timers return.
 */
export class VirtualTime implements Owner, Disposable {
  /** In ns since this object was made. Armed alarms keep the process alive, like open sockets. */
  readonly clock: Clock
  readonly #shared: Shared
  #isClosed = false

  /** Makes its time the time of this thread. Throws a UsageError if the timers are fake already. */
  constructor(options: VirtualTimeOptions = {}) {
    refuseFakes()
    thread.shared ??= startShared(options)
    this.#shared = thread.shared as Shared
    this.#shared.worlds++
    const { timeline } = this.#shared
    this.clock = clockOf(timeline, this, timeline.now)
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

  /** Cancels the timers of the program, if this is the only world. */
  cancelTimers(): void {
    if (!this.#isClosed && this.#shared.worlds === 1) {
      cancelTimers(this.#shared.timeline)
    }
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
    if (--shared.worlds === 0) {
      endShared(shared)
    }
  }

  readonly [Symbol.dispose] = (): void => this.close()
}

function startShared(options: VirtualTimeOptions): Shared {
  const {
    patience = PATIENCE,
    many = MANY,
    log = line => process.stderr.write(`${line}\n`),
  } = options
  const timeline = new Timeline(EPOCH)
  const outside = new Outside({ patience, log }, () => turns.wake())
  const turns = new TimelineTurns(timeline, outside, many, () => {
    const seconds = Math.round(timeline.now / NSEC_PER_SEC)
    log(
      `vnet: a lab in memory is at ${seconds} s after ${many} timers and packets: does a program poll in vain?`,
    )
  })
  thread.timeline = timeline
  const restore = replaceGlobals()
  ringTicks(newTick)
  outside.open()
  turns.start()
  return { timeline, outside, turns, worlds: 0, restore }
}

function endShared({ timeline, outside, turns, restore }: Shared): void {
  turns.stop()
  outside.close()
  restore()
  thread.timeline = undefined
  thread.shared = undefined
  cancelTimers(timeline)
  timeline.close()
}

/** Cancels all timers, which belong to no world, but to all. */
function cancelTimers(timeline: Timeline): void {
  const continueTicks = saveTicks()
  timeline.cancelOf(undefined)
  forgetTimers()
  continueTicks()
}
