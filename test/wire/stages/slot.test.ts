import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { slot } from '#src/wire/stages/slot.ts'
import { scaled } from '#support/scale.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()

const MS = NSEC_PER_MSEC

/** The times between slots, under a load that never lets the wire empty. */
function gaps(wire: TestWire, slots: number): number[] {
  const gaps: number[] = []
  let last = -1
  while (gaps.length < slots) {
    wire.send()
    wire.advance(MS)
    for (const { time } of wire.received.splice(0)) {
      if (last >= 0 && time !== last) {
        gaps.push(time - last)
      }
      last = time
    }
  }
  return gaps
}

const mean = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
const deviation = (numbers: number[]) => Math.sqrt(mean(numbers.map(n => (n - mean(numbers)) ** 2)))

describe('slots', () => {
  test('waiting packets leave together in the next slot, in order', () => {
    const wire = makeWire([slot({ min: '5ms' })])
    wire.send(3, MS)
    wire.advance(2 * MS)
    wire.send()
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@5 2@5 3@5 4@10')
  })

  test('a packet that comes after idle time acquires a slot of its own', () => {
    const wire = makeWire([slot({ min: '5ms' })])
    wire.send()
    wire.advance(7 * MS)
    wire.send()
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@5 2@12')
  })

  test('a slot passes at most the given number of packets', () => {
    const wire = makeWire([slot({ min: '5ms', packets: 2 })])
    wire.send(5)
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@5 2@5 3@10 4@10 5@15')
  })

  test('a slot passes at most the given number of bytes, but a longer packet leaves alone', () => {
    const wire = makeWire([slot({ min: '5ms', bytes: 150 })])
    for (const length of [60, 60, 60, 100, 300, 60]) {
      wire.sendFrame(plainFrame(length))
    }
    wire.advance(40 * MS)
    expect(wire.left).toBe('1@5 2@5 3@10 4@15 5@20 6@25')
  })
})

describe('times', () => {
  const count = scaled(100_000)

  test('times from slot to slot are uniform from min to max', () => {
    const times = gaps(makeWire([slot({ min: '1ms', max: '3ms', packets: 1 })]), count)
    expect(Math.min(...times.slice(0, 10_000))).toBeGreaterThanOrEqual(MS)
    expect(Math.max(...times.slice(0, 10_000))).toBeLessThanOrEqual(3 * MS)
    // The deviation of a uniform draw is its width / sqrt(12).
    const error = (2 * MS) / Math.sqrt(12) / Math.sqrt(count)
    expect(Math.abs(mean(times) - 2 * MS)).toBeLessThan(4 * error)
    expect(Math.abs(deviation(times) / ((2 * MS) / Math.sqrt(12)) - 1)).toBeLessThan(0.05)
  })

  test('times from slot to slot follow a distribution with this mean and deviation', () => {
    const stage = slot({ distribution: 'normal', delay: '5ms', jitter: '1ms', packets: 1 })
    const times = gaps(makeWire([stage]), count)
    expect(Math.abs(mean(times) - 5 * MS)).toBeLessThan((4 * MS) / Math.sqrt(count))
    expect(Math.abs(deviation(times) / MS - 1)).toBeLessThan(0.08)
  })

  test('times to a slot are never negative', () => {
    const wire = makeWire([slot({ distribution: 'normal', delay: 0, jitter: '1ms' })])
    wire.send(200, MS / 10)
    wire.advance(NSEC_PER_SEC)
    expect(wire.received.length).toBe(200)
    const waits = wire.received.map(({ id, time }) => time - ((id - 1) * MS) / 10)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0)
  })
})

describe('limits and changes', () => {
  test('packets that exceed the limit of a slot are dropped', () => {
    const wire = makeWire([slot({ min: '5ms', limit: { packets: 2 } })])
    wire.send(3)
    wire.advance(5 * MS)
    expect([wire.left, wire.drops]).toEqual(['1@5 2@5', { limit: 1 }])
  })

  test('a change keeps waiting packets and the acquired slot', () => {
    const wire = makeWire([slot({ min: '5ms', packets: 1 })])
    wire.send(2)
    wire.chain.set([slot({ min: '1ms', packets: 1 })])
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@5 2@6')
  })

  test('a packet that waits for room counts toward a new limit', () => {
    const wire = makeWire([slot({ min: '5ms', bytes: 100 })])
    wire.send(2)
    wire.advance(5 * MS)
    wire.chain.set([slot({ min: '5ms', bytes: 100, limit: { packets: 1 } })])
    wire.send()
    expect(wire.drops).toEqual({ limit: 1 })
  })

  test('a removed slot passes on its waiting packets', () => {
    const wire = makeWire([slot({ min: '5ms', packets: 1 })])
    wire.send(2)
    wire.chain.set([])
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@5 2@10')
  })
})

test('a slot prints its parameters', () => {
  const text = [
    slot({ min: '5ms', max: '10ms', packets: 3, bytes: '2kb' }).text,
    slot({ distribution: 'pareto', delay: '5ms', jitter: '1ms' }).text,
  ]
  expect(text).toEqual(['slot 5ms 10ms packets 3 bytes 2kb', 'slot distribution pareto 5ms 1ms'])
})

test('a slot refuses wrong arguments', () => {
  expect(() => slot({ min: '5ms', max: '1ms' })).toThrow(
    'slot: 5ms to 1ms: 0 <= min <= max is needed',
  )
  expect(() => slot({ packets: -1 })).toThrow('slot: packets and bytes must not be negative')
})
