/** Other versions of Node than those at the limit. */
import { expect, test } from 'vitest'
import { runOn, tooOld } from './old-node.ts'

test('vnet runs on Node 22.0.0', () => {
  expect(runOn('22.0.0')).toMatchObject({ status: 0, stderr: '' })
})

test.each(['16.20.2', '18.20.8'])(
  'vnet refuses Node %s in one line with exit status 1',
  version => {
    expect(runOn(version)).toEqual(tooOld(version))
  },
)
