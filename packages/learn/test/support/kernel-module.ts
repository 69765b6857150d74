/** Runs `vnet check --kernel` on a module. */

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'

/** Milliseconds for a check without KVM, and the download of the kernel before the first one. */
export const LIMIT_MS = 300_000

const PROGRAM = join(import.meta.dirname, '../../../../dist/vnet.js')

export interface ModuleCheck {
  readonly status: number
  readonly results: readonly Result[]
  /** What it printed on standard error, without the line about a download. */
  readonly errors: string
}

export function checkModule(
  exercise: string,
  file: string,
  ...options: string[]
): Promise<ModuleCheck> {
  return new Promise(resolve => {
    const args = [PROGRAM, 'check', '--kernel', '--json', ...options, exercise, file]
    execFile(process.execPath, args, { timeout: LIMIT_MS }, (error, stdout, stderr) => {
      const results = stdout
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as Result)
      const errors = stderr.replace(/^downloading .*\n/, '')
      resolve({ status: error === null ? 0 : Number(error.code), results, errors })
    })
  })
}

/** Calls `check` with a file of an exercise's solution in which texts are replaced, in order. */
export async function withChanged<T>(
  exercise: string,
  changes: readonly (readonly [string, string])[],
  check: (file: string) => Promise<T>,
) {
  const solution = readFileSync(join(COURSE, exercise, 'kernel/solution.c'), 'utf8')
  const changed = changes.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`not exactly once: ${from}`)
    return text.replace(from, () => to)
  }, solution)
  const directory = mkdtempSync(join(tmpdir(), 'vnet-module-'))
  try {
    const file = join(directory, 'wrong.c')
    writeFileSync(file, changed)
    return await check(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The line of a text in a file. */
export function lineWith(file: string, text: string): number {
  return (
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex(line => line.includes(text)) + 1
  )
}
