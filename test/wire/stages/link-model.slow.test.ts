/** The random values of the links, in 500 minutes of each. */
import { afterAll, describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { drawRows, type LinkName } from '#src/wire/stages/link-model.ts'
import type { Rows } from '#src/wire/stages/link-trace.ts'
import { testWires } from '#support/wire.ts'
import { arrivalsOf } from './link-arrivals.ts'

const MS = NSEC_PER_MSEC

const NEVER = Number.POSITIVE_INFINITY

const arrivals = arrivalsOf(testWires())
const NAMES: readonly LinkName[] = ['lte', '5g', 'starlink', 'wifi', 'geo']
const SEEDS = 100

/** The rows that were drawn last, 50 MB: to draw them takes longer than all that looks at them. */
let drawn: { key: string; links: readonly Rows[] } | undefined
afterAll(() => {
  drawn = undefined
})

/** The rows of a link between its usual handovers: 500 minutes of each direction, in row order. */
function rowsOf(
  name: LinkName,
  isUp: boolean,
  every = { lte: 20, '5g': 15, starlink: 15, wifi: NEVER, geo: NEVER }[name],
): readonly Rows[] {
  const key = `${name} ${isUp} ${every}`
  if (drawn?.key !== key) {
    const draw = (_: unknown, i: number) =>
      drawRows(name, isUp, every * NSEC_PER_SEC, random(i + 1))
    drawn = { key, links: Array.from({ length: SEEDS }, draw) }
  }
  return drawn.links
}

/** The number and the mean length in ms of the spans of rows of 20 ms for which `is` holds. */
function spansOf(links: Iterable<Rows>, is: (rows: Rows, i: number) => boolean): [number, number] {
  let [spans, rows] = [0, 0]
  for (const link of links) {
    let wasIn = false
    for (let i = 0; i < link.time.length; i++) {
      const isIn = is(link, i)
      if (isIn) {
        rows++
      }
      if (isIn && !wasIn) {
        spans++
      }
      wasIn = isIn
    }
  }
  return [spans, (rows * 20) / spans]
}

/** The shares of the rows with a value below each of the bounds. */
function sharesBelow(
  links: Iterable<Rows>,
  read: (rows: Rows, i: number) => number,
  bounds: readonly number[],
): number[] {
  const below = bounds.map(() => 0)
  let all = 0
  for (const link of links) {
    for (let i = 0; i < link.time.length; i++) {
      const value = read(link, i)
      for (const [n, bound] of bounds.entries()) {
        if (value < bound) {
          below[n] = (below[n] as number) + 1
        }
      }
    }
    all += link.time.length
  }
  return below.map(n => n / all)
}

/** Expects a value within a part of the documented one; the seeds are fixed. */
function expectNear(value: number, documented: number, part: number): void {
  expect(Math.abs(value / documented - 1), `${value} for ${documented}`).toBeLessThan(part)
}

/** Medians of the rates in Mbit/s, quantiles of the delays in ms, and bursts of loss. */
interface Figures {
  readonly up: number
  readonly down: number
  readonly delays: readonly number[]
  /** The seconds between bursts, the length of one in ms, and the loss in it. */
  readonly bursts: readonly (readonly [every: number, length: number, share: number])[]
}

/** The figures of docs/wires-links.md. */
const FIGURES: readonly (readonly [LinkName, Figures])[] = [
  ['lte', { up: 6, down: 13, delays: [25, 35, 50, 90], bursts: [[30, 40, 0.5]] }],
  ['5g', { up: 50, down: 100, delays: [4, 10, 20, 50], bursts: [[20, 40, 0.5]] }],
  ['starlink', { up: 13.54, down: 87.25, delays: [10, 25, 38.5, 49.4], bursts: [] }],
  ['wifi', { up: 50, down: 50, delays: [0.5, 1.5, 10, 125], bursts: [[10, 40, 0.5]] }],
  ['geo', { up: 10, down: 100, delays: [275, 300, 310, 330], bursts: [[30, 100, 0.2]] }],
]

describe.each(FIGURES)('rows of %s', (name, { up, down, delays, bursts }) => {
  test.each([
    ['downlink', false, down],
    ['uplink', true, up],
  ] as const)('half of the time the rate of the %s is below its median', (_, isUp, median) => {
    const rateOf = ({ rate }: Rows, i: number) => rate[i] as number
    const [share] = sharesBelow(rowsOf(name, isUp), rateOf, [median / 1000])
    expectNear(share as number, 0.5, 0.04)
  })

  test('the delays have their minimum, median, and quantiles 0.9 and 0.99', () => {
    const handover = name === 'starlink' ? 30 : 0
    const delayOf = ({ delay, loss }: Rows, i: number) =>
      (delay[i] as number) / MS - (loss[i] ? handover : 0)
    const shares = sharesBelow(rowsOf(name, true), delayOf, delays)
    const [least, median, high, highest] = shares as [number, number, number, number]
    expect(least).toBe(0)
    expectNear(median, 0.5, 0.04)
    expectNear(1 - high, 0.1, 0.15)
    expectNear(1 - highest, 0.01, 0.4)
  })

  test.each(bursts)(
    'a burst of loss comes every %s s and lasts %s ms on average',
    (every, length, share) => {
      const [found, ms] = spansOf(rowsOf(name, true), ({ loss }, i) => loss[i] === share)
      expectNear((SEEDS * 300) / found, every, 0.08)
      expectNear(ms, length, 0.08)
    },
  )
})

test('the outages of lte at a rate of 0 last 100 ms on average', () => {
  for (const isUp of [true, false]) {
    const [outages, ms] = spansOf(
      rowsOf('lte', isUp, NEVER),
      ({ rate }, i) => (rate[i] as number) <= 0,
    )
    expect(outages).toBeGreaterThan(5000)
    expectNear(ms, 100, 0.04)
  }
})

describe.each(NAMES)('%s', name => {
  test('the same seed gives the same link, and another seed or direction another one', () => {
    const first = arrivals(name, 1)
    expect(arrivals(name, 1)).toBe(first)
    expect(arrivals(name, 2)).not.toBe(first)
    expect(arrivals(name, 1, 'ba')).not.toBe(first)
  })
})
