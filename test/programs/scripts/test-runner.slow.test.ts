/**
 * `npm test` stops at the first step that fails, with its output and its exit code. The steps'
 * programs are stand-ins.
 */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { execute } from '#support/setup-tree.ts'

const report = (status: string) =>
  JSON.stringify({
    testResults: [
      { name: 'test/a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] },
      { name: 'test/kernel/b.test.ts', status, assertionResults: [{ status }] },
    ],
  })

const root = freshDirectory()

beforeEach(() => {
  cpSync('scripts', join(root, 'scripts'), { recursive: true })
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
  for (const tool of ['biome', 'tsc']) {
    program(`node_modules/.bin/${tool}`, '')
  }
  for (const script of ['check-imports', 'check-prose', 'sanitize']) {
    program(`scripts/${script}.mjs`, '')
  }
  vitest('passed', 0)
})

/**
 * Writes a program to `path` that appends its name and arguments to the file `calls`, then runs
 * `source`.
 */
function program(path: string, source: string): void {
  const record = `fs.appendFileSync('calls', '${path} ' + process.argv.slice(2).join(' ') + '\\n')`
  const fs = path.endsWith('.mjs') ? "import fs from 'node:fs'" : "const fs = require('fs')"
  writeFileSync(join(root, path), `${fs}\n${record}\n${source}`)
}

function vitest(status: string, code: number): void {
  const write = `
    const option = process.argv.find(argument => argument.startsWith('--outputFile.json=')).split('=')[1]
    const report = ${report(status)}
    for (const file of report.testResults) file.name = process.cwd() + '/' + file.name
    fs.writeFileSync(option, JSON.stringify(report))
    console.log('vitest was here' + (process.env.VNET_QUICK === '1' ? ', for the quick tests' : ''))
    process.exit(${code})`
  program('node_modules/.bin/vitest', write)
}

const run = (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
  execute([join(root, 'scripts/test.mjs'), ...args], env)
const calls = () => readFileSync(join(root, 'calls'), 'utf8').trimEnd().split('\n')
const lastLines = (text: string, n: number) => text.trimEnd().split('\n').slice(-n)

test('all steps run and print one line each, and the last line counts the tests', async () => {
  const { code, stdout } = await run()
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  const names = ['format and lint', 'types', 'imports', 'comments and documents']
  expect(lines.slice(0, 4)).toEqual(
    names.map(name => expect.stringMatching(`^ok +${name} \\([0-9.]+ s\\)$`)),
  )
  expect(lines.slice(4)).toEqual([
    'vitest was here, for the quick tests',
    '2 passed, 0 failed, 0 skipped',
  ])
  expect(calls().at(-1)).not.toContain('coverage')
})

test('with --all all steps run, and the slow tests too', async () => {
  const { code, stdout } = await run(['--all'])
  expect(code).toBe(0)
  expect(calls()).toHaveLength(5)
  expect(calls().at(-1)).not.toContain('--all')
  expect(lastLines(stdout, 2)).toEqual(['vitest was here', '2 passed, 0 failed, 0 skipped'])
})

test('with --coverage all steps run, and all tests with coverage', async () => {
  const { code, stdout } = await run(['--coverage'])
  expect(code).toBe(0)
  expect(lastLines(stdout, 2)).toEqual(['vitest was here', '2 passed, 0 failed, 0 skipped'])
  expect(calls()).toHaveLength(5)
  expect(calls().at(-1)).toMatch(/vitest run .* --coverage( --coverage.thresholds.lines=87)?$/)
})

test.each([
  ['node_modules/.bin/biome', 'FAILED  format and lint', 4],
  ['scripts/check-imports.mjs', 'FAILED  imports', 4],
  ['scripts/check-prose.mjs', 'FAILED  comments and documents', 4],
])(
  'when %s fails, its output ends the run and no slower step is started',
  async (path, line, started) => {
    program(path, "console.log('what is wrong'); process.exitCode = 7")
    const { code, stdout } = await run()
    expect(code).toBe(7)
    expect(lastLines(stdout, 2)).toEqual([expect.stringMatching(`^${line}`), 'what is wrong'])
    expect(calls()).toHaveLength(started)
  },
)

test('a step that a signal ended is a failure, with the exit code of a shell', async () => {
  program('scripts/check-prose.mjs', "process.kill(process.pid, 'SIGKILL')")
  const { code, stdout } = await run()
  expect(code).toBe(128 + 9)
  expect(stdout).not.toContain('vitest was here')
})

test('failed tests are counted, and the exit code is vitest’s', async () => {
  vitest('failed', 1)
  const { code, stdout } = await run()
  expect(code).toBe(1)
  expect(lastLines(stdout, 1)).toEqual(['1 passed, 1 failed, 0 skipped'])
})

test('with arguments only vitest runs, with these arguments and without coverage', async () => {
  const { code, stdout } = await run(['test/netdev', '-t', 'a name'])
  expect(code).toBe(0)
  expect(lastLines(stdout, 2)).toContain('vitest was here')
  expect(calls()).toEqual([expect.stringMatching(/vitest run .* test\/netdev -t a name$/)])
  expect(calls()[0]).not.toContain('coverage')
})

test('skipped kernel tests are named and are a failure in CI', async () => {
  vitest('skipped', 0)
  const { code, stdout } = await run([], { CI: 'true' })
  expect(code).toBe(1)
  const complaint = /^kernel tests must not be skipped in CI: test\/kernel\/b\.test\.ts \(1\): ./
  expect(lastLines(stdout, 2)).toEqual([
    expect.stringMatching(complaint),
    '1 passed, 0 failed, 1 skipped',
  ])
})

test('skipped kernel tests are only counted outside CI', async () => {
  vitest('skipped', 0)
  const { code, stdout } = await run()
  expect(code).toBe(0)
  expect(lastLines(stdout, 2)).toEqual([
    'vitest was here, for the quick tests',
    '1 passed, 0 failed, 1 skipped',
  ])
})

test('--long runs the sanitizers, then the tests at their full size', async () => {
  program('node_modules/.bin/vitest', "console.log('long: ' + process.env.VNET_LONG)")
  program('scripts/sanitize.mjs', 'process.exitCode = process.env.VNET_LONG === undefined ? 0 : 1')
  const { code, stdout } = await run(['--long'])
  expect(code).toBe(0)
  expect(lastLines(stdout, 2)).toEqual([expect.stringMatching(/^ok {2}sanitizers/), 'long: 1'])
})

test('--long with arguments runs the selected tests at their full size', async () => {
  program('node_modules/.bin/vitest', "console.log('long: ' + process.env.VNET_LONG)")
  const { code, stdout } = await run(['--long', 'test/netdev'])
  expect([code, stdout]).toEqual([0, 'long: 1\n'])
  expect(calls()).toEqual([expect.stringMatching(/vitest run .* test\/netdev$/)])
})
