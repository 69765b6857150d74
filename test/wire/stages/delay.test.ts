import { expect, test } from 'vitest'
import { UsageError } from '../../../src/base/usage-error.ts'
import { delay } from '../../../src/wire/stages/delay.ts'
import { testWires } from '../../support/wire.ts'

const makeWire = testWires()

const MS = 1_000_000

test('delay holds each packet for the requested time', () => {
  const wire = makeWire([delay('20ms')])
  wire.send(3, 5 * MS)
  expect(wire.received).toEqual([])
  wire.advance(100 * MS)
  expect(wire.received.map(({ id, time }) => [id, time / MS])).toEqual([
    [1, 20],
    [2, 25],
    [3, 30],
  ])
})

test('jitter keeps packets in order', () => {
  const wire = makeWire([delay('10ms', { jitter: '8ms' })])
  wire.send(500, 0.1 * MS)
  wire.advance(100 * MS)
  expect(wire.received.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
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
  const overtaken = wire.decisions.filter(({ verdict }) => verdict === 'reorder').map(({ id, amount }) => [id, amount])
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
  expect(wire.received.map(({ id, time }) => [id, time / MS])).toEqual([
    [1, 10],
    [2, 11],
    [3, 11],
    [4, 11],
  ])
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
    const wire = makeWire([delay('5ms', { jitter: '4ms', correlation: '30%', distribution: 'normal' })], { seed })
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
  const options = { jitter: 5, correlation: 0.25, distribution: 'normal', reorder } as const
  expect(delay(20, options).text).toBe('delay 20ms 5ms 25% distribution normal reorder 25% 50% gap 5')
  expect(delay('20ms').text).toBe('delay 20ms')
})

test.each([
  [() => delay(-1), '-1 is not a duration in ms'],
  [() => delay('20 parsecs'), "'20 parsecs' is not a duration: a number with us, ms, s, min or h"],
  [() => delay('1ns', { correlation: 2 }), '2 is not a share from 0 to 1'],
  [() => delay('1ns', { reorder: { share: 1, gap: 0 } }), 'gap 0: it must be a whole number, at least 1'],
  [() => delay(0, { reorder: { share: 1 } }), 'reorder needs a delay above zero'],
])('delay refuses wrong numbers in one line', (make, message) => {
  expect(make).toThrow(new UsageError(message))
})
