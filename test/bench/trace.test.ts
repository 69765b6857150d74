/** Traces with few events, in which every time is known. */
import { expect, test } from 'vitest'
import { frameTimes, MARK } from '../../bench/trace.mjs'

const thread = { pid: 1, tid: 1 }
const mark = (ts: number) => ({ ...thread, name: MARK, ph: 'I', ts })
const event = (name: string, ts: number, dur: number, more = {}) => ({
  ...thread,
  name,
  ph: 'X',
  ts,
  dur,
  ...more,
})

test('the time of scripts is counted once, in the frame of the page in which they run', () => {
  const found = frameTimes([
    mark(0),
    // One in the other, and one of another thread.
    event('FireAnimationFrame', 1000, 4000),
    event('FunctionCall', 2000, 2000),
    event('FunctionCall', 3000, 9000, { tid: 2 }),
    event('Paint', 6000, 8000),
    mark(16_000),
    event('TimerFire', 17_000, 1000),
    event('EventDispatch', 20_000, 1000),
    mark(40_000),
    event('FunctionCall', 41_000, 30_000),
  ])
  expect(found).toEqual({ fps: 50, longest: 24, script: 4 })
})

test('a trace without frames of the page is refused', () => {
  expect(() => frameTimes([event('FunctionCall', 0, 1)])).toThrow('the page has drawn no frames')
})
