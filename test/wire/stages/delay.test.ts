import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { parseWire } from '#src/wire/parse.ts'
import { delay } from '#src/wire/stages/delay.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { testWires } from '#support/wire.ts'

const makeWire = testWires()

const MS = 1_000_000

test('delay holds each packet for the requested time', () => {
  const wire = makeWire([delay('20ms')])
  wire.send(3, 5 * MS)
  expect(wire.received).toEqual([])
  wire.advance(100 * MS)
  expect(wire.left).toBe('1@20 2@25 3@30')
})

/** The numbers and moments in ns of 500 packets that come every 0.1 ms, of one seed. */
function schedule(stages: readonly Impairment[]): (readonly [id: number, time: number])[] {
  const wire = makeWire(stages)
  wire.send(500, 0.1 * MS)
  wire.advance(100 * MS)
  return wire.received.map(({ id, time }) => [id, time])
}

/** The same if each packet leaves before the next one comes. */
function aloneSchedule(stage: Impairment): (readonly [id: number, time: number])[] {
  const wire = makeWire([stage])
  wire.send(500, 100 * MS)
  return wire.received.map(({ id, time }) => [id, time - (id - 1) * 99_900_000])
}

test('jitter lets each packet leave at its own moment, so that packets overtake others', () => {
  const stage = delay('10ms', { jitter: '8ms', order: 'unordered' })
  const alone = aloneSchedule(stage)
  const sorted = alone.toSorted(([i, s], [j, t]) => s - t || i - j)
  expect(schedule([stage])).toEqual(sorted)
  expect(schedule([delay('10ms', { jitter: '8ms' })])).toEqual(sorted)
  expect(sorted).not.toEqual(alone)
})

test('ordered jitter makes each packet wait for the packets before it', () => {
  const stage = delay('10ms', { jitter: '8ms', order: 'ordered' })
  let latest = 0
  const waiting = aloneSchedule(stage).map(([id, time]) => {
    latest = Math.max(latest, time)
    return [id, latest]
  })
  expect(schedule([stage])).toEqual(waiting)
})

test('jitter counts a packet as reordered if it leaves before one that came earlier', () => {
  const wire = makeWire([delay('10ms', { jitter: '8ms' })], { log: true })
  wire.send(500, 0.1 * MS)
  wire.advance(100 * MS)
  const ids = wire.received.map(({ id }) => id)
  const overtaking = ids.filter((id, i) => ids.slice(i).some(later => later < id))
  const noted = wire.decisions.filter(({ verdict }) => verdict === 'reorder').map(({ id }) => id)
  expect(noted).toEqual(overtaking.toSorted((a, b) => a - b))
  expect(wire.chain.report()[0].reordered).toBe(noted.length)
})

test('packets with jitter that come every millisecond have the requested median and spread', () => {
  const wire = makeWire([delay('50ms', { jitter: '10ms', distribution: 'normal' })])
  wire.send(2000, MS)
  wire.advance(200 * MS)
  const delays = wire.received.map(({ id, time }) => time / MS - (id - 1)).toSorted((a, b) => a - b)
  const mean = delays.reduce((sum, x) => sum + x, 0) / delays.length
  const spread = Math.sqrt(delays.reduce((sum, x) => sum + (x - mean) ** 2, 0) / delays.length)
  expect(Math.abs(delays[1000] - 50)).toBeLessThan(1)
  expect(Math.abs(spread - 10)).toBeLessThan(0.6)
})

test.each([
  ['delay 10ms 8ms', false],
  ['delay 10ms 8ms unordered', false],
  ['delay 10ms 8ms ordered', true],
  ['delay 10ms 8ms 20% distribution normal ordered', true],
  ['rate 1gbit delay 10ms 8ms', true],
  ['rate 1gbit delay 10ms 8ms unordered', false],
  ['rate 1gbit | delay 10ms 8ms', false],
])("the packets of '%s' keep their order: %s", (text, isOrdered) => {
  const ids = schedule(parseWire(text)).map(([id]) => id)
  expect(ids.every((id, i) => id === i + 1)).toBe(isOrdered)
})

test('a delay that loses its jitter lets no packet overtake', () => {
  const wire = makeWire([delay('10ms', { jitter: '8ms' })])
  wire.send(20, 0.1 * MS)
  wire.chain.set([delay('1ms')])
  wire.send(20, 0.1 * MS)
  wire.advance(100 * MS)
  const later = wire.received.map(({ id }) => id).slice(-20)
  expect(later).toEqual(Array.from({ length: 20 }, (_, i) => i + 21))
})

test('a delay below zero is cut to zero', () => {
  const wire = makeWire([delay('1ms', { jitter: '10ms' })])
  wire.send(200, 20 * MS)
  const delays = wire.received.map(({ time }, i) => time - 20 * MS * i)
  expect(Math.min(...delays)).toBe(0)
  expect(delays.filter(ns => ns === 0).length).toBeGreaterThan(50)
})

test('a packet beyond the limit is a counted drop named limit', () => {
  const wire = makeWire([delay('1ms', { limit: { packets: 3 } })])
  wire.send(5)
  expect(wire.chain.report()[0]).toMatchObject({ held: 3, dropped: 2, drops: { limit: 2 } })
  wire.advance(MS)
  wire.send(1)
  expect(wire.conserved()).toMatchObject({ out: 3, held: 1 })
})

test('reorder sends every third packet immediately, ahead of held packets', () => {
  const wire = makeWire([delay('10ms', { reorder: { share: 1, gap: 3 } })], { log: true })
  wire.send(7, MS)
  wire.advance(20 * MS)
  expect(wire.received.map(({ id }) => id)).toEqual([3, 6, 1, 2, 4, 5, 7])
  expect(wire.chain.report()[0].reordered).toBe(2)
  const overtaken = wire.decisions
    .filter(({ verdict }) => verdict === 'reorder')
    .map(({ id, amount }) => [id, amount])
  expect(overtaken).toEqual([
    [3, 2],
    [6, 4],
  ])
})

test('an immediate packet overtakes no other while none is held', () => {
  const wire = makeWire([delay('1ms', { reorder: { share: 1 } })])
  wire.send(3, MS)
  expect(wire.received.map(({ time }) => time / MS)).toEqual([0, 1, 2])
  expect(wire.chain.report()[0].reordered).toBe(0)
})

test('a shorter delay does not let packets overtake packets in flight', () => {
  const wire = makeWire([delay('10ms')])
  wire.send(2, MS)
  wire.chain.set([delay('1ms')])
  wire.send(2, MS)
  wire.advance(20 * MS)
  expect(wire.left).toBe('1@10 2@11 3@11 4@11')
})

test('a change of the limit counts held packets against the new one', () => {
  const wire = makeWire([delay('10ms', { limit: { packets: 4 } })])
  wire.send(4)
  wire.chain.set([delay('10ms', { limit: { packets: 5 } })])
  wire.send(3)
  expect(wire.chain.report()[0]).toMatchObject({ held: 5, drops: { limit: 2 } })
  wire.advance(10 * MS)
  wire.send(6)
  expect(wire.chain.report()[0]).toMatchObject({ held: 5, drops: { limit: 3 } })
})

test('the delay of a packet does not depend on whether others were dropped for the limit', () => {
  const times = (packets: number) => {
    const wire = makeWire([delay('50ms', { jitter: '30ms', limit: { packets } })])
    wire.send(10)
    wire.advance(1000 * MS)
    wire.send(1)
    wire.advance(1000 * MS)
    return wire.received.at(-1)?.time
  }
  expect(times(2)).toBe(times(1000))
})

test('delays of the same seed are the same, and other seeds give other delays', () => {
  const times = (seed: number) => {
    const wire = makeWire(
      [delay('5ms', { jitter: '4ms', correlation: '30%', distribution: 'normal' })],
      { seed },
    )
    wire.send(50, 10 * MS)
    wire.advance(100 * MS)
    return wire.received.map(({ time }) => time)
  }
  expect(times(1)).toEqual(times(1))
  expect(times(1)).not.toEqual(times(2))
})

test('only a delay alone passes GSO frames whole', () => {
  expect(delay('1ms').takesGso).toBe(true)
  expect(delay('1ms', { jitter: 1 }).takesGso).toBe(false)
  expect(delay('1ms', { reorder: { share: 0.1 } }).takesGso).toBe(false)
})

test('a delay prints its spec', () => {
  const reorder = { share: 0.25, correlation: 0.5, gap: 5 }
  const options = {
    jitter: 5,
    correlation: 0.25,
    distribution: 'normal',
    order: 'ordered',
    reorder,
  } as const
  expect(delay(20, options).text).toBe(
    'delay 20ms 5ms 25% distribution normal ordered reorder 25% 50% gap 5',
  )
  expect(delay('20ms').text).toBe('delay 20ms')
})

test.each([
  [() => delay(-1), '-1 is not a duration in ms'],
  [() => delay('20 parsecs'), "'20 parsecs' is not a duration: a number with us, ms, s, min or h"],
  [() => delay('1ns', { correlation: 2 }), '2 is not a share from 0 to 1'],
  [
    () => delay('1ns', { reorder: { share: 1, gap: 0 } }),
    'gap 0: it must be a whole number, at least 1',
  ],
  [
    () => delay(1, { jitter: 1, order: 'sorted' as 'ordered' }),
    "order 'sorted': ordered or unordered",
  ],
  [() => delay(0, { reorder: { share: 1 } }), 'reorder needs a delay above zero'],
])('delay refuses wrong numbers in one line', (make, message) => {
  expect(make).toThrow(new UsageError(message))
})
