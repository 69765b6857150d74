/** When frames are due, on a clock that the test moves. */
import { describe, expect, test } from 'vitest'
import { Pace, type Speed } from '../../../src/cli/replay/pace.ts'

const MS = 1_000_000
const SEC = 1_000_000_000

/**
 * Returns when frames with these capture times in nanoseconds are due; the replay starts at 5000.
 */
function due(speed: Speed, times: readonly (number | undefined)[], length = 125): number[] {
  const pace = new Pace(speed, () => 5000)
  return times.map(ns => pace.due(at(ns), length))
}

/** A moment that is `ns` after one in 2023. */
function at(ns: number | undefined) {
  if (ns === undefined) return { seconds: 0, nanoseconds: 0, hasTime: false }
  const seconds = Math.floor(ns / SEC)
  return { seconds: 1_700_000_000 + seconds, nanoseconds: ns - seconds * SEC, hasTime: true }
}

describe('as recorded', () => {
  test('frames are due with the intervals of their capture, to the nanosecond', () => {
    const times = [999_999_999, SEC, SEC + 1, 2 * SEC + 7]
    expect(due({ factor: 1 }, times)).toEqual([5000, 5001, 5002, 5000 + SEC + 8])
  })

  test('a multiplier of 2 halves the distances, one of 0.1 makes them ten times as long', () => {
    expect(due({ factor: 2 }, [0, 10, 100])).toEqual([5000, 5005, 5050])
    expect(due({ factor: 0.1 }, [0, 10, 100])).toEqual([5000, 5100, 6000])
  })

  test('a frame that was captured a little before the one ahead of it is late, and delays no other', () => {
    expect(due({ factor: 1 }, [0, 100, 60, 160])).toEqual([5000, 5100, 5060, 5160])
  })

  test('after the clock steps back, the next frame is due immediately, and the others after it', () => {
    expect(due({ factor: 1 }, [10 * SEC, 10 * SEC + 50, SEC, SEC + 20])).toEqual([5000, 5050, 5050, 5070])
    expect(due({ factor: 1 }, [10 * SEC, 10 * SEC + 50, 9 * SEC + 60])).toEqual([5000, 5050, 5060 - SEC])
  })

  test('a packet without a time is due with the one before it', () => {
    expect(due({ factor: 1 }, [undefined, 7, 27, undefined, 37])).toEqual([5000, 5000, 5020, 5020, 5030])
  })

  test('the first frame of the next loop is due when the last one was', () => {
    const pace = new Pace({ factor: 1 }, () => 5000)
    for (const ns of [0, 300]) pace.due(at(ns), 60)
    pace.again()
    expect([0, 300].map(ns => pace.due(at(ns), 60))).toEqual([5300, 5600])
  })
})

test('at a frame rate, frames are due one after the other, whatever their times and lengths', () => {
  expect(due({ framesPerSecond: 1000 }, [9, 0, undefined, 5])).toEqual([5000, 5000 + MS, 5000 + 2 * MS, 5000 + 3 * MS])
})

test('at a bit rate, each frame is due when the previous ones have been sent', () => {
  // 125 bytes take 1 ms at 1 Mbit/s.
  expect(due({ bitsPerSecond: 1e6 }, [0, 0, 0])).toEqual([5000, 5000 + MS, 5000 + 2 * MS])
})

test('at top speed every frame is late', () => {
  expect(due('top', [0, SEC])).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
})
