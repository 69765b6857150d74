/** Fake timers of a test's own beside the time of a world. */
import { afterEach, expect, test, vi } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { VirtualTime } from '../../../src/memory/time/virtual-time.ts'
import { start } from './started.ts'

const { setTimeout: realTimeout, Date: RealDate } = globalThis

afterEach(() => {
  vi.useRealTimers()
})

test('a world is refused while timers are fake, and changes nothing', () => {
  vi.useFakeTimers()
  expect(() => new VirtualTime()).toThrow(UsageError)
  expect(() => new VirtualTime()).toThrow(/^setTimeout is fake: .*vi\.useRealTimers\(\)/)
  vi.useRealTimers()
  expect(start().now).toBe(0)
})

test('a world is refused while only Date is fake', () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  expect(() => new VirtualTime()).toThrow(/^Date is fake: /)
})

test('fake timers that a test turns on and off give the timers back to its world', async () => {
  const time = start()
  vi.useFakeTimers()
  let rung = 0
  setTimeout(() => rung++, 1000)
  vi.advanceTimersByTime(1000)
  expect([rung, time.now]).toEqual([1, 0])
  vi.useRealTimers()
  await new Promise(resolve => setTimeout(resolve, 5000))
  expect([time.now, Date.now() - Date.UTC(2000, 0, 1)]).toEqual([5000, 5000])
})

test('a Date that is restored in a world remains after it', () => {
  const time = new VirtualTime()
  vi.setSystemTime('2030-01-01')
  vi.useRealTimers()
  time.close()
  expect([globalThis.Date, globalThis.setTimeout]).toEqual([RealDate, realTimeout])
})

test('fake timers that outlive a world become the timers of Node when they are turned off', () => {
  const time = new VirtualTime()
  vi.useFakeTimers()
  time.close()
  expect(vi.isFakeTimers()).toBe(true)
  vi.useRealTimers()
  expect(Date.now()).toBeGreaterThan(Date.UTC(2020))
  expect(new Date()).toBeInstanceOf(RealDate)
})
