/** The share of requests that each client has, whatever the others do. */
import { beforeEach, describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { Budget } from '../../src/machines/budget.ts'

const mac = (n: number) => Uint8Array.of(2, 0, 0, n >> 16, n >> 8, n)

describe('Budget', () => {
  let clock: FakeClock
  let budget: Budget
  beforeEach(() => {
    clock = new FakeClock()
    budget = new Budget(clock, { perSecond: 10, burst: 20 }, { perSecond: 1000, burst: 1000 })
  })
  const served = (n: number, client: (i: number) => Uint8Array) =>
    Array.from({ length: n }, (_, i) => budget.take(client(i))).filter(Boolean).length

  test('a client that sends 5,000 requests per second gets its 10, and the others are served as before', () => {
    expect(served(5000, () => mac(1))).toBe(20)
    clock.advance(NSEC_PER_SEC)
    expect(served(5000, () => mac(1))).toBe(10)
    expect(served(900, i => mac(2 + i))).toBe(900)
  })

  test('the last 4,096 clients with IPv6 addresses are remembered', () => {
    budget = new Budget(clock, { perSecond: 1, burst: 1 }, { perSecond: 1e6, burst: 1e6 }, 16)
    const address = (n: number) =>
      Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n)
    for (const first of [0, 4096, 8192]) {
      expect(served(4096, i => address(first + i))).toBe(4096)
    }
    expect(served(4096, i => address(8192 + i))).toBe(0)
    // A client that was forgotten takes the place of the first of these.
    expect([0, 8192, 8194].map(n => budget.take(address(n)))).toEqual([true, true, false])
  })

  test('all clients together get 1,000 requests per second, whatever addresses they use', () => {
    expect(served(20_000, i => mac(i))).toBe(1000)
    clock.advance(NSEC_PER_SEC)
    expect(served(20_000, i => mac(i))).toBe(1000)
  })
})
