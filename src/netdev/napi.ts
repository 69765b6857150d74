/**
 * Napi: reception by polling, `struct napi_struct` (Documentation/networking/napi.rst). An
 * interrupt handler masks its interrupt and schedules the poll. The poll handles at most `budget`
 * frames; when it finds no more it calls completeDone, and unmasks if that returned true. A driver
 * that does not keep to this is warned.
 */
import { callerOf } from '../base/exception.ts'
import { NETIF_MSG_RX_STATUS } from './if.ts'
import { logBadReturn } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { Part } from './parts.ts'

/** Frames one poll may handle (NAPI_POLL_WEIGHT). */
export const NAPI_POLL_WEIGHT = 64

/**
 * A poll of one device. The driver makes it with the device, enables it when the device is opened,
 * and disables it when the device is stopped. Between the two, the Net calls the poll each time
 * that it was scheduled.
 */
export class Napi {
  readonly dev: NetDevice
  readonly weight: number
  polls = 0
  readonly what = 'napi poll'
  readonly #poll: (napi: Napi, budget: number) => number
  readonly #origin = callerOf(Napi)
  #enabled = false
  #wasEnabled = false
  #scheduled = false
  /** It was scheduled while it was scheduled already (NAPIF_STATE_MISSED). */
  #missed = false
  /** completeDone may not complete (NAPIF_STATE_IN_BUSY_POLL, NAPIF_STATE_NPSVC). */
  #isBusy = false
  #listed = false
  /** The argument of completeDone in the current poll; -1 if it was not called. */
  #completed = -1

  /**
   * netif_napi_add. `poll` returns how many frames it handled. After all of `budget` it is polled
   * again; after fewer it must call completeDone.
   */
  constructor(
    dev: NetDevice,
    poll: (napi: Napi, budget: number) => number,
    weight: number = NAPI_POLL_WEIGHT,
  ) {
    this.dev = dev
    this.weight = weight
    this.#poll = poll
  }

  /** napi_enable */
  enable(): void {
    this.dev.net.debug?.enabled(this)
    if (this.#enabled) {
      this.#warn(
        'napi_enable',
        'of a poll that is enabled',
        this.enable,
        'a kernel ends here, by BUG()',
      )
    }
    this.#enabled = true
    this.#wasEnabled = true
    this.dev.partSources.add(this)
  }

  /** napi_disable: stops polling. */
  disable(): void {
    this.dev.net.debug?.disabled(this)
    this.#enabled = false
    this.#scheduled = false
    this.#missed = false
    this.dev.partSources.delete(this)
  }

  /**
   * napi_schedule: polls once the driver's own code has returned. False if scheduled already: then
   * completeDone returns false the next time, and it is polled once more.
   */
  schedule(): boolean {
    if (!this.#enabled) {
      const when = this.#wasEnabled ? 'after napi_disable' : 'before napi_enable'
      this.#warn('napi_schedule', when, this.schedule, 'the poll does not run')
      return false
    }
    if (this.#scheduled) {
      this.#missed = true
      return false
    }
    this.#scheduled = true
    if (!this.#listed) {
      this.#listed = true
      this.dev.net.scheduleNapi(this)
    }
    return true
  }

  /**
   * napi_complete_done: the poll has no work left. `work` is the number that the poll returns; by
   * default 0, as with napi_complete. Returns false if it was scheduled meanwhile, and so is polled
   * again, if polling was disabled, and during busyPoll. The driver unmasks only after true.
   */
  completeDone(work: number = 0): boolean {
    if (this.#isBusy) return false
    if (work >= this.weight) {
      const advice = 'a poll that returns its whole budget is polled again, and completes later'
      this.#warn(
        'napi_complete_done',
        `with ${work} of ${this.weight} handled`,
        this.completeDone,
        advice,
      )
    }
    const isDone = this.#scheduled && !this.#missed
    this.#scheduled = this.#missed
    this.#missed = false
    this.#completed = work > 0 ? work : 0
    return isDone
  }

  /**
   * Polls once, out of turn, as netpoll does with a budget of 0, for completed transmissions only,
   * and busy polling (napi_busy_loop) with 8. Returns what the poll returned; throws its errors.
   */
  busyPoll(budget: number): number {
    this.polls++
    this.#isBusy = true
    try {
      return this.#poll(this, budget)
    } finally {
      this.#isBusy = false
    }
  }

  /** For Net: polls once. Returns true if the budget was not enough or it was scheduled again. */
  run(): boolean {
    this.#listed = this.#scheduled && this.#pollOnce()
    return this.#listed
  }

  /** The driver's function, for a StepGate; undefined unless it is to run. */
  get code(): unknown {
    return this.#scheduled ? this.#poll : undefined
  }

  /** Returns the state and the number of polls, for monitoring. */
  part(index: number): Part {
    return {
      kind: 'napi',
      name: `napi ${index}`,
      state: this.#scheduled ? 'scheduled' : 'idle',
      count: this.polls,
    }
  }

  #pollOnce(): boolean {
    this.#completed = -1
    this.polls++
    try {
      const work: unknown = this.#poll(this, this.weight)
      if (typeof work !== 'number' || Number.isNaN(work)) {
        this.#scheduled = false
        this.#missed = false
        logBadReturn(this.dev, 'napi poll', work, 'the number of frames handled')
        return false
      }
      const isCompleted = this.#completed >= 0
      if (work > this.weight) {
        this.#warnOfReturn(`${work}, exceeding its budget of ${this.weight}`)
      } else if (work === this.weight && isCompleted && this.#completed < this.weight) {
        // More is logged by completeDone.
        this.#warnOfReturn(
          `${work}, its whole budget, after napi_complete_done with ${this.#completed}`,
        )
      }

      const again = this.#scheduled && (isCompleted || work >= this.weight)
      if ((this.dev.msgEnable & NETIF_MSG_RX_STATUS) !== 0) {
        this.dev.logEvent(`poll: ${work} of ${this.weight}${again ? ', again' : ', done'}`)
      }
      if (again || !this.#scheduled) return again
      this.#warnOfReturn(
        `${work} of ${this.weight} without napi_complete_done: it is not polled again`,
      )
    } catch (error) {
      this.#scheduled = false
      this.#missed = false
      this.dev.logException('napi poll', error)
    }
    return false
  }

  /** Warns of a call of `method`, `verb` in the kernel, with the line that called it. */
  #warn(verb: string, what: string, method: (work: number) => unknown, advice: string): void {
    const caller = callerOf(method)
    this.dev.limitedLog.warn(
      verb,
      `${verb} ${what}${caller === undefined ? '' : `, ${caller}`}: ${advice}`,
    )
  }

  /** Warns of a wrong result of a poll. Its line is not known, only where it was added. */
  #warnOfReturn(what: string): void {
    const { name } = this.#poll
    const added = this.#origin === undefined ? '' : `, added ${this.#origin},`
    this.dev.limitedLog.warn(
      'napi poll',
      `napi poll: ${name || 'the function'}${added} returned ${what}`,
    )
  }
}
