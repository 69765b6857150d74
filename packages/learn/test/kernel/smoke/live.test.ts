/** The live checks of an exercise, on real interfaces. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exerciseOf } from '#support/course.ts'
import type { Result } from '../../../src/exercise.ts'
import { COURSE } from '../../../src/folder.ts'
import { runWorker } from '../../../src/worker.ts'

test('the live checks of 01-drop pass for its solution', async () => {
  const results: Result[] = []
  const solution = join(COURSE, '01-drop/solution.js')
  await runWorker(
    await exerciseOf('01-drop'),
    'live',
    solution,
    result => results.push(result),
    () => {},
  )
  expect(results.map(({ result }) => result)).toEqual(['passed', 'passed'])
})
