import { describe, expect, test } from 'vitest'
import { firstWorse, ratioOf, settle } from '../../bench/bisect.mjs'

describe('the ratio of paired samples', () => {
  test('the interval holds the ratio of a steady machine, and is infinite for one pair', () => {
    const pairs: [number, number][] = [
      [100, 95],
      [200, 191],
      [50, 47.4],
      [80, 76.2],
    ]
    const { ratio, low, high } = ratioOf(pairs)
    expect(ratio).toBeCloseTo(0.951, 3)
    expect([low < 0.951, high > 0.951, high - low < 0.02]).toEqual([true, true, true])
    expect(ratioOf([[100, 95]])).toMatchObject({ low: 0, high: Number.POSITIVE_INFINITY })
  })

  test('pairs are measured until the interval is narrow, and not beyond the most', async () => {
    const noise = [0, 8, -8, 6, -6, 4, -4, 2, -2, 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    const noisy = (round: number): [number, number] => [100, 100 + (noise[round % noise.length] as number)]
    const wide = await settle(noisy, { width: 0.05, most: 100 })
    expect(wide.high - wide.low).toBeLessThanOrEqual(0.05)
    expect(wide.rounds).toBeGreaterThan(3)
    expect(await settle(noisy, { width: 0.0001, most: 7 })).toMatchObject({ rounds: 7 })
    expect(await settle(() => [100, 90], { width: 0.02, most: 40 })).toMatchObject({
      ratio: expect.closeTo(0.9, 9),
      rounds: 3,
    })
  })
})

describe('the first worse commit', () => {
  const commits = [...'abcdefghij']

  test('each commit is found in a few measurements', async () => {
    for (const wanted of commits) {
      let asked = 0
      const isWorse = async (commit: string) => ++asked > 0 && commit >= wanted
      expect(await firstWorse(commits, isWorse)).toEqual([wanted])
      expect(asked).toBeLessThanOrEqual(4)
    }
  })

  test('commits that do not build are skipped, and are all named if the change is among them', async () => {
    const broken = [...'cde']
    const search = (first: string) =>
      firstWorse(commits, async (commit: string) => (broken.includes(commit) ? undefined : commit >= first))
    expect(await search('h')).toEqual(['h'])
    expect(await search('b')).toEqual(['b'])
    expect(await search('d')).toEqual(['c', 'd', 'e', 'f'])
  })
})
