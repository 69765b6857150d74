import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { parseWire } from '#src/wire/parse.ts'
import { Simulation } from '#src/wire/simulation.ts'
import type { delay } from '#src/wire/stages/delay.ts'
import { trace } from '#src/wire/stages/trace.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const makeWire = testWires()

const MS = NSEC_PER_MSEC

/** A packet of a millisecond at 8 Mbit/s. */
const kilo = plainFrame(1000)

describe('rate', () => {
  test('a packet is sent at the rates of all rows during which it is sent', () => {
    const wire = makeWire([
      trace('time,rate\n0,8mbit\n2.5ms,4mbit\n10ms,0\n15ms,8mbit\n', { once: true }),
    ])
    for (let i = 0; i < 8; i++) {
      wire.sendFrame(kilo)
    }
    wire.advance(100 * MS)
    // Half of packet 3 at each rate; 4, 5 and 6 take 2 ms each; 7 has sent half at 10 ms.
    expect(wire.left).toBe('1@1 2@2 3@3.5 4@5.5 5@7.5 6@9.5 7@15.75 8@16.75')
  })

  test('the rows repeat after the time of the last row, which lasts as long as the one before', () => {
    const wire = makeWire([trace('time,rate\n0,8mbit\n2ms,0\n')])
    for (let i = 0; i < 5; i++) {
      wire.sendFrame(kilo)
    }
    wire.advance(100 * MS)
    expect(wire.left).toBe('1@1 2@2 3@5 4@6 5@9')
  })

  test('a packet that takes many rounds leaves when its last bit is sent', () => {
    const wire = makeWire([trace('time,rate\n0,8bit\n1us,16bit\n')])
    wire.sendFrame(kilo)
    // 12 bit/s on average.
    wire.advance((8000 / 12 - 0.001) * NSEC_PER_SEC)
    expect(wire.received).toHaveLength(0)
    wire.advance(0.002 * NSEC_PER_SEC)
    expect(wire.received).toHaveLength(1)
  })

  test('with once the last row remains, and a rate of 0 holds packets until the stage is removed', () => {
    const wire = makeWire([trace('time,rate\n0,8mbit\n2ms,0\n', { once: true })])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(kilo)
    }
    wire.advance(100 * MS)
    expect([wire.left, wire.clock.armed]).toEqual(['1@1 2@2', 0])
    wire.chain.set([])
    expect(wire.received.map(({ id }) => id)).toEqual([1, 2, 3, 4])
  })

  test('packets over the limit of the queue are dropped, and packets in flight do not count', () => {
    const wire = makeWire([trace('time,rate,delay\n0,8mbit,1s\n', { limit: { packets: 3 } })])
    for (let i = 0; i < 20; i++) {
      wire.sendFrame(kilo)
      wire.advance(MS)
    }
    for (let i = 0; i < 5; i++) {
      wire.sendFrame(kilo)
    }
    wire.advance(2 * NSEC_PER_SEC)
    expect(wire.received).toHaveLength(23)
    expect(wire.drops).toEqual({ limit: 2 })
  })
})

describe('delay and loss', () => {
  test('a packet takes the delay of the moment at which it is sent, and overtakes none', () => {
    const wire = makeWire([trace('time,delay\n0,20ms\n10ms,5\n40ms,30ms\n', { once: true })])
    for (const gap of [6, 6, 16, 20]) {
      wire.sendFrame(kilo)
      wire.advance(gap * MS)
    }
    wire.sendFrame(kilo)
    wire.advance(100 * MS)
    expect(wire.left).toBe('1@20 2@26 3@26 4@33 5@78')
  })

  test('packets are lost with the share of the moment at which they arrive', () => {
    const wire = makeWire([trace('time,loss\n0,0%\n1,50\n2,100%\n3,0\n')], { log: true })
    wire.send(4000, MS)
    const lost = wire.decisions.filter(({ why }) => why === 'loss').map(({ id }) => id)
    expect(lost.filter(id => id <= 1000 || id > 3000)).toEqual([])
    expect(lost.filter(id => id > 2000)).toHaveLength(1000)
    const half = lost.length - 1000
    expect(half).toBeGreaterThan(420)
    expect(half).toBeLessThan(580)
  })

  test('the losses of a seed do not depend on the times of packets', () => {
    const lost = (gap: number) => {
      const wire = makeWire([trace('time,loss\n0,10%\n1,10%\n')], { log: true })
      wire.send(500, gap)
      return wire.decisions.filter(({ why }) => why === 'loss').map(({ id }) => id)
    }
    expect(lost(3 * MS)).toEqual(lost(MS))
  })
})

describe('changes', () => {
  test('another trace starts at the change, and sends a packet that waited on a cut link', () => {
    const wire = makeWire([trace('time,rate\n0,8mbit\n1ms,0\n', { once: true })])
    wire.sendFrame(kilo)
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    wire.chain.set([trace('time,rate\n0,4mbit\n')])
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1 2@12')
  })

  test('another trace without a rate sends a packet that waited on a cut link', () => {
    const wire = makeWire([trace('time,rate\n0,8mbit\n1ms,0\n', { once: true })])
    wire.sendFrame(kilo)
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    wire.chain.set([trace('time,delay\n0,5ms\n')])
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1 2@15 3@15')
  })

  test('a packet does not overtake one that is due at the same moment', () => {
    const wire = makeWire([trace('time,rate,delay\n0,8mbit,10ms\n5ms,8mbit,0\n', { once: true })])
    wire.sendFrame(kilo)
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    wire.sendFrame(new Uint8Array(2000))
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@11 2@12 3@12')
  })

  test('a trace that remains the same continues, and may get another queue', () => {
    const text = 'time,rate\n0,8mbit\n10ms,4mbit\n'
    const wire = makeWire([trace(text, { once: true })])
    for (let i = 0; i < 3; i++) {
      wire.sendFrame(kilo)
    }
    wire.advance(9.5 * MS)
    wire.chain.set([trace(text, { once: true, limit: { packets: 1 } })])
    wire.advance(MS)
    wire.sendFrame(kilo)
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    expect(wire.left).toMatch(/ 3@\S+ 4@12\.5$/)
    expect(wire.drops).toEqual({ limit: 1 })
  })

  test('a trace of opportunities replaces a trace of a link, and the reverse', () => {
    const wire = makeWire([trace('time,delay\n0,50ms\n')])
    wire.sendFrame(kilo)
    wire.chain.set([trace('1\n2\n')])
    wire.sendFrame(kilo)
    wire.advance(10 * MS)
    wire.chain.set([trace('time,delay\n0,5ms\n')])
    wire.sendFrame(kilo)
    wire.advance(100 * MS)
    expect(wire.left).toBe('2@1 3@15 1@50')
  })
})

test('the header of a file decides its format, and its words are read and printed alike', () => {
  const resources = { ...noResources, file: () => 'time,rate\n0,8mbit\n' }
  const [stage] = parseWire('trace my.csv once codel', resources)
  expect(stage?.text).toBe('trace my.csv once codel')
  const wire = makeWire([stage as ReturnType<typeof delay>])
  wire.sendFrame(kilo)
  wire.advance(MS)
  expect(wire.left).toBe('1@1')
  expect(trace('time,rate\n0,8mbit\n', { queue: 'head' }).text).toBe('trace of 1 rows drophead')
})

test('comments and empty lines are skipped, columns have any order, empty cells repeat the value above', () => {
  const text = '\uFEFF# a link\nLoss, Delay ,time\r\n\n0,5,100\r\n100%,,100.5\n'
  const wire = makeWire([trace(text, { once: true })])
  wire.sendFrame(kilo)
  wire.advance(600 * MS)
  wire.sendFrame(kilo)
  wire.advance(100 * MS)
  expect([wire.left, wire.drops]).toEqual(['1@5', { loss: 1 }])
})

test.each([
  ['time,speed\n0,1\n', "line 1: 'speed' is not a column: time, rate, delay, loss"],
  ['time,rate,rate\n', 'line 1: the column rate is given twice'],
  ['rate,delay\n', 'line 1: the column time is missing'],
  ['time\n', 'line 1: a column beside time is missing: rate, delay or loss'],
  ['time,rate\n', 'line 1: it has no rows'],
  ['time,rate\n0,1mbit,5\n', 'line 2: it has 3 values, and the first line 2 columns'],
  ['time,rate\n0,fast\n', "line 2: 'fast' is not a rate"],
  ['time,rate\n0,\n', 'line 2: the first rate is missing'],
  ['time,delay\n# x\n0,-5ms\n', "line 3: '-5ms' is not a duration"],
  ['time,loss\n0,101%\n', "line 2: '101%' is not a percentage"],
  ['time,loss\n,1%\n', "line 2: '' is not a duration"],
  ['time,loss\n1,1%\n1s,2%\n', 'line 3: its time is not after the time of the row before'],
  ['time,rate\n0,0\n1,0\n', 'line 3: the rate is 0 in every row'],
  ['time,rate\n0,0\n', 'line 2: the rate is 0 in every row'],
  ['time,rate\n0,0.0\n1,0bit\n', 'line 3: the rate is 0 in every row'],
  ['time,rate\n0,0\n1e400,1mbit\n', 'line 3: the time 1e400 is too large'],
  ['time,delay\n0,1e303\n', 'line 2: the delay 1e303 is too large'],
  [
    'time,rate\n0,1mbit\n1e-300,2mbit\n',
    'line 3: its time is not after the time of the row before',
  ],
])('%j: %s', (text, message) => {
  expect(() => trace(text)).toThrow(`trace, ${message}`)
})

test('a simulation with the seed of a live wire repeats its losses, and ends on a cut link', () => {
  const stages = () => [
    trace('time,rate,delay,loss\n0,8mbit,5ms,20%\n0.2,0,5ms,0%\n', { once: true }),
  ]
  const live = makeWire(stages(), { seed: 11 })
  const out: number[] = []
  const simulation = new Simulation({ deliver: skb => out.push(skb.packetId) })
  simulation.set('ab', 0, stages(), 'trace', 11)
  for (let i = 0; i < 300; i++) {
    live.sendFrame(kilo)
    live.advance(MS)
    const arrival = {
      bytes: kilo,
      at: 0,
      captured: 1000,
      length: 1000,
      gsoSize: 0,
      gsoType: 0,
      transport: 0,
    }
    simulation.arrive({ direction: 'ab', time: i * MS, ...arrival })
  }
  simulation.finish()
  expect(out.length).toBeGreaterThan(120)
  expect(live.received.map(({ id }) => id)).toEqual(out)
})
