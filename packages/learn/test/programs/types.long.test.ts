import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'
import { COURSE, writeExercise } from '../../src/folder.ts'

const TSC = resolve(import.meta.dirname, '../../../../node_modules/.bin/tsc')
const directory = fileDirectory()

test('an editor finds no mistake in the skeleton, the solution and the checks of any exercise', async () => {
  const exercises = await loadExercises()
  for (const exercise of exercises) {
    writeExercise(directory, exercise)
    for (const file of ['solution.js', 'exercise.js']) {
      copyFileSync(join(COURSE, exercise.name, file), join(directory, exercise.name, file))
    }
  }
  // The folders have the same options: all are checked together.
  const options = exercises.map(({ name }) =>
    readFileSync(join(directory, name, 'jsconfig.json'), 'utf8'),
  )
  expect(new Set(options).size).toBe(1)
  const { compilerOptions } = JSON.parse(options[0] as string)
  const include = exercises.map(({ name }) => `${name}/*.js`)
  writeFileSync(join(directory, 'jsconfig.json'), JSON.stringify({ compilerOptions, include }))
  const { status, stdout } = spawnSync(TSC, ['-p', 'jsconfig.json'], {
    cwd: directory,
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([0, ''])
})
