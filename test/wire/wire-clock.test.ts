import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { WireClock } from '../../src/wire/wire-clock.ts'

class SlackClock extends FakeClock {
  readonly slack = 50
}

/** Arms an alarm for each moment. Returns what rings: the moment of the wire, and of the real clock. */
function rung(clock: FakeClock, moments: readonly number[]): [number, number][] {
  const wire = new WireClock(clock, error => {
    throw error
  })
  const seen: [number, number][] = []
  for (const moment of moments) wire.alarm(() => seen.push([wire.now(), clock.now()])).at(moment)
  clock.advance(1000)
  return seen
}

describe('WireClock', () => {
  test('alarms ring at their moments', () => {
    const moments = [100, 110, 149, 150, 300]
    expect(rung(new FakeClock(), moments)).toEqual(moments.map(moment => [moment, moment]))
  })

  test('alarms in quick succession share a wake-up of a clock with slack, each at its moment of the wire', () => {
    expect(rung(new SlackClock(), [100, 110, 149, 151, 300, 340])).toEqual([
      [100, 100],
      [110, 150],
      [149, 150],
      [151, 200],
      [300, 300],
      [340, 350],
    ])
  })

  test('an arrival rings what is due without waiting for the shared wake-up', () => {
    const clock = new SlackClock()
    const wire = new WireClock(clock, () => {})
    const seen: number[] = []
    for (const moment of [100, 110]) wire.alarm(() => seen.push(wire.now())).at(moment)
    clock.advance(120)
    expect(seen).toEqual([100])
    wire.advance()
    expect(seen).toEqual([100, 110])
  })

  test('an alarm that is far off rings on time after one that was put off', () => {
    const clock = new SlackClock()
    const wire = new WireClock(clock, () => {})
    const seen: number[] = []
    const alarm = wire.alarm(() => {
      seen.push(clock.now())
      if (seen.length < 3) alarm.at(wire.now() + 60)
    })
    alarm.at(10)
    clock.advance(1000)
    expect(seen).toEqual([10, 70, 130])
  })
})
