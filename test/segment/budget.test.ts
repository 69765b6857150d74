/** What a client may ask of the gateway in a time: its own share, whatever others do. */
import { beforeEach, describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { Budget } from '../../src/segment/budget.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'

const mac = (n: number) => Uint8Array.of(2, 0, 0, n >> 16, n >> 8, n)

describe('a budget', () => {
  let clock: FakeClock
  let budget: Budget
  beforeEach(() => {
    clock = new FakeClock()
    budget = new Budget(clock, { perSecond: 10, burst: 20 }, { perSecond: 1000, burst: 1000 })
  })
  const served = (n: number, who: (i: number) => Uint8Array) =>
    Array.from({ length: n }, (_, i) => budget.take(who(i))).filter(Boolean).length

  test('serves a client that asks 5,000 times a second 10 times, and others as before', () => {
    expect(served(5000, () => mac(1))).toBe(20)
    clock.advance(NSEC_PER_SEC)
    expect(served(5000, () => mac(1))).toBe(10)
    expect(served(900, i => mac(2 + i))).toBe(900)
  })

  test('serves all clients together 1,000 times a second, whoever they claim to be', () => {
    expect(served(20_000, i => mac(i))).toBe(1000)
    clock.advance(NSEC_PER_SEC)
    expect(served(20_000, i => mac(i))).toBe(1000)
  })
})
