/** The worker of `vnet check` on drivers that break it: variants of the solution of 01-drop. */
import { expect } from 'vitest'
import type { Result } from '../../packages/learn/src/exercise.ts'
import { runWorker } from '../../packages/learn/src/worker.ts'
import { exerciseOf, solutionOf, withDriverFile } from './course.ts'

export const solution = solutionOf('01-drop')

/** Returns the failure that ends the checks in memory of a driver with this text. */
export async function failureOf(text: string): Promise<Result | undefined> {
  const exercise = await exerciseOf('01-drop')
  return withDriverFile(text, async file => {
    const results: Result[] = []
    const add = (result: Result) => results.push(result)
    await runWorker(exercise, 'memory', file, add, () => {})
    const titles = exercise.memory.map(({ title }) => title)
    expect(results.map(({ title }) => title)).toEqual(expect.arrayContaining(titles))
    return results.find(({ result }) => result === 'failed')
  })
}
