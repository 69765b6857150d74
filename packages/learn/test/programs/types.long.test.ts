import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { loadExercises } from '../../src/commands/exercise-file.ts'
import { COURSE, writeExercise } from '../../src/folder.ts'

const TSC = resolve(import.meta.dirname, '../../../../node_modules/.bin/tsc')
const directory = fileDirectory()

test.each(await loadExercises())(
  'an editor finds no mistake in the skeleton, the solution and the checks of $name',
  exercise => {
    writeExercise(directory, exercise)
    const own = join(directory, exercise.name)
    for (const file of ['solution.js', 'exercise.js']) {
      copyFileSync(join(COURSE, exercise.name, file), join(own, file))
    }
    const { status, stdout } = spawnSync(TSC, ['-p', 'jsconfig.json'], {
      cwd: own,
      encoding: 'utf8',
    })
    expect([status, stdout]).toEqual([0, ''])
  },
)
