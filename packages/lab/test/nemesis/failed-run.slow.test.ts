/** What happened in runs that failed, by a lost packet or a fault of a link or host. */
import { expect, test } from 'vitest'
import { pageOf } from '../../src/explore/page.ts'
import type { RunSpan } from '../../src/explore/result.ts'
import { checkReport, exploreOne, rowsOf } from '../support/failed-runs.ts'

test('a fault of a packet has a diagram, too', async () => {
  const report = await exploreOne('drop')
  const [lost, ...others] = report.failures[0]?.run?.packets ?? []
  expect(lost).toMatchObject({ label: 'packet 1', hit: expect.stringMatching(/^at 0.0 ms/) })
  expect(others.map(({ hit }) => hit)).toEqual(others.map(() => undefined))
  expect(rowsOf(pageOf(report.toJSON(), 'a'))[0]).toEqual([
    '0.0 client to server: ab packet 1 , hit',
  ])
})

test.each<[string, Partial<RunSpan>, string]>([
  [
    'mute forever',
    { starts: 'client-server ab loses all packets', to: undefined },
    'at 0.0 ms client-server ab loses all packets',
  ],
  [
    'deaf forever',
    { starts: 'client-server ba loses all packets', to: undefined },
    'at 0.0 ms client-server ba loses all packets',
  ],
  ['silence 1h on server', { host: 'server', to: undefined }, 'at 0.0 ms server is cut off'],
  [
    'mute 1s on server',
    { host: 'server', to: 1000 },
    'at 0.0 ms server sends nothing, at 1000.0 ms server sends again',
  ],
  [
    'deaf 1s on server',
    { host: 'server', to: 1000 },
    'at 0.0 ms server receives nothing, at 1000.0 ms server receives again',
  ],
  [
    'restart 1s on server',
    { host: 'server', to: 1000 },
    'at 0.0 ms server crashes, at 1000.0 ms server starts again',
  ],
  ['pause 10s on server', { host: 'server', to: undefined }, 'at 0.0 ms server stops'],
  ['crash on server', { host: 'server', to: undefined }, 'at 0.0 ms server crashes'],
])('the report of %s says what happened and when', checkReport)

test('the page shows a fault of a link as a bar between its ends, which lasts to the last packet', async () => {
  const report = await exploreOne('mute forever')
  expect(rowsOf(pageOf(report.toJSON(), 'a'))).toEqual([
    ['0.0 client-server ab loses all packets', 'bar wide 90 20 20'],
    ['0.0 client to server: ab packet 1 , lost', 'bar wide 90 0 40'],
    ['1000.0 client to server: ab packet 2 , lost', 'bar wide 90 0 40'],
    ['2000.0 client to server: ab packet 3 , lost', 'bar wide 90 0 40'],
  ])
})
