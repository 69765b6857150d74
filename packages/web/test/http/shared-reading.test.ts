/** One reading for all waiting requests, at most one per interval. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sharedReading } from '../../src/http/shared-reading.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A reading that ends when the test says so. */
function setUp() {
  const ends: ((result: Promise<number>) => void)[] = []
  const reading = sharedReading(() => new Promise<number>(resolve => ends.push(resolve)), 250)
  return { reading, ends, end: (i: number) => ends[i]?.(Promise.resolve(i)) }
}

test('a request during a reading gets the next reading, together with all others', async () => {
  const { reading, ends, end } = setUp()
  const first = reading()
  await vi.advanceTimersByTimeAsync(0)
  expect(ends).toHaveLength(1)
  const others = [reading(), reading(), reading()]
  await vi.advanceTimersByTimeAsync(10_000)
  // However long the first takes, no second one runs beside it.
  expect(ends).toHaveLength(1)
  end(0)
  expect(await first).toBe(0)
  await vi.advanceTimersByTimeAsync(0)
  end(1)
  expect(await Promise.all(others)).toEqual([1, 1, 1])
})

test('a reading starts one interval after the previous one, or immediately after a longer pause', async () => {
  const { reading, ends, end } = setUp()
  void reading()
  await vi.advanceTimersByTimeAsync(100)
  end(0)
  void reading()
  await vi.advanceTimersByTimeAsync(149)
  expect(ends).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(ends).toHaveLength(2)
  end(1)
  await vi.advanceTimersByTimeAsync(250)
  void reading()
  await vi.advanceTimersByTimeAsync(0)
  expect(ends).toHaveLength(3)
})

test('a failed reading fails for its requests, and the next one is read', async () => {
  const { reading, ends, end } = setUp()
  const failed = expect(reading()).rejects.toThrow('broken')
  await vi.advanceTimersByTimeAsync(0)
  ends[0]?.(Promise.reject(new Error('broken')))
  await failed
  const next = reading()
  await vi.advanceTimersByTimeAsync(250)
  end(1)
  expect(await next).toBe(1)
})
