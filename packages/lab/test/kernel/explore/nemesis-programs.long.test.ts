/** A server and a client survive faults; `npm run test:explore` has more of them. */
import { expect, test } from 'vitest'
import { explore } from '../../../src/index.ts'

test('a client of node:http executes no request twice when its server restarts at any message', async () => {
  const module = new URL('../../../../../examples/nemesis/http.mjs', import.meta.url)
  const report = await explore(module, { faults: ['restart 500ms on server'], captures: false })
  expect([report.cleanErrors, report.failures]).toEqual([[], []])
  // Three requests and three replies.
  expect([report.points.length, report.count('passed')]).toEqual([6, 6])
})
