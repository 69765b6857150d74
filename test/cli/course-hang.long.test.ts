/** Started programs (child_process) that spin until they are ended. */
import { expect, test } from 'vitest'
import { failureOf, solution } from '../support/course-worker.ts'

test.each([
  ['a driver that does not return', solution.replace('skb.drop()', 'for (;;);')],
  ['a driver file whose loading does not end', `for (;;);\n${solution}`],
])('vnet check ends %s, and explains it', async (_, text) => {
  const failure = await failureOf(text, 2)
  expect(failure?.seen).toMatch(/has not returned for 2 s/)
})
