import { expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { TokenBucket } from '#src/base/token-bucket.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'

const RATE = { perSecond: 100, burst: 5 }

test('a token bucket grants its burst immediately, then its rate', () => {
  const clock = new FakeClock()
  const bucket = new TokenBucket(clock, RATE)
  const take = (n: number) => Array.from({ length: n }, () => bucket.take()).filter(Boolean).length
  expect(take(10)).toBe(5)
  clock.advance(20 * NSEC_PER_MSEC)
  expect(take(10)).toBe(2)
  clock.advance(NSEC_PER_SEC)
  expect(take(10)).toBe(5)
})

test('buckets of a row are emptied and filled separately', () => {
  const buckets = new TokenBucket(new FakeClock(), RATE, 2)
  for (let n = 0; n < 5; n++) {
    expect(buckets.take(1)).toBe(true)
  }
  expect([buckets.take(1), buckets.take(0)]).toEqual([false, true])
  buckets.fill(1)
  expect(buckets.take(1)).toBe(true)
})
