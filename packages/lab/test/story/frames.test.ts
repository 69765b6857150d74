/** Link types, other frames, cut records, offloads, clocks and captures that lack frames. */
import { describe, expect, test } from 'vitest'
import { BIG, LITTLE } from '#support/capture-bytes.ts'
import { pcapngOf, pcapOf, whole } from '#support/capture-records.ts'
import { storyText } from '../../src/story/story-text.ts'
import {
  datagramPacket,
  ethernetFrame,
  handshake,
  ipPacket,
  type Segment,
  segmentPacket,
  storyOfFrames,
  storyOfSegments,
  textsOf,
} from '../support/story-captures.ts'
import { storyOfFile } from '../support/story-runs.ts'

const data = (at: number, seq: number, more: Partial<Segment> = {}): Segment => ({
  at,
  seq,
  length: 1000,
  ...more,
})
const ack = (at: number, n: number): Segment => ({ at, back: true, ack: n })
const LOST = [...handshake(), data(50, 1), data(350, 1), ack(390, 1001)]
const NAMED = ['ab lost seq 1 copy 1, inferred']

describe('link types', () => {
  const with4 = (family: number[]) => (packet: Uint8Array) => Uint8Array.of(...family, ...packet)
  const tagged = (packet: Uint8Array) =>
    Uint8Array.of(...new Uint8Array(12), 0x81, 0, 0, 5, 8, 0, ...packet)
  const cases: readonly [string, number, (packet: Uint8Array) => Uint8Array][] = [
    ['Ethernet', 1, packet => ethernetFrame(packet)],
    ['VLAN', 1, tagged],
    ['raw IP', 101, packet => packet],
    ['raw IPv4', 228, packet => packet],
    ['null', 0, with4([2, 0, 0, 0])],
    ['loopback', 108, with4([0, 0, 0, 2])],
    ['Linux cooked', 113, packet => Uint8Array.of(...new Uint8Array(14), 8, 0, ...packet)],
    ['Linux cooked v2', 276, packet => Uint8Array.of(8, 0, ...new Uint8Array(18), ...packet)],
  ]
  test.each(cases)('%s frames are read', (_, linkType, frame) => {
    expect(
      textsOf(
        storyOfFrames(
          LOST.map(one => [one.at, frame(segmentPacket(one))]),
          linkType,
        ),
      ),
    ).toEqual(NAMED)
  })

  test('frames of another link type are counted', () => {
    const kinds = [127, 9, 147].flatMap(type => [
      ...storyOfFrames([[0, new Uint8Array(60)]], type).others.keys(),
    ])
    expect(kinds).toEqual(['802.11 (link type 127)', 'ppp (link type 9)', 'link type 147'])
  })
})

test('packets of a direction count on one interface of a cooked capture', () => {
  const frame = (one: Segment, index: number) =>
    Uint8Array.of(8, 0, 0, 0, 0, 0, 0, index, ...new Uint8Array(12), ...segmentPacket(one))
  const both = LOST.flatMap(one => [1, 2].map(index => [one.at, frame(one, index)] as const))
  const story = storyOfFrames(both, 276)
  expect(textsOf(story)).toEqual(NAMED)
  expect(story.flows[0]?.ways.ab.packets).toBe(4)
})

test('packets at regular times show no bottleneck, unless they are full segments', () => {
  const rateOf = (length: number) => {
    const segments = Array.from({ length: 400 }, (_, i) =>
      data(50 + 20 * i, 1 + length * i, { length, back: true }),
    )
    const wide = handshake().map(one => ({ ...one, mss: 1460 }))
    return storyOfSegments([...wide, ...segments]).flows[0]?.ways.ba.rate
  }
  expect(rateOf(600)).toBeUndefined()
  expect(rateOf(1448)).toBeCloseTo(((1448 + 40) * 8) / 0.02, -3)
})

test('tunnels and other protocols are named and counted', () => {
  const frames = [
    ethernetFrame(ipPacket(false, 4, new Uint8Array(20))),
    ethernetFrame(ipPacket(false, 47, new Uint8Array(20))),
    ethernetFrame(ipPacket(false, 50, new Uint8Array(20))),
    ethernetFrame(ipPacket(false, 1, new Uint8Array(20))),
    ethernetFrame(datagramPacket(false, [5000, 4789], new Uint8Array(60))),
    ethernetFrame(datagramPacket(false, [5000, 6081], new Uint8Array(60))),
    ethernetFrame(datagramPacket(false, [5000, 2152], new Uint8Array(60))),
    ethernetFrame(new Uint8Array(40), 0x0806),
    ethernetFrame(new Uint8Array(40), 0x1234),
    new Uint8Array(9),
  ]
  const { others, flows } = storyOfFrames(frames.map((bytes, i) => [i, bytes]))
  const tunnels = [
    'ipip tunnel',
    'gre tunnel',
    'esp tunnel',
    'icmp',
    'vxlan tunnel',
    'geneve tunnel',
    'gtp tunnel',
  ]
  expect([...others.keys()]).toEqual([...tunnels, 'arp', 'ethertype 0x1234', 'cut'])
  expect(flows).toEqual([])
})

test.each([
  [96, 'inferred'],
  [68, 'inferred'],
  // The options of the SYNs are cut.
  [54, 'guess'],
])('records of %i bytes have the lengths of their packets', (snaplen, certainty) => {
  const records = LOST.map(one => {
    const bytes = ethernetFrame(segmentPacket(one))
    return {
      ...whole(bytes, { nanoseconds: one.at * 1e6 }),
      capturedLength: Math.min(snaplen, bytes.length),
    }
  })
  const story = storyOfFile(pcapOf(records))
  expect(textsOf(story)).toEqual([`ab lost seq 1 copy 1, ${certainty}`])
  expect(story.flows[0]?.ways.ab.bytes).toBe(1000)
})

test('a frame of 64 KiB is one transmission of which a part can be lost', () => {
  const big = [
    data(50, 1, { length: 60_000 }),
    { at: 95, back: true, ack: 1001, sacks: [2001, 60_001] },
  ]
  const again = [data(100, 1001), { at: 140, back: true, ack: 60_001 }]
  expect(textsOf(storyOfSegments([...handshake(), ...big, ...again]))).toEqual([
    'ab lost seq 1001 copy 1, seen',
  ])
})

test('a frame without an IP length, before its NIC has cut it, has the length of its record', () => {
  const frames = LOST.map(one => {
    const bytes = ethernetFrame(segmentPacket(one))
    if (one.length !== undefined) {
      bytes.fill(0, 16, 18)
    }
    return [one.at, bytes] as const
  })
  expect(textsOf(storyOfFrames(frames))).toEqual(NAMED)
})

describe('ICMP errors', () => {
  const errorAbout = (quoted: Uint8Array, code: number, bytes = quoted.length) => {
    const message = Uint8Array.of(3, code, 0, 0, 0, 0, 5, 0x78, ...quoted.subarray(0, bytes))
    return ethernetFrame(ipPacket(true, 1, message))
  }
  const run = (error: Uint8Array) =>
    storyOfFrames([
      ...LOST.map(one => [one.at, ethernetFrame(segmentPacket(one))] as const),
      [60, error],
    ])

  test('an error belongs to the flow of the packet that it quotes', () => {
    const { flows, others } = run(errorAbout(segmentPacket(data(50, 1)), 4, 28))
    const [reported] = (flows[0]?.statements ?? []).filter(({ kind }) => kind === 'unreachable')
    expect(reported).toMatchObject({ way: 'ab', certainty: 'seen', frames: [7] })
    expect(reported?.text).toBe('ICMP error of 198.18.0.2: unreachable - need to frag (mtu 1400)')
    expect(others.size).toBe(0)
  })

  test('an error about a segment of the server has the other direction', () => {
    const { flows } = run(errorAbout(segmentPacket({ at: 0, back: true }), 1))
    expect(flows[0]?.statements.find(({ kind }) => kind === 'unreachable')?.way).toBe('ba')
  })

  test('the same error again is counted', () => {
    const query = datagramPacket(false, [4000, 53], new Uint8Array(20))
    const error = errorAbout(query, 3)
    const [flow] = storyOfFrames(
      [ethernetFrame(query), error, error].map((bytes, i) => [i, bytes]),
    ).flows
    expect(flow?.statements.map(({ text }) => text)).toContain(
      'ICMP error of 198.18.0.2: unreachable - port',
    )
    expect(flow?.more).toBe(1)
  })

  test.each([
    ['about another flow', errorAbout(segmentPacket({ ...data(50, 1), port: 41_000 }), 1)],
    ['about a packet that is cut before its ports', errorAbout(segmentPacket(data(50, 1)), 1, 22)],
    ['about ICMP', errorAbout(ipPacket(false, 1, new Uint8Array(20)), 1)],
  ])('an error %s is counted only', (_, error) => {
    const { flows, others } = run(error)
    expect(flows[0]?.statements.map(({ kind }) => kind)).toEqual(['lost'])
    expect([...others]).toEqual([['icmp', 1]])
  })
})

describe('packet blocks of pcapng without a time', () => {
  const fileOf = (order: typeof LITTLE, segments: readonly Segment[]) => {
    const packets = segments.map(one => [...ethernetFrame(segmentPacket(one))])
    const blocks = packets.flatMap(bytes => order.simplePacket(bytes.length, bytes))
    return Uint8Array.from([...order.section(), ...order.interface(1, 0), ...blocks])
  }
  const seen = [data(50, 1), data(51, 1001), { at: 90, back: true, ack: 1, sacks: [1001, 2001] }]
  const again = [data(92, 1, { id: 9 }), ack(130, 2001)]

  test.each([
    ['little', LITTLE],
    ['big', BIG],
  ])('have statements by their order alone, and a note, in %s-endian order', (_, order) => {
    const duplicates = [1, 2].map(at => ({ ...ack(90 + at, 1), sacks: [1001, 2001] }))
    const story = storyOfFile(fileOf(order, [...handshake(), ...seen, ...duplicates, ...again]))
    expect(textsOf(story)).toEqual(['ab lost seq 1 copy 1, seen'])
    expect(story.notes).toEqual([
      '10 packets without a time (simple packet blocks): only their order is known',
    ])
    const [flow] = story.flows
    expect([flow?.isTimed, flow?.rtt.ab, flow?.place, flow?.ways.ab.bytes]).toEqual([
      false,
      undefined,
      undefined,
      2000,
    ])
    const text = storyText(story, 'FILE', true)
    expect(text).toContain('FILE: 10 frames without times, 1 flow\n')
    expect(text).not.toMatch(/\d m?s\b|1970|round trip/)
  })

  test('have no statement that times alone would show', () => {
    expect(textsOf(storyOfFile(fileOf(LITTLE, LOST)))).toEqual([])
  })
})

describe('clocks', () => {
  test('a step back is noted, and no time passes in it', () => {
    const back = LOST.map((one, i) => ({ ...one, at: one.at + (i < 3 ? 9000 : 0) }))
    const { notes, lasted } = storyOfSegments(back)
    expect(notes).toEqual(['the clock steps back by 8.99 s at frame 4'])
    expect(lasted).toBeLessThan(1e9)
  })

  /** Timestamps at the client. The clock of the capture moves by `step` ms before packet `at`. */
  const stepped = (step: number, at: number, trip = 20) => {
    const rows = Array.from({ length: 20 }, (_, i): Segment[] => {
      const sent = 100 + 30 * i
      const [seq, got] = [1 + 100 * i, 1 + 50 * i]
      const reply = {
        at: sent + trip,
        back: true,
        seq: got,
        ack: seq + 100,
        length: 50,
        id: 700 + i,
      }
      return [
        { at: sent, seq, ack: got, length: 100, id: 10 + 2 * i, stamps: [500 + sent, 1] },
        { ...reply, stamps: [9000 + sent + trip / 2, 1] },
        {
          at: sent + trip,
          seq: seq + 100,
          ack: got + 50,
          id: 11 + 2 * i,
          stamps: [500 + sent + trip, 1],
        },
      ]
    })
    return rows.flat().map((one, i) => ({ ...one, at: one.at + (i < at ? 1000 : 1000 + step) }))
  }
  const clockOf = (segments: Segment[]) => {
    const { notes, lasted } = storyOfSegments(segments)
    return [notes.filter(note => note.includes('clock')).join(), Math.round(lasted / 1e6)]
  }

  test.each([
    [
      'back by half a second',
      -500,
      30,
      /^the clock steps back by 5\d\d ms at frame 31$|^the clock steps back by 490 ms at frame 31$/,
    ],
    ['back by 100 ms', -100, 30, /^the clock steps back by \d+ ms at frame 31$/],
    [
      'forward by 800 ms, at a packet of the client',
      800,
      30,
      /^the clock steps forward by 80\d ms at frame 31$/,
    ],
    [
      'forward by 800 ms, at a packet of the server',
      800,
      31,
      /^the clock steps forward by 8\d\d ms at frame 3[23]$/,
    ],
    ['forward by 200 ms', 200, 30, /^the clock steps forward by 20\d ms at frame 31$/],
  ])('a step %s is noted once, and takes no time', (_, step, at, note) => {
    const [noted, lasted] = clockOf(stepped(step, at))
    expect(noted).toMatch(note)
    expect(Math.abs((lasted as number) - 590)).toBeLessThan(25)
  })

  test('a network that holds the packets of the server is not a step', () => {
    const held = stepped(0, 0).map((one, i) =>
      one.back && i === 31 ? { ...one, at: one.at + 8 } : one,
    )
    expect(clockOf(held)).toEqual(['', 590])
    // The server's packet comes 800 ms late, and the client does nothing meanwhile.
    const late = stepped(0, 0).map((one, i) => ({ ...one, at: one.at + (i < 31 ? 0 : 800) }))
    const waiting = late.map((one, i) =>
      one.back || i < 31 ? one : { ...one, stamps: [(one.stamps?.[0] ?? 0) + 800, 1] as const },
    )
    expect(clockOf(waiting)[0]).toBe('')
  })

  test('interfaces in any order are not a step', () => {
    const records = stepped(0, 0).map((one, i) => {
      const ns = Math.round((one.at + (i % 2 === 0 ? 0 : 60)) * 1e6)
      return whole(ethernetFrame(segmentPacket(one)), {
        interfaceIndex: i % 2,
        seconds: 1_700_000_000 + Math.floor(ns / 1e9),
        nanoseconds: ns % 1e9,
      })
    })
    expect(
      storyOfFile(pcapngOf(records, [{}, {}])).notes.filter(note => note.includes('clock')),
    ).toEqual([])
  })

  test('a step forward is noted if the timestamps of a sender contradict it', () => {
    const run = (stamp: (i: number) => number) =>
      storyOfSegments([
        ...handshake(),
        ...Array.from({ length: 12 }, (_, i) =>
          data(100 + 20 * i + (i < 8 ? 0 : 60_000), 1 + 1000 * i, { stamps: [stamp(i), 1] }),
        ),
      ]).notes
    expect(run(i => 500 + 20 * i)).toContain('the clock steps forward by 60 s at frame 12')
    expect(
      run(i => 500 + 20 * i + (i < 8 ? 0 : 60_000)).filter(note => note.includes('clock')),
    ).toEqual([])
  })
})

test('bytes that were acknowledged but never seen were lost by the capture, not by the network', () => {
  const story = storyOfSegments([...handshake(), data(50, 1), data(52, 3001), ack(92, 4001)])
  expect(textsOf(story)).toEqual([])
  expect(story.notes).toEqual(['the capture lacks 2000 bytes that were received, in 1 flow'])
})

test('bytes that are acknowledged in two parts are counted once', () => {
  const story = storyOfSegments([
    ...handshake(),
    data(50, 1),
    data(52, 3001),
    ack(92, 2001),
    ack(93, 4001),
  ])
  expect(story.notes).toEqual(['the capture lacks 2000 bytes that were received, in 1 flow'])
})

test('the keep-alive of a connection that is older than the capture lacks no bytes', () => {
  const probe = [
    { at: 0, seq: 500, length: 1 },
    ack(1, 501),
    { at: 5000, seq: 500, length: 1 },
    ack(5001, 501),
  ]
  expect(storyOfSegments(probe).notes).toEqual([])
})

test('a capture of one direction does not name losses', () => {
  const story = storyOfSegments([{ at: 40, seq: 1 }, data(50, 1), data(350, 1), data(400, 1001)])
  expect(textsOf(story)).toEqual([])
  expect(story.notes).toEqual([
    'packets of one direction only, whose losses are hardly seen, in 1 flow',
  ])
})

test('a new SYN between the same ports is another flow', () => {
  const second = handshake(5000).map(one => ({
    ...one,
    seq: (one.seq ?? 0) + (one.back ? 0 : 70_000),
    ack: (one.ack ?? 0) + (one.back ? 70_000 : 0),
  }))
  expect(storyOfSegments([...handshake(), ...second]).flows).toHaveLength(2)
})

test('messages have their bytes, without bytes after a gap', () => {
  const get = { at: 50, seq: 1, length: 30, text: 'GET / HTTP/1.1\r\nhost: server\r\n' }
  const parts = [
    data(95, 1, { back: true, ack: 31, text: 'HTTP/1.1 200 OK' }),
    data(96, 2001, { back: true, ack: 31 }),
  ]
  const [flow] = storyOfSegments([...handshake(), get, ...parts]).flows
  expect(flow?.application).toBe('http')
  expect(flow?.messages.map(({ way, length, content }) => [way, length, content.length])).toEqual([
    ['ab', 30, 30],
    ['ba', 2000, 1000],
  ])
})
