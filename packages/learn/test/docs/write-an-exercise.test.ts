import { describe, expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'
import * as course from '../../src/index.ts'
import { page, shortExercises } from './short-exercise.ts'

const { own, write } = shortExercises()

test('packages/learn/docs/write-an-exercise.md lists the values that @vnet/learn exports', () => {
  const [, table = ''] = /^\| export .*?\n\|---\|---\|\n(.*?)\n\n/ms.exec(page) ?? []
  const rows = table.split('\n').map(row => row.split('|')[1] as string)
  const named = rows.flatMap(row => [...row.matchAll(/`(\w+)/g)].map(([, name]) => name as string))
  expect(named.sort()).toEqual(Object.keys(course).sort())
})

function definition(rest: string): string {
  return `export const exercise = { version: 1, title: '', summary: '', ${rest} }`
}

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

test.each([
  ['/nowhere', 1, '/nowhere is neither a directory nor an installed package'],
  ['no-such-package', 1, 'no-such-package is neither a directory nor an installed package'],
  ['src/base', 2, 'src/base has no exercises: no directory in it has an exercise.js'],
])('vnet learn --from %s has status %d and one line', async (from, expected, line) => {
  const { status, stderr } = await runMain('learn', '--from', from)
  expect([status, stderr]).toEqual([expected, `vnet: ${line}\n`])
})
