/**
 * Checks: what must hold while a scenario runs. They run in the time of its lab, because a scenario
 * may replace the timers of globalThis.
 */

import { NSEC_PER_MSEC } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { checkForm, checkForms, DURATION, type Forms, FUNCTION } from '../model/options.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Lab } from '../network/lab.ts'
import { argumentOf } from './call-text.ts'

/** Throws, or rejects, if something does not hold. */
export type Check = () => unknown

/** Options of `always`. */
export interface AlwaysOptions {
  /** The pause between two calls, in ms or with a unit; 10 ms by default. */
  readonly every?: number | string
}

/** Options of `eventually` and `settles`. */
export interface EventuallyOptions {
  /**
   * The time for which the check may fail, in ms or with a unit: after the call or the last fault,
   * whichever is later. For `settles`, the time from its call.
   */
  readonly within: number | string
}

/** Options of `settles`. */
export interface SettlesOptions extends EventuallyOptions {
  /** What should settle, for the error. By default the text of the call. */
  readonly what?: string
}

const ALWAYS: Forms<AlwaysOptions> = { every: DURATION }
const EVENTUALLY: Forms<EventuallyOptions> = { within: DURATION }
const SETTLES: Forms<SettlesOptions> = {
  ...EVENTUALLY,
  what: { accepts: value => typeof value === 'string', text: 'a text' },
}

/** Milliseconds between two calls of a check. */
const EVERY_MS = 10

/** An error that is a failure under every fault. Its name is Error. */
export class CheckError extends Error {}

/** Whether an error, or its cause, is an AssertionError or a CheckError. */
export function isOfCheck(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false
  const { name, cause, code, matcherResult } = reason as Error & {
    readonly code?: unknown
    readonly matcherResult?: unknown
  }
  const isAssertion =
    name === 'AssertionError' || code === 'ERR_ASSERTION' || matcherResult !== undefined
  if (isAssertion || reason instanceof CheckError) return true
  const parts = reason instanceof AggregateError ? [cause, ...reason.errors] : [cause]
  return parts.some(part => part !== reason && isOfCheck(part))
}

interface Repeated {
  readonly check: Check
  /** Settles when the latest call of the check has ended. */
  call: Promise<void>
}

/** The checks of a run. `signal` aborts when the run has ended. */
export class Checks {
  /** Rejects when a check of `always` fails during the scenario. */
  readonly failed: Promise<never>
  readonly #lab: Lab
  readonly #nemesis: Nemesis
  readonly #signal: AbortSignal
  readonly #aborted: Promise<never>
  readonly #repeated: Repeated[] = []
  #fail: (reason: unknown) => void = () => {}
  #hasEnded = false

  constructor(lab: Lab, nemesis: Nemesis, signal: AbortSignal) {
    this.#lab = lab
    this.#nemesis = nemesis
    this.#signal = signal
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.#aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    for (const each of [this.failed, this.#aborted]) {
      each.catch(() => {})
    }
  }

  /** Same as ScenarioRun.always. Bound like the next two, because scenarios take them apart. */
  readonly always = (check: Check, options: AlwaysOptions = {}): void => {
    checkForm('always', check, FUNCTION)
    checkForms('always', options, ALWAYS)
    const each = { check, call: Promise.resolve() }
    this.#repeated.push(each)
    void this.#repeat(each, msOf(options.every ?? EVERY_MS))
  }

  /** Same as ScenarioRun.eventually. */
  readonly eventually = async (check: Check, options: EventuallyOptions): Promise<void> => {
    checkForm('eventually', check, FUNCTION)
    checkForms('eventually', options, EVENTUALLY)
    checkForm('eventually: within', options.within, DURATION)
    await Promise.race([this.#attempt(check, options), this.#aborted])
  }

  /** Same as ScenarioRun.settles. */
  readonly settles = <T>(promise: Promise<T>, options: SettlesOptions): Promise<T> => {
    checkForms('settles', options, SETTLES)
    checkForm('settles: within', options.within, DURATION)
    const { within, what } = options
    const late = new CheckError(`not settled within ${within}`)
    const due = this.#pause(msOf(within)).then(() => {
      const name = what ?? argumentOf('settles', late.stack)
      if (name !== undefined) {
        const { message, stack = '' } = late
        late.message = `${message}: ${name}`
        late.stack = stack.replace(message, () => late.message)
      }
      throw late
    })
    return Promise.race([promise, due])
  }

  /** Calls the checks of `always` once more, after the scenario. Rejects if one fails. */
  async end(): Promise<void> {
    this.#hasEnded = true
    for (const { check, call: latest } of this.#repeated) {
      await latest
      await this.#call(check)
    }
  }

  async #repeat(each: Repeated, every: number): Promise<void> {
    while (!this.#hasEnded && !this.#signal.aborted) {
      each.call = this.#call(each.check).catch(this.#fail)
      await each.call
      await this.#pause(every)
    }
  }

  async #call(check: Check): Promise<void> {
    try {
      await check()
    } catch (reason) {
      throw this.#errorOf('always', reason)
    }
  }

  async #attempt(check: Check, { within }: EventuallyOptions): Promise<void> {
    const called = this.#lab.now
    const most = msOf(within)
    while (!this.#signal.aborted) {
      try {
        await check()
        return
      } catch (reason) {
        const end = Math.max(called, this.#nemesis.spans.over) + most
        if (this.#lab.now >= end) throw this.#errorOf('eventually', reason)
      }
      await this.#pause(EVERY_MS)
    }
  }

  #pause(ms: number): Promise<void> {
    return this.#lab.links.lab.world.time.sleep(ms, this.#signal)
  }

  /** Returns an error with the time, and with the stack of `reason`, which may have any type. */
  #errorOf(name: string, reason: unknown): Error {
    const { message, stack = '' } = reason instanceof Error ? reason : { message: String(reason) }
    const error = new CheckError(`${name}, at ${Math.round(this.#lab.now)} ms: ${message}`)
    const [frames = ''] = /\n {4}at .*/s.exec(stack) ?? []
    error.stack = `${error.message}${frames}`
    return error
  }
}

const msOf = (duration: number | string): number => durationOf(duration) / NSEC_PER_MSEC
