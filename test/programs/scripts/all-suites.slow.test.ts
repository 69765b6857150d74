/** scripts/all-suites.mjs in a repository of its own, with a fake npm. */

import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { execute } from '#support/setup-tree.ts'

/**
 * Records its arguments. The run with the number BUSY_RUN first waits until its parent has used CPU
 * time. The suite test:labs fails.
 */
const NPM = `
const fs = require('node:fs')
const args = process.argv.slice(2).join(' ')
const runs = fs.existsSync('calls') ? fs.readFileSync('calls', 'utf8').split('\\n').length - 1 : 0
const ticks = () => Number(fs.readFileSync('/proc/' + process.ppid + '/stat', 'utf8').split(') ')[1].split(' ')[11])
const busy = ticks() + 20
while (process.env.BUSY_RUN === String(runs) && ticks() < busy);
fs.appendFileSync('calls', args + ' ' + process.env.CI + '\\n')
const fails = args.includes('labs')
if (!args.includes('release')) console.log('noise\\n' + (fails ? '2 passed, 1 failed' : '3 passed, 0 failed') + ', 0 skipped')
process.exitCode = fails ? 1 : 0
`

const root = freshDirectory()
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
    cwd: root,
    encoding: 'utf8',
  }).trim()

beforeEach(() => {
  cpSync('scripts', join(root, 'scripts'), { recursive: true })
  writeFileSync(join(root, 'npm-cli.js'), NPM)
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'a')
})

const suites = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  execute([join(root, 'scripts/all-suites.mjs'), '--results', join(root, 'results'), ...args], {
    npm_execpath: join(root, 'npm-cli.js'),
    ...env,
  })
const read = (name: string) =>
  existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : ''
const results = () =>
  read('results')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

test('each suite runs in CI mode and is recorded with the commit, and a failed run fails the script', async () => {
  const { code, stdout } = await suites(['--only', 'labs,release'])
  expect(read('calls')).toBe('run test:labs true\nrun release -- --dry-run true\n')
  const commit = git('rev-parse', 'HEAD')
  expect(results()).toMatchObject([
    { commit, suite: 'labs', busy: 0, code: 1, counts: '2 passed, 1 failed, 0 skipped' },
    { commit, suite: 'release', busy: 0, code: 0, counts: '' },
  ])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^\| labs \| 0 \| 1 \| 2 passed, 1 failed, 0 skipped \| \d+ \|$/m)
})

test('runs of this commit in the file are not repeated, runs of another commit are', async () => {
  const { code } = await suites(['--only', 'browsers'])
  await suites(['--only', 'browsers'])
  expect([code, read('calls')]).toEqual([0, 'run test:browsers true\n'])
  appendFileSync(join(root, 'npm-cli.js'), '\n')
  git('commit', '-qam', 'b')
  await suites(['--only', 'browsers'])
  expect(read('calls')).toBe('run test:browsers true\n'.repeat(2))
})

test('every second run of npm test is beside busy loops', async () => {
  const { code } = await suites(['--only', 'test', '--times', '3'], { BUSY_RUN: '1' })
  expect(code).toBe(0)
  expect(results().map(({ busy }) => busy > 0)).toEqual([false, true, false])
})

test.each([
  { args: ['--only', 'lab'], message: '--only lab: expected test, all, long, ' },
  { args: ['--times', '0'], message: '--times 0: expected a number from 1 to 999' },
  { args: ['--twice'], message: "Unknown option '--twice'" },
])('$args is refused', async ({ args, message }) => {
  const { code, stderr } = await suites(args)
  expect([code, stderr.startsWith(`all-suites: ${message}`)]).toEqual([2, true])
})

test('a tree with changes is refused, because each run belongs to a commit', async () => {
  appendFileSync(join(root, 'npm-cli.js'), '\n')
  const { code, stderr } = await suites(['--only', 'labs'])
  expect([code, read('calls')]).toEqual([2, ''])
  expect(stderr).toBe(
    'all-suites: each run belongs to a commit: commit your changes first: see --help\n',
  )
})
