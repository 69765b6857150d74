import { expect, test } from 'vitest'
import * as reasons from '../../src/skb/drop-reason.ts'
import { dropReasonName, dropReasonOf, SKB_DROP_REASON_MAX } from '../../src/skb/drop-reason.ts'

const constants: [string, number][] = Object.entries(reasons).flatMap(([name, value]) =>
  typeof value === 'number' && name !== 'SKB_DROP_REASON_MAX' ? [[name, value]] : [],
)

test('every reason has its constant as its name, without the prefix', () => {
  for (const [constant, number] of constants) {
    expect(dropReasonName(number)).toBe(constant.replace(/^SKB_(DROP_REASON_)?/, ''))
  }
})

test('the numbers index a row of counters: each from 0 to the maximum once', () => {
  const numbers = constants.map(([, number]) => number).sort((a, b) => a - b)
  expect(numbers).toEqual(Array.from({ length: SKB_DROP_REASON_MAX }, (_, i) => i))
})

test('reasons that the kernel has are spelt as there', () => {
  // include/net/dropreason-core.h, DEFINE_DROP_REASON
  const kernel = ['NOT_SPECIFIED', 'PKT_TOO_SMALL', 'PKT_TOO_BIG', 'DEV_READY', 'FULL_RING', 'NOMEM', 'UNHANDLED_PROTO']
  const names = constants.map(([, number]) => dropReasonName(number))
  expect(names).toEqual(expect.arrayContaining([...kernel, 'IP_INHDR', 'HDR_TRUNC', 'SKB_GSO_SEG', 'SKB_CSUM']))
})

test('a number that is no reason shows as itself', () => {
  expect(dropReasonName(SKB_DROP_REASON_MAX)).toBe(`REASON_${SKB_DROP_REASON_MAX}`)
})

test('a reason is found by the name it has, and only one that a frame can be dropped for', () => {
  for (let reason = 1; reason < SKB_DROP_REASON_MAX; reason++) expect(dropReasonOf(dropReasonName(reason))).toBe(reason)
  for (const name of ['NOT_DROPPED_YET', 'REASON_7', 'pkt_too_small', '', 'toString']) {
    expect(dropReasonOf(name)).toBeUndefined()
  }
})
