/**
 * A scenario: changes of a wire at set times. It is an async function that waits for its moments
 * with `at`, or a list of steps (a YAML file, `--scenario`).
 */
import { type Clock, durationOf, NSEC_PER_MSEC } from '../base/index.ts'
import type { ScenarioList, ScenarioStep } from '../netdev/device-wire.ts'

/** Passed to a scenario. Times are in milliseconds, or have a unit (`10s`). */
export interface ScenarioTimes {
  /** Aborted when the scenario is to end. */
  readonly signal: AbortSignal
  /** Settles at this time after the start, or immediately if it is past. Rejects when aborted. */
  at(time: string | number): Promise<void>
  /** Settles this much later. Rejects when aborted. */
  after(time: string | number): Promise<void>
}

export type Scenario = (times: ScenarioTimes) => void | Promise<void>

/** Runs a scenario from time 0 until it ends or `signal` aborts. Rejects with its errors. */
export async function runScenario(
  clock: Clock,
  scenario: Scenario,
  signal?: AbortSignal,
): Promise<void> {
  const start = clock.now()
  const end = new AbortController()
  const stop = () => end.abort(signal?.reason)
  if (signal?.aborted) return
  signal?.addEventListener('abort', stop)
  const until = (moment: number) => wait(clock, moment, end.signal)
  try {
    await scenario({
      signal: end.signal,
      at: time => until(start + durationOf(time)),
      after: time => until(clock.now() + durationOf(time)),
    })
  } catch (error) {
    if (!end.signal.aborted) throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    end.abort()
  }
}

/** Returns a scenario that calls `take` with each step of a list at its time. */
export function scenarioOf<T>(
  { steps, repeat }: ScenarioList<T>,
  take: (step: ScenarioStep<T>) => void,
): Scenario {
  return async ({ at }) => {
    for (let round = 0; ; round++) {
      for (const step of steps) {
        await at((round * (repeat ?? 0) + step.at) / NSEC_PER_MSEC)
        take(step)
      }
      if (repeat === undefined) return
      await at(((round + 1) * repeat) / NSEC_PER_MSEC)
    }
  }
}

function wait(clock: Clock, moment: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const aborted = () => {
      alarm.cancel()
      reject(signal.reason)
    }
    const alarm = clock.alarm(() => {
      signal.removeEventListener('abort', aborted)
      resolve()
    })
    signal.addEventListener('abort', aborted, { once: true })
    alarm.at(moment)
  })
}
