import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeapItem, MomentHeap } from '#src/base/moment-heap.ts'
import { forAll } from '#support/for-all.ts'

const item = (): HeapItem => ({ index: -1 })

/** As expect().toBe, at a hundredth of its cost: it is called very often. */
function agree(one: unknown, other: unknown) {
  if (!Object.is(one, other)) throw new Error(`${one} is not ${other}`)
}

test('a heap behaves like a sorted list while items are set, moved, removed and taken', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), which: fc.nat(149), moment: fc.nat(20) }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat(149) }),
    fc.record({ kind: fc.constant('shift' as const) }),
  )
  forAll(100, [fc.array(step, { maxLength: 400, size: 'max' })], steps => {
    const items = Array.from({ length: 150 }, item)
    const heap = new MomentHeap<HeapItem>()
    let list: { item: HeapItem; moment: number }[] = []
    for (const step of steps) {
      if (step.kind === 'shift') {
        agree(heap.shift(), list.shift()?.item)
      } else {
        const it = items[step.which]
        list = list.filter(entry => entry.item !== it)
        if (step.kind === 'remove') {
          heap.remove(it)
        } else {
          heap.set(it, step.moment)
          list.push({ item: it, moment: step.moment })
          // The sort is stable: equal moments keep the order of arming.
          list.sort((a, b) => a.moment - b.moment)
        }
      }
      agree(heap.size, list.length)
      agree(heap.first, list[0]?.moment ?? Number.POSITIVE_INFINITY)
    }
    while (list.length > 0) {
      agree(heap.shift(), list.shift()?.item)
    }
    agree(heap.shift(), undefined)
    agree(items.filter(it => it.index !== -1).length, 0)
  })
})

test('a cleared heap has none of its items left', () => {
  const heap = new MomentHeap<HeapItem>()
  const items = Array.from({ length: 200 }, item)
  for (const [i, it] of items.entries()) {
    heap.set(it, i % 7)
  }
  heap.clear()
  expect([heap.size, heap.first, items.filter(it => it.index !== -1).length]).toEqual([
    0,
    Number.POSITIVE_INFINITY,
    0,
  ])
})
