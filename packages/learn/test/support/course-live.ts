/** The tests on live interfaces that every exercise of the course has. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  exerciseOf,
  expectExplained,
  mistakesOf,
  withDriverFile,
  wrongDriver,
} from '#support/course.ts'
import type { Exercise, Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'
import { runWorker } from '../../src/worker.ts'

export async function testLive(name: string): Promise<void> {
  const exercise = await exerciseOf(name)
  const { live } = exercise

  test(`the solution of ${name} passes all live checks`, async () => {
    const results = await checkLive(exercise, join(COURSE, name, 'solution.js'))
    expect(results).toEqual(live.map(({ title }) => ({ title, where: 'live', result: 'passed' })))
  })

  test.each(await mistakesOf(exercise, true))(
    `$name in ${name} is explained live by: $explainedBy`,
    async mistake => {
      const results = await withDriverFile(wrongDriver(exercise, mistake), file =>
        checkLive(exercise, file),
      )
      expectExplained(exercise, results, mistake.explainedBy)
    },
  )
}

async function checkLive(exercise: Exercise, file: string): Promise<Result[]> {
  const results: Result[] = []
  await runWorker(
    exercise,
    'live',
    file,
    result => results.push(result),
    () => {},
  )
  return results
}
