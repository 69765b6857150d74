/** The worker of `vnet check` on drivers that break it: variants of the solution of 01-drop. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { loadExercise } from '../../packages/learn/src/commands/exercise-file.ts'
import { type Result, withoutMarkers } from '../../packages/learn/src/exercise.ts'
import { COURSE } from '../../packages/learn/src/folder.ts'
import { runWorker } from '../../packages/learn/src/worker.ts'
import { testDirectory, written } from './fresh-directory.ts'

const directory = join(COURSE, '01-drop')

export const solution = withoutMarkers(readFileSync(join(directory, 'solution.js'), 'utf8'))

/** Returns the failure that ends the checks in memory of a driver with this text. */
export async function failureOf(text: string): Promise<Result | undefined> {
  const exercise = await loadExercise(directory)
  const file = written(testDirectory(), 'driver.mjs', text)
  const results: Result[] = []
  const add = (result: Result) => results.push(result)
  await runWorker(exercise, 'memory', file, add, () => {})
  const titles = exercise.memory.map(({ title }) => title)
  expect(results.map(({ title }) => title)).toEqual(expect.arrayContaining(titles))
  return results.find(({ result }) => result === 'failed')
}
