import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import type { Discipline, PacketQueue } from '#src/wire/stages/queue.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { type RedOptions, red } from '#src/wire/stages/red.ts'
import { SEED, scaled } from '#support/scale.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()

/** RED in front of a queue of settable length. */
class RedQueue {
  bytes = 0
  /** 1 Gbit/s. */
  byteTime = 8
  readonly clock = new FakeClock()
  readonly env = { clock: this.clock, random: random(SEED), note: () => {} }
  readonly red: Discipline
  refused = 0

  constructor(options: RedOptions) {
    this.red = red(options).make(this as unknown as PacketQueue)
  }

  refuse(): void {
    this.refused++
  }

  /** A packet arrives; returns true if it is let in. */
  arrive(bytes = this.bytes): boolean {
    this.bytes = bytes
    return this.red.arrives?.(undefined as unknown as SkBuff) ?? true
  }

  /** Returns the numbers of packets from one drop to the next, of `packets` that arrive. */
  spacings(packets: number): number[] {
    const spacings: number[] = []
    for (let i = 0, since = 1; i < packets; i++, since++) {
      if (this.arrive()) continue
      spacings.push(since)
      since = 0
    }
    return spacings.slice(1)
  }
}

const mean = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

describe('the share of drops', () => {
  // With a weight of 1 the average is the length of the queue.
  const options: RedOptions = { min: 10_000, max: 30_000, probability: 0.1, weight: 1 }
  const SHARES: [bytes: number, share: number][] = [
    [12_000, 0.01],
    [15_000, 0.025],
    [20_000, 0.05],
    [25_000, 0.075],
    [29_999, 0.1],
    // Gentle: from max to twice max it grows to 1.
    [45_000, 0.55],
  ]
  for (const [bytes, share] of SHARES) {
    test(`the share of drops grows linearly: at ${bytes} of 10000 to 30000 bytes it is ${share}`, () => {
      const queue = new RedQueue(options)
      queue.arrive(bytes)
      const spacings = queue.spacings(scaled(1_000_000))
      // Uniform from 1 to 1 / share: in the mean (1 / share + 1) / 2 (sec. 7).
      const most = Math.ceil(1 / share)
      const p = (n: number) => (n < most ? share : 1 - share * (most - 1))
      let expected = 0
      let square = 0
      for (let n = 1; n <= most; n++) {
        expected += n * p(n)
        square += n * n * p(n)
      }
      const deviation = Math.sqrt((square - expected ** 2) / spacings.length)
      expect(Math.abs(mean(spacings) - expected)).toBeLessThan(4 * deviation)
    })
  }

  test('nothing is dropped below min, and everything above twice max', () => {
    const queue = new RedQueue(options)
    queue.arrive(9_999)
    expect(queue.spacings(10_000)).toEqual([])
    queue.bytes = 60_000
    expect(queue.spacings(1000)).toEqual(new Array(999).fill(1))
  })

  test('drops are spaced evenly: every distance from 1 to 1 / share is equally frequent', () => {
    const queue = new RedQueue(options)
    queue.arrive(20_000)
    const spacings = queue.spacings(scaled(1_000_000))
    expect([Math.min(...spacings), Math.max(...spacings)]).toEqual([1, 20])
    const counts = new Array<number>(20).fill(0)
    for (const n of spacings) {
      counts[n - 1] = (counts[n - 1] as number) + 1
    }
    const each = spacings.length / 20
    const chiSquare = counts.reduce((sum, n) => sum + (n - each) ** 2 / each, 0)
    // 19 degrees of freedom: exceeded once in a thousand times.
    expect(chiSquare).toBeLessThan(43.8)
  })
})

describe('the average', () => {
  /** Drops the first packet at which the average has reached `bytes`. */
  const alarm = (bytes: number, weight: number): RedOptions => ({
    min: bytes,
    max: bytes + 1e-6,
    probability: 1,
    weight,
  })

  test('the average reaches 4.88 packets after 100 arrivals at an empty queue, with weight 0.001 (sec. 6)', () => {
    const reached = (packets: number) => {
      const queue = new RedQueue(alarm(1000 * packets, 0.001))
      queue.arrive(0)
      for (let n = 1; n <= 200; n++) {
        if (!queue.arrive(1000 * n)) {
          return n
        }
      }
      return -1
    }
    const average = (n: number) => n + 1 + (0.999 ** (n + 1) - 1) / 0.001
    expect(average(100)).toBeCloseTo(4.88, 1)
    expect([reached(average(100) - 1e-4), reached(average(100) + 1e-4)]).toEqual([100, 101])
  })

  test('a packet over the limit counts into the average', () => {
    const queue = new RedQueue({ min: 1000, max: 2000, weight: 0.5 })
    queue.arrive(0)
    queue.bytes = 100_000
    queue.red.overflows?.()
    // From 50,000 to 25,000.
    expect(queue.arrive(0)).toBe(false)
  })

  test('the average of an idle line falls although a packet is over the limit', () => {
    const queue = new RedQueue({ min: 1000, max: 2000, weight: 0.5 })
    queue.arrive(0)
    queue.bytes = 100_000
    queue.red.overflows?.()
    queue.red.idle?.()
    queue.bytes = 0
    queue.red.overflows?.()
    queue.clock.advance(NSEC_PER_SEC)
    expect(queue.arrive(0)).toBe(true)
  })

  test('the average of an idle line falls as if typical packets had passed', () => {
    // Three packets of 1000 bytes at 8 ns a byte: 4000 / 2^3.
    for (const [ns, passes] of [
      [24_010, true],
      [23_990, false],
    ] as const) {
      const queue = new RedQueue({ min: 1e6, probability: 1, weight: 0.5 })
      for (let i = 0; i < 60; i++) {
        queue.arrive(4000)
      }
      queue.red.idle?.()
      queue.red.change?.(red({ ...alarm(500, 0.5), avpkt: 1000 }).params)
      queue.clock.advance(ns)
      expect(queue.arrive(0)).toBe(passes)
    }
  })

  test('the average of a new queue is 0', () => {
    const queue = new RedQueue(alarm(100, 0.002))
    expect(queue.arrive(50_000)).toBe(true)
  })
})

describe('on a line', () => {
  const MS = NSEC_PER_MSEC
  const packet = plainFrame(1000)
  const ect = plainFrame(1000)
  ect.set([8, 0, 0x45, 1], 12)
  const options: RedOptions = { min: '10kb', max: '30kb', probability: 0.1, weight: 0.05 }

  function overload(wire: TestWire, bytes: Uint8Array): void {
    for (let i = 0; i < 4000; i++) {
      wire.sendFrame(bytes)
      wire.advance(0.75 * MS)
    }
  }

  test('RED drops packets as red, and keeps the queue between min and twice max', () => {
    const wire = makeWire([rate('8mbit', { queue: red(options) })], { log: true })
    overload(wire, packet)
    const [stage] = wire.chain.report()
    expect(Object.keys(stage?.drops ?? {})).toEqual(['red'])
    expect(stage?.dropped).toBeGreaterThan(900)
    const waits = wire.decisions
      .filter(({ verdict }) => verdict === 'delay')
      .map(({ amount }) => amount as number)
    const settled = mean(waits.slice(-1000)) / MS
    expect(settled).toBeGreaterThan(10)
    expect(settled).toBeLessThan(60)
  })

  test('with ecn RED marks the packets of capable senders, up to twice max', () => {
    const wire = makeWire([rate('8mbit', { queue: red({ ...options, ecn: true }) })])
    for (let i = 0; i < 40; i++) {
      wire.sendFrame(ect)
      wire.sendFrame(ect)
      wire.advance(MS)
    }
    wire.advance(NSEC_PER_SEC)
    const [stage] = wire.chain.report()
    expect(stage?.dropped).toBe(0)
    expect(stage?.marked).toBeGreaterThan(0)
    expect(wire.received.filter(({ bytes }) => bytes[15] === 3).length).toBe(stage?.marked)
  })

  test('with ecn RED drops the packets of other senders', () => {
    const wire = makeWire([rate('8mbit', { queue: red({ ...options, ecn: true }) })])
    overload(wire, packet)
    const [stage] = wire.chain.report()
    expect([stage?.marked, Object.keys(stage?.drops ?? {})]).toEqual([0, ['red']])
  })

  test('RED marks no packet that finds the queue full, but counts the queue', () => {
    const queue = red({ min: 3000, max: 9000, weight: 0.1, ecn: true })
    const wire = makeWire([rate('8mbit', { queue, limit: { packets: 12 } })], { log: true })
    for (let i = 0; i < 400; i++) {
      wire.sendFrame(ect)
      wire.sendFrame(ect)
      wire.advance(MS)
    }
    const of = (wanted: string) =>
      wire.decisions.filter(({ verdict }) => verdict === wanted).map(({ id }) => id)
    const dropped = new Set(of('drop'))
    expect(of('mark').length).toBeGreaterThan(50)
    expect(of('mark').filter(id => dropped.has(id))).toEqual([])
    // 11 packets wait in the end: the average is 11,000 bytes, a share of 2 + 98 * 2/9 = 24 %.
    const late = of('mark').filter(id => id > 400)
    expect(late.length / (800 - 400 - [...dropped].filter(id => id > 400).length)).toBeGreaterThan(
      0.2,
    )
  })

  test('RED drops packets beyond the limit as limit', () => {
    const wire = makeWire([rate('8mbit', { queue: red({ min: 1e6 }), limit: { packets: 5 } })])
    wire.send(7)
    expect(wire.drops).toEqual({ limit: 2 })
  })
})

test('RED prints its parameters', () => {
  const text = (options: RedOptions) => rate('8mbit', { queue: red(options) }).text
  expect(text({ min: '10kb' })).toBe('rate 8mbit red min 10kb max 30kb probability 2%')
  expect(text({ min: 1, max: 2, probability: '10%', ecn: true })).toBe(
    'rate 8mbit red min 1b max 2b probability 10% ecn',
  )
})

test('RED refuses wrong arguments', () => {
  expect(() => red({ min: 0 })).toThrow('red: min 0 and max 0: 0 < min < max is needed')
  expect(() => red({ min: 5, max: 5 })).toThrow('0 < min < max is needed')
  expect(() => red({ min: 5, weight: 0 })).toThrow('red: weight 0: more than 0, at most 1')
  expect(() => red({ min: 5, probability: 0 })).toThrow(
    'red: probability 0: more than 0, at most 1',
  )
})
