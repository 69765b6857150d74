/** What happened in a run that failed by a lost packet, after all packets were tried. */
import { expect, test } from 'vitest'
import { pageOf } from '../../src/explore/page.ts'
import { exploreOne, rowsOf } from '../support/failed-runs.ts'

test('a fault of a packet has a diagram, too', async () => {
  const report = await exploreOne('drop')
  const [lost, ...others] = report.failures[0]?.run?.packets ?? []
  expect(lost).toMatchObject({ label: 'packet 1', hit: expect.stringMatching(/^at 0.0 ms/) })
  expect(others.map(({ hit }) => hit)).toEqual(others.map(() => undefined))
  expect(rowsOf(pageOf(report.toJSON(), 'a'))[0]).toEqual([
    '0.0 client to server: ab packet 1 , hit',
  ])
})
