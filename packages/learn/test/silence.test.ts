/** The limits for a worker that is silent or loud, with the time and the page of the test. */
import { beforeEach, expect, test, vi } from 'vitest'
import { flood, silence } from '../src/browser/confined-worker.ts'

const page = { hidden: false }
const ended: number[] = []

beforeEach(() => {
  ended.length = 0
  page.hidden = false
  vi.useFakeTimers()
  vi.stubGlobal('document', page)
  return () => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  }
})

test('a worker that sends nothing for the time ends, once', () => {
  const worker = silence(ms => ended.push(ms))
  worker.restart(5000)
  vi.advanceTimersByTime(4999)
  worker.restart(5000)
  vi.advanceTimersByTime(4999)
  expect(ended).toEqual([])
  vi.advanceTimersByTime(20_000)
  expect(ended).toEqual([5000])
})

test('the worker of a hidden page has the time again when the page is seen', () => {
  const worker = silence(ms => ended.push(ms))
  page.hidden = true
  worker.restart(5000)
  vi.advanceTimersByTime(12_000)
  page.hidden = false
  vi.advanceTimersByTime(2999)
  expect(ended).toEqual([])
  vi.advanceTimersByTime(1)
  expect(ended).toEqual([5000])
})

test('a worker that was stopped does not end', () => {
  const worker = silence(ms => ended.push(ms))
  worker.restart(5000)
  worker.stop()
  vi.advanceTimersByTime(5000)
  expect(ended).toEqual([])
})

test('a flood is more messages in a second than the limit', () => {
  const isFlood = flood(20_000)
  const sent = (count: number, timeStamp: number) =>
    Array.from({ length: count }, () => isFlood({ timeStamp } as Event)).at(-1)
  expect(sent(20_000, 5000)).toBe(false)
  expect(sent(20_000, 6001)).toBe(false)
  expect(sent(1, 7001)).toBe(true)
})
