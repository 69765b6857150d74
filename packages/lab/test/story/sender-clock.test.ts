/** The clock of a sender, by the timestamps of its packets. */
import { expect, test } from 'vitest'
import type { PacketView } from '../../src/story/packet-view.ts'
import { SenderClock } from '../../src/story/sender.ts'

const MINUTE = 60e9
const NSEC_PER_USEC = 1000

/** Returns the steps that a clock sees in packets at these times (ns), with stamps in us. */
function stepsOf(times: readonly number[], stampOf: (time: number) => number): number[] {
  const clock = new SenderClock()
  return times.map(time => clock.step({ time, stamp: stampOf(time) | 0 } as PacketView))
}

test('a capture of two hours has no step, though stamps of microseconds wrap in it twice', () => {
  const times = Array.from({ length: 120 }, (_, i) => i * MINUTE)
  expect(stepsOf(times, time => time / NSEC_PER_USEC).filter(step => step !== 0)).toEqual([])
})

test('a clock that is set back is a step, also after stamps have wrapped', () => {
  const times = Array.from({ length: 100 }, (_, i) => i * MINUTE)
  const later = [...times, 99.25 * MINUTE]
  const steps = stepsOf(later, time => (time === 99.25 * MINUTE ? 100 : time / MINUTE) * 60e6)
  expect(steps.slice(0, -1).filter(step => step !== 0)).toEqual([])
  expect(steps.at(-1)).toBe(-0.75 * MINUTE)
})
