import { expect, test } from 'vitest'
import * as reasons from '#src/skb/drop-reason.ts'
import { SKB_DROP_REASON_MAX } from '#src/skb/drop-reason.ts'
import { dropReasonName, dropReasonOf } from '#src/skb/drop-reason-name.ts'

const constants: [string, number][] = Object.entries(reasons).flatMap(([name, value]) =>
  typeof value === 'number' && name !== 'SKB_DROP_REASON_MAX' ? [[name, value]] : [],
)

test('a drop reason’s name is its constant without the prefix', () => {
  for (const [constant, number] of constants) {
    expect(dropReasonName(number)).toBe(constant.replace(/^SKB_(DROP_REASON_)?/, ''))
  }
})

test('the reasons are numbered from 0 without gaps, so that they index a row of counters', () => {
  const numbers = constants.map(([, number]) => number).sort((a, b) => a - b)
  expect(numbers).toEqual(Array.from({ length: SKB_DROP_REASON_MAX }, (_, i) => i))
})

test('reasons of the kernel have the kernel’s spelling', () => {
  // include/net/dropreason-core.h, DEFINE_DROP_REASON
  const kernel = [
    'NOT_SPECIFIED',
    'PKT_TOO_SMALL',
    'PKT_TOO_BIG',
    'DEV_READY',
    'FULL_RING',
    'NOMEM',
    'UNHANDLED_PROTO',
  ]
  const names = constants.map(([, number]) => dropReasonName(number))
  expect(names).toEqual(
    expect.arrayContaining([...kernel, 'IP_INHDR', 'HDR_TRUNC', 'SKB_GSO_SEG', 'SKB_CSUM']),
  )
})

test('dropReasonName returns REASON_N for a number that is not a reason', () => {
  expect(dropReasonName(SKB_DROP_REASON_MAX)).toBe(`REASON_${SKB_DROP_REASON_MAX}`)
})

test('dropReasonOf finds every drop reason by its name, and no other', () => {
  for (let reason = 1; reason < SKB_DROP_REASON_MAX; reason++) {
    expect(dropReasonOf(dropReasonName(reason))).toBe(reason)
  }
  for (const name of ['NOT_DROPPED_YET', 'REASON_7', 'pkt_too_small', '', 'toString']) {
    expect(dropReasonOf(name)).toBeUndefined()
  }
})
