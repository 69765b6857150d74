/**
 * Wire specs from strangers: labels of containers, annotations of pods, arguments of CNI, requests.
 * They are bounded, run no code, resolve no names, and read only files of --files. No message
 * quotes a file, so that no file can be read through an error.
 */
import { realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { FileError, messageOrDescription, printable, UsageError } from '../base/index.ts'
import { compileNumericFilter } from '../linux/pcap-filter.ts'
import { readTextFile } from '../linux/regular-file.ts'
import type { ScenarioList, WireResources } from '../netdev/device-wire.ts'
import { buildGroups, copiesOf, directed, type Group, type Item } from '../wire/grammar/groups.ts'
import { readWireText } from '../wire/parse.ts'
import { parseScenario } from '../wire/scenario-file.ts'

/** The maximum size of a text in UTF-8 bytes. */
const TEXT_MAX = 4096
const STAGES_MAX = 32
/** The most copies of one packet. */
const COPIES_MAX = 16
const SEED_MAX = 0xffff_ffff

/** A wire as it is written. `seed` is a number in digits, `scenario` the name of a file. */
export interface Spec {
  readonly wire?: string | undefined
  readonly wireIn?: string | undefined
  readonly wireOut?: string | undefined
  readonly only?: string | undefined
  readonly seed?: string | undefined
  readonly scenario?: string | undefined
}

/** Returns true if it describes a wire. A seed or a filter alone does not. */
export function isSpec({ wire, wireIn, wireOut, scenario }: Spec): boolean {
  return [wire, wireIn, wireOut, scenario].some(text => text !== undefined)
}

/** Returns the parameters of the driver. Throws a UsageError of one line. */
export function paramsOf(
  { wire, wireIn, wireOut, only, seed, scenario }: Spec,
  resources: StrangerResources,
) {
  for (const [name, text] of Object.entries({ wire, 'wire-in': wireIn, 'wire-out': wireOut })) {
    if (text !== undefined) {
      inOneLine(name, resources, () => checkText(text, resources))
    }
  }
  if (only !== undefined) {
    inOneLine('only', resources, () => resources.filter(only))
  }
  if (seed !== undefined && !(/^\d{1,10}$/.test(seed) && Number(seed) <= SEED_MAX)) {
    throw new UsageError(`seed: it must be a whole number from 0 to ${SEED_MAX}`)
  }
  return { wire, wireIn, wireOut, only, seed: Number(seed ?? 0), scenario }
}

/** Calls `fn`. A mistake becomes one line with its column, and without the content of a file. */
export function inOneLine<T>(name: string, { read }: StrangerResources, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const [line = ''] = error.message.split('\n')
    const column =
      error instanceof FileError && error.column !== undefined ? `, column ${error.column}` : ''
    const file = [...read].find(each => line.includes(`${each}: `))
    const [place = ''] = /line \d+/.exec(line) ?? []
    const what =
      file === undefined ? line : `the file ${file} has a mistake${place && ` in ${place}`}`
    throw new UsageError(`${name}${column}: ${what}`)
  }
}

function checkText(text: string, resources: StrangerResources): void {
  const length = Buffer.byteLength(text)
  if (length > TEXT_MAX) {
    throw new UsageError(`it has ${length} bytes: at most ${TEXT_MAX} are taken`)
  }
  const read = readWireText(text)
  for (const direction of ['ab', 'ba'] as const) {
    const groups = directed(read.groups, direction)
    const stages = stagesOf(groups)
    if (stages.length > STAGES_MAX) {
      throw new UsageError(`it has ${stages.length} stages: at most ${STAGES_MAX} are taken`)
    }
    const copies = copiesOf(groups)
    if (copies > COPIES_MAX) {
      throw new UsageError(
        `its stages make ${copies} packets of one: at most ${COPIES_MAX} are taken`,
      )
    }
    buildGroups(groups, resources)
  }
}

/** Returns all stages, including nested ones. */
function stagesOf(groups: readonly Group[]): Item[] {
  return groups.flatMap(({ items }) =>
    items.flatMap(item => [
      item,
      ...Object.values(item.spec ?? {}).flatMap(inner => stagesOf(groupsIn(inner))),
    ]),
  )
}

function groupsIn(value: unknown): Group[] {
  return Array.isArray(value)
    ? value.filter((each): each is Group => Array.isArray(each?.items))
    : []
}

/** The references of a stranger's text: files in `directory`, by their plain names, and filters. */
export class StrangerResources implements WireResources {
  /** The names of the files that were read, for messages. */
  readonly read = new Set<string>()
  readonly filter = compileNumericFilter
  readonly #directory: string | undefined

  constructor(directory?: string) {
    this.#directory = directory
  }

  file(name: string): string {
    const path = this.#path(name)
    this.read.add(name)
    return readTextFile(path)
  }

  scenario<T>(name: string, parse: (text: string, direction: 'ab' | 'ba') => T): ScenarioList<T> {
    const text = this.file(name)
    try {
      return parseScenario(text, name, parse)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const [, line] = /:(\d+):\d+:/.exec(error.message) ?? []
      throw new UsageError(
        `the file ${name} has a mistake${line === undefined ? '' : ` in line ${line}`}`,
      )
    }
  }

  /** A link, as in a mounted ConfigMap, may lead to another file below the directory. */
  #path(name: string): string {
    const directory = this.#directory
    if (directory === undefined) {
      throw new UsageError(`file ${printable(name)}: the daemon has no --files`)
    }
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name)) {
      throw new UsageError(
        `file ${printable(name).slice(0, 100)}: only plain names of files in --files are taken`,
      )
    }
    try {
      const path = realpathSync(join(directory, name))
      if (path.startsWith(realpathSync(directory) + sep) && statSync(path).isFile()) return path
    } catch {
      // Reported below.
    }
    throw new UsageError(`file ${name}: there is no such file in --files`)
  }
}

/** Returns the message of an error that a stranger may have caused, as one line. */
export const lineOf = (error: unknown): string =>
  printable(messageOrDescription(error).split('\n')[0] ?? '')
