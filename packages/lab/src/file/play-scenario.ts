/** Scenarios: changes of links at their times. */
import { describeException } from 'vnet/internal/base/exception'
import { TimerfdClock } from 'vnet/internal/linux/clock'
import { loadNative } from 'vnet/internal/linux/native'
import type { ScenarioList, ScenarioStep } from 'vnet/internal/netdev/device-wire'
import { runScenario, scenarioOf } from 'vnet/internal/wire/scenario'
import type { LabLink } from '../network/link.ts'

/**
 * Starts a scenario, which ends when `signal` aborts. Settles when the changes at time 0 are made.
 * A later change that fails is logged.
 */
export async function playScenario(
  list: ScenarioList<string>,
  change: (step: ScenarioStep<string>) => Promise<void>,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<void> {
  const made = new Set(list.steps.filter(({ at }) => at === 0))
  for (const step of made) await change(step)
  const failed = (error: unknown) => {
    if (!signal.aborted) log(`scenario: ${describeException(error)}`)
  }
  const scenario = scenarioOf(list, step => {
    if (!made.delete(step)) void change(step).catch(failed)
  })
  const clock = new TimerfdClock(loadNative())
  const ended = runScenario(clock, scenario, signal).catch(failed)
  void ended.then(() => clock[Symbol.asyncDispose]())
}

/** Makes the changes of a step. */
export async function changeLink(link: LabLink, { ab, ba, carrier }: ScenarioStep<string>): Promise<void> {
  const wire = { ...(ab !== undefined && { ab }), ...(ba !== undefined && { ba }) }
  if (Object.keys(wire).length > 0) await link.wire(wire)
  if (carrier !== undefined) await (carrier ? link.up() : link.down())
}
