/** Scenarios that block their thread, and threads that run them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import type { RunSpec } from '../../src/explore/run-once.ts'
import { ThreadRunner } from '../../src/explore/thread-runner.ts'

export const SPEC: RunSpec = { plan: [], seed: 1, timeout: 100, world: 'memory' }
/** Milliseconds in which a thread must return to its event loop. */
export const PATIENCE = 300
export const BLOCKED = /^the scenario blocks its thread: killed after \d+ ms$/

/** Returns the address of a module with a scenario; its code may call `sleep(ms)`, which blocks. */
export function scenario(body: string): string {
  const path = join(testDirectory(), 'scenario.mjs')
  const sleep =
    'const sleep = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)'
  writeFileSync(path, `${sleep}\nexport default async () => { ${body} }\n`)
  return pathToFileURL(path).href
}

/** Runs a scenario in a thread that must return to its event loop within `patience`. */
export async function errorOf(body: string, patience = PATIENCE): Promise<string | undefined> {
  const runner = new ThreadRunner(scenario(body), 1)
  runner.patience = patience
  onTestFinished(() => runner.close())
  return (await runner.run(SPEC)).error
}
