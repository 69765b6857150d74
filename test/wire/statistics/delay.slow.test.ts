import { describe, expect, test } from 'vitest'
import { normalCdf } from '#src/wire/stages/correlated.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { type Distribution, TABLE_FACTOR, tableOf } from '#src/wire/stages/distribution.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { either, SEED } from '#support/scale.ts'
import {
  DEVIATIONS,
  expectDistribution,
  expectLaw,
  expectNear,
  successive,
} from '#support/statistics.ts'
import { testWires } from '#support/wire.ts'

const makeWire = testWires()
const PACKETS = either(1_000_000, 10_000)

const MS = 1_000_000
const TIME = 100_000_000
const JITTER = 10_000_000
/** Between packets: longer than any delay, so that none waits for the one before it. */
const APART = 200_000_000

/** Returns the delays of packets that come `APART`, in ns. */
function delays(stage: Impairment): Float64Array {
  const ns = new Float64Array(PACKETS)
  const wire = makeWire([stage], {
    seed: SEED,
    poison: false,
    receive: (skb, time) => {
      ns[skb.packetId - 1] = time - (skb.packetId - 1) * APART
    },
  })
  wire.send(PACKETS, APART)
  return ns
}

/** A table like in a file: three values, the middle one half of the time. */
const steps = Int16Array.of(TABLE_FACTOR, 0, -2 * TABLE_FACTOR, 0)

const distributions: readonly (readonly [name: string, distribution: Distribution])[] = [
  ['uniform', 'uniform'],
  ['normal', 'normal'],
  ['pareto', 'pareto'],
  ['paretonormal', 'paretonormal'],
  ['a table', steps],
]

/** The law of the delays: its distribution function, from the right and the left, and moments. */
function lawOf(distribution: Distribution) {
  const table = tableOf(distribution)
  if (table === undefined) {
    const cdf = (x: number) => Math.min(1, Math.max(0, ((x - TIME) / JITTER + 1) / 2))
    return { cdf, before: cdf, mean: TIME, variance: JITTER ** 2 / 3, fourth: JITTER ** 4 / 5 }
  }
  const values = Float64Array.from(table, t => TIME + (JITTER * t) / TABLE_FACTOR)
  /** Returns the share of the table's values that are below `x`. */
  const below = (x: number) => {
    let [low, high] = [0, values.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (values[middle] < x) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low / values.length
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const [variance, fourth] = [2, 4].map(power => moment(values, mean, power))
  // Delays are whole ns.
  return {
    cdf: (x: number) => below(x + 0.5),
    before: (x: number) => below(x - 0.5),
    mean,
    variance,
    fourth,
  }
}

function moment(values: Float64Array, mean: number, power: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length
}

describe.each(distributions)('jitter of %s', (_, distribution) => {
  const { cdf, before, mean, variance, fourth } = lawOf(distribution)

  function expectLawOf(independent: Float64Array): void {
    const n = independent.length
    expectDistribution(independent, cdf, 'delays', before)
    expectNear(moment(independent, 0, 1), mean, Math.sqrt(variance / n), 'mean')
    expectNear(
      moment(independent, mean, 2),
      variance,
      Math.sqrt((fourth - variance ** 2) / n),
      'variance',
    )
  }

  test('jitter has the requested distribution', () => {
    const ns = delays(delay(TIME / MS, { jitter: JITTER / MS, distribution }))
    expectLawOf(ns)
    const { r } = successive(ns, mean, variance)
    expect(Math.abs(r)).toBeLessThan(DEVIATIONS / Math.sqrt(PACKETS))
  })

  test.each([0.25, 0.5, 0.9])('jitter has the correlation %d, and keeps its distribution', rho => {
    const ns = delays(delay(TIME / MS, { jitter: JITTER / MS, distribution, correlation: rho }))
    const { r, deviation } = successive(ns, mean, variance)
    expectNear(r, rho, deviation, 'correlation')
    // Delays that lie this far apart are independent: 0.92^120 is 5e-5.
    const apart = rho === 0.9 ? 120 : 20
    expectLawOf(ns.filter((_, i) => i % apart === 0))
  })
})

test('normal jitter follows the formula, within the precision of a table of 4096 numbers', () => {
  const ns = delays(delay(TIME / MS, { jitter: JITTER / MS, distribution: 'normal' }))
  const cdf = (x: number) => normalCdf((x - TIME) / JITTER)
  expectDistribution(
    ns,
    x => cdf(x) + 1 / 4096,
    'delays',
    x => cdf(x) - 1 / 4096,
  )
})

test('jitter of more than the delay is cut at zero, and keeps the correlation of the rest', () => {
  const time = 5_000_000
  const ns = delays(
    delay(time / MS, { jitter: JITTER / MS, distribution: 'normal', correlation: 0.5 }),
  )
  const table = Float64Array.from(tableOf('normal') as Int16Array, t =>
    Math.max(0, time + (JITTER * t) / TABLE_FACTOR),
  )
  const mean = table.reduce((sum, x) => sum + x, 0) / table.length
  const variance = table.reduce((sum, x) => sum + (x - mean) ** 2, 0) / table.length
  const { r, deviation } = successive(ns, mean, variance)
  expectNear(r, 0.5, deviation, 'correlation')
  expect(Math.min(...ns.subarray(0, 1000))).toBe(0)
})

describe('reorder', () => {
  /** Packets come every 10 us and are delayed for 45: four others come while one is held. */
  const EVERY = 10_000
  const HELD = 4

  /** Returns where each packet arrives, less where it was sent (the displacement of RFC 5236). */
  function displacements(stage: Impairment): Int32Array {
    const places = new Int32Array(PACKETS)
    let received = 0
    const wire = makeWire([stage], {
      seed: SEED,
      poison: false,
      receive: skb => {
        places[skb.packetId - 1] = ++received - skb.packetId
      },
    })
    wire.send(PACKETS, EVERY)
    wire.advance(1_000_000)
    return places
  }

  const binomial = (n: number, p: number, k: number) => {
    if (k < 0 || k > n) return 0
    let choose = 1
    for (let i = 0; i < k; i++) {
      choose = (choose * (n - i)) / (i + 1)
    }
    return choose * p ** k * (1 - p) ** (n - k)
  }

  test.each([0.05, 0.25, 0.6])(
    'reordering of a share of %d has the resulting density of RFC 5236',
    share => {
      const places = displacements(delay('45us', { reorder: { share } }))
      const counts = new Array(2 * HELD + 1).fill(0)
      // A displacement depends on at most HELD packets before and after: distant ones are
      // independent.
      for (let i = HELD; i < PACKETS - HELD; i += 2 * HELD + 1) {
        counts[places[i] + HELD]++
      }
      // An immediate packet passes the delayed ones among the HELD before it; a delayed packet is
      // passed by the immediate ones among the HELD after it.
      const density = (d: number) =>
        share * binomial(HELD, 1 - share, -d) + (1 - share) * binomial(HELD, share, d)
      expectLaw(counts, i => density(i - HELD), 'displacements')
    },
  )

  test.each([
    [0.25, 5],
    [1, 10],
    [0.5, 2],
  ])(
    'reordering of a share of %d with gap %i sends the required number of packets ahead',
    (share, gap) => {
      const wire = makeWire([delay('45us', { reorder: { share, gap } })], {
        seed: SEED,
        poison: false,
        receive: () => {},
      })
      wire.send(PACKETS, EVERY)
      const [{ reordered }] = wire.chain.report()
      // A renewal process: gap - 1 delayed packets, then a geometric number of tries.
      const between = gap - 1 + 1 / share
      const deviation = Math.sqrt((PACKETS * (1 - share)) / share ** 2 / between ** 3)
      expectNear(reordered, PACKETS / between, Math.max(1, deviation), 'packets ahead')
    },
  )

  test('reordering with a correlation keeps its share', () => {
    const [share, correlation] = [0.2, 0.5]
    const places = displacements(delay('45us', { reorder: { share, correlation } }))
    const wire = makeWire([delay('45us', { reorder: { share, correlation } })], {
      seed: SEED,
      log: true,
      poison: false,
      receive: () => {},
    })
    wire.send(PACKETS, EVERY)
    const held = wire.decisions.filter(({ verdict }) => verdict === 'delay').length
    const spread = (share * (1 - share) * (1 + correlation)) / (1 - correlation)
    expectNear(1 - held / PACKETS, share, Math.sqrt(spread / PACKETS), 'packets at once')
    expect(places.some(place => place < 0)).toBe(true)
  })
})
