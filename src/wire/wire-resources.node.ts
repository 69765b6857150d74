/** Files and filters named by the text and options of a wire, opened with this program's rights. */

import type { VnetError } from '../base/errno.ts'
import { UsageError } from '../base/usage-error.ts'
import { compileFilter } from '../linux/pcap-filter.ts'
import { readTextFile } from '../linux/regular-file.ts'
import type { ScenarioList, WireResources } from '../netdev/device-wire.ts'
import type { CompiledFilter } from '../packet/filter.ts'
import { DecisionFile } from './decision-file.node.ts'
import { type ImportFile, OwnStages } from './own-stages.node.ts'
import type { parseScenario } from './scenario-file.ts'

/** Files are read when they are requested, and filters compiled by libpcap, each once. */
export class LinuxWireResources implements WireResources, AsyncDisposable {
  readonly #filters = new Map<string, CompiledFilter>()
  readonly #logs = new Map<string, DecisionFile>()
  readonly #parseScenario: typeof parseScenario | undefined
  readonly #failed: ((error: VnetError) => void) | undefined
  readonly #stages = new OwnStages()
  readonly stage: WireResources['stage'] = (name, values) => this.#stages.get(name, values)

  /**
   * Scenarios need `parse`: only they use the YAML parser. `failed` is called with the error of a
   * log as soon as it happens.
   */
  constructor(parse?: typeof parseScenario, failed?: (error: VnetError) => void) {
    this.#parseScenario = parse
    this.#failed = failed
  }

  filter(text: string): CompiledFilter {
    const filter = this.#filters.get(text) ?? compileFilter(text)
    this.#filters.set(text, filter)
    return filter
  }

  file(path: string): string {
    return readTextFile(path)
  }

  log(path: string): DecisionFile {
    const log = this.#logs.get(path) ?? new DecisionFile(path, { failed: this.#failed })
    this.#logs.set(path, log)
    return log
  }

  scenario<T>(path: string, parse: (text: string, direction: 'ab' | 'ba') => T): ScenarioList<T> {
    if (this.#parseScenario === undefined) throw new UsageError(`${path}: scenarios cannot be read here`)
    return this.#parseScenario(this.file(path), path, parse)
  }

  /** Loads the own stages of a file. Throws a UsageError. */
  loadStages(file: string, load?: ImportFile): Promise<void> {
    return this.#stages.load(file, load)
  }

  /** Writes out the logs and closes them. Rejects with the first error of one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const logs = [...this.#logs.values()]
    this.#logs.clear()
    const ends = await Promise.allSettled(logs.map(log => log[Symbol.asyncDispose]()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
}
