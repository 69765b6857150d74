/** A Node that is too old is refused in one line. off-linux.test.ts is about other systems. */
import { expect, test } from 'vitest'
import { runOn, tooOld } from './old-node.ts'

test('vnet runs on Node 20.19.0', () => {
  expect(runOn('20.19.0')).toMatchObject({ status: 0, stderr: '' })
})

test('vnet refuses Node 20.18.3 in one line with exit status 1', () => {
  expect(runOn('20.18.3')).toEqual(tooOld('20.18.3'))
})
