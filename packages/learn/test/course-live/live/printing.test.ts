/** Drivers of exercises that print, on live interfaces. */
import { expect, test } from 'vitest'
import { exerciseOf, withDriverFile } from '#support/course.ts'
import { solution } from '#support/course-worker.ts'
import type { Result } from '../../../src/exercise.ts'
import { runWorker } from '../../../src/worker.ts'

async function live(text: string): Promise<Result[]> {
  const exercise = await exerciseOf('01-drop')
  const results: Result[] = []
  await withDriverFile(text, file =>
    runWorker(
      exercise,
      'live',
      file,
      result => results.push(result),
      () => {},
    ),
  )
  return results
}

const printing = (lines: number) =>
  solution.replace(
    '  skb.drop()\n',
    `  for (let i = 0; i < ${lines}; i++) console.log('x'.repeat(9999))\n$&`,
  )

test('a driver that prints 3 MB passes its live checks', async () => {
  expect((await live(printing(100))).map(({ result }) => result)).toEqual(['passed', 'passed'])
})

test('a driver that prints more than 10 MB fails a live check for that reason', async () => {
  expect((await live(printing(1001)))[0]).toMatchObject({
    result: 'failed',
    seen: 'the driver printed more than 10 MB',
  })
})
