/**
 * The process that runs the module of a scenario in a guest. After a first run without faults it
 * stops the machine, which the host then copies: each later run continues in a copy, with the
 * RunSpec that the host replies. After that run it stops the copy, with the result.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { stopMachine } from '@vnet/guest/kit'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { loadScenario } from './load-scenario.ts'
import { type RunResult, type RunSpec, runOnce } from './run-once.ts'

/** The result of a run in a guest, which sends it as base64 of v8.serialize. */
export interface GuestReply {
  readonly result: RunResult
  /** The names of the captures, and their content. */
  readonly captures: readonly (readonly [name: string, content: Uint8Array])[]
}

/** Milliseconds for the first run. */
const FIRST_MS = 30_000

const [url = ''] = process.argv.slice(2)
// If the module does not load, this process ends, and the host reports its output.
const scenario = await loadScenario(url)
// The first run takes longest: it loads modules and programs.
await runOnce(scenario, { plan: [], timeout: FIRST_MS, seed: 1, world: 'guest' })
const spec: RunSpec = JSON.parse(stopMachine('the scenario has run').toString())
// Nothing removes the directory: the copy of the machine ends with the run.
const captures = spec.captures === undefined ? undefined : makeTemporaryDirectory('captures-')
const result = await runOnce(scenario, { ...spec, captures })
const files =
  captures === undefined ? [] : readdirSync(captures, { recursive: true, withFileTypes: true })
const reply: GuestReply = {
  result,
  captures: files.flatMap(file =>
    file.isFile() ? [[file.name, readFileSync(join(file.parentPath, file.name))]] : [],
  ),
}
stopMachine(serialize(reply).toString('base64'))
