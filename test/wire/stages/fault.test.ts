import { describe, expect, test } from 'vitest'
import { CHECKSUM_NONE } from '#src/skb/sk-buff.ts'
import { parseWire } from '#src/wire/parse.ts'
import { drop, type FaultAction, type FaultWhen, fault } from '#src/wire/stages/fault.ts'
import { loss } from '#src/wire/stages/loss.ts'
import { textOf } from '#src/wire/wire.ts'
import { ones, putWord } from '#support/frames.ts'
import { plainFrame, testWires } from '#support/wire.ts'
import { buildFrame, type Packet, plain, plain6 } from '../../packet/frames.ts'

const testWire = testWires()

const EXTENDED = [{ header: 60, octets: [1, 4, 0, 0, 0, 0] }]

/** Matches frames with an odd first payload byte. */
const odd = (bytes: Uint8Array, at: number) => (bytes[at + 14] & 1) === 1

function frame(first: number): Uint8Array {
  const bytes = plainFrame(60)
  bytes[14] = first
  return bytes
}

function changedBits(bytes: Uint8Array, sent: Uint8Array): number {
  return bytes.reduce(
    (bits, byte, at) => bits + (byte ^ (sent[at] ?? 0)).toString(2).replaceAll('0', '').length,
    0,
  )
}

/** Sends frames 0 to 9 a millisecond apart and returns the surviving frames. */
function survivors(when: FaultWhen, filter: typeof odd | 'none' = odd): number[] {
  const wire = testWire([drop(filter === 'none' ? undefined : filter, when)])
  for (let i = 0; i < 10; i++) {
    wire.sendFrame(frame(i))
    wire.advance(1e6)
  }
  return wire.received.map(({ bytes }) => bytes[14])
}

describe('selection', () => {
  test('a fault with first N hits the first N matching packets', () => {
    expect(survivors({ first: 2 })).toEqual([0, 2, 4, 5, 6, 7, 8, 9])
  })

  test('a fault with nth N hits the Nth matching packet', () => {
    expect(survivors({ nth: 3 })).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9])
  })

  test('every N hits every Nth packet that matches', () => {
    expect(survivors({ every: 2 })).toEqual([0, 1, 2, 4, 5, 6, 8, 9])
  })

  test('a fault after T hits all matching packets from T after the first packet on', () => {
    expect(survivors({ after: '4ms' })).toEqual([0, 1, 2, 3, 4, 6, 8])
  })

  test('a fault after T with a count starts to count at T', () => {
    expect(survivors({ after: 4, first: 1 })).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9])
  })

  test.each([0, undefined])('a filter that returns %s matches no packet', value => {
    const filter = (() => value) as unknown as typeof odd
    expect(survivors({ every: 1 }, filter)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('a fault without a filter hits any packet', () => {
    expect(survivors({ every: 3 }, 'none')).toEqual([0, 1, 3, 4, 6, 7, 9])
  })
})

describe('with data', () => {
  const tcp = (payload: number, changes: Partial<Packet> = {}, padding = 0): Uint8Array => {
    const packet = {
      ...plain,
      kind: 'tcp' as const,
      payload: new Array<number>(payload).fill(7),
      ...changes,
    }
    return buildFrame({ packet, tags: [], padding: new Array<number>(padding).fill(0) })
  }
  const { source, destination } = plain6
  const V6 = { source, destination }
  /** Returns which frames a fault drops, counted from 1. */
  const dropped = (when: FaultWhen, frames: readonly Uint8Array[]): number[] => {
    const wire = testWire([drop(undefined, when)])
    for (const each of frames) {
      wire.sendFrame(each)
    }
    const passed = new Set(wire.received.map(({ id }) => id))
    return frames.map((_, i) => i + 1).filter(id => !passed.has(id))
  }

  test.each([
    ['a segment with a byte', true, tcp(1)],
    ['an acknowledgment in a padded frame', false, tcp(0, {}, 6)],
    ['an acknowledgment with IP options', false, tcp(0, { options: [1, 1, 1, 0] })],
    ['a segment with IP options', true, tcp(3, { options: [1, 1, 1, 0] })],
    ['an acknowledgment over IPv6', false, tcp(0, V6)],
    [
      'an acknowledgment behind an extension header',
      false,
      tcp(0, { ...V6, extensions: EXTENDED }),
    ],
    ['a segment behind an extension header', true, tcp(2, { ...V6, extensions: EXTENDED })],
    ['the first fragment of a segment', true, tcp(60, { fragment: { first: true, at: 40 } })],
    ['the second fragment of a segment', false, tcp(60, { fragment: { first: false, at: 40 } })],
    ['a datagram', false, tcp(9, { kind: 'udp' })],
    ['an echo request', false, tcp(9, { kind: 'icmp' })],
    ['a frame that is not IP', false, plainFrame(60)],
  ])('%s counts: %s', (_what, counts, bytes) => {
    expect(dropped({ data: true }, [bytes])).toEqual(counts ? [1] : [])
  })

  test('a fault counts the payloads of all connections, and repetitions again', () => {
    const upload = [tcp(0, { flags: 2 }), tcp(0), tcp(900), tcp(0), tcp(900), tcp(900), tcp(900)]
    expect(dropped({ nth: 3, data: true }, upload)).toEqual([6])
    expect(dropped({ first: 2, data: true }, upload)).toEqual([3, 5])
    expect(dropped({ every: 2, data: true }, upload)).toEqual([5, 7])
    expect(dropped({ nth: 3, data: false }, upload)).toEqual([3])
  })

  test('a fault prints data behind its count, and data alone is every segment with payload', () => {
    expect(drop(undefined, { nth: 3, data: true, after: '2s' }).text).toBe(
      'drop nth 3 data after 2s',
    )
    expect(textOf(parseWire('drop data nth 3'))).toBe('drop nth 3 data')
    expect(textOf(parseWire('delay 20ms data'))).toBe('delay 20ms data')
    expect(drop(undefined, { data: false }).text).toBe('drop every 1')
    expect(drop(undefined, { data: false, after: '2s' }).text).toBe('drop after 2s')
    expect(() => drop(undefined, { data: 1 as never })).toThrow('data is true or false')
  })
})

test('a dropped packet is counted as a drop of the fault', () => {
  const wire = testWire([drop(odd, { first: 1 })])
  wire.sendFrame(frame(1))
  expect(wire.chain.report()[0]).toMatchObject({ stage: 'fault', dropped: 1, drops: { drop: 1 } })
})

test('a duplicated packet comes twice', () => {
  const wire = testWire([fault('duplicate', odd, { nth: 2 })])
  for (let i = 0; i < 4; i++) {
    wire.sendFrame(frame(i))
  }
  expect(wire.received.map(({ bytes }) => bytes[14])).toEqual([0, 1, 2, 3, 3])
  expect(wire.chain.report()[0]?.duplicated).toBe(1)
})

test('a delayed packet is overtaken by later packets', () => {
  const wire = testWire([fault({ delay: '200ms' }, odd, { first: 1 })])
  for (let i = 1; i < 4; i++) {
    wire.sendFrame(frame(i))
  }
  wire.advance(200e6 - 1)
  expect(wire.received.map(({ bytes }) => bytes[14])).toEqual([2, 3])
  expect(wire.chain.report()[0]?.held).toBe(1)
  wire.advance(1)
  expect(wire.received.map(({ bytes, time }) => [bytes[14], time]).at(-1)).toEqual([1, 200e6])
})

test('delayed packets that exceed a thousand are dropped and counted as limit', () => {
  const wire = testWire([fault({ delay: '1s' }, undefined, { every: 1 })])
  wire.send(1003)
  expect(wire.chain.report()[0]).toMatchObject({ held: 1000, drops: { limit: 3 } })
})

test('each fault of a wire delays up to a thousand packets', () => {
  const even = (bytes: Uint8Array, at: number) => !odd(bytes, at)
  const wire = testWire([
    fault({ delay: '1s' }, even, { every: 1 }),
    fault({ delay: '1s' }, odd, { every: 1 }),
  ])
  for (let i = 0; i < 1500; i++) {
    wire.sendFrame(frame(i % 2))
  }
  wire.advance(1e9)
  expect(wire.received.length).toBe(1500)
})

test('a corrupted packet has one flipped bit', () => {
  const wire = testWire([fault('corrupt', odd, { first: 1 })])
  for (const first of [1, 3]) {
    wire.sendFrame(frame(first))
  }
  expect(wire.received.map(({ bytes }, i) => changedBits(bytes, frame([1, 3][i] ?? 0)))).toEqual([
    1, 0,
  ])
  expect(wire.chain.report()[0]?.corrupted).toBe(1)
})

test('the partial checksum of a packet is completed before a bit of it is changed', () => {
  const wire = testWire([fault('corrupt', undefined, { every: 1 })])
  const sent = new Uint8Array(60).fill(1)
  const whole = sent.slice()
  putWord(whole, 50, 0xffff - ones(sent.slice(34)))
  for (let i = 0; i < 50; i++) {
    wire.sendFrame(sent, { csumStart: 34, csumOffset: 16 })
  }
  expect(wire.received.map(({ bytes, ipSummed }) => [changedBits(bytes, whole), ipSummed])).toEqual(
    new Array(50).fill([1, CHECKSUM_NONE]),
  )
})

describe('changes', () => {
  test('a change to the same fault keeps its count', () => {
    const wire = testWire([drop(odd, { first: 1 })])
    wire.sendFrame(frame(1))
    wire.chain.set([loss(0), drop(odd, { first: 1 })])
    wire.sendFrame(frame(1))
    expect(wire.received.length).toBe(1)
  })

  test('a change to a delay holds packets within a limit', () => {
    const wire = testWire([drop(odd, { first: 1 })])
    wire.chain.set([fault({ delay: '1s' }, undefined, { every: 1 })])
    wire.send(1001)
    expect(wire.chain.report()[0]).toMatchObject({ held: 1000, drops: { limit: 1 } })
  })

  test('a change to another fault starts to count from 0, and keeps delayed packets', () => {
    const wire = testWire([fault({ delay: '10ms' }, odd, { first: 1 })])
    wire.sendFrame(frame(1))
    wire.chain.set([drop(odd, { first: 1 })])
    wire.sendFrame(frame(3))
    wire.advance(10e6)
    expect(wire.received.map(({ bytes }) => bytes[14])).toEqual([1])
  })
})

test('a fault with contradictory conditions is refused', () => {
  expect(() => drop(odd, { first: 1, nth: 2 })).toThrow('a fault has one of first, nth and every')
  expect(() => drop(odd, {})).toThrow('a fault needs first, nth, every, data, after or byte')
  expect(() => drop(odd, { every: 0.5 })).toThrow(
    'first, nth and every are whole numbers of at least 1',
  )
  expect(() => drop(odd, { nth: 0 })).toThrow(
    'first, nth and every are whole numbers of at least 1',
  )
  expect(() => drop(odd, { first: 0, after: '1s' })).toThrow(
    'first, nth and every are whole numbers of at least 1',
  )
})

test('unknown words of a fault are refused, with a list of the known ones', () => {
  const misspelt = { nht: 1, every: 1 }
  expect(() => drop(odd, misspelt)).toThrow(
    "a fault has no 'nht', but first, nth, every, data, after, byte",
  )
  for (const action of ['explode', {}, null]) {
    expect(() => fault(action as FaultAction, odd, { nth: 1 })).toThrow(
      `a fault is one of drop, duplicate, swap, corrupt, tamper, ce, reset, fin, mute or { delay }, not ${JSON.stringify(action)}`,
    )
  }
})

test('ce marks the packets of a sender that is capable of ECN, and counts no others', () => {
  const wire = testWire([fault('ce', undefined, { nth: 2 })])
  for (const ecn of [0, 1, 0, 2, 1]) {
    const bytes = Uint8Array.from(buildFrame({ packet: plain, tags: [], padding: [] }))
    bytes[15] = ecn
    wire.sendFrame(bytes)
  }
  expect(wire.received.map(({ bytes }) => bytes[15])).toEqual([0, 1, 0, 3, 1])
  expect(wire.chain.report()[0]?.marked).toBe(1)
})
