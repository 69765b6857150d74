/** The live check of an exercise, on a real interface. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadExercise } from '../../../src/commands/exercise-file.ts'
import type { Result } from '../../../src/exercise.ts'
import { COURSE } from '../../../src/folder.ts'
import { runWorker } from '../../../src/worker.ts'

test('the live check of 11-statistics passes for its solution, confined', async () => {
  const results: Result[] = []
  const directory = join(COURSE, '11-statistics')
  await runWorker(
    await loadExercise(directory),
    'live',
    join(directory, 'solution.js'),
    result => results.push(result),
    () => {},
    { isConfined: true },
  )
  expect(results).toMatchObject([{ title: 'ip counts the same frames as vnet', result: 'passed' }])
})
