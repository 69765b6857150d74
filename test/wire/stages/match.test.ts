import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { parseWire } from '#src/wire/parse.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { loss } from '#src/wire/stages/loss.ts'
import { match } from '#src/wire/stages/match.ts'
import { textOf } from '#src/wire/wire.ts'
import { ethernet, putWord } from '#support/frames.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const testWire = testWires()

/** Matches frames with an odd first payload byte. */
const odd = Object.assign((bytes: Uint8Array, at: number) => (bytes[at + 14] & 1) === 1, {
  text: 'odd',
})

function frame(first: number): Uint8Array {
  const bytes = plainFrame(60)
  bytes[14] = first
  return bytes
}

/** The first bytes of the payloads that came out. */
const firsts = (received: readonly { bytes: Uint8Array }[]) =>
  received.map(({ bytes }) => bytes[14])

test('matching packets pass the stages of the first branch, all others pass the second branch', () => {
  const wire = testWire([match(odd, [loss(1)], [delay('10ms')])])
  for (let i = 0; i < 6; i++) {
    wire.sendFrame(frame(i))
  }
  expect(firsts(wire.received)).toEqual([])
  wire.advance(10e6)
  expect(firsts(wire.received)).toEqual([0, 2, 4])
})

test('packets without a branch pass unchanged', () => {
  const wire = testWire([match(odd, [loss(1)])])
  for (let i = 0; i < 4; i++) {
    wire.sendFrame(frame(i))
  }
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
  for (let i = 0; i < 6; i++) {
    wire.sendFrame(frame(i))
  }
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
  for (let i = 0; i < 8; i++) {
    wire.sendFrame(frame(i))
  }
  expect(firsts(wire.received)).toEqual([0, 2, 4, 5, 6, 7])
  expect(wire.chain.report().map(({ stage, path }) => path + stage)).toEqual([
    'match',
    'match then match 2',
    'match then match 2 then loss',
  ])
})

const [SYN, ACK] = [2, 16]

/** A TCP segment of `port` to port 80, in IPv4 or IPv6. */
function segment(version: 4 | 6, port: number, flags: number, payload = 0): Uint8Array {
  const tcp = new Uint8Array(20 + payload)
  putWord(tcp, 0, port)
  tcp.set([0, 80], 2)
  tcp.set([0x50, flags], 12)
  const header = new Uint8Array(version === 4 ? 20 : 40).fill(1)
  if (version === 4) {
    header.set([0x45, 0, 0, 40 + payload, 0, 1, 0x40, 0, 64, 6])
  } else {
    header.set([0x60, 0, 0, 0, 0, 20 + payload, 6, 64])
  }
  return ethernet(version === 4 ? 0x0800 : 0x86dd, [...header, ...tcp])
}

/** Returns the numbers of the packets that `match SELECTION` selects. */
function selected(selection: string, frames: readonly Uint8Array[], seed = 7): number[] {
  const wire = testWire(parseWire(`match ${selection} ( loss 100% )`), { seed })
  for (const each of frames) {
    wire.sendFrame(each)
  }
  const passed = new Set(wire.received.map(({ id }) => id))
  return frames.map((_, i) => i + 1).filter(id => !passed.has(id))
}

test('match syn selects the segments with SYN of both families, and nothing else', () => {
  const fragment = segment(4, 1, SYN)
  fragment[14 + 6] = 0x20
  const frames = ([4, 6] as const).flatMap(version =>
    [SYN, ACK, SYN | ACK].map(flags => segment(version, 1, flags)),
  )
  expect(selected('syn', [...frames, plainFrame(60), fragment])).toEqual([1, 3, 4, 6])
})

test('match nth counts only packets that meet the other conditions, and selects one', () => {
  const frames = [ACK, SYN, SYN, ACK, SYN].map(flags => segment(6, 1, flags))
  expect(selected('syn nth 2', frames)).toEqual([3])
  expect(selected('nth 2 syn', frames)).toEqual([3])
  expect(selected('nth 4', frames)).toEqual([4])
})

test('match data selects the segments with payload of both families', () => {
  const frames = ([4, 6] as const).flatMap(version =>
    [0, 5].map(payload => segment(version, 1, ACK, payload)),
  )
  expect(selected('data', [...frames, plainFrame(60)])).toEqual([2, 4])
  expect(selected('nth 2 data', frames)).toEqual([4])
  expect(selected('data syn', frames)).toEqual([])
})

test('a match that is set again counts on, and starts at 0 with another condition', () => {
  const wire = testWire(parseWire('match nth 3 ( loss 100% )'))
  wire.send(2)
  wire.chain.set(parseWire('match nth 3 ( delay 1ms )'))
  wire.send(1)
  expect(wire.chain.report().map(({ held }) => held)).toEqual([0, 1])
  wire.chain.set(parseWire('match nth 2 ( delay 1ms )'))
  wire.send(2)
  expect(wire.chain.report().map(({ held }) => held)).toEqual([0, 2])
  wire.advance(1e6)
})

describe.each([4, 6] as const)('match flow of IPv%i', version => {
  const ports = Array.from({ length: 1000 }, (_, port) => port + 1)
  const first = ports.map(port => segment(version, port, SYN))
  const second = ports.map(port => segment(version, port, ACK))

  test('match flow selects that share of the flows, and all packets of each', () => {
    const numbers = selected('flow 10%', [...first, ...second])
    const once = numbers.filter(id => id <= 1000)
    // Four deviations of a binomial distribution.
    expect(Math.abs(once.length - 100)).toBeLessThan(4 * Math.sqrt(1000 * 0.1 * 0.9))
    expect(numbers).toEqual([...once, ...once.map(id => id + 1000)])
  })

  test('match flow selects the same flows with the same seed, and others with another', () => {
    const numbers = selected('flow 30%', first)
    expect(selected('flow 30%', first)).toEqual(numbers)
    expect(selected('flow 30%', first, 8)).not.toEqual(numbers)
    expect(selected('flow 100%', first)).toHaveLength(1000)
    expect(selected('flow 0%', first)).toHaveLength(0)
  })
})

test('match flow does not select packets that are not IP', () => {
  expect(selected('flow 100%', [plainFrame(60)])).toEqual([])
})

test('a match of a program has the conditions of the text', () => {
  expect(match({ syn: true, flow: '10%', data: true, nth: 3 }, [loss(1)]).text).toBe(
    'match syn flow 10% data nth 3 ( loss 100% )',
  )
  expect(match({ filter: odd, flow: 0.5 }, []).text).toBe("match 'odd' flow 50% ( )")
  expect(() => match({ data: 1 as never }, [])).toThrow('data is true or false')
  expect(() => match({ syn: 'no' as never }, [])).toThrow('syn is true or false')
  expect(() => match({ nth: 0 }, [])).toThrow('nth 0: it must be a whole number of at least 1')
})

test('branches with different delays share the queue of the group before the match', () => {
  const text = "rate 8mbit limit 20 | match 'udp' ( delay 40ms ) else ( delay 5ms )"
  const filter = Object.assign((bytes: Uint8Array, at: number) => bytes[at + 23] === 17, {
    text: 'udp',
  })
  const stages = parseWire(text, { ...noResources, filter: () => filter as never })
  const wire = testWire(stages)
  const bulk = plainFrame(1000)
  bulk[23] = 17
  for (let i = 0; i < 30; i++) {
    wire.sendFrame(bulk)
  }
  wire.advance(10.5 * NSEC_PER_MSEC)
  wire.sendFrame(plainFrame(1000))
  wire.advance(100 * NSEC_PER_MSEC)
  const [queue] = wire.chain.report()
  expect(queue?.drops).toEqual({ limit: 10 })
  // 20 packets of bulk fill the queue: the other one leaves it after them, at 21 ms.
  expect(wire.received.find(({ id }) => id === 31)?.time).toBe(26 * NSEC_PER_MSEC)
  expect(
    wire.received.filter(({ id }) => id !== 31).map(({ time }) => time / NSEC_PER_MSEC),
  ).toEqual(Array.from({ length: 20 }, (_, i) => 41 + i))
  expect(textOf(stages)).toBe("rate 8mbit limit 20 | match 'udp' ( delay 40ms ) else ( delay 5ms )")
})
