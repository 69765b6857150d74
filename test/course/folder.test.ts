import { expect, test } from 'vitest'
import { loadExercises } from '../../src/cli/exercise-file.ts'
import { withMistake } from '../../src/course/exercise.ts'
import { exerciseNamed } from '../../src/course/folder.ts'
import { runMain } from '../support/run-main.ts'

test('an exercise is found by its name, its number or its word, also with the slash that a shell adds', async () => {
  const exercises = await loadExercises()
  for (const text of ['03-ring', '03-Ring/', '3', '03', 'ring']) {
    expect(exerciseNamed(text, exercises)?.name).toBe('03-ring')
  }
  for (const text of ['0', '99', '03-', 'rin', '']) expect(exerciseNamed(text, exercises)).toBeUndefined()
})

test.each([
  ['nothing', "'nothing' is neither an exercise nor a file; vnet learn lists them"],
  ['package.json', 'package.json is in no directory that is named after an exercise, such as 01-drop'],
  ['course/01-drop/README.md', 'course/01-drop/README.md is no driver: a driver file ends in .js, .mjs or .ts'],
])('vnet check %s is refused in one line', async (file, line) => {
  expect(await runMain('check', file)).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: check: ${line}\n`,
  })
})

test('a mistake replaces texts of the solution, also one that another replacement contains', () => {
  const replace = [
    ['a()', 'b()\na()'],
    ['b()', ''],
  ] as const
  expect(withMistake('a()\nb()', { name: 'moved', explainedBy: '', replace })).toBe('b()\na()\n')
})

test.each(['', 'a()\na()'])('a mistake whose text does not occur exactly once in %j is refused', solution => {
  const replace = ['a()', ''] as const
  expect(() => withMistake(solution, { name: 'late', explainedBy: '', replace })).toThrow('late: not exactly once: a()')
})
