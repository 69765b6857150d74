import { expect, test } from 'vitest'
import { collections } from '../../bench/steps.mjs'

test('the times of garbage collections are read from the trace of V8, in microseconds', () => {
  const trace = [
    '[30280:0x23682d60]       17 ms: Scavenge 3.8 (4.0) -> 3.4 (5.0) MB, 2.12 / 0.00 ms  (average mu = 1.000) allocation failure; ',
    'ready',
    '[30280:0x23682d60]     1019 ms: Mark-Compact (reduce) 4.1 (5.2) -> 3.9 (5.7) MB, 0.5 / 0.00 ms  (+ 1.1 ms in 2 steps) task; ',
  ]
  expect(collections(trace.join('\n')).map(us => Math.round(us))).toEqual([2120, 500])
  expect(collections('ready\n')).toEqual([])
})
