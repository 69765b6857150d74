import { expect, test } from 'vitest'
import { whyNoFifo } from '../../bench/cpu.mjs'
import { collections, STEPS } from '../../bench/steps.mjs'

test('the times of garbage collections are read from the trace of V8, in microseconds', () => {
  const trace = [
    '[30280:0x23682d60]       17 ms: Scavenge 3.8 (4.0) -> 3.4 (5.0) MB, 2.12 / 0.00 ms  (average mu = 1.000) allocation failure; ',
    'ready',
    '[30280:0x23682d60]     1019 ms: Mark-Compact (reduce) 4.1 (5.2) -> 3.9 (5.7) MB, 0.5 / 0.00 ms  (+ 1.1 ms in 2 steps) task; ',
  ]
  expect(collections(trace.join('\n')).map(us => Math.round(us))).toEqual([2120, 500])
  expect(collections('ready\n')).toEqual([])
})

test('without CAP_SYS_NICE, the reason for no figures under SCHED_FIFO is what chrt prints', () => {
  expect(STEPS.fifo1.needsFifo).toBe(true)
  const ordinary = 'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --'.split(
    ' ',
  )
  const reason = whyNoFifo(process.getuid?.() === 0 ? [...ordinary, 'chrt'] : ['chrt'])
  expect(reason).toMatch(/^chrt: .*Operation not permitted \(CAP_SYS_NICE\)$/)
  expect(whyNoFifo(['true'])).toBeUndefined()
  expect(whyNoFifo(['no-such-chrt'])).toMatch(/ENOENT/)
})
