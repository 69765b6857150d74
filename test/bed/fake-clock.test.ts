import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { forAll } from '#support/for-all.ts'

test('a fake clock stands still until it is moved', () => {
  const clock = new FakeClock()
  expect(clock.now()).toBe(0)
  clock.advance(5)
  clock.advance(7)
  expect(clock.now()).toBe(12)
})

test('an alarm rings once, at its moment', () => {
  const clock = new FakeClock()
  const rung: number[] = []
  const alarm = clock.alarm(() => rung.push(clock.now()))
  alarm.at(10)
  clock.advance(9)
  expect(rung).toEqual([])
  clock.advance(100)
  expect([rung, clock.now()]).toEqual([[10], 109])
})

test('an alarm for a moment that is past rings with the next move', () => {
  const clock = new FakeClock()
  clock.advance(50)
  const rung: number[] = []
  clock.alarm(() => rung.push(clock.now())).at(10)
  clock.advance(0)
  expect(rung).toEqual([50])
})

test('an alarm that is armed again is moved, and a cancelled one does not ring', () => {
  const clock = new FakeClock()
  const rung: string[] = []
  const [a, b] = [clock.alarm(() => rung.push('a')), clock.alarm(() => rung.push('b'))]
  a.at(10)
  a.at(30)
  b.at(20)
  b.cancel()
  b.cancel()
  clock.advance(25)
  expect(rung).toEqual([])
  clock.advance(5)
  expect(rung).toEqual(['a'])
})

test('two alarms of the same function remain separate', () => {
  const clock = new FakeClock()
  let rung = 0
  const ring = () => {
    rung++
  }
  clock.alarm(ring).at(1)
  clock.alarm(ring).at(2)
  clock.advance(2)
  expect(rung).toBe(2)
})

test('an alarm may arm itself, and others, while it rings', () => {
  const clock = new FakeClock()
  const rung: number[] = []
  const other = clock.alarm(() => rung.push(-clock.now()))
  const alarm = clock.alarm(() => {
    rung.push(clock.now())
    if (clock.now() < 30) {
      alarm.at(clock.now() + 10)
    }
    other.at(clock.now() + 1)
  })
  alarm.at(10)
  clock.advance(100)
  expect(rung).toEqual([10, -11, 20, -21, 30, -31])
})

test('an alarm that arms itself for now rings a nanosecond later: time moves on', () => {
  const clock = new FakeClock()
  const rung: number[] = []
  const alarm = clock.alarm(() => {
    rung.push(clock.now())
    alarm.at(clock.now())
  })
  alarm.at(0)
  clock.advance(0)
  expect([rung, clock.armed]).toEqual([[0], 1])
  clock.advance(3)
  expect([rung, clock.now()]).toEqual([[0, 1, 2, 3], 3])
  alarm.cancel()
})

test('an alarm that throws leaves the others armed, and those set after it as they are', () => {
  const clock = new FakeClock()
  const rung: string[] = []
  clock
    .alarm(() => {
      throw new Error('broken')
    })
    .at(5)
  const other = clock.alarm(() => rung.push('other'))
  other.at(6)
  expect(() => clock.advance(10)).toThrow('broken')
  expect([clock.now(), clock.armed]).toEqual([5, 1])
  clock.alarm(() => rung.push('now')).at(5)
  clock.advance(0)
  expect(rung).toEqual(['now'])
  clock.advance(1)
  expect([rung, clock.armed]).toEqual([['now', 'other'], 0])
})

test('alarms ring in the order of their moments, and within one moment as they were armed', () => {
  const arming = fc.record({ alarm: fc.nat(5), at: fc.nat(8) })
  forAll(100, [fc.array(arming, { maxLength: 20 })], armings => {
    const clock = new FakeClock()
    const rung: number[] = []
    const alarms = Array.from({ length: 6 }, (_, i) => clock.alarm(() => rung.push(i)))
    for (const { alarm, at } of armings) {
      alarms[alarm]?.at(at)
    }
    const last = armings.filter(
      ({ alarm }, i) => !armings.slice(i + 1).some(later => later.alarm === alarm),
    )
    clock.advance(8)
    expect(rung).toEqual(last.sort((a, b) => a.at - b.at).map(({ alarm }) => alarm))
  })
})
