/** What the words and options of a wire refer to, found with this program's rights. */
import { readFileSync } from 'node:fs'
import type { ScenarioList, WireResources } from '../netdev/device-wire.ts'
import { UsageError } from '../netdev/driver.ts'
import type { CompiledFilter } from '../packet/filter.ts'
import type { parseScenario } from '../yaml/scenario.ts'
import { DecisionFile } from './decision-file.ts'
import { compileFilter } from './pcap-filter.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024

/** Files are read, and filters compiled by libpcap, when they are asked for. */
export class LinuxWireResources implements WireResources, AsyncDisposable {
  readonly #logs = new Map<string, DecisionFile>()
  readonly #parseScenario: typeof parseScenario | undefined

  /** Without `parse` there are no scenarios: only they need the parser of YAML. */
  constructor(parse?: typeof parseScenario) {
    this.#parseScenario = parse
  }

  filter(text: string): CompiledFilter {
    return compileFilter(text)
  }

  file(path: string): string {
    return attempt(path, () => {
      const bytes = readFileSync(path)
      if (bytes.length > FILE_MAX) throw new UsageError(`${path}: longer than ${FILE_MAX / 1024 ** 2} MiB`)
      return bytes.toString('utf8')
    })
  }

  log(path: string): DecisionFile {
    const log = this.#logs.get(path) ?? attempt(path, () => new DecisionFile(path))
    this.#logs.set(path, log)
    return log
  }

  scenario<T>(path: string, parse: (words: string, direction: 'ab' | 'ba') => T): ScenarioList<T> {
    if (this.#parseScenario === undefined) throw new UsageError(`${path}: scenarios cannot be read here`)
    return this.#parseScenario(this.file(path), path, parse)
  }

  /** Writes out the logs and closes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs.values()) await log[Symbol.asyncDispose]()
    this.#logs.clear()
  }
}

/** Rethrows an error of the file system as a UsageError. */
function attempt<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : error}`)
  }
}
