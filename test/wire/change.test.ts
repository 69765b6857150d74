import { expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import { SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { corrupt } from '#src/wire/stages/corrupt.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import { loss, lossEvery } from '#src/wire/stages/loss.ts'
import { slot } from '#src/wire/stages/slot.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { LoadedClock } from '#support/loaded-clock.ts'
import { plainChain, type TestWire, testWires } from '#support/wire.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeWire = testWires()

const MS = 1_000_000

/** Returns what each packet met at a stage: the verdicts and amounts, by packet id. */
function decisionsOf(wire: TestWire, stage: string): string[] {
  return wire.decisions
    .filter(decision => decision.stage === stage)
    .map(({ id, verdict, amount }) => `${id} ${verdict} ${amount ?? ''}`)
}

/** Returns the decisions of a stage over 400 packets, sent one each millisecond. */
function run(stages: readonly Impairment[], stage: string): string[] {
  const wire = makeWire(stages, { log: true })
  wire.send(400, MS)
  wire.advance(1000 * MS)
  return decisionsOf(wire, stage)
}

const jitter = () => delay('50ms', { jitter: '20ms', correlation: '25%', order: 'ordered' })

test('a stage that is inserted shifts no decisions of the others', () => {
  const bare = run([loss(0.1), jitter(), corrupt(0.2)], 'loss')
  expect(bare.length).toBeGreaterThan(20)
  const amid = [duplicate(0), loss(0.1), delay('1ms'), corrupt(0), jitter(), loss(0)]
  expect(run(amid, 'loss')).toEqual(bare)
  // The delay that is inserted is the first now, and the one before it the second.
  const delays = run([jitter()], 'delay')
  expect(run([jitter(), corrupt(0.2), loss(0)], 'delay')).toEqual(delays)
  // A later stage sees the remaining packets in their order: its draws are the same.
  const flips = run([corrupt(0.2)], 'corrupt')
  expect(run([jitter(), delay('1ms'), corrupt(0.2)], 'corrupt')).toEqual(flips)
})

test('two stages of a kind, two directions and two seeds draw different numbers', () => {
  const two = makeWire([loss(0.5), loss(0.5)], { log: true })
  two.send(200)
  const first = decisionsOf(two, 'loss').map(line => line.split(' ')[0])
  const second = decisionsOf(two, 'loss 2').map(line => line.split(' ')[0])
  expect(first.some((id, i) => id !== second[i])).toBe(true)
  const lost = (options: { direction?: 'ab' | 'ba'; seed?: number }) => {
    const wire = makeWire([loss(0.5)], { ...options, log: true })
    wire.send(200)
    return decisionsOf(wire, 'loss')
  }
  expect(lost({})).toEqual(lost({}))
  expect(lost({})).not.toEqual(lost({ direction: 'ba' }))
  expect(lost({})).not.toEqual(lost({ seed: 8 }))
})

test('a change keeps the position of the random stream', () => {
  const unchanged = run([loss(0.3)], 'loss')
  const wire = makeWire([loss(0.3)], { log: true })
  wire.send(100, MS)
  wire.chain.set([loss(0.3), delay('1ms')])
  wire.send(100, MS)
  wire.chain.set([delay('1ms'), loss(0.3)])
  wire.advance(10 * MS)
  wire.send(200, MS)
  expect(decisionsOf(wire, 'loss')).toEqual(unchanged)
})

test('a change of a wire that lags comes after all that happens at its time, as in a simulation', () => {
  const clock = new LoadedClock()
  const pool = new SkBuffPool({ large: 1, small: 500 })
  let left = 0
  const end = {
    push(skb: SkBuff) {
      left++
      skb.free()
    },
  }
  const chain = plainChain({ clock, pool, end })
  chain.set([slot({ min: '10s' })])
  for (let i = 0; i < 500; i++) {
    const skb = pool.alloc(60) as SkBuff
    skb.put(60)
    chain.push(skb)
  }
  clock.time = 1e11
  clock.turn()
  const before = left
  chain.set([])
  expect([before > 0, before < 500, left]).toEqual([true, true, 500])
  chain.close()
})

test('a change keeps the packets that are held and the counters', () => {
  const wire = makeWire([delay('10ms'), lossEvery(2)])
  wire.send(6, MS)
  wire.chain.set([delay('20ms'), lossEvery(3), corrupt(0)])
  wire.send(3, MS)
  expect(wire.chain.report()).toMatchObject([
    { stage: 'delay', in: 9, held: 9 },
    { stage: 'loss' },
    { stage: 'corrupt' },
  ])
  wire.advance(100 * MS)
  expect(wire.received.map(({ id, time }) => [id, time / MS])).toEqual([
    ...[1, 2, 4, 5, 7, 8].map(id => [id, id <= 6 ? id + 9 : id + 19]),
  ])
  expect(wire.chain.report()).toMatchObject([
    { in: 9, out: 9 },
    { in: 9, out: 6, dropped: 3 },
    { in: 6, out: 6 },
  ])
})

test('a removed stage passes its packets on through the later stages', () => {
  const wire = makeWire([delay('10ms'), delay('5ms'), lossEvery(2)])
  wire.send(4)
  wire.chain.set([])
  wire.send(1)
  expect(wire.chain.report()).toMatchObject([{ stage: 'delay', held: 4 }])
  wire.advance(12 * MS)
  expect(wire.chain.report()).toMatchObject([{ stage: 'delay 2', held: 4 }])
  wire.conserved()
  wire.advance(10 * MS)
  expect(wire.left).toBe('5@0 1@15 3@15')
})

test('GSO frames in flight are cut in front of a stage that a change adds', () => {
  const packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(3000).fill(1),
    checksum: 'partial',
  } as const
  const wire = makeWire([delay('10ms')], { log: true })
  wire.sendFrame(buildFrame({ packet, tags: [], padding: [] }), {
    csumStart: 34,
    csumOffset: 16,
    gsoSize: 1000,
    gsoType: SKB_GSO_TCPV4,
  })
  expect(wire.conserved()).toMatchObject({ in: 3, held: 3 })
  wire.chain.set([delay('10ms'), lossEvery(2), corrupt(1)])
  wire.advance(10 * MS)
  expect(wire.received.map(({ id, gsoSize }) => [id, gsoSize])).toEqual([
    [1, 0],
    [3, 0],
  ])
  expect(wire.chain.report()).toMatchObject([
    { stage: 'delay', in: 3, out: 3 },
    { stage: 'loss', in: 3, out: 2, dropped: 1 },
    { stage: 'corrupt', in: 2, out: 2, corrupted: 2 },
  ])
})

test('a receiver that throws does not stop later packets', () => {
  let calls = 0
  const wire = makeWire([delay('1ms')], {
    receive: () => {
      calls++
      if (calls === 1) throw new Error('the first is refused')
    },
  })
  expect(() => wire.send(3)).not.toThrow()
  wire.advance(2 * MS)
  expect([calls, wire.failures]).toEqual([3, ['receiver: Error: the first is refused']])
})
