/**
 * The defects of packages/lab/records/found.md repeat in both worlds, with the versions of
 * examples/found/package.json, defects of programs in the kernel, and survivors survive. It prints
 * a line for each.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { type ExploreOptions, explore } from '../../src/index.ts'
import { FOUND, foundNames, programNames } from '../support/found.ts'

/** Milliseconds for the runs of a scenario: in the kernel each waits in real time. */
const LIMIT = { timeout: 600_000 }

const examples = fileDirectory()
const directory = join(examples, 'found')
const moduleOf = (name: string) => pathToFileURL(join(directory, `${name}.mjs`))

beforeAll(() => {
  cpSync(FOUND, directory, { recursive: true, filter: path => !path.includes('node_modules') })
  // Scenarios share them.
  cpSync(join(FOUND, '../servers'), join(examples, 'servers'), { recursive: true })
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
  execFileSync('npm', args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
}, 600_000)

/** Explores a scenario, and prints how often which faults failed. Returns the failures. */
async function failuresOf(name: string, options: ExploreOptions) {
  const report = await explore(moduleOf(name), { captures: false, ...options })
  const shares = report.failures.map(({ failed, runs }) => `${failed} of ${runs}`)
  console.log(
    `${name} (${report.world}): ${report.size} points, failed in ${shares.join(', ') || 'none'}`,
  )
  expect(report.cleanErrors).toEqual([])
  return report.failures
}

test.each(foundNames())('%s fails always in memory', LIMIT, async name => {
  const failures = await failuresOf(name, {})
  expect(failures.length).toBeGreaterThan(0)
  expect(failures.map(({ failed, runs }) => [failed, runs])).toEqual(failures.map(() => [4, 4]))
})

test.each(foundNames())('%s fails in the kernel in 3 of 4 runs', LIMIT, async name => {
  const failures = await failuresOf(name, { world: 'kernel', stopAt: 1 })
  expect(failures.map(({ failed }) => failed >= 3)).toEqual([true])
})

test.each(programNames())('%s of Debian fails in the kernel in 3 of 4 runs', LIMIT, async name => {
  const failures = await failuresOf(`programs/${name}`, { world: 'kernel', stopAt: 1 })
  expect(failures.map(({ failed }) => failed >= 3)).toEqual([true])
})

test.each(readdirSync(join(FOUND, 'survivors')).map(file => file.replace('.mjs', '')))(
  '%s survives every fault',
  LIMIT,
  async name => {
    expect(await failuresOf(`survivors/${name}`, { budget: '30s' })).toEqual([])
  },
)
