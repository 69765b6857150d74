/** The limit for a silent worker, with the time and the page of the test. */
import { beforeEach, expect, test, vi } from 'vitest'
import { Silence } from '../src/browser/silence.ts'

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
  const silence = new Silence(ms => ended.push(ms))
  silence.restart(5000)
  vi.advanceTimersByTime(4999)
  silence.restart(5000)
  vi.advanceTimersByTime(4999)
  expect(ended).toEqual([])
  vi.advanceTimersByTime(20_000)
  expect(ended).toEqual([5000])
})

test('the worker of a hidden page has the time again when the page is seen', () => {
  const silence = new Silence(ms => ended.push(ms))
  page.hidden = true
  silence.restart(5000)
  vi.advanceTimersByTime(12_000)
  page.hidden = false
  vi.advanceTimersByTime(2999)
  expect(ended).toEqual([])
  vi.advanceTimersByTime(1)
  expect(ended).toEqual([5000])
})

test('a worker that was stopped does not end', () => {
  const silence = new Silence(ms => ended.push(ms))
  silence.restart(5000)
  silence.stop()
  vi.advanceTimersByTime(5000)
  expect(ended).toEqual([])
})
