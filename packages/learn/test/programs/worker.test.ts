/** The process that checks a driver in memory. */
import { expect, test } from 'vitest'
import { failureOf, solution } from '#support/course-worker.ts'

test('a solution passes each check', async () => {
  expect(await failureOf(solution)).toBeUndefined()
})
