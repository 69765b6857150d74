/** Loads the module of a scenario, and says why one cannot be run. */

import { UsageError } from 'vnet'
import { describeException, messageOrDescription } from 'vnet/kit/base'
import { checkForm } from '../model/options.ts'
import { HIT } from '../nemesis/hit.ts'
import type { Scenario } from './run-once.ts'
import type { ExploreOptions } from './scenario.ts'

interface ScenarioModule extends Scenario {
  readonly options?: ExploreOptions
  readonly promise?: unknown
}

/** What explore has to know of a module before the first run. */
export interface ModuleFacts {
  readonly options: ExploreOptions
  /** Whether it exports `hit`. */
  readonly hasHit: boolean
  readonly promise?: string | undefined
}

/** Why a process or a thread has not run a scenario, in a form that a message can carry. */
export interface Refusal {
  readonly text: string
  /** Whether it is a mistake of the user. */
  readonly isUsage: boolean
}

export function refusalOf(error: unknown): Refusal {
  return { text: messageOrDescription(error), isUsage: error instanceof UsageError }
}

export const errorOf = ({ text, isUsage }: Refusal): Error =>
  isUsage ? new UsageError(text) : new Error(text)

export function factsOf({ options = {}, hit, promise }: ScenarioModule): ModuleFacts {
  return {
    options,
    hasHit: hit !== undefined,
    promise: typeof promise === 'string' ? promise : undefined,
  }
}

/** Rejects with a UsageError for a file that is not the module of a scenario. */
export async function loadScenario(url: string): Promise<ScenarioModule> {
  const isData = url.startsWith('data:')
  const loaded = (await import(url).catch(error => {
    if (isData || error?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw new UsageError(
        `${isData ? 'the scenario' : url} does not load: ${describeException(error)}`,
      )
    }
    throw new UsageError(
      `Node ${process.versions.node} cannot import ${url}: compile it, or give a function in vitest`,
    )
  })) as Partial<ScenarioModule>
  const { default: scenario, hit } = loaded
  if (typeof scenario !== 'function') {
    throw new UsageError(
      `${url}: the module has no scenario: export default async ({ lab, signal }) => { ... }`,
    )
  }
  if (hit !== undefined) {
    checkForm(`${url}: hit`, hit, HIT)
  }
  return { ...loaded, default: scenario }
}
