/** Loads the module of a scenario. */
import { describeException } from 'vnet/internal/base/exception'
import { UsageError } from 'vnet/internal/base/usage-error'
import type { ExploreOptions, Invariant, LabScenario } from './scenario.ts'

interface ScenarioModule {
  readonly default: LabScenario
  readonly options?: ExploreOptions
  readonly invariant?: Invariant
}

/** Rejects with a UsageError for a file that is not the module of a scenario. */
export async function loadScenario(url: string): Promise<ScenarioModule> {
  const loaded = (await import(url).catch(error => {
    if (error?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw new UsageError(`${url} does not load: ${describeException(error)}`)
    }
    throw new UsageError(`Node ${process.versions.node} cannot import ${url}: compile it, or give a function in vitest`)
  })) as Partial<ScenarioModule>
  const { default: scenario } = loaded
  if (typeof scenario !== 'function') {
    throw new UsageError(`${url}: the module has no scenario: export default async ({ lab, signal }) => { ... }`)
  }
  return { ...loaded, default: scenario }
}
