/** Started programs (child_process) that spin until they are ended. */
import { expect, test } from 'vitest'
import { failureOf, solution } from '#support/course-worker.ts'

test.each([
  [
    'a driver that does not return',
    solution.replace('skb.drop()', 'for (;;);'),
    /^startXmit \(.*driver\.mjs:22:/,
  ],
  ['a driver file whose loading does not end', `for (;;);\n${solution}`, /^\S*driver\.mjs:1:/],
])('vnet check ends %s, and explains it by its line', async (_, text, place) => {
  const failure = await failureOf(text)
  expect(failure?.seen).toMatch(place)
  expect(failure?.seen).toContain(' has not returned for 2 s: a loop without end')
})
