import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AlarmHeap, type HeapAlarm } from '../../src/kernel/alarm-heap.ts'

const alarm = (): HeapAlarm => ({ fn: () => {}, index: -1, at: () => {}, cancel: () => {} })

/** As expect().toBe, at a hundredth of its cost: this is asked very often. */
function agree(one: unknown, other: unknown) {
  if (!Object.is(one, other)) throw new Error(`${one} is not ${other}`)
}

test('a heap gives what a sorted list gives, whatever is armed, moved, disarmed and taken', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), which: fc.nat(149), moment: fc.nat(20) }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat(149) }),
    fc.record({ kind: fc.constant('shift' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), steps => {
      const alarms = Array.from({ length: 150 }, alarm)
      const heap = new AlarmHeap()
      let list: { alarm: HeapAlarm; moment: number }[] = []
      for (const step of steps) {
        if (step.kind === 'shift') agree(heap.shift(), list.shift()?.alarm)
        else {
          const it = alarms[step.which]
          list = list.filter(entry => entry.alarm !== it)
          if (step.kind === 'remove') heap.remove(it)
          else {
            heap.set(it, step.moment)
            list.push({ alarm: it, moment: step.moment })
            // Stable: equal moments stay in the order of arming.
            list.sort((a, b) => a.moment - b.moment)
          }
        }
        agree(heap.size, list.length)
        agree(heap.first, list[0]?.moment ?? Number.POSITIVE_INFINITY)
      }
      while (list.length > 0) agree(heap.shift(), list.shift()?.alarm)
      agree(heap.shift(), undefined)
      agree(alarms.filter(it => it.index !== -1).length, 0)
    }),
    { numRuns: 100 },
  )
})

test('a cleared heap has disarmed all its alarms', () => {
  const heap = new AlarmHeap()
  const alarms = Array.from({ length: 200 }, alarm)
  for (const [i, it] of alarms.entries()) heap.set(it, i % 7)
  heap.clear()
  expect([heap.size, heap.first, alarms.filter(it => it.index !== -1).length]).toEqual([0, Number.POSITIVE_INFINITY, 0])
})
