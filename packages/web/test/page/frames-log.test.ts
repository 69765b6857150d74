import { expect, it } from 'vitest'
import type { FrameRow } from '../../src/feed-types.ts'
import { FRAMES_MAX, FrameLog } from '../../src/page/frames-log.ts'

/** Frames of these numbers. */
function frames(from: number, to: number): FrameRow[] {
  return Array.from({ length: to - from }, (_, i) => ({ number: from + i }) as FrameRow)
}

const numbers = (log: FrameLog) => log.frames.map(({ number }) => number)

it('the log keeps the newest frames, oldest first, and counts received and skipped frames', () => {
  const log = new FrameLog()
  log.add(frames(1, 200), 0)
  log.add(frames(200, 1201), 7)
  log.add([], 3)
  expect(log.frames).toHaveLength(FRAMES_MAX)
  expect([log.frames[0].number, log.frames.at(-1)?.number]).toEqual([201, 1200])
  expect([log.seen, log.skipped]).toEqual([1200, 10])
})

it('the log keeps as many frames that pass the filter, however few of the arriving frames pass', () => {
  const log = new FrameLog()
  log.setFilter(({ number }) => number % 500 === 0)
  for (let i = 0; i < 30; i++) {
    log.add(frames(100 * i, 100 * i + 100), 0)
  }
  expect(numbers(log)).toEqual([0, 500, 1000, 1500, 2000, 2500])
})

it('the log applies a new filter to the frames that it keeps', () => {
  const log = new FrameLog()
  log.add(frames(0, 10), 0)
  log.setFilter(({ number }) => number > 7)
  expect(numbers(log)).toEqual([8, 9])
  log.setFilter(() => true)
  expect(numbers(log)).toHaveLength(10)
})

it('the log does not change frames that it returned', () => {
  const log = new FrameLog()
  log.add(frames(0, 2), 0)
  const before = log.frames
  log.add(frames(2, 5), 0)
  log.clear()
  expect(before.map(({ number }) => number)).toEqual([0, 1])
  expect([log.frames.length, log.seen]).toEqual([0, 0])
})

it('a held log does not change, under any filter, and counts arriving frames', () => {
  const log = new FrameLog()
  log.add(frames(0, 3), 0)
  log.hold()
  log.add(frames(3, 6), 0)
  log.hold()
  expect([numbers(log), log.isHeld, log.seen, log.seenSinceHeld]).toEqual([[0, 1, 2], true, 6, 3])
  log.setFilter(({ number }) => number % 2 === 0)
  expect(numbers(log)).toEqual([0, 2])
  log.setFilter(() => true)
  expect(numbers(log)).toEqual([0, 1, 2])
  log.release()
  expect([numbers(log), log.isHeld, log.seenSinceHeld]).toEqual([[0, 1, 2, 3, 4, 5], false, 0])
})

it('clearing the log releases it', () => {
  const log = new FrameLog()
  log.hold()
  log.clear()
  log.add(frames(0, 1), 0)
  expect(numbers(log)).toEqual([0])
})
