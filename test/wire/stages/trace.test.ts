import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { codel } from '#src/wire/stages/codel.ts'
import { trace } from '#src/wire/stages/trace.ts'
import { SEED } from '#support/scale.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const makeWire = testWires()

const MS = NSEC_PER_MSEC
/** With 1500 bytes after the link header: an opportunity. */
const full = plainFrame(1514)
/** Two of them, with 4 bytes each besides their own, fill an opportunity. */
const half = plainFrame(762)

describe('opportunities', () => {
  test('each line delivers 1500 bytes at its millisecond', () => {
    const wire = makeWire([trace('2\n5\n5\n9\n')])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(full)
    }
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@2 2@5 3@5 4@9')
  })

  test('several packets leave in one opportunity, as many as it has room for', () => {
    const wire = makeWire([trace([1, 2])])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(half)
    }
    wire.advance(2 * MS)
    expect(wire.left).toBe('1@1 2@1 3@2 4@2')
  })

  test('a packet longer than the rest of an opportunity continues in the next one', () => {
    const wire = makeWire([trace([1, 2, 3])])
    // 752, 1504, 752 and 3004 bytes: 752 + 752 | 752 + 752 | 1504 | 1500
    for (const frame of [half, full, half, plainFrame(3014)]) {
      wire.sendFrame(frame)
    }
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1 2@2 3@2 4@4')
  })

  test('6000 packets of 52 bytes take 224 opportunities, like in mahimahi', () => {
    const wire = makeWire([trace([1], { limit: { packets: 6000 } })], { small: 8192 })
    for (let i = 0; i < 6000; i++) {
      wire.sendFrame(plainFrame(66))
    }
    wire.advance(223 * MS)
    expect(wire.received.length).toBe(5989)
    wire.advance(1 * MS)
    expect(wire.received.length).toBe(6000)
  })

  test('the rest of an opportunity is lost', () => {
    const wire = makeWire([trace([1, 2, 3])])
    wire.sendFrame(half)
    wire.advance(1 * MS)
    wire.sendFrame(full)
    wire.advance(5 * MS)
    expect(wire.left).toBe('1@1 2@2')
  })

  test('opportunities without a packet are lost', () => {
    const wire = makeWire([trace([1, 2, 3, 10])])
    wire.sendFrame(half)
    wire.advance(2.5 * MS)
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(half)
    }
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1 2@3 3@3 4@10 5@10')
  })

  test('VLAN tags do not count, like the rest of the link header', () => {
    const wire = makeWire([trace([1])])
    const tagged = plainFrame(1518)
    tagged.set([0x81, 0, 0, 7, 8, 0], 12)
    wire.sendFrame(tagged)
    wire.advance(MS)
    expect(wire.left).toBe('1@1')
  })
})

describe('rounds', () => {
  test('a trace starts again after its last line', () => {
    const wire = makeWire([trace([0, 3, 5])])
    for (let i = 0; i < 8; i++) {
      wire.sendFrame(full)
    }
    wire.advance(20 * MS)
    // The opportunity at 0 of the first round came with the first packet, before it.
    expect(wire.left).toBe('1@3 2@5 3@5 4@8 5@10 6@10 7@13 8@15')
  })

  test('after idle rounds the trace is where it would be', () => {
    const wire = makeWire([trace([3, 5])])
    wire.sendFrame(full)
    wire.advance(1004 * MS)
    wire.sendFrame(full)
    wire.sendFrame(full)
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@3 2@1005 3@1008')
  })

  test('a trace starts with the first packet', () => {
    const wire = makeWire([trace([3, 5])])
    wire.advance(1234 * MS)
    wire.sendFrame(full)
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1237')
  })

  test('with once nothing is delivered after the last line, until the trace is removed', () => {
    const wire = makeWire([trace([1, 2], { once: true })])
    for (let i = 0; i < 3; i++) {
      wire.sendFrame(full)
    }
    wire.advance(100 * MS)
    wire.sendFrame(full)
    wire.advance(100 * MS)
    expect(wire.left).toBe('1@1 2@2')
    expect(wire.chain.report()[0]?.held).toBe(2)
    wire.chain.set([])
    expect(wire.left).toBe('1@1 2@2 3@200 4@200')
  })

  test('a removed trace with once continues to its end, and then delivers the rest', () => {
    const wire = makeWire([trace([1, 5], { once: true })])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(full)
    }
    wire.advance(2 * MS)
    wire.chain.set([])
    wire.advance(100 * MS)
    expect(wire.left).toBe('1@1 2@5 3@5 4@5')
  })
})

test('the throughput of a trace matches its lines', () => {
  const draw = random(SEED)
  const times = Array.from({ length: 1500 }, () => draw.below(3000)).sort((a, b) => a - b)
  times.push(3000)
  let bytes = 0
  const wire = makeWire([trace(times.join('\n'), { limit: { packets: 50 } })], {
    receive(skb) {
      bytes += skb.len - 14 + 4
    },
  })
  for (let i = 0; i < 3600; i++) {
    wire.sendFrame(plainFrame(200 + draw.below(1300)))
    wire.advance(MS)
  }
  // 3.6 s: a round and the first fifth of another.
  const opportunities = times.length + times.filter(ms => ms <= 600).length
  expect(bytes / 1504 / opportunities).toBeGreaterThan(0.99)
  expect(bytes / 1504 / opportunities).toBeLessThanOrEqual(1)
})

describe('queue and changes', () => {
  test('a limit holds for waiting packets and the packet in delivery', () => {
    const wire = makeWire([trace([1], { limit: { packets: 2 } })])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(plainFrame(2014))
    }
    wire.advance(MS)
    wire.sendFrame(plainFrame(2014))
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@2 2@3')
    expect(wire.drops).toEqual({ limit: 3 })
  })

  test('head drop and CoDel work on a trace too', () => {
    const [head, delayed] = [
      trace([1], { limit: { packets: 2 }, queue: 'head' }),
      trace([1], { queue: codel() }),
    ]
    const wire = makeWire([head])
    for (let i = 0; i < 4; i++) {
      wire.sendFrame(full)
    }
    wire.advance(10 * MS)
    expect(wire.left).toBe('3@1 4@2')
    const other = makeWire([delayed])
    for (let i = 0; i < 1000; i++) {
      other.sendFrame(full)
      other.advance(MS / 2)
    }
    expect(other.drops.codel).toBeGreaterThan(5)
    other.advance(NSEC_PER_SEC)
  })

  test('a new trace starts at the change and keeps waiting packets', () => {
    const wire = makeWire([trace([10])])
    wire.sendFrame(full)
    wire.sendFrame(full)
    wire.advance(3 * MS)
    wire.chain.set([trace([1, 2])])
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@4 2@5')
  })

  test('a trace that has ended starts again when a change removes once', () => {
    const wire = makeWire([trace([1, 2], { once: true })])
    for (let i = 0; i < 3; i++) {
      wire.sendFrame(full)
    }
    wire.advance(100 * MS)
    wire.chain.set([trace([1, 2])])
    wire.advance(10 * MS)
    expect(wire.left).toBe('1@1 2@2 3@101')
  })

  test('a change of the limit alone leaves the trace where it is', () => {
    const wire = makeWire([trace([10, 11])])
    wire.sendFrame(full)
    wire.sendFrame(full)
    wire.advance(3 * MS)
    wire.chain.set([trace([10, 11], { limit: { packets: 2 } })])
    wire.sendFrame(full)
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@10 2@11')
  })
})

test('a wrong line is refused with its number', () => {
  const wrong: [string | number[], string][] = [
    ['1\nx\n', "trace, line 2: 'x' is not a whole number of milliseconds"],
    ['1\n\n3\n', "trace, line 2: '' is not a whole number of milliseconds"],
    ['1\n2.5\n', "trace, line 2: '2.5' is not a whole number of milliseconds"],
    [[1, -5], "trace, line 2: '-5' is not a whole number of milliseconds"],
    ['1\n5\n3\n', 'trace, line 3: 3 is less than 5 in the line before'],
    ['0\n0\n', 'trace, line 2: the last time must be more than 0'],
    ['', "trace, line 1: '' is not a whole number of milliseconds"],
    [[], 'trace, line 0: the last time must be more than 0'],
  ]
  for (const [lines, message] of wrong) {
    expect(() => trace(lines)).toThrow(message)
  }
})

test('a trace prints its parameters', () => {
  expect(trace('1\r\n5\r\n', { once: true, limit: { bytes: 9000 }, queue: 'head' }).text).toBe(
    'trace of 2 opportunities in 5ms once drophead limit 9000b',
  )
})
