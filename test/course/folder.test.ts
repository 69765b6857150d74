import { expect, test } from 'vitest'
import { exercises } from '../../src/course/exercises/index.ts'
import { exerciseNamed } from '../../src/course/folder.ts'
import { runMain } from '../support/run-main.ts'

test('an exercise is found by its name, its number or its word, also with the slash that a shell adds', () => {
  for (const text of ['03-ring', '03-Ring/', '3', '03', 'ring']) {
    expect(exerciseNamed(text, exercises)?.name).toBe('03-ring')
  }
  for (const text of ['0', '13', '03-', 'rin', '']) expect(exerciseNamed(text, exercises)).toBeUndefined()
})

test.each([
  ['nothing', "'nothing' is neither an exercise nor a file; vnet learn lists them"],
  ['package.json', 'package.json is in no directory that is named after an exercise, such as 01-drop'],
  ['course/01-drop/README.md', 'course/01-drop/README.md is no driver: a driver file ends in .js, .mjs or .ts'],
  ['course/01-drop/wrong', 'no driver.js in course/01-drop/wrong; vnet learn 01-drop writes one'],
])('vnet check %s is refused in one line', async (file, line) => {
  expect(await runMain('check', file)).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: check: ${line} (see vnet --help)\n`,
  })
})
