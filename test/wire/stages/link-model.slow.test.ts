import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { parseWire } from '#src/wire/parse.ts'
import { drawRows, type LinkName, link } from '#src/wire/stages/link-model.ts'
import type { Rows } from '#src/wire/stages/link-trace.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC
const NAMES: readonly LinkName[] = ['lte', '5g', 'starlink', 'wifi', 'geo']
const NEVER = Number.POSITIVE_INFINITY

const SEEDS = 100

/** The rows of a link between its usual handovers: 500 minutes of each direction, in row order. */
function* rowsOf(
  name: LinkName,
  isUp: boolean,
  every = { lte: 20, '5g': 15, starlink: 15, wifi: NEVER, geo: NEVER }[name],
) {
  for (let seed = 1; seed <= SEEDS; seed++) {
    yield drawRows(name, isUp, every * NSEC_PER_SEC, random(seed))
  }
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

/** The figures of docs/wires-links.md. */
describe('rows', () => {
  test.each([
    ['lte', 6, 13],
    ['5g', 50, 100],
    ['starlink', 13.54, 87.25],
    ['wifi', 50, 50],
    ['geo', 10, 100],
  ] as const)(
    'half of the time the rate of %s is below the median of its direction',
    (name, up, down) => {
      for (const [isUp, median] of [
        [true, up],
        [false, down],
      ] as const) {
        const [share] = sharesBelow(rowsOf(name, isUp), ({ rate }, i) => rate[i] as number, [
          median / 1000,
        ])
        expectNear(share as number, 0.5, 0.04)
      }
    },
  )

  test.each([
    ['lte', 25, 35, 50, 90],
    ['5g', 4, 10, 20, 50],
    ['starlink', 10, 25, 38.5, 49.4],
    ['wifi', 0.5, 1.5, 10, 125],
    ['geo', 275, 300, 310, 330],
  ] as const)(
    'the delays of %s have their minimum, median, and quantiles 0.9 and 0.99',
    (name, a, b, c, d) => {
      const handover = name === 'starlink' ? 30 : 0
      const delayOf = ({ delay, loss }: Rows, i: number) =>
        (delay[i] as number) / MS - (loss[i] ? handover : 0)
      const shares = sharesBelow(rowsOf(name, true), delayOf, [a, b, c, d])
      const [least, median, high, highest] = shares as [number, number, number, number]
      expect(least).toBe(0)
      expectNear(median, 0.5, 0.04)
      expectNear(1 - high, 0.1, 0.15)
      expectNear(1 - highest, 0.01, 0.4)
    },
  )

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

  test.each([
    ['lte', 30, 40, 0.5],
    ['5g', 20, 40, 0.5],
    ['wifi', 10, 40, 0.5],
    ['geo', 30, 100, 0.2],
  ] as const)(
    'a burst of loss in %s comes every %s s and lasts %s ms on average',
    (name, every, length, share) => {
      const [bursts, ms] = spansOf(rowsOf(name, true), ({ loss }, i) => loss[i] === share)
      expectNear((SEEDS * 300) / bursts, every, 0.08)
      expectNear(ms, length, 0.08)
    },
  )

  test.each([
    ['lte', 20, 60],
    ['5g', 15, 60],
    ['wifi', 30, 200],
  ] as const)(
    '%s sends nothing after each handover, also where the rows repeat',
    (name, every, outage) => {
      const { time, rate } = drawRows(name, true, every * NSEC_PER_SEC, random(3))
      const out = time.filter((_, i) => rate[i] === 0).map(ns => (ns / MS) % (every * 1000))
      const handovers = out.filter(ms => ms < outage)
      expect(handovers).toHaveLength((300 / every) * (outage / 20))
      expect(time[0]).toBe(outage * MS)
      expect(time.at(-1)).toBe(300 * NSEC_PER_SEC + (outage - 20) * MS)
    },
  )

  test('after a handover lte has another rate', () => {
    const { time, rate } = drawRows('lte', false, 7 * NSEC_PER_SEC, random(3))
    const rates = time
      .map((ns, i) => (ns % (7 * NSEC_PER_SEC) === 60 * MS ? rate[i] : 0))
      .filter(Boolean)
    expect(new Set(rates).size).toBeGreaterThan(30)
  })

  test('starlink is slower from 75 ms before to 140 ms after each of 20 handovers, and loses packets only then', () => {
    const rows = drawRows('starlink', false, 15 * NSEC_PER_SEC, random(1))
    expect(rows.time.filter(ns => ns % (15 * NSEC_PER_SEC) === 14_925 * MS)).toHaveLength(20)
    expect(rows.time.at(-1)).toBe(300 * NSEC_PER_SEC + 120 * MS)
    for (const [i, ns] of rows.time.entries()) {
      const since = ns % (15 * NSEC_PER_SEC)
      expect((rows.loss[i] as number) > 0, `${ns}`).toBe(since >= 14_925 * MS || since < 140 * MS)
      if ((rows.loss[i] as number) > 0) {
        expect(rows.delay[i]).toBeGreaterThanOrEqual(40 * MS)
      }
    }
  })
})

/** Sends 600 packets in 3 s, and returns the ids and times of those that arrive. */
function arrivals(text: string, seed: number, direction: 'ab' | 'ba' = 'ab'): string {
  const wire = makeWire(parseWire(text, undefined, direction), { seed, direction })
  for (let i = 0; i < 600; i++) {
    wire.sendFrame(plainFrame(1000))
    wire.advance(5 * MS)
  }
  wire.advance(2 * NSEC_PER_SEC)
  wire.conserved()
  return wire.received.map(({ id, time }) => `${id} ${time}`).join('\n')
}

describe.each(NAMES)('%s', name => {
  test('the same seed gives the same link, and another seed or direction another one', () => {
    const first = arrivals(name, 1)
    expect(arrivals(name, 1)).toBe(first)
    expect(arrivals(name, 2)).not.toBe(first)
    expect(arrivals(name, 1, 'ba')).not.toBe(first)
  })
})

test('an inserted stage does not change the rows of a link', () => {
  const wire = (text: string) => arrivals(text, 5).split('\n').length
  expect(arrivals('duplicate 0% | geo', 5)).toBe(arrivals('geo', 5))
  expect(wire('geo')).toBeGreaterThan(0)
})

test('another distance of handovers is another link, and the same text continues the link', () => {
  const wire = makeWire(parseWire('lte handover 5s'), { seed: 1 })
  const stage = () => wire.chain.report()[0]
  wire.sendFrame(plainFrame(1000))
  wire.chain.set(parseWire('lte handover 5s limit 10'))
  expect(stage()).toMatchObject({ stage: 'lte', in: 1, held: 1, text: 'lte handover 5s limit 10' })
  wire.chain.set(parseWire('lte handover 6s fq_codel'))
  wire.advance(10 * NSEC_PER_SEC)
  expect(wire.received).toHaveLength(1)
})

test('in TypeScript a link has a name and a direction', () => {
  const made = link('starlink', 'down', { handover: '30s', queue: 'head', limit: { packets: 50 } })
  expect(made.text).toBe('starlink handover 30s drophead limit 50')
  expect(link('geo', 'up').text).toBe('geo')
  expect(() => link('geo', 'up', { handover: 5000 })).toThrow('link geo: it has no handovers')
  expect(() => link('lte', 'up', { handover: 5 })).toThrow('a handover is every 1s to 1h')
  expect(() => link('6g' as 'lte', 'up')).toThrow("link '6g': lte, 5g, starlink, wifi, geo")
  expect(() => link('lte', 'ab' as 'up')).toThrow("link lte: 'ab' is not up or down")
})

test.each([
  ['lte handover', 'handover needs a time: lte handover 10s'],
  ['lte handover 10ms', 'a handover is every 1s to 1h'],
  ['geo handover 10s', 'handover follows lte, 5g, starlink or wifi'],
  ['loss 1% 5g rate 1mbit', 'rate and 5g are two queues'],
  ['starlnk', "'starlnk' is not a word of a wire; did you mean 'starlink'?"],
])('the text %s is refused', (text, message) => {
  expect(() => parseWire(text)).toThrow(message)
})
