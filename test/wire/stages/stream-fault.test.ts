import { describe, expect, test } from 'vitest'
import { SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { parseWire } from '#src/wire/parse.ts'
import { type FaultWhen, fault, faultPair } from '#src/wire/stages/fault.ts'
import { textOf, type WireFilter } from '#src/wire/wire.ts'
import { word } from '#support/frames.ts'
import {
  ACK,
  expectRightSums,
  FIN,
  ipv4,
  ipv6,
  PSH,
  RST,
  type Segment,
  SYN,
  segment,
  tagged,
} from '#support/segments.ts'
import { type ReceivedPacket, type TestWire, testWires } from '#support/wire.ts'
import { resources } from '../all-frames.ts'

const testWire = testWires()

/** The sequence number of the SYN. The streams wrap around after their first bytes. */
const ISN = 0xfffffff0
const PEER = 5000

/** Returns bytes of a stream, which are their own positions. */
const stream = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => from + i)

type Frame = (payload: Uint8Array) => Uint8Array

/** A segment with bytes of the stream. */
function carrying(from: number, to: number, changes: Partial<Segment> = {}): Segment {
  return {
    flags: ACK | PSH,
    seq: (ISN + 1 + from) >>> 0,
    ack: PEER,
    data: stream(from, to),
    ...changes,
  }
}

const SYN_SEGMENT: Segment = { flags: SYN, seq: ISN }

/** Returns the bytes of the stream that a segment has, its flags, and where they start. */
function tcpOf({ bytes }: ReceivedPacket) {
  const tag = word(bytes, 12) === 0x8100 ? 4 : 0
  const version = bytes[14 + tag] >>> 4
  const at = 14 + tag + (version === 4 ? (bytes[14 + tag] & 15) * 4 : 40)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const total = version === 4 ? word(bytes, 16 + tag) : word(bytes, 18 + tag) + 40
  expect(bytes.length).toBe(14 + tag + total)
  return {
    byte: (view.getUint32(4) - ISN - 1) | 0,
    flags: view.getUint8(13),
    data: [...bytes.subarray(at + (view.getUint8(12) >>> 4) * 4)],
  }
}

function send(wire: TestWire, segments: readonly Segment[], frame: Frame = ipv4): void {
  for (const each of segments) {
    wire.sendFrame(frame(segment(each)))
  }
}

const numbers = (from: number, to: number): number[] => [...stream(from, to)]
const FRAMES: readonly (readonly [string, Frame])[] = [
  ['IPv4', payload => ipv4(payload)],
  ['IPv4 with options', payload => ipv4(payload, 8)],
  ['IPv6', ipv6],
  ['a VLAN', payload => tagged(ipv6(payload))],
]

describe.each(FRAMES)('in %s', (_, frame) => {
  test('a fin takes the place of its byte, and the sender gets a reset', () => {
    const wire = testWire([fault('fin', undefined, { byte: 25 })])
    send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40, { options: 12 })], frame)

    const cut = wire.received.slice(2)
    expect(cut.map(tcpOf)).toEqual([{ byte: 20, flags: ACK | PSH | FIN, data: numbers(20, 25) }])
    expectRightSums([...cut, ...wire.replied])
    expect(wire.replied.map(each => tcpOf(each).flags)).toEqual([RST])
  })

  test('a reset follows the bytes before its byte', () => {
    const wire = testWire([fault('reset', undefined, { byte: 25 })])
    send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40)], frame)

    const cut = wire.received.slice(2)
    expect(cut.map(tcpOf)).toEqual([
      { byte: 20, flags: ACK | PSH, data: numbers(20, 25) },
      { byte: 25, flags: RST | ACK, data: [] },
    ])
    expectRightSums([...cut, ...wire.replied])
    expect(wire.replied.length).toBe(1)
  })
})

test('later frames of an ended connection are dropped, but bytes before the end pass again', () => {
  const wire = testWire([fault('fin', undefined, { byte: 25 })])
  send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40), carrying(40, 60), carrying(15, 40)])
  send(wire, [
    { flags: ACK, seq: (ISN + 41) >>> 0 },
    { flags: RST, seq: (ISN + 41) >>> 0 },
  ])

  expect(wire.received.slice(3).map(tcpOf)).toEqual([
    { byte: 15, flags: ACK | PSH, data: numbers(15, 25) },
  ])
  expect(wire.drops).toEqual({ fin: 3 })
  // A reset gets no reset.
  expect(wire.replied.length).toBe(4)
})

test('a filter that returns 0 matches no connection', () => {
  const wire = testWire([fault('mute', (() => 0) as unknown as WireFilter, { byte: 20 })])
  send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40)])
  expect(wire.received.length).toBe(3)
})

test('a fault at the first byte of a segment lets nothing of it pass', () => {
  const fin = testWire([fault('fin', undefined, { byte: 20 })])
  const reset = testWire([fault('reset', undefined, { byte: 20 })])
  for (const wire of [fin, reset]) {
    send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40)])
  }
  expect(fin.received.slice(2).map(tcpOf)).toEqual([{ byte: 20, flags: ACK | PSH | FIN, data: [] }])
  expect(reset.received.slice(2).map(tcpOf)).toEqual([{ byte: 20, flags: RST | ACK, data: [] }])
})

test('the byte after the last one is the FIN of the sender', () => {
  const wire = testWire([fault('reset', undefined, { byte: 20 })])
  send(wire, [SYN_SEGMENT, carrying(0, 20, { flags: ACK | FIN })])
  expect(wire.received.slice(1).map(tcpOf)).toEqual([
    { byte: 0, flags: ACK, data: numbers(0, 20) },
    { byte: 20, flags: RST | ACK, data: [] },
  ])
})

test('a reset at byte -1 drops the SYN and resets its sender', () => {
  const wire = testWire([fault('reset', undefined, { byte: -1 })])
  send(wire, [SYN_SEGMENT, SYN_SEGMENT])
  expect(wire.drops).toEqual({ reset: 2 })
  expect(wire.replied.map(each => tcpOf(each).flags)).toEqual([RST | ACK, RST | ACK])
})

test('a mute drops its byte and everything after it in its direction', () => {
  const wire = testWire([fault('mute', undefined, { byte: 25 })])
  send(wire, [SYN_SEGMENT, carrying(20, 40)])
  wire.send(3)
  expect(wire.received.slice(1).map(tcpOf)).toEqual([
    { byte: 20, flags: ACK | PSH, data: numbers(20, 25) },
  ])
  expect(wire.drops).toEqual({ mute: 3 })
  expect(wire.replied).toEqual([])
})

test('a mute at byte -1 drops the SYN', () => {
  const wire = testWire([fault('mute', undefined, { byte: -1 })])
  send(wire, [SYN_SEGMENT, carrying(0, 20)])
  expect([wire.received.length, wire.drops]).toEqual([0, { mute: 2 }])
})

test('a partial checksum is completed before a segment is cut', () => {
  const wire = testWire([fault('fin', undefined, { byte: 4 })])
  send(wire, [SYN_SEGMENT])
  const bytes = ipv4(segment(carrying(0, 10)))
  // The sum of the pseudo-header: addresses, protocol and length.
  const pseudo = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 6 + 30
  const folded = (pseudo & 0xffff) + (pseudo >>> 16)
  bytes[50] = folded >>> 8
  bytes[51] = folded & 0xff
  wire.sendFrame(bytes, { csumStart: 34, csumOffset: 16 })
  expectRightSums(wire.received.slice(1))
  expect(wire.received.slice(1).map(each => tcpOf(each).data)).toEqual([numbers(0, 4)])
})

test('a GSO frame is cut into packets first', () => {
  const wire = testWire([fault('fin', undefined, { byte: 25 })])
  send(wire, [SYN_SEGMENT])
  wire.sendFrame(ipv4(segment(carrying(0, 60))), {
    csumStart: 34,
    csumOffset: 16,
    gsoSize: 20,
    gsoType: SKB_GSO_TCPV4,
  })
  expect(wire.received.slice(1).map(each => tcpOf(each).data)).toEqual([
    numbers(0, 20),
    numbers(20, 25),
  ])
  expect(wire.drops).toEqual({ fin: 1 })
})

describe('connections', () => {
  const connection = (port: number): Frame => {
    return payload => {
      payload[1] = port
      return ipv4(payload)
    }
  }
  /** Returns which of ten connections are hit, some of which repeat a segment. */
  function hit(when: FaultWhen): number[] {
    const wire = testWire([fault('fin', undefined, when)])
    for (let port = 1; port <= 10; port++) {
      send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(0, 20)], connection(port))
    }
    return [
      ...new Set(
        wire.received
          .filter(each => (tcpOf(each).flags & FIN) !== 0)
          .map(({ bytes }) => bytes[35] as number),
      ),
    ]
  }

  test('a count counts connections that reach the byte, each once', () => {
    expect(hit({ byte: 5 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(hit({ byte: 5, first: 2 })).toEqual([1, 2])
    expect(hit({ byte: 5, nth: 3 })).toEqual([3])
    expect(hit({ byte: 5, every: 4 })).toEqual([4, 8])
    expect(hit({ byte: 20 })).toEqual([])
  })

  test('a connection of which no SYN was seen passes', () => {
    const wire = testWire([fault('reset', undefined, { byte: 5 })])
    send(wire, [carrying(0, 20)])
    expect(wire.received.length).toBe(1)
  })

  test('a SYN of another number opens another connection between the same ports', () => {
    const wire = testWire([fault('fin', undefined, { byte: 5, first: 1 })])
    send(wire, [SYN_SEGMENT, carrying(0, 20), carrying(20, 40)])
    send(wire, [
      { flags: SYN, seq: 7 },
      { flags: ACK, seq: 8, data: 20 },
    ])
    expect(wire.received.map(each => tcpOf(each).data.length)).toEqual([0, 5, 0, 20])
  })

  test('the filter selects the segments that are hit', () => {
    const filter = () => false
    const wire = testWire([fault('fin', filter, { byte: 5 })])
    send(wire, [SYN_SEGMENT, carrying(0, 20)])
    expect(wire.received.length).toBe(2)
  })

  test('a probe of an idle connection is not the SYN', () => {
    const wire = testWire([fault('reset', undefined, { byte: -1, nth: 2 })])
    send(wire, [SYN_SEGMENT, { flags: ACK, seq: ISN, data: 1 }])
    expect(wire.received.length).toBe(2)
  })
})

test('a change of the byte counts from 0 again, and the same text continues', () => {
  const wire = testWire(parseWire('fin byte 5 nth 1'))
  send(wire, [SYN_SEGMENT])
  wire.chain.set(parseWire('fin byte 5 nth 1 delay 0ms'))
  send(wire, [carrying(0, 20)])
  wire.advance(1)
  expect(wire.received.map(each => tcpOf(each).data.length)).toEqual([0, 5])
  wire.chain.set(parseWire('fin byte 6 nth 1'))
  send(wire, [carrying(20, 40)])
  // It has not seen the SYN.
  expect(wire.received.length).toBe(3)
  wire.chain.set(parseWire('drop nth 1'))
  send(wire, [carrying(40, 60)])
  expect(wire.received.length).toBe(3)
})

test('without memory a reset comes before the bytes that it should follow', () => {
  const wire = testWire([fault('reset', undefined, { byte: 5 })], { large: 2, small: 0 })
  send(wire, [SYN_SEGMENT, carrying(0, 20)])
  const [, ...cut] = wire.received.map(tcpOf)
  expect(cut.at(-1)).toMatchObject({ flags: RST | ACK, data: [] })
})

describe('both directions', () => {
  /** A link of two wires. */
  function link(action: 'fin' | 'reset' | 'mute' | 'silence', byte: number) {
    let hits = 0
    const [forward, backward] = faultPair(action, undefined, { byte }, () => hits++)
    const ab = testWire([forward])
    const ba = testWire([backward], { direction: 'ba' })
    send(ab, [SYN_SEGMENT])
    send(ba, [reply({ flags: SYN | ACK, seq: PEER - 1 })])
    return { ab, ba, hits: () => hits }
  }
  const reply = (changes: Partial<Segment>, acked = 0): Segment => {
    return { flags: ACK, seq: PEER, ack: (ISN + 1 + acked) >>> 0, isReply: true, ...changes }
  }

  test('a reset waits until the receiver has acknowledged the bytes before it', () => {
    const { ab, ba, hits } = link('reset', 25)
    send(ab, [carrying(0, 20), carrying(20, 40)])
    send(ba, [reply({}, 20)])
    expect([ab.replied.length, ba.replied.length, hits()]).toEqual([0, 0, 1])
    expect(ab.received.slice(1).map(each => tcpOf(each).data)).toEqual([
      numbers(0, 20),
      numbers(20, 25),
    ])
    send(ba, [reply({}, 25)])
    // The receiver gets one in reply to its acknowledgment, the sender one in its place.
    expect(ba.replied.map(tcpOf)).toEqual([{ byte: 25, flags: RST, data: [] }])
    expect(ba.received.slice(1).map(each => tcpOf(each).flags)).toEqual([RST | ACK])
    expectRightSums([...ba.replied, ...ba.received.slice(1)])
    send(ba, [reply({ data: 5 }, 25)])
    expect([ba.received.length, ba.drops]).toEqual([2, { reset: 3 }])
  })

  test('a reset comes immediately if everything before it is acknowledged', () => {
    const { ab, ba } = link('reset', 20)
    send(ab, [carrying(0, 20)])
    send(ba, [reply({}, 20)])
    send(ab, [carrying(20, 40)])
    expect(ab.received.slice(2).map(tcpOf)).toEqual([{ byte: 20, flags: RST | ACK, data: [] }])
    expect(ab.replied.length).toBe(1)
  })

  test('a sender that repeats bytes while the reset waits gets no reset', () => {
    const { ab } = link('reset', 25)
    send(ab, [carrying(0, 40), carrying(0, 40)])
    expect(ab.received.slice(1).map(each => tcpOf(each).data)).toEqual([
      numbers(0, 25),
      numbers(0, 25),
    ])
    expect(ab.replied).toEqual([])
  })

  test('after a fin the receiver gets a reset only for data that it sends after the FIN', () => {
    const { ab, ba } = link('fin', 25)
    send(ab, [carrying(0, 40)])
    send(ba, [reply({ data: 5 }, 0), reply({}, 26)])
    expect(ba.replied).toEqual([])
    send(ba, [reply({ data: 5 }, 26)])
    expect(ba.replied.map(tcpOf)).toEqual([{ byte: 26, flags: RST, data: [] }])
    expect(ba.drops).toEqual({ fin: 3 })
  })

  test('a silence drops all frames of both directions, a mute of one direction only', () => {
    const silent = link('silence', 0)
    const mute = link('mute', 0)
    for (const { ab, ba } of [silent, mute]) {
      send(ab, [carrying(0, 20), carrying(0, 20)])
      send(ba, [reply({})])
    }
    expect([silent.ab.drops, silent.ba.drops]).toEqual([{ silence: 2 }, { silence: 1 }])
    expect([mute.ab.drops, mute.ba.drops]).toEqual([{ mute: 2 }, {}])
  })
})

describe('texts', () => {
  test.each([
    ["fin 'tcp port 80' nth 2 byte 9805", "fin 'tcp port 80' byte 9805 nth 2"],
    ['reset byte -1', 'reset byte -1'],
    ['mute byte 0 first 1', 'mute byte 0 first 1'],
  ])('%s prints as %s', (text, printed) => {
    expect(textOf(parseWire(text, resources))).toBe(printed)
  })

  test.each([
    ['fin nth 1', "fin needs a byte: fin 'tcp port 80' byte 9805"],
    ['mute', "mute needs a byte: mute 'tcp port 80' byte 9805"],
    ['drop byte 5', 'byte is for fin, reset, mute, not for drop'],
    ['fin byte -1', 'fin byte -1: it is a whole number from 0 to 2147483647'],
    ['mute byte -2', "'-2' is not a byte: a whole number from -1 to 2147483647"],
    ['reset byte 5 data', 'reset byte 5 has first, nth or every beside it, and no others'],
    ['reset byte 5 after 2s', 'reset byte 5 has first, nth or every beside it, and no others'],
    ['fin byte', 'byte needs a number: byte 9805'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parseWire(text)).toThrow(message)
  })

  test('fault() refuses what the text refuses', () => {
    expect(() => fault('fin', undefined, { nth: 1 })).toThrow('fin needs a byte')
    expect(() => fault('mute', undefined, { byte: 1.5 })).toThrow('mute byte 1.5: it is a whole')
    expect(() => fault('drop', undefined, { byte: 1 })).toThrow('byte is for fin')
  })
})
