/** explore tries every fault of a protocol; `npm run test:explore` has more of them. */
import { expect, test } from 'vitest'
import { explore } from '../../../src/index.ts'

test('every fault of every packet of a DNS query is tried, and the resolver survives each', async () => {
  const report = await explore(new URL('../../explore/protocols/dns-cares.mjs', import.meta.url))
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect([report.packets.length, report.points.length, report.count('skipped')]).toEqual([2, 8, 0])
})
