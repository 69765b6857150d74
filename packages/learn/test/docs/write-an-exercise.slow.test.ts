import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'
import * as course from '../../src/index.ts'

const page = readFileSync('packages/learn/docs/write-an-exercise.md', 'utf8')
const files = [...page.matchAll(/^`20-short\/([\w.]+)`:\n\n```\w+\n(.*?)```$/gms)].map(
  ([, name, text]) => [name, text],
)
const texts = Object.fromEntries(files) as Record<string, string>

const directory = freshDirectory()
let count = 0
/** Another path for each test: a process loads a module of a path once. */
const own = () => join(directory, String(count), '20-short')

/** Writes the example with changed files; an empty text leaves a file out. */
function write(changed: Record<string, string> = {}): void {
  for (const [name, text] of Object.entries({ ...texts, ...changed })) {
    if (text !== '') {
      writeFileSync(join(own(), name), text)
    }
  }
}

beforeEach(() => {
  count++
  mkdirSync(own(), { recursive: true })
})

test('the example in packages/learn/docs/write-an-exercise.md passes vnet check --mistakes, which names a mistake that is not found', async () => {
  const found = texts['mistakes.js'] as string
  const none =
    "{ name: 'none', explainedBy: 'a frame of 9 bytes', replace: ['skb.len >', 'skb.len >='] },"
  write({ 'mistakes.js': found.replace(/\]\n$/, `  ${none}\n]\n`) })
  const { status, stdout, stderr } = await runMain('check', '--mistakes', '--memory-only', own())
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout).toBe(`20-short: A limit: long frames are dropped
ok      the solution passes
ok      the skeleton fails
ok      README.md has the headings that the checks name
ok      off-by-one is explained
ok      no-reason is explained
FAILED  none is explained: with --limit 100, a frame of 100 bytes was dropped as: PKT_TOO_BIG 1; expected: NOT_SPECIFIED 1: it is not longer than the limit
`)
})

test('vnet check exits with 1 for a live check that was not run if --require-live is given, else with 0', async () => {
  const definition = texts['exercise.js'] as string
  const exercise = definition.replace("needs: ['ping']", "needs: ['no-such-program']")
  expect(exercise).not.toBe(definition)
  write({ 'short.js': texts['solution.js'] as string, 'exercise.js': exercise })
  const { status, stdout } = await runMain('check', '--from', own(), own())
  expect(stdout).toMatch(
    /^not run live: counts a long ping as PKT_TOO_BIG: .+\n20-short: 2 passed, 1 not run\.\n$/m,
  )
  expect(status).toBe(0)
  expect(await runMain('check', '--require-live', '--from', own(), own())).toEqual({
    status: 1,
    stdout,
    stderr: '',
  })
})

test('vnet check --mistakes continues with the next exercise if vnet itself fails', async () => {
  const broken = `${texts['exercise.js']}\nif (process.argv[1].endsWith('check-worker.js')) process.exit(3)\n`
  write({ 'exercise.js': broken })
  const first = own()
  count++
  mkdirSync(own(), { recursive: true })
  write()
  const { status, stdout, stderr } = await runMain(
    'check',
    '--mistakes',
    '--memory-only',
    first,
    own(),
  )
  expect([status, stderr]).toEqual([
    1,
    'vnet: check: the checks of 20-short ended with status 3: \n',
  ])
  expect(stdout).toMatch(/^(20-short: .+\n){2}ok {6}the solution passes\n/)
})

test('vnet check --mistakes refuses a heading that the page does not have, in a check or in an explanation', async () => {
  const definition = texts['exercise.js'] as string
  write({
    'README.md': `${texts['README.md']}\n\`\`\`\n## Nope\n\`\`\`\n`,
    'exercise.js': definition.replace("read: 'The length of a frame'", "read: 'Nope'"),
  })
  const { status, stdout } = await runMain('check', '--mistakes', '--memory-only', own())
  expect(status).toBe(1)
  const line =
    "no heading 'Nope'; it has: 20. A limit: long frames are dropped, What to do, The length of a frame"
  expect(stdout).toContain(`FAILED  README.md has the headings that the checks name: ${line}\n`)
  expect(stdout).toContain("FAILED  off-by-one is explained: no heading 'Nope' in README.md; ")
})

test('packages/learn/docs/write-an-exercise.md lists the values that @vnet/learn exports', () => {
  const [, table = ''] = /^\| export .*?\n\|---\|---\|\n(.*?)\n\n/ms.exec(page) ?? []
  const rows = table.split('\n').map(row => row.split('|')[1] as string)
  const named = rows.flatMap(row => [...row.matchAll(/`(\w+)/g)].map(([, name]) => name as string))
  expect(named.sort()).toEqual(Object.keys(course).sort())
})

describe('a broken exercise is refused in one line', () => {
  test.each([
    [{ 'README.md': '' }, /20-short: the exercise has no README\.md$/],
    [{ 'short.js': '' }, /20-short: the exercise has no short\.js$/],
    [
      { 'exercise.js': 'throw new Error("later")' },
      /exercise\.js does not load: Error: later \(at /,
    ],
    [
      { 'exercise.js': 'export const a = 1' },
      /it exports no exercise: it needs `export const exercise = /,
    ],
    [
      { 'exercise.js': 'export const exercise = { version: 2 }' },
      /version 2 of '@vnet\/learn', .* version 1$/,
    ],
    [{ 'exercise.js': 'export const exercise = { version: 1 }' }, /title is not a text$/],
    [
      { 'exercise.js': definition("driver: '../a.js'") },
      /driver is not the name of a \.js file: \.\.\/a\.js$/,
    ],
    [{ 'exercise.js': definition("driver: 'a.js'") }, /memory is not a list of checks$/],
    [
      { 'exercise.js': definition("driver: 'a.js', memory: [{ title: 'x' }], live: []") },
      /memory\[0\] has no title, or no function run$/,
    ],
  ])('%j', async (changed, line) => {
    write(changed)
    await expect(loadExercises(own())).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(line),
    })
  })
})

function definition(rest: string): string {
  return `export const exercise = { version: 1, title: '', summary: '', ${rest} }`
}

test.each([
  ['/nowhere', 1, '/nowhere is neither a directory nor an installed package'],
  ['no-such-package', 1, 'no-such-package is neither a directory nor an installed package'],
  ['src/base', 2, 'src/base has no exercises: no directory in it has an exercise.js'],
])('vnet learn --from %s has status %d and one line', async (from, expected, line) => {
  const { status, stderr } = await runMain('learn', '--from', from)
  expect([status, stderr]).toEqual([expected, `vnet: ${line}\n`])
})
