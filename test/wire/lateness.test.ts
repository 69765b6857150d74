import { describe, expect, test } from 'vitest'
import { Lateness } from '#src/wire/lateness.ts'

/** From 1 ns to 17 minutes, and the neighbours of the borders of buckets. */
const TIMES = Array.from({ length: 40 }, (_, power) => 2 ** power).flatMap(ns =>
  [ns, ns + 1, 1.125 * ns - 1, 1.125 * ns, 1.9 * ns].map(Math.floor).filter(time => time >= 1),
)

function quantileOf(times: readonly number[], q: number): number {
  const lateness = new Lateness()
  for (const ns of times) {
    lateness.add(ns)
  }
  return lateness.quantile(q)
}

describe('Lateness', () => {
  test('a time is reported as at least its value and at most an eighth more', () => {
    for (const ns of TIMES) {
      const reported = quantileOf([ns], 0.5)
      expect(reported, `${ns} ns`).toBeGreaterThanOrEqual(ns)
      expect(reported, `${ns} ns`).toBeLessThanOrEqual(1.125 * ns + 1)
    }
  })

  test('later times are in the same bucket or a later one', () => {
    const reported = [...TIMES].sort((a, b) => a - b).map(ns => quantileOf([ns], 0.5))
    expect(reported).toEqual([...reported].sort((a, b) => a - b))
  })

  test('the counts have each packet once, at most an eighth above its lateness', () => {
    const lateness = new Lateness()
    for (const ns of [3e9, 1000, 1000]) {
      lateness.add(ns)
    }
    expect(lateness.counts()).toEqual([
      [1024, 2],
      [3_221_225_472, 1],
    ])
  })

  test('a quantile is the time that a share of the packets did not exceed', () => {
    const times = [...Array(98).fill(1000), 50_000, 3e9]
    expect(quantileOf(times, 0.5)).toBeCloseTo(1024)
    expect(quantileOf(times, 0.99)).toBeLessThan(60_000)
    expect(quantileOf(times, 1)).toBeGreaterThanOrEqual(3e9)
  })

  test('a GSO frame counts as its packets, and early or no packets as 0', () => {
    const lateness = new Lateness()
    expect(lateness.quantile(0.5)).toBe(0)
    lateness.add(-5, 3)
    lateness.add(100, 2)
    expect(lateness.total).toBe(5)
    expect(lateness.quantile(0.6)).toBeLessThanOrEqual(1.125)
    expect(lateness.quantile(0.7)).toBeGreaterThanOrEqual(100)
  })
})
