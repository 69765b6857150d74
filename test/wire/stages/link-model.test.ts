import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { parseWire } from '#src/wire/parse.ts'
import { drawRows, link } from '#src/wire/stages/link-model.ts'
import { plainFrame, testWires } from '#support/wire.ts'
import { arrivalsOf } from './link-arrivals.ts'

const makeWire = testWires()
const arrivals = arrivalsOf(makeWire)

const MS = NSEC_PER_MSEC

/** The figures of docs/wires-links.md. */
describe('rows', () => {
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
    const wrong = rows.time.filter((ns, i) => {
      const since = ns % (15 * NSEC_PER_SEC)
      const isLossy = (rows.loss[i] as number) > 0
      const isNear = since >= 14_925 * MS || since < 140 * MS
      return isLossy !== isNear || (isLossy && (rows.delay[i] as number) < 40 * MS)
    })
    expect(wrong).toEqual([])
  })
})

test('an inserted stage does not change the rows of a link', () => {
  const plain = arrivals('geo', 5)
  expect(arrivals('duplicate 0% | geo', 5)).toBe(plain)
  expect(plain.split('\n').length).toBeGreaterThan(0)
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
