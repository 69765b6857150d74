import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../../src/base/clock.ts'
import { random } from '../../../src/base/random.ts'
import { parseWire } from '../../../src/wire/parse.ts'
import { drawRows, type LinkName, link } from '../../../src/wire/stages/link-model.ts'
import { plainFrame, testWires } from '../../support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC
const NAMES: readonly LinkName[] = ['lte', '5g', 'starlink', 'wifi', 'geo']
const NEVER = Number.POSITIVE_INFINITY

/** Returns the quantile `p` of some rows of 4 seeds. */
function quantile(name: LinkName, column: 'rate' | 'delay', p: number, isUp = false): number {
  const every = { lte: 20, '5g': 15, starlink: 15, wifi: NEVER, geo: NEVER }[name] * NSEC_PER_SEC
  const all = [1, 2, 3, 4].flatMap(seed => drawRows(name, isUp, every, random(seed))[column])
  const sorted = Float64Array.from(all).sort()
  return sorted[Math.floor(p * sorted.length)] / (column === 'delay' ? MS : 0.001)
}

describe('rows', () => {
  test.each([
    ['5g', 50, 100],
    ['starlink', 13.54, 87.25],
    ['wifi', 50, 50],
    ['geo', 10, 100],
  ] as const)('half of the rates of %s are below the median of its direction', (name, up, down) => {
    expect(quantile(name, 'rate', 0.5, true) / up).toBeCloseTo(1, 0.7)
    expect(quantile(name, 'rate', 0.5) / down).toBeCloseTo(1, 0.7)
  })

  test('the rate of lte lies between 0 and twice the median, which it crosses', () => {
    expect(quantile('lte', 'rate', 1 - 1e-9)).toBeLessThanOrEqual(26)
    expect(quantile('lte', 'rate', 0.5)).toBeGreaterThan(9)
    expect(quantile('lte', 'rate', 0.5)).toBeLessThan(17)
    expect(quantile('lte', 'rate', 0)).toBe(0)
  })

  test.each([
    ['lte', 25, 35, 50],
    ['5g', 4, 10, 20],
    ['wifi', 0.5, 1.5, 10],
    ['geo', 275, 300, 310],
  ] as const)('the delays of %s have their minimum, median and quantile 0.9', (name, least, median, most) => {
    expect(quantile(name, 'delay', 0)).toBeGreaterThanOrEqual(least)
    expect(quantile(name, 'delay', 0.5) / median).toBeCloseTo(1, 0.7)
    expect(quantile(name, 'delay', 0.9) / most).toBeCloseTo(1, 0.5)
  })

  test('starlink is slower around each multiple of 15 s, and loses packets only there', () => {
    const { time, delay, loss } = drawRows('starlink', false, 15 * NSEC_PER_SEC, random(1))
    for (const [i, ns] of time.entries()) {
      const since = ns % (15 * NSEC_PER_SEC)
      const isEdge = since >= 14_925 * MS || (ns >= 15 * NSEC_PER_SEC && since < 140 * MS)
      expect(loss[i] > 0, `${ns}`).toBe(isEdge)
      if (isEdge) expect(delay[i]).toBeGreaterThanOrEqual(40 * MS)
    }
  })

  test('lte sends nothing for 60 ms after each handover, and then has another rate', () => {
    const { time, rate } = drawRows('lte', false, 7 * NSEC_PER_SEC, random(3))
    expect(time.at(-1)).toBe(301 * NSEC_PER_SEC - 20 * MS)
    const rates = new Set<number>()
    for (let i = 0; i < time.length; i++) {
      const since = time[i] % (7 * NSEC_PER_SEC)
      if (time[i] >= 7 * NSEC_PER_SEC && since < 60 * MS) expect(rate[i]).toBe(0)
      if (since === 60 * MS) rates.add(rate[i])
    }
    expect(rates.size).toBeGreaterThan(30)
  })

  test('bursts of loss in wifi come every 10 s on average and last about 40 ms', () => {
    const bursts = Array.from({ length: 30 }, (_, seed) => drawRows('wifi', true, NEVER, random(seed)).loss)
    const lossy = bursts.flat().filter(share => share === 0.5).length
    const starts = bursts.flatMap(loss => loss.filter((share, i) => share > 0 && (loss[i - 1] ?? 0) === 0)).length
    // 9,000 s, in rows of 20 ms.
    expect(starts).toBeGreaterThan(700)
    expect(starts).toBeLessThan(1000)
    expect((lossy * 20) / starts).toBeGreaterThan(35)
    expect((lossy * 20) / starts).toBeLessThan(70)
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
