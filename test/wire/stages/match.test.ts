import { expect, test } from 'vitest'
import { delay } from '../../../src/wire/stages/delay.ts'
import { loss } from '../../../src/wire/stages/loss.ts'
import { match } from '../../../src/wire/stages/match.ts'
import { plainFrame, testWires } from '../../support/wire.ts'

const testWire = testWires()

/** Matches frames with an odd first payload byte. */
const odd = Object.assign((bytes: Uint8Array, at: number) => (bytes[at + 14] & 1) === 1, { text: 'odd' })

function frame(first: number): Uint8Array {
  const bytes = plainFrame(60)
  bytes[14] = first
  return bytes
}

/** The first bytes of the payloads that came out. */
const firsts = (received: readonly { bytes: Uint8Array }[]) => received.map(({ bytes }) => bytes[14])

test('matching packets pass the stages of the first branch, all others pass the second branch', () => {
  const wire = testWire([match(odd, [loss(1)], [delay('10ms')])])
  for (let i = 0; i < 6; i++) wire.sendFrame(frame(i))
  expect(firsts(wire.received)).toEqual([])
  wire.advance(10e6)
  expect(firsts(wire.received)).toEqual([0, 2, 4])
})

test('packets without a branch pass unchanged', () => {
  const wire = testWire([match(odd, [loss(1)])])
  for (let i = 0; i < 4; i++) wire.sendFrame(frame(i))
  expect(firsts(wire.received)).toEqual([0, 2])
})

test('both branches lead on to the stage after the match', () => {
  const wire = testWire([match(odd, [delay('1ms')], [delay('2ms')]), delay('10ms')])
  wire.sendFrame(frame(0))
  wire.sendFrame(frame(1))
  wire.advance(20e6)
  expect(wire.received.map(({ bytes, time }) => [bytes[14], time])).toEqual([
    [1, 11e6],
    [0, 12e6],
  ])
})

test('a packet has left the match when it enters a branch, and the branch’s stages count its fate', () => {
  const wire = testWire([match(odd, [loss(1)], [delay('10ms')])])
  for (let i = 0; i < 6; i++) wire.sendFrame(frame(i))
  const counts = wire.chain.report().map(({ stage, path, in: entered, out, held, dropped }) => ({
    stage,
    path,
    in: entered,
    out,
    held,
    dropped,
  }))
  expect(counts).toEqual([
    { stage: 'match', path: '', in: 6, out: 6, held: 0, dropped: 0 },
    { stage: 'loss', path: 'match then ', in: 3, out: 0, held: 0, dropped: 3 },
    { stage: 'delay', path: 'match else ', in: 3, out: 0, held: 3, dropped: 0 },
  ])
})

test('a change keeps the packets in a branch, and the counters of its stages', () => {
  const wire = testWire([match(odd, [delay('10ms')])])
  wire.sendFrame(frame(1))
  wire.chain.set([match(odd, [delay('20ms')], [loss(1)])])
  wire.sendFrame(frame(2))
  wire.advance(10e6)
  expect(firsts(wire.received)).toEqual([1])
  const [, first] = wire.chain.report()
  expect([first?.in, first?.out]).toEqual([1, 1])
  wire.sendFrame(frame(3))
  wire.advance(19e6)
  expect(firsts(wire.received)).toEqual([1])
  wire.advance(1e6)
  expect(firsts(wire.received)).toEqual([1, 3])
})

test('a removed match loses no packet of its branches', () => {
  const wire = testWire([match(odd, [delay('10ms')], [delay('20ms')])])
  wire.sendFrame(frame(1))
  wire.sendFrame(frame(2))
  wire.chain.set([])
  expect(wire.chain.report().map(({ path, held }) => [path, held])).toEqual([
    ['match then ', 1],
    ['match else ', 1],
  ])
  wire.advance(20e6)
  expect(firsts(wire.received)).toEqual([1, 2])
})

test('the text of a match includes its branches', () => {
  expect(match(odd, [loss(1), delay('1ms')]).text).toBe("match 'odd' ( loss 100% | delay 1ms )")
  expect(match(() => true, [], [loss(1)]).text).toBe("match 'a function' ( ) else ( loss 100% )")
})

test('a match may lie in a match', () => {
  const small = (bytes: Uint8Array, at: number) => bytes[at + 14] < 4
  const wire = testWire([match(odd, [match(small, [loss(1)])])])
  for (let i = 0; i < 8; i++) wire.sendFrame(frame(i))
  expect(firsts(wire.received)).toEqual([0, 2, 4, 5, 6, 7])
  expect(wire.chain.report().map(({ stage, path }) => path + stage)).toEqual([
    'match',
    'match then match 2',
    'match then match 2 then loss',
  ])
})
