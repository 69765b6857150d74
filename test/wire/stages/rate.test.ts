import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { parseWire } from '#src/wire/parse.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { fqCodel } from '#src/wire/stages/fq-codel.ts'
import { type RateOptions, rate } from '#src/wire/stages/rate.ts'
import type { LimitSpec } from '#src/wire/wire.ts'
import { SEED, scaled } from '#support/scale.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()

const times = (wire: TestWire) => wire.received.map(({ time }) => time)
const ids = (wire: TestWire) => wire.received.map(({ id }) => id)

describe('transmission', () => {
  test('a packet leaves when its transmission has ended, after earlier packets', () => {
    const wire = makeWire([rate('8mbit')])
    wire.send(3)
    wire.advance(NSEC_PER_MSEC)
    wire.send()
    wire.advance(NSEC_PER_MSEC)
    expect(times(wire)).toEqual([60_000, 120_000, 180_000, NSEC_PER_MSEC + 60_000])
    expect(ids(wire)).toEqual([1, 2, 3, 4])
  })

  const CELLS: [RateOptions, number, number][] = [
    [{}, 60, 60],
    [{ overhead: 4 }, 60, 64],
    [{ overhead: '-14' }, 60, 46],
    [{ overhead: -100 }, 60, 0],
    // ATM: cells of 48 bytes with five more each.
    [{ overhead: 8, cell: 48, cellOverhead: 5 }, 60, 106],
    [{ overhead: 8, cell: 48, cellOverhead: 5 }, 88, 106],
    [{ overhead: 8, cell: 48, cellOverhead: 5 }, 89, 159],
    [{ cell: 100, cellOverhead: -20 }, 101, 160],
  ]
  for (const [options, length, bytes] of CELLS) {
    test(`with ${JSON.stringify(options)} a packet of ${length} bytes takes the time of ${bytes}`, () => {
      const wire = makeWire([rate(8e6, options)])
      wire.sendFrame(plainFrame(length))
      wire.advance(NSEC_PER_MSEC)
      expect(times(wire)).toEqual([1000 * bytes])
    })
  }

  for (const bits of [1e6, 1e7, 9.97e8, 1e10]) {
    test(`over one second ${bits} bit/s carry the right amount, within 1 %`, () => {
      let bytes = 0
      const wire = makeWire([rate(bits, { limit: { packets: 100 } })], {
        receive(skb) {
          bytes += skb.len
        },
      })
      // At the higher rates, the share of a second that takes as many packets.
      const part = Math.min(1, 1e7 / bits)
      const ns = part * NSEC_PER_SEC
      const draw = random(SEED)
      // One and a half times what the line takes, in packets of all lengths.
      const frames = Array.from({ length: 16 }, () => plainFrame(60 + draw.below(1455)))
      const mean = frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length
      const gap = (mean * 8e9) / bits / 1.5
      while (wire.now < ns) {
        wire.sendFrame(frames[draw.below(16)] as Uint8Array)
        wire.advance(gap)
      }
      expect(Math.abs((8 * bytes) / (bits * part) - 1)).toBeLessThan(0.01)
    })
  }
})

describe('bursts', () => {
  /** Returns the most bytes that left in any time, beyond what the rate explains. */
  function excess(wire: TestWire, bits: number): number {
    let most = Number.NEGATIVE_INFINITY
    // The largest sum of (bytes of a packet - what the line sent since the packet before).
    let sum = Number.NEGATIVE_INFINITY
    let last = 0
    for (const { time, bytes } of wire.received) {
      sum = Math.max(0, sum - ((time - last) * bits) / 8e9) + bytes.length
      most = Math.max(most, sum)
      last = time
    }
    return most
  }

  for (const burst of [0, 100, 1514, 10_000, 65_536]) {
    test(`with burst ${burst} no more than the burst or a packet leaves beyond the rate, in any time`, () => {
      const wire = makeWire([rate(1e7, { burst })])
      const draw = random(SEED + burst)
      for (let i = 0; i < scaled(40_000); i++) {
        wire.sendFrame(plainFrame(60 + draw.below(1455)))
        wire.advance(
          draw.below(200) === 0 ? draw.below(200 * NSEC_PER_MSEC) : draw.below(NSEC_PER_MSEC / 3),
        )
      }
      wire.advance(2 * NSEC_PER_SEC)
      const beyond = excess(wire, 1e7)
      expect(beyond).toBeLessThanOrEqual(Math.max(burst, 1514) + 1e-3)
      // It is used, too.
      expect(beyond).toBeGreaterThan(0.95 * Math.max(burst, 1514))
    })
  }

  test('after idle time the burst leaves immediately, and later packets at the rate', () => {
    const wire = makeWire([rate('8mbit', { burst: 120 })])
    wire.send(4)
    wire.advance(NSEC_PER_MSEC)
    expect(times(wire)).toEqual([0, 0, 60_000, 120_000])
  })

  test('a burst is not used again before the line has caught up', () => {
    const wire = makeWire([rate('8mbit', { burst: 120 })])
    wire.send(2)
    wire.advance(60_000)
    wire.send(2)
    wire.advance(NSEC_PER_MSEC)
    expect(times(wire)).toEqual([0, 0, 60_000, 120_000])
  })
})

describe('limits', () => {
  test('a packet that exceeds the limit is dropped, and waiting packets are kept', () => {
    const wire = makeWire([rate('8mbit', { limit: { packets: 3 } })])
    wire.send(5)
    wire.advance(NSEC_PER_MSEC)
    expect(ids(wire)).toEqual([1, 2, 3])
    expect(wire.drops).toEqual({ limit: 2 })
  })

  test('a limit may be in bytes', () => {
    const wire = makeWire([rate('8mbit', { limit: { bytes: 239 } })])
    wire.send(5)
    wire.advance(NSEC_PER_MSEC)
    expect(ids(wire)).toEqual([1, 2, 3])
    expect(wire.drops).toEqual({ limit: 2 })
  })

  test('with head drop the oldest waiting packets make room, and the transmission continues', () => {
    const wire = makeWire([rate('8mbit', { limit: { packets: 3 }, queue: 'head' })])
    wire.send(6)
    wire.advance(NSEC_PER_MSEC)
    expect(ids(wire)).toEqual([1, 5, 6])
    expect(wire.drops).toEqual({ head: 3 })
  })

  test.each([['head'], [fqCodel()]] as const)(
    'a packet longer than the limit of a queue is dropped alone',
    queue => {
      const wire = makeWire([rate('8mbit', { limit: { bytes: 500 }, queue })])
      wire.send(5)
      wire.sendFrame(plainFrame(501))
      wire.advance(NSEC_PER_MSEC)
      expect(ids(wire)).toEqual([1, 2, 3, 4, 5])
      expect(wire.drops).toEqual({ limit: 1 })
    },
  )

  test('a queue drops only the arriving packet when a delay uses up its limit', () => {
    const limit: LimitSpec = { packets: 3 }
    const wire = makeWire([rate('8mbit', { limit, queue: 'head' }), delay('1s', { limit })])
    wire.send(3, 60_000)
    wire.send(2)
    wire.advance(2 * NSEC_PER_SEC)
    expect(ids(wire)).toEqual([1, 2, 3])
    expect(wire.drops).toEqual({ limit: 2 })
  })

  test('stages with the same limit share it', () => {
    const limit: LimitSpec = { packets: 3 }
    const wire = makeWire([rate('8mbit', { limit }), rate('4mbit', { limit })])
    wire.send(3)
    wire.advance(60_000)
    wire.send(2)
    wire.advance(NSEC_PER_MSEC)
    const [first, second] = wire.chain.report()
    expect([first?.drops, second?.drops]).toEqual([{ limit: 2 }, {}])
  })
})

describe('changes', () => {
  test('a new rate keeps queued packets and holds from the next packet on', () => {
    const wire = makeWire([rate('8mbit')])
    wire.send(3)
    wire.advance(10_000)
    wire.chain.set([rate('16mbit')])
    wire.advance(NSEC_PER_MSEC)
    expect(times(wire)).toEqual([60_000, 90_000, 120_000])
  })

  test('a new limit counts packets in the queue and in transmission', () => {
    const wire = makeWire([rate('8mbit', { limit: { packets: 9 } })])
    wire.send(3)
    wire.chain.set([rate('8mbit', { limit: { packets: 4 } })])
    wire.send(3)
    wire.advance(NSEC_PER_MSEC)
    expect(ids(wire)).toEqual([1, 2, 3, 4])
    wire.send(5)
    wire.advance(NSEC_PER_MSEC)
    expect(wire.drops).toEqual({ limit: 3 })
  })

  test('a higher rate does not wait for a burst that was paid at the lower one', () => {
    const wire = makeWire([rate('8kbit', { burst: 1000 })])
    wire.send(16)
    wire.advance(1)
    wire.chain.set([rate('8mbit', { burst: 1000 })])
    wire.send(2)
    wire.advance(NSEC_PER_MSEC)
    expect(times(wire).map(Math.round)).toEqual([...new Array(16).fill(0), 20_001, 80_001])
  })

  test('a smaller burst does not wait for a larger one that was sent before', () => {
    const wire = makeWire([rate('8mbit', { burst: 6000 })])
    wire.send(100)
    wire.chain.set([rate('8mbit')])
    wire.send()
    wire.advance(10 * NSEC_PER_MSEC)
    expect(times(wire)).toEqual([...new Array(100).fill(0), 60_000])
  })

  test('a removed rate sends its packets at its rate', () => {
    const wire = makeWire([rate('8mbit')])
    wire.send(3)
    wire.chain.set([])
    wire.send()
    wire.advance(NSEC_PER_MSEC)
    expect(wire.left).toBe('4@0 1@0.06 2@0.12 3@0.18')
  })

  test('stages that were removed together drop their packets when the chain is closed', () => {
    const wire = makeWire([delay('1ms'), rate('8kbit')])
    wire.send(2)
    wire.chain.set([])
    wire.chain.set([])
    wire.advance(2 * NSEC_PER_MSEC)
    wire.chain.close()
    expect(wire.pool.out).toBe(0)
  })
})

describe('decisions', () => {
  test('the time in queue and transmission is logged as a delay', () => {
    const wire = makeWire([rate('8mbit')], { log: true })
    wire.send(2)
    wire.advance(NSEC_PER_MSEC)
    const delays = wire.decisions.filter(({ verdict }) => verdict === 'delay')
    expect(delays.map(({ id, stage, amount }) => [id, stage, amount])).toEqual([
      [1, 'rate', 60_000],
      [2, 'rate', 120_000],
    ])
  })
})

test('a rate prints its parameters', () => {
  const text = [
    rate(1e7).text,
    rate('1.5gbit', { overhead: 8, cell: 48, cellOverhead: 5 }).text,
    rate(2400, { burst: '2kb', limit: { bytes: 3000 }, queue: 'head' }).text,
    ...[5, 1000].map(packets => rate(1e7, { limit: { packets } }).text),
  ]
  expect(text).toEqual([
    'rate 10mbit',
    'rate 1.5gbit 8 48 5',
    'rate 2.4kbit burst 2kb drophead limit 3000b',
    'rate 10mbit limit 5',
    'rate 10mbit',
  ])
})

test('a rate refuses wrong arguments', () => {
  expect(() => rate(0)).toThrow('rate 0: it must be more than 0')
  expect(() => rate('10parrots')).toThrow("'10parrots' is not a rate")
  expect(() => rate(1, { cell: -1 })).toThrow('cell and burst must not be negative')
  expect(() => rate(1, { cell: 5, cellOverhead: -6 })).toThrow(
    'a cell must not be shorter than 0 bytes',
  )
  expect(() => rate(1, { queue: 'fair' as 'tail' })).toThrow(
    "queue 'fair': tail, head, red(...), codel(...), fqCodel(...), pie(...) or dualpi2(...)",
  )
})

test('a limit in time holds as many bytes as the rate sends in it', () => {
  // A packet of 1,500 bytes takes a millisecond, also the packet in transmission.
  const wire = makeWire(parseWire('rate 12mbit limit 10ms'))
  for (let i = 0; i < 12; i++) {
    wire.sendFrame(plainFrame(1500))
  }
  expect(wire.chain.report()[0]).toMatchObject({ held: 10, drops: { limit: 2 } })
  wire.chain.set(parseWire('rate 24mbit limit 10ms'))
  for (let i = 0; i < 12; i++) {
    wire.sendFrame(plainFrame(1500))
  }
  expect(wire.chain.report()[0]).toMatchObject({ held: 20, drops: { limit: 4 } })
  expect(wire.chain.report()[0].text).toBe('rate 24mbit limit 10ms')
})
