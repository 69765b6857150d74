/** scripts/flaky.mjs, with a fake vitest: its test process sleeps, and so does another child. */

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '../../support/fresh-directory.ts'
import { execute } from '../../support/setup-tree.ts'

const TEST_PROCESS = 'node_modules/vitest/dist/workers/forks.js'

/**
 * Waits until its test process was stopped and continues, unless EARLY is set, and until this
 * process has used a second of CPU time if BUSY is set. Then it reports that b fails.
 */
const VITEST = `
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const sleep = 'setInterval(() => {}, 1000)'
const worker = spawn(process.execPath, ['${TEST_PROCESS}'])
const other = spawn(process.execPath, ['-e', sleep])
const files = process.argv.slice(2).filter(word => word.endsWith('.test.ts'))
const option = process.argv.find(word => word.startsWith('--outputFile.json=')).split('=')[1]
const fields = pid => fs.readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ')
const isStopped = ({ pid }) => fields(pid)[0] === 'T'
const seen = { worker: false, other: false }
const timer = setInterval(() => {
  if (isStopped(worker)) seen.worker = true
  if (isStopped(other)) seen.other = true
  if (!process.env.EARLY && (!seen.worker || isStopped(worker))) return
  if (process.env.BUSY && Number(fields(process.ppid)[11]) < 100) return
  clearInterval(timer)
  worker.kill()
  other.kill()
  fs.appendFileSync('calls', JSON.stringify({ files, other: seen.other }) + '\\n')
  const result = name => name === 'test/b.test.ts'
    ? { status: 'failed', assertionResults: [{ status: 'failed', fullName: 'b works', failureMessages: ['b is wrong'] }] }
    : { status: 'passed', assertionResults: [{ status: 'passed', fullName: 'works' }] }
  const testResults = files.map(name => ({ name: process.cwd() + '/' + name, ...result(name) }))
  if (!process.env.SILENT) fs.writeFileSync(option, JSON.stringify({ testResults }))
  if (process.env.UNHANDLED) console.error('This error originated in "test/a.test.ts" test file.')
  process.exitCode = files.includes('test/b.test.ts') || process.env.UNHANDLED ? 1 : 0
}, 10)
`

const root = freshDirectory()

beforeEach(() => {
  cpSync('scripts', join(root, 'scripts'), { recursive: true })
  write('node_modules/.bin/vitest', VITEST)
  write(TEST_PROCESS, 'setInterval(() => {}, 1000)')
  for (const name of ['a.test.ts', 'b.test.ts', 'c.long.test.ts', 'support/d.ts']) write(`test/${name}`, '')
})

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const flaky = (args: string[], env: NodeJS.ProcessEnv = {}) => {
  const program = [join(root, 'scripts/flaky.mjs'), '--results', join(root, 'results'), '--busy', '0', ...args]
  return execute(program, env)
}
const jsonLines = (name: string) =>
  existsSync(join(root, name))
    ? readFileSync(join(root, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
    : []
const calls = () => jsonLines('calls')

test('the test process is stopped and continues, other processes are not stopped, and failures are counted', async () => {
  const { code, stdout } = await flaky(['--times', '1'])
  const files = ['test/a.test.ts', 'test/b.test.ts']
  expect(calls()).toEqual([{ files, other: false }])
  expect(jsonLines('results')).toEqual([
    { file: 'test/a.test.ts', failures: [] },
    { file: 'test/b.test.ts', failures: [{ title: 'b works', message: 'b is wrong' }] },
  ])
  const failed = 'FAILED test/b.test.ts: b works\ntest/b.test.ts: 1 of 1 failed\n  b works\n'
  expect([code, stdout]).toEqual([1, `${failed}2 files, 1 failed\n`])
})

test('busy loops run beside the tests', async () => {
  const { code, stdout } = await flaky(['--times', '1', '--busy', '1', 'a.test'], { BUSY: '1', EARLY: '1' })
  expect([code, stdout]).toEqual([0, '1 files, 0 failed\n'])
})

test('runs in the results file are not repeated', async () => {
  const run = (file: string) => `${JSON.stringify({ file: `test/${file}.test.ts`, failures: [] })}\n`
  write('results', run('a') + run('a') + run('b'))
  await flaky(['--times', '2'], { EARLY: '1' })
  expect(calls()).toMatchObject([{ files: ['test/b.test.ts'] }])
  expect(jsonLines('results')).toHaveLength(4)
})

test('only so many files run together, and none after the given minutes', async () => {
  await flaky(['--times', '2', '--together', '1'], { EARLY: '1' })
  const [a, b] = [{ files: ['test/a.test.ts'] }, { files: ['test/b.test.ts'] }]
  expect(calls()).toMatchObject([a, b, a, b])
  const { stdout } = await flaky(['--times', '3', '--minutes', '0'], { EARLY: '1' })
  expect(stdout).toMatch(/\n2 files, 1 failed, 2 runs left\n$/)
})

test('an error outside of tests is a failure of the file that vitest names', async () => {
  const { stdout } = await flaky(['--times', '1', 'a.test'], { EARLY: '1', UNHANDLED: '1' })
  expect(stdout).toContain('test/a.test.ts: 1 of 1 failed\n  no test\n')
  expect(jsonLines('results')[0].failures[0].message).toContain('originated in "test/a.test.ts"')
})

test('a file that vitest does not report did not end', async () => {
  const { code, stdout } = await flaky(['--times', '1', 'a.test'], { EARLY: '1', SILENT: '1' })
  expect([code, stdout]).toEqual([1, expect.stringContaining('  the file did not end\n')])
})

test('files that measure time are listed with the reason', async () => {
  const { code, stdout } = await flaky(['--list'])
  expect(code).toBe(0)
  for (const line of stdout.trimEnd().split('\n')) {
    const [, name] = line.match(/^(\S*test\/\S+\.test\.ts): \w.*$/) ?? []
    expect(existsSync(String(name)), line).toBe(true)
  }
})

test('files that measure time run apart from others', async () => {
  const { stdout } = await flaky(['--list'])
  const [measuring] = stdout.split(':') as [string]
  write(measuring, '')
  await flaky(['--times', '1'], { EARLY: '1' })
  const alone = calls().map(({ files }) => files.includes(measuring) && files.length)
  expect(alone).toContain(1)
})

test.each([
  [['--time', '3'], /^flaky: Unknown option '--time'/],
  [['--times', 'x'], /^flaky: --times x: expected a number, at least 1: see --help$/],
  [['--together', '0'], /^flaky: --together 0: expected a number, at least 1: see --help$/],
  [['--minutes', '-1'], /^flaky: .*--minutes/],
  [['nothing'], /^flaky: no test file contains nothing in its path: see --help$/],
])('arguments %j are refused with one line, and nothing runs', async (args, line) => {
  const { code, stdout, stderr } = await flaky(args)
  expect([code, stdout, stderr.split('\n')]).toEqual([2, '', [expect.stringMatching(line), '']])
  expect(calls()).toEqual([])
})

test('--help describes each option', async () => {
  const { code, stdout } = await flaky(['--help'])
  expect(code).toBe(0)
  for (const option of ['times', 'results', 'minutes', 'together', 'busy', 'list']) {
    expect(stdout).toMatch(new RegExp(`^ +--${option}\\b`, 'm'))
  }
})
