/**
 * Checks: what must hold while a scenario runs. They run in the time of its lab, because a scenario
 * may replace the timers of globalThis.
 */
import { durationOf, NSEC_PER_MSEC } from 'vnet/internal/base/index'
import { checkForm, checkForms, DURATION, type Forms, FUNCTION } from '../model/options.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Lab } from '../network/lab.ts'

/** Throws, or rejects, if something does not hold. */
export type Check = () => unknown

/** Options of `always`. */
export interface AlwaysOptions {
  /** The pause between two calls: 10 ms by default. */
  readonly every?: number | string
}

/** Options of `eventually` and `settles`. */
export interface EventuallyOptions {
  /** How long after the last fault, or a later call, the check may fail; for `settles` the call. */
  readonly within: number | string
}

const ALWAYS: Forms<AlwaysOptions> = { every: DURATION }
const EVENTUALLY: Forms<EventuallyOptions> = { within: DURATION }

/** Milliseconds between two calls of a check. */
const EVERY_MS = 10

interface Repeated {
  readonly check: Check
  /** Settles when the latest call of the check has ended. */
  call: Promise<void>
}

/** Returns the checks of a run. `signal` aborts when the run has ended. */
export function checksOf(lab: Lab, nemesis: Nemesis, signal: AbortSignal) {
  const repeated: Repeated[] = []
  let fail: (reason: unknown) => void = () => {}
  let hasEnded = false
  /** Rejects when a check of `always` fails during the scenario. */
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  for (const each of [failed, aborted]) {
    each.catch(() => {})
  }

  /** Returns an error with the time, and with the stack of `reason`, which may have any type. */
  const errorOf = (name: string, reason: unknown): Error => {
    const { message, stack = '' } = reason instanceof Error ? reason : { message: String(reason) }
    const error = new Error(`${name}, at ${Math.round(lab.now)} ms: ${message}`)
    const [frames = ''] = /\n {4}at .*/s.exec(stack) ?? []
    error.stack = `${error.message}${frames}`
    return error
  }
  const pause = (ms: number): Promise<void> => lab.links.lab.world.time.sleep(ms, signal)
  const call = async (check: Check): Promise<void> => {
    try {
      await check()
    } catch (reason) {
      throw errorOf('always', reason)
    }
  }
  const repeat = async (each: Repeated, every: number): Promise<void> => {
    while (!hasEnded && !signal.aborted) {
      each.call = call(each.check).catch(fail)
      await each.call
      await pause(every)
    }
  }
  const attempt = async (check: Check, { within }: EventuallyOptions): Promise<void> => {
    const called = lab.now
    const most = msOf(within)
    while (!signal.aborted) {
      try {
        await check()
        return
      } catch (reason) {
        if (lab.now >= Math.max(called, nemesis.spans.over) + most) {
          throw errorOf('eventually', reason)
        }
      }
      await pause(EVERY_MS)
    }
  }
  return {
    failed,
    /** Same as ScenarioRun.always. */
    always(check: Check, options: AlwaysOptions = {}): void {
      checkForm('always', check, FUNCTION)
      checkForms('always', options, ALWAYS)
      const each = { check, call: Promise.resolve() }
      repeated.push(each)
      void repeat(each, msOf(options.every ?? EVERY_MS))
    },
    /** Same as ScenarioRun.eventually. */
    async eventually(check: Check, options: EventuallyOptions): Promise<void> {
      checkForm('eventually', check, FUNCTION)
      checkForms('eventually', options, EVENTUALLY)
      checkForm('eventually: within', options.within, DURATION)
      await Promise.race([attempt(check, options), aborted])
    },
    /** Same as ScenarioRun.settles. */
    settles<T>(promise: Promise<T>, options: EventuallyOptions): Promise<T> {
      checkForms('settles', options, EVENTUALLY)
      checkForm('settles: within', options.within, DURATION)
      const late = new Error(`not settled within ${options.within}`)
      const due = pause(msOf(options.within)).then(() => Promise.reject(late))
      return Promise.race([promise, due])
    },
    /** Calls the checks of `always` once more, after the scenario. Rejects if one fails. */
    async end(): Promise<void> {
      hasEnded = true
      for (const { check, call: latest } of repeated) {
        await latest
        await call(check)
      }
    },
  }
}

const msOf = (duration: number | string): number => durationOf(duration) / NSEC_PER_MSEC
