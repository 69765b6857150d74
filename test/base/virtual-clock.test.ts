import { expect, test } from 'vitest'
import { VirtualClock } from '#src/base/virtual-clock.ts'

test('a move rings the alarms that are due, each at its moment, and one that rings sets more', () => {
  const clock = new VirtualClock(10)
  const rung: (readonly [string, number])[] = []
  const late = clock.alarm(() => rung.push(['late', clock.now()]))
  const again = clock.alarm(() => {
    rung.push(['again', clock.now()])
    again.at(clock.now() + 20)
  })
  late.at(45)
  again.at(20)
  expect([clock.armed, clock.next]).toEqual([2, 20])
  clock.advance(50)
  expect(rung).toEqual([
    ['again', 20],
    ['again', 40],
    ['late', 45],
  ])
  expect([clock.now(), clock.armed, clock.next]).toEqual([50, 1, 60])
  again.cancel()
  expect([clock.armed, clock.next]).toEqual([0, Number.POSITIVE_INFINITY])
})

test('time never goes back, and an alarm in the past rings at the next move', () => {
  const clock = new VirtualClock(100)
  const rung: number[] = []
  clock.alarm(() => rung.push(clock.now())).at(50)
  clock.advance(90)
  expect([clock.now(), rung]).toEqual([100, [100]])
})
