import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { loss, lossEvery, lossGemodel, lossState } from '#src/wire/stages/loss.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { testWires } from '#support/wire.ts'
import { buildFrame, plain, plain6 } from '../../packet/frames.ts'

const makeWire = testWires()

/** Returns the numbers of the packets that a wire passes. */
function passed(stages: readonly Impairment[], count: number): number[] {
  const wire = makeWire(stages)
  wire.send(count)
  return wire.received.map(({ id }) => id)
}

test('loss of everything and of nothing are exact', () => {
  expect(passed([loss(1)], 100)).toEqual([])
  expect(passed([loss(0)], 100).length).toBe(100)
  expect(passed([loss('100%', { correlation: '50%' })], 100)).toEqual([])
})

test('loss every 3 drops the third, sixth and ninth packet', () => {
  expect(passed([lossEvery(3)], 10)).toEqual([1, 2, 4, 5, 7, 8, 10])
})

test('gemodel draws the transition first, and the loss by the state before it', () => {
  // From good to bad and back with each packet: packets 2, 4, 6 ... see the bad state.
  expect(passed([lossGemodel({ p: 1, r: 1, h: 1, k: 0 })], 6)).toEqual([1, 3, 5])
})

test('the four states follow each other as they must', () => {
  // 1 -> 3 (lost) -> 1 (sent) -> 3 ...
  expect(passed([lossState({ p13: 1, p31: 1 })], 6)).toEqual([2, 4, 6])
  // 1 -> 3 (lost) -> 2 (sent) -> 3 ...
  expect(passed([lossState({ p13: 1, p31: 0, p32: 1 })], 6)).toEqual([2, 4, 6])
  // 1 -> 4 (lost) -> 1 (sent, always) -> 4 ...
  expect(passed([lossState({ p13: 0, p14: 1 })], 6)).toEqual([2, 4, 6])
  // 1 -> 3 (lost), where it remains.
  expect(passed([lossState({ p13: 1, p31: 0 })], 6)).toEqual([])
  // 1 -> 3 (lost) -> 2 (sent), where it remains.
  expect(passed([lossState({ p13: 1, p31: 0, p32: 1, p23: 0 })], 6)).toEqual([2, 3, 4, 5, 6])
})

test('lost packets are counted as loss', () => {
  const wire = makeWire([loss(1)], { log: true })
  wire.send(2)
  expect(wire.chain.report()[0]).toMatchObject({ in: 2, out: 0, dropped: 2, drops: { loss: 2 } })
  expect(wire.decisions.filter(({ verdict }) => verdict !== 'arrival')).toMatchObject([
    { id: 1, stage: 'loss', verdict: 'drop', why: 'loss' },
    { id: 2, stage: 'loss', verdict: 'drop', why: 'loss' },
  ])
})

test.each([
  ['IPv4', plain, 15],
  ['IPv6', plain6, 15],
])('ecn marks ECT packets of %s in place of dropping them, and counts marks', (_, packet, at) => {
  const capable = buildFrame({ packet, tags: [], padding: [] })
  if (packet === plain) {
    capable[at] |= 2
  } else {
    capable[at] |= 2 << 4
  }
  const wire = makeWire([loss(1, { ecn: true })])
  wire.sendFrame(capable)
  wire.sendFrame(buildFrame({ packet, tags: [], padding: [] }))
  expect(wire.chain.report()[0]).toMatchObject({
    in: 2,
    out: 1,
    marked: 1,
    dropped: 1,
    drops: { loss: 1 },
  })
  expect(wire.received[0].bytes[at] & (packet === plain ? 3 : 0x30)).toBe(
    packet === plain ? 3 : 0x30,
  )
})

test('a change of the share keeps the state of the model', () => {
  const wire = makeWire([lossEvery(4)])
  wire.send(3)
  wire.chain.set([lossEvery(5)])
  wire.send(3)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 2, 3, 4, 6])
  expect(wire.chain.report()[0]).toMatchObject({ in: 6, dropped: 1 })
})

test('a change to another model keeps the counters', () => {
  const wire = makeWire([lossEvery(2)])
  wire.send(2)
  wire.chain.set([loss(0)])
  wire.send(2)
  expect(wire.chain.report()).toMatchObject([
    { stage: 'loss', text: 'loss 0%', in: 4, out: 3, dropped: 1 },
  ])
})

test('losses print their spec', () => {
  const impairments = [
    loss(0.01),
    loss('1%', { correlation: 0.25, ecn: true }),
    loss(0.05, { burst: 4 }),
    lossState({ p13: 0.1, p31: '80%' }),
    lossGemodel({ p: 0.01, r: 0.3 }),
    lossEvery(7),
  ]
  expect(impairments.map(({ text }) => text)).toEqual([
    'loss 1%',
    'loss 1% 25% ecn',
    'loss 5% burst 4',
    'loss state 10% 80%',
    'loss gemodel 1% 30%',
    'loss every 7',
  ])
})

test.each([
  [() => loss(1.5), '1.5 is not a share from 0 to 1'],
  [() => loss(0.1, { burst: 0.5 }), '0.5 is not a mean length of bursts: at least 1 packet'],
  [() => loss(0.8, { burst: 3 }), 'bursts of 3 packets lose at most 75%: take longer ones'],
  [
    () => loss(0.1, { burst: 3, correlation: 0.1 }),
    'a loss in bursts has no correlation: leave one of them out',
  ],
  [() => lossState({ p13: 0.6, p14: 0.5 }), 'p13 and p14 are 110% together: at most 100%'],
  [
    () => lossState({ p13: 0.5, p31: 0.6, p32: 0.5 }),
    'p31 and p32 are 110% together: at most 100%',
  ],
  [() => lossGemodel({ p: -1 }), '-1 is not a share from 0 to 1'],
  [() => lossEvery(0), 'every 0: it must be a whole number, at least 1'],
])('loss refuses wrong numbers in one line', (make, message) => {
  expect(make).toThrow(new UsageError(message))
})
