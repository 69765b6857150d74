/** The report's lines about runs without faults that did not end in time. */
import { expect, test } from 'vitest'
import { ExploreReport } from '../../src/explore/report.ts'

const textOf = (cleanErrors: readonly string[]) =>
  String(
    new ExploreReport({
      packets: [],
      kinds: [],
      baseline: { times: [1], left: [] },
      unstable: [],
      unrecorded: [],
      cleanErrors,
      roundTrip: 2,
      rto: '50 ms',
      world: 'kernel' as const,
    }),
  )

test('a report whose runs without faults timed out suggests a longer timeout', () => {
  const advice = 'the machine may be too slow for the timeout: set a longer one'
  expect(textOf(['timed out after 1000 ms'])).toContain(`timed out after 1000 ms\n${advice}\n`)
  expect(textOf(['Error: refused'])).not.toContain(advice)
})

test('errors of clean runs that differ only in times are one error', () => {
  const text = textOf([
    'broken after 12.5 ms\nprinted:\none',
    'broken after 13 ms\nprinted:\ntwo',
    'other',
  ])
  expect(text).toContain('nothing else was tried:\nbroken after 12.5 ms\nprinted:\none\nother\n')
  expect(text).not.toContain('13 ms')
})
