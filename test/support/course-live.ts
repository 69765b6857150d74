/** The tests on live interfaces that every exercise of the course has. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Exercise, Result } from '../../src/course/exercise.ts'
import { COURSE } from '../../src/course/folder.ts'
import { runWorker } from '../../src/course/worker.ts'
import { expectExplained, wrongDrivers } from './course.ts'

export function testLive(exercise: Exercise): void {
  const { name, live } = exercise

  test(`the solution of ${name} passes all live checks`, async () => {
    const results = await checkLive(exercise, join(COURSE, name, 'solution.js'))
    expect(results).toEqual(live.map(({ title }) => ({ title, where: 'live', result: 'passed' })))
  })

  const wrong = wrongDrivers(exercise).filter(({ isLive }) => isLive)
  test.each(wrong)(`a wrong driver of ${name} is explained live by: $text`, async each => {
    expectExplained(exercise, await checkLive(exercise, each.file), each)
  })
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
