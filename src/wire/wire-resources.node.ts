/** Files and filters named by the text and options of a wire, opened with this program's rights. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeException, didYouMean, UsageError, type VnetError } from '../base/index.ts'
import { compileFilter } from '../linux/pcap-filter.ts'
import { checkRegular, readTextFile } from '../linux/regular-file.ts'
import type { ScenarioList, StageValue, WireResources } from '../netdev/device-wire.ts'
import type { CompiledFilter } from '../packet/bpf.ts'
import { DecisionFile } from './decision-file.node.ts'
import type { parseScenario } from './scenario-file.ts'
import { ownKind } from './stages/own.ts'
import type { Impairment, Wire, WireEnv } from './wire.ts'

export type ImportFile = (file: string) => Promise<object>

/** A function of the user. The values after its name in the text are its last arguments. */
interface StageFunction extends Pick<Impairment, 'kind' | 'params' | 'takesGso'> {
  (next: Wire, env: WireEnv, ...values: readonly StageValue[]): Wire
}

const importFile: ImportFile = async file => {
  checkRegular(file)
  try {
    return await import(pathToFileURL(resolve(file)).href)
  } catch (error) {
    throw new UsageError(`${file} does not load: ${describeException(error)}`)
  }
}

export class OwnStages {
  readonly #stages = new Map<string, { readonly file: string; readonly fn: StageFunction }>()

  /** Adds the stages of a file. Throws a UsageError if it exports none, or one of a known name. */
  async load(file: string, load: ImportFile = importFile): Promise<void> {
    const path = resolve(file)
    const exported = Object.entries(await load(file))
    const functions = exported.filter(
      ([name, value]) => name !== 'default' && typeof value === 'function',
    )
    if (functions.length === 0) {
      throw new UsageError(
        `${file} exports no stage: it needs \`export function NAME(next, env) { ... }\``,
      )
    }
    for (const [name, fn] of functions) {
      const other = this.#stages.get(name)?.file
      if (other === path) continue
      if (other !== undefined) throw new UsageError(`${file}: ${other} has a stage ${name} too`)
      this.#stages.set(name, { file: path, fn })
    }
  }

  /** Returns the stage of a name and values. Throws a UsageError if no file has it. */
  get(name: string, values: readonly StageValue[] = []): Impairment {
    const found = this.#stages.get(name)
    if (found !== undefined) return named(name, found.fn, values)
    const known = [...this.#stages.keys()]
    if (known.length === 0) {
      throw new UsageError(
        `stage ${name}: no file was loaded: --stage FILE, or stages: [FILE] in a lab`,
      )
    }
    throw new UsageError(
      `'${name}' is not a stage${didYouMean(name, known) || `: ${known.join(', ')}`}`,
    )
  }
}

function named(name: string, fn: StageFunction, values: readonly StageValue[]): Impairment {
  const made: Impairment = (next, env) => {
    const wire = fn(next, env, ...values)
    if (typeof wire?.push === 'function') return wire
    throw new UsageError(`stage ${name} returns no wire: it needs \`return { push(skb) { ... } }\``)
  }
  return Object.assign(made, {
    ...fn,
    kind: fn.kind ?? name,
    text: ownKind.print({ name, values }),
    source: fn,
  })
}

/** Files are read when they are requested, and filters compiled by libpcap, each once. */
export class LinuxWireResources implements WireResources, AsyncDisposable {
  readonly #filters = new Map<string, CompiledFilter>()
  readonly #logs = new Map<string, DecisionFile>()
  readonly #parseScenario: typeof parseScenario | undefined
  readonly #failed: ((error: VnetError) => void) | undefined
  readonly #stages = new OwnStages()
  readonly stage: WireResources['stage'] = (name, values) => this.#stages.get(name, values)

  /** Scenarios need `parse` (the YAML parser). `failed` gets the error of a log immediately. */
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
    if (this.#parseScenario === undefined) {
      throw new UsageError(`${path}: scenarios cannot be read here`)
    }
    return this.#parseScenario(this.file(path), path, parse)
  }

  loadStages(file: string, load?: ImportFile): Promise<void> {
    return this.#stages.load(file, load)
  }

  /** Writes out the logs and closes them. Rejects with the first error of one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const logs = [...this.#logs.values()]
    this.#logs.clear()
    const ends = await Promise.allSettled(logs.map(log => log[Symbol.asyncDispose]()))
    for (const end of ends) {
      if (end.status === 'rejected') {
        throw end.reason
      }
    }
  }
}
