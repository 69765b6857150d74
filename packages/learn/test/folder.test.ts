import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../src/commands/exercise-file.ts'
import { withMistake } from '../src/exercise.ts'
import { exerciseNamed, markDone } from '../src/folder.ts'
import { attack } from './support/own-checks.ts'

const directory = freshDirectory()

test.each([
  ['its directory', ''],
  ['its driver', 'drop.js'],
])(
  'vnet check of %s runs no exercise that a package.json names, which may be a student’s',
  async (_, file) => {
    const { own, done } = attack(directory)
    const { status, stdout, stderr } = await runMain('check', '--memory-only', join(own, file))
    expect([status, stdout, existsSync(done)]).toEqual([2, '', false])
    const checks = join(directory, 'students/y/checks')
    expect(stderr).toBe(
      `vnet: check: ${own} is for the exercise ${checks}, whose program would run with your rights: ` +
        'if you trust it, give it with --from\n',
    )
  },
)

test('vnet check runs no exercise.js of the directory that it checks', async () => {
  const { done } = attack(directory)
  const { status } = await runMain('check', '--memory-only', join(directory, 'students/y/checks'))
  expect([status, existsSync(done)]).toEqual([2, false])
})

test('the mark of a passed exercise replaces a link, and leaves alone the file to which it leads', () => {
  const file = join(directory, 'drop.js')
  const other = join(directory, 'other')
  writeFileSync(file, 'driver')
  writeFileSync(other, 'mine')
  symlinkSync(other, join(directory, '.done'))
  markDone(file)
  markDone(file)
  expect(readFileSync(other, 'utf8')).toBe('mine')
  expect(readFileSync(join(directory, '.done'), 'utf8')).toMatch(/^[0-9a-f]{64}$/)
})

test('an exercise is found by its name, its number or its word, also with the slash that a shell adds', async () => {
  const exercises = await loadExercises()
  for (const text of ['03-ring', '03-Ring/', '3', '03', 'ring']) {
    expect(exerciseNamed(text, exercises)?.name).toBe('03-ring')
  }
  for (const text of ['0', '99', '03-', 'rin', '']) {
    expect(exerciseNamed(text, exercises)).toBeUndefined()
  }
})

test.each([
  [
    'package.json',
    'package.json is in no directory that is named after an exercise, such as 01-drop',
  ],
  [
    'packages/learn/course/01-drop/README.md',
    'packages/learn/course/01-drop/README.md is no driver: a driver file ends in .js, .mjs or .ts',
  ],
])('vnet check %s is refused in one line', async (file, line) => {
  expect(await runMain('check', file)).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: check: ${line}\n`,
  })
})

test('vnet check of an unknown exercise fails in one line', async () => {
  const stderr = "vnet: check: 'nothing' is neither an exercise nor a file; vnet learn lists them\n"
  expect(await runMain('check', 'nothing')).toEqual({ status: 1, stdout: '', stderr })
})

test('a mistake replaces texts of the solution, also one that another replacement contains', () => {
  const replace = [
    ['a()', 'b()\na()'],
    ['b()', ''],
  ] as const
  expect(withMistake('a()\nb()', { name: 'moved', explainedBy: '', replace })).toBe('b()\na()\n')
})

test.each(['', 'a()\na()'])(
  'a mistake whose text does not occur exactly once in %j is refused',
  solution => {
    const replace = ['a()', ''] as const
    expect(() => withMistake(solution, { name: 'late', explainedBy: '', replace })).toThrow(
      'late: not exactly once: a()',
    )
  },
)
