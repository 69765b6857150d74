import { expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { type CodelOptions, codel } from '#src/wire/stages/codel.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()

const MS = NSEC_PER_MSEC
/** A packet that takes a millisecond at 12 Mbit/s. */
const frame = plainFrame(1500)
/** The same of a sender that is capable of ECN. */
const ect = plainFrame(1500)
ect.set([8, 0, 0x45, 2], 12)

const line = (options: CodelOptions = {}, mbit = 12) => rate(mbit * 1e6, { queue: codel(options) })

/** Sends a packet every `gap` for `time`. */
function load(wire: TestWire, time: number, gap: number, bytes = frame): void {
  for (let sent = 0; sent < time; sent += gap) {
    wire.sendFrame(bytes)
    wire.advance(gap)
  }
}

/** The moments of drops and marks in ms. */
function moments(wire: TestWire): number[] {
  return wire.decisions
    .filter(({ why, verdict }) => why === 'codel' || verdict === 'mark')
    .map(({ time }) => time / MS)
}

/** RFC 8289 sec. 5.3: the moments after the first drop, in ms, for drops from the `count`-th on. */
function controlLaw(drops: number, interval = 100, count = 1): number[] {
  const law = [0]
  for (let n = count; law.length < drops; n++) {
    law.push((law.at(-1) as number) + interval / Math.sqrt(n))
  }
  return law
}

/** Expects the moments, each at most a packet's time late. */
function expectLaw(found: number[], law: number[]): void {
  const first = found[0] as number
  for (const [i, moment] of law.entries()) {
    const late = (found[i] as number) - first - moment
    expect(late, `drop ${i + 1}`).toBeGreaterThanOrEqual(-1)
    expect(late, `drop ${i + 1}`).toBeLessThanOrEqual(1)
  }
}

test('CoDel drops an interval after the wait exceeds the target, then at times interval / sqrt(count)', () => {
  const wire = makeWire([line()], { log: true })
  load(wire, 2 * NSEC_PER_SEC, MS / 2)
  const found = moments(wire)
  // The n-th packet waits n / 2 ms and is taken after n ms: from then on the wait exceeds 5 ms.
  expect(found[0]).toBeGreaterThanOrEqual(110)
  expect(found[0]).toBeLessThanOrEqual(112)
  expect(found.length).toBeGreaterThan(50)
  expectLaw(found, controlLaw(50))
})

test('another target and interval are followed as well', () => {
  const wire = makeWire([line({ target: '20ms', interval: '40ms' })], { log: true })
  load(wire, NSEC_PER_SEC, MS / 2)
  const found = moments(wire)
  expect(found[0]).toBeGreaterThanOrEqual(80)
  expect(found[0]).toBeLessThanOrEqual(82)
  expectLaw(found, controlLaw(30, 40))
})

test('a standing queue is brought to the target in the time of the control law, and then left alone', () => {
  const wire = makeWire([line()], { log: true })
  // A burst of fifty packets, then as many as the line takes: a permanent wait of 50 ms.
  for (let i = 0; i < 50; i++) {
    wire.sendFrame(frame)
  }
  load(wire, 3 * NSEC_PER_SEC, MS)
  const found = moments(wire)
  // Each drop removes a millisecond. The rest of the queue may wait 5 ms.
  expect(found.length).toBeGreaterThanOrEqual(44)
  expect(found.length).toBeLessThanOrEqual(46)
  expectLaw(found, controlLaw(found.length))
  const waits = wire.decisions
    .filter(({ verdict }) => verdict === 'delay')
    .map(({ amount }) => amount as number)
  const last = waits.slice(-500)
  // The log includes the millisecond of transmission.
  expect(Math.max(...last)).toBeLessThanOrEqual(6 * MS)
  expect(wire.drops).toEqual({ codel: found.length })
})

test('a queue that exceeds the target again soon is dropped from at the rate it had', () => {
  const wire = makeWire([line()], { log: true })
  load(wire, NSEC_PER_SEC, MS / 2)
  // The queue empties, and less than 16 intervals later it is overloaded again.
  wire.advance(1.5 * NSEC_PER_SEC)
  const state = moments(wire).length
  load(wire, NSEC_PER_SEC / 2, MS / 2)
  const again = moments(wire).slice(state)
  // The count continues from its last value, less its first one.
  expectLaw(again, controlLaw(10, 100, state - 1))
})

test('after 16 intervals without drops CoDel starts with a whole interval again', () => {
  const wire = makeWire([line()], { log: true })
  load(wire, NSEC_PER_SEC, MS / 2)
  wire.advance(4 * NSEC_PER_SEC)
  const before = moments(wire).length
  load(wire, NSEC_PER_SEC, MS / 2)
  expectLaw(moments(wire).slice(before), controlLaw(10))
})

test('CoDel does not drop packets that wait for less than the target', () => {
  const wire = makeWire([line()])
  // Bursts of five wait 4 ms at most.
  for (let i = 0; i < 200; i++) {
    for (let n = 0; n < 5; n++) {
      wire.sendFrame(frame)
    }
    wire.advance(5 * MS)
  }
  expect(wire.chain.report()[0]?.dropped).toBe(0)
})

test('a queue of one packet is left alone, however long it waits', () => {
  // 20 ms a packet: each waits for the one before it.
  const wire = makeWire([line({}, 0.6)])
  wire.sendFrame(frame)
  for (let i = 0; i < 100; i++) {
    wire.sendFrame(frame)
    wire.advance(20 * MS)
  }
  expect(wire.chain.report()[0]?.dropped).toBe(0)
})

test('a queue of short packets that fit into one frame is left alone, however long they wait', () => {
  const wire = makeWire([line({}, 0.06)])
  for (let i = 0; i < 300; i++) {
    if (i % 20 === 0) {
      for (let n = 0; n < 20; n++) {
        wire.send()
      }
    }
    wire.advance(8 * MS)
  }
  const [stage] = wire.chain.report()
  expect([stage?.out, stage?.dropped]).toEqual([299, 0])
})

test('CoDel with ecn marks packets of capable senders at the moments of the drops', () => {
  const wire = makeWire([line({ ecn: true })], { log: true })
  load(wire, 0.9 * NSEC_PER_SEC, MS / 2, ect)
  const [stage] = wire.chain.report()
  const found = moments(wire)
  expect(stage?.drops).toEqual({})
  expect(stage?.marked).toBe(found.length)
  expectLaw(found, controlLaw(20))
  wire.advance(NSEC_PER_SEC)
  const marked = wire.received.filter(({ bytes }) => bytes[15] === 3)
  expect(marked.length).toBe(wire.chain.report()[0]?.marked)
})

test('CoDel with ecn drops packets of other senders', () => {
  const wire = makeWire([line({ ecn: true })], { log: true })
  load(wire, NSEC_PER_SEC, MS / 2)
  const [stage] = wire.chain.report()
  expect(stage?.marked).toBe(0)
  expect(stage?.drops).toEqual({ codel: moments(wire).length })
})

test('a change of its parameters keeps CoDel’s state of the queue', () => {
  const wire = makeWire([line()], { log: true })
  load(wire, 100 * MS, MS / 2)
  wire.chain.set([line({ interval: '100ms', target: '6ms' })])
  load(wire, 100 * MS, MS / 2)
  // The first interval continues: it does not start at the change.
  expect(moments(wire)[0]).toBeLessThanOrEqual(112)
})

test('ce_threshold marks each capable packet that waited longer, and drops none', () => {
  const wire = makeWire([line({ ceThreshold: '3ms' })])
  for (let i = 0; i < 10; i++) {
    wire.sendFrame(i === 6 ? frame : ect)
  }
  wire.advance(10 * MS)
  // The n-th packet waits n - 1 ms.
  expect(wire.received.map(({ bytes }) => (bytes[15] as number) & 3)).toEqual([
    2, 2, 2, 2, 3, 3, 0, 3, 3, 3,
  ])
  expect(wire.chain.report()[0]).toMatchObject({ marked: 5, dropped: 0 })
})

test('a packet that CoDel marks is not marked again by ce_threshold', () => {
  const wire = makeWire([line({ ecn: true, ceThreshold: '1ms' })], { log: true })
  load(wire, 0.3 * NSEC_PER_SEC, MS / 2, ect)
  const ids = wire.decisions.filter(({ verdict }) => verdict === 'mark').map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('CoDel prints its parameters', () => {
  expect(line({ ceThreshold: 1 }).text).toBe(
    'rate 12mbit codel target 5ms interval 100ms ce_threshold 1ms',
  )
  expect(line().text).toBe('rate 12mbit codel target 5ms interval 100ms')
  expect(line({ target: '1ms', ecn: true }).text).toBe(
    'rate 12mbit codel target 1ms interval 100ms ecn',
  )
})

test('CoDel refuses times below 1 ms', () => {
  expect(() => codel({ target: '999us' })).toThrow('codel: target must be at least 1ms')
  expect(() => codel({ interval: 0 })).toThrow('codel: interval must be at least 1ms')
})
