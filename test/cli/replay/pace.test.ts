/** When frames are due, on a clock that the test moves. */
import { expect, test } from 'vitest'
import { evenPaceOf, paceOf } from '#src/cli/replay/player.ts'

const SEC = 1_000_000_000

/**
 * Returns when frames with these capture times in nanoseconds are due; the replay starts at 5000.
 */
function due(...times: number[]): number[] {
  const due = paceOf(() => 5000)
  return times.map(ns => due(at(ns)))
}

/** A moment that is `ns` after one in 2023. */
function at(ns: number) {
  const seconds = Math.floor(ns / SEC)
  return { seconds: 1_700_000_000 + seconds, nanoseconds: ns - seconds * SEC }
}

test('frames are due with the intervals of their capture, to the nanosecond', () => {
  expect(due(999_999_999, SEC, SEC + 1, 2 * SEC + 7)).toEqual([5000, 5001, 5002, 5000 + SEC + 8])
})

test('a frame that was captured a little before the one ahead of it is late, and delays no other', () => {
  expect(due(0, 100, 60, 160)).toEqual([5000, 5100, 5060, 5160])
})

test('after the clock steps back, the next frame is due immediately, and the others after it', () => {
  expect(due(10 * SEC, 10 * SEC + 50, SEC, SEC + 20)).toEqual([5000, 5050, 5050, 5070])
  expect(due(10 * SEC, 10 * SEC + 50, 9 * SEC + 60)).toEqual([5000, 5050, 5060 - SEC])
})

test('frames at an even pace are due one after the other', () => {
  const due = evenPaceOf(() => 5000, 1000)
  expect([due(), due(), due()]).toEqual([5000, 5000 + SEC / 1000, 5000 + SEC / 500])
})
