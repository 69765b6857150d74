import { describe, expect, it } from 'vitest'
import { GAP, KEYS_MAX, OTHER, Samples, SLOTS } from '../../src/page/traffic-samples.ts'

const START = 1_700_000_000_000

/** Adds a sample each second, with these values of one counter. */
function counting(...values: number[]): Samples {
  const samples = new Samples()
  values.forEach((n, i) => {
    samples.add(START + 1000 * i, { n }, {})
  })
  return samples
}

describe('samples of a device', () => {
  it('the first sample has no rate, and later ones have the growth per second since then', () => {
    const samples = counting(100, 150, 150, 190)
    expect(samples.rate('n', 0)).toEqual([null, 50, 25, 30])
    expect(samples.times(0)).toEqual([0, 1, 2, 3].map(i => START / 1000 + i))
    expect(samples.end).toBe(START / 1000 + 3)
  })

  it('a rate is over the newest samples that span three seconds', () => {
    const samples = new Samples()
    const add = (ms: number, n: number) => samples.add(START + ms, { n }, {})
    add(0, 0)
    add(2000, 100)
    add(2500, 200)
    add(3000, 300)
    add(4000, 500)
    add(5500, 500)
    expect(samples.rate('n', 0)).toEqual([null, 50, 80, 100, 125, 100])
  })

  it('steady traffic of one frame each 0.3 s is flat to a frame, however uneven the samples are', () => {
    const gaps = [1000, 110, 890, 130, 1400, 600, 250, 750, 100, 100, 1300, 2500, 300, 1000]
    const samples = new Samples()
    let time = 0
    for (let i = 0; i < 20 * gaps.length; i++) {
      samples.add(START + time, { n: Math.floor(time / 300) }, {})
      time += gaps[i % gaps.length]!
    }
    const later = samples.rate('n', START / 1000 + 3)
    expect(later.length).toBeGreaterThan(200)
    for (const rate of later) {
      expect(Math.abs(rate! - 1 / 0.3)).toBeLessThanOrEqual(1 / 3)
    }
  })

  it('samples that follow each other within half a second have no rate before one is half a second later', () => {
    const samples = new Samples()
    for (const [ms, n] of [
      [0, 0] as const,
      [100, 1] as const,
      [499, 1] as const,
      [500, 2] as const,
    ]) {
      samples.add(START + ms, { n }, {})
    }
    expect(samples.rate('n', 0)).toEqual([null, null, null, 4])
  })

  it('a sample in which one counter fell has no rate at all', () => {
    const samples = new Samples()
    samples.add(START, { n: 50, m: 7 }, { held: 1 })
    samples.add(START + 1000, { n: 3, m: 9 }, { held: 2 })
    samples.add(START + 2000, { n: 5, m: 10 }, { held: 3 })
    expect(samples.rate('n', 0)).toEqual([null, null, 2])
    expect(samples.rate('m', 0)).toEqual([null, null, 1])
    expect(samples.level('held', 0)).toEqual([1, 2, 3])
  })

  it('a missing counter counts as 0, so a new one grows and a vanished one falls', () => {
    const samples = new Samples()
    samples.add(START, {}, {})
    samples.add(START + 1000, { loss: 4 }, {})
    samples.add(START + 2000, {}, {})
    samples.add(START + 3000, { loss: 1 }, {})
    expect(samples.rate('loss', 0)).toEqual([null, 4, null, 1])
  })

  it('a counter that has not grown yet shows 0', () => {
    expect(counting(1, 1, 1).rate('other reason', 0)).toEqual([null, 0, 0])
    expect(counting(1, 1, 1, 4).rate('n', 0)).toEqual([null, 0, 0, 1])
  })

  it('a line is broken where samples are missing', () => {
    const samples = new Samples()
    samples.add(START, { n: 1 }, { held: 5 })
    samples.add(START + 1000, { n: 2 }, { held: 6 })
    samples.add(START + 61_000, { n: 62 }, { held: 7 })
    samples.add(START + 62_000, { n: 64 }, { held: 8 })
    expect(samples.times(0).map(time => time * 1000 - START)).toEqual([
      0, 1000, 1001, 61_000, 62_000,
    ])
    expect(samples.rate('n', 0)).toEqual([null, 1, null, null, 2])
    expect(samples.level('held', 0)).toEqual([5, 6, null, 7, 8])
  })

  it('a late sample is not taken for a gap', () => {
    const samples = new Samples()
    samples.add(START, { n: 0 }, {})
    samples.add(START + GAP, { n: 7 }, {})
    expect(samples.rate('n', 0)).toEqual([null, 2])
  })

  it('earlier samples move along if the clock is set back, so that times ascend', () => {
    const samples = counting(1, 2, 4)
    samples.add(START - 3_600_000, { n: 10 }, {})
    samples.add(START - 3_599_000, { n: 13 }, {})
    expect(samples.times(0).map(time => Math.round(time * 1000 - START + 3_600_000))).toEqual([
      -3000, -2000, -1000, 0, 1000,
    ])
    expect(samples.rate('n', 0)).toEqual([null, 1, 1.5, null, 3])
  })

  it('a clock that is set forward is taken for a gap', () => {
    const samples = counting(1, 2)
    samples.add(START + 3_600_000, { n: 3 }, {})
    expect(samples.rate('n', 0)).toEqual([null, 1, null, null])
    expect(samples.times(START / 1000 + 3000)).toEqual([START / 1000 + 3600])
  })

  it('a second sample of the same moment, and one without a time, are ignored', () => {
    const samples = counting(1)
    samples.add(START, { n: 9 }, {})
    samples.add(Number.NaN, { n: 9 }, {})
    expect(samples.rate('n', 0)).toEqual([null])
    expect(samples.end).toBe(START / 1000)
  })

  it('a full ring keeps the newest samples, and forgets counters without a value among them', () => {
    const samples = new Samples()
    for (let i = 0; i < 3 * SLOTS; i++) {
      samples.add(START + 1000 * i, { n: 2 * i, early: Math.min(i, 5) }, {})
    }
    expect(samples.times(0)).toHaveLength(SLOTS)
    expect(samples.times(0).at(-1)).toBe(START / 1000 + 3 * SLOTS - 1)
    expect(new Set(samples.rate('n', 0))).toEqual(new Set([2]))
    expect(samples.rateKeys()).toEqual(['n'])
  })

  it('counters beyond the limit are added up, and no more levels are kept', () => {
    const many = (n: number) =>
      Object.fromEntries(Array.from({ length: KEYS_MAX + 3 }, (_, i) => [`k${i}`, n]))
    const samples = new Samples()
    samples.add(START, many(0), many(1))
    samples.add(START + 1000, many(5), many(1))
    expect(samples.rateKeys()).toHaveLength(KEYS_MAX + 1)
    expect(samples.rate(OTHER, 0)).toEqual([null, 15])
    expect(samples.levelKeys()).toHaveLength(KEYS_MAX)
  })

  it('samples from a given time on are returned', () => {
    expect(counting(0, 1, 3, 6).rate('n', START / 1000 + 2)).toEqual([1.5, 2])
  })
})
