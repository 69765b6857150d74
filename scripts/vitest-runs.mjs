/**
 * Runs vitest, once or in two parts beside each other. Tests of the kernel mostly wait, and other
 * tests compute, but one vitest can only run the ones after the others. So a run that takes long is
 * two: the second has less priority, because a program that a test of the kernel starts must not be
 * late, and its output is kept until the first ends.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeptOutput, Programs } from './programs.mjs'
import { pathWithNode, tool } from './setup/command.mjs'

/** The variables that select what vitest runs (vitest.config.mjs). */
const VARIABLES = [
  'VNET_QUICK',
  'VNET_LONG',
  'VNET_TEST_FOLDER',
  'VNET_TEST_FILES',
  'VNET_TEST_PART',
]

/** Returns this environment with those variables as given here, and without the others of them. */
function environmentWith(variables) {
  const given = Object.entries(variables).filter(([, value]) => value !== undefined)
  const others = Object.entries(process.env).filter(([name]) => !VARIABLES.includes(name))
  return { ...Object.fromEntries([...others, ...given]), PATH: pathWithNode() }
}

/**
 * Runs vitest in `root` for one or two `parts`: PARTS of test-selection.mjs, or undefined for all
 * files. `variables` select the files, `args` are options of vitest, `limit` is in milliseconds,
 * and `before` is a step before the last part: its name and its command. Returns the exit code and
 * the JSON report of the parts that have written one; undefined if none has.
 */
export async function runVitest(parts, { root, args, variables, limit, before }) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const fileOf = part => join(directory, `${part ?? 'all'}.json`)
  const programs = new Programs(root)
  const runPart = (part, output) => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${fileOf(part)}`]
    const env = environmentWith({ ...variables, VNET_TEST_PART: part })
    return programs.run([...tool('vitest'), 'run', ...reporters, ...args], { env, limit, output })
  }
  const runLast = async output => {
    const code =
      before === undefined
        ? 0
        : await programs.runStep(before, { env: environmentWith({}), output })
    return (await runPart(parts.at(-1), output)) || code
  }
  try {
    const isOne = parts.length === 1
    const kept = new KeptOutput()
    const first = isOne ? 0 : runPart(parts[0]).finally(() => kept.showOn(process.stdout))
    const codes = await Promise.all([first, runLast(isOne ? undefined : kept)])
    const reports = parts.map(fileOf).filter(existsSync)
    const resultsIn = file => JSON.parse(readFileSync(file, 'utf8')).testResults
    return {
      code: codes.find(Boolean) ?? 0,
      report: reports.length > 0 ? { testResults: reports.flatMap(resultsIn) } : undefined,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
    programs.close()
  }
}
