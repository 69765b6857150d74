/** Packets of a flow on several interfaces: each counts once, and a note has the others. */
import { describe, expect, test } from 'vitest'
import { CaptureRecord } from '#src/capture/record.ts'
import { pseudoHeaderSum4 } from '#src/packet/checksum.ts'
import { put16 } from '#src/packet/octets.ts'
import { StoryReader } from '../../src/story/read-story.ts'
import {
  datagramPacket,
  dnsMessage,
  ethernetFrame,
  handshake,
  ipPacket,
  type Segment,
  segmentPacket,
  storyOfFrames,
  textsOf,
} from '../support/story-captures.ts'

const LINK = 276
type Packet = readonly [at: number, place: number, packet: Uint8Array]

/** Returns the story of packets of a capture of all interfaces (`tcpdump -i any`). */
const storyOn = (...packets: readonly Packet[]) =>
  storyOfFrames(
    packets.map(([at, place, packet]) => {
      const header = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, place, ...new Uint8Array(12))
      return [at, Uint8Array.of(...header, ...packet)]
    }),
    LINK,
  )

const on = (place: number, segment: Segment, late = 0): Packet => [
  segment.at + late,
  place,
  segmentPacket(segment),
]
/** Packets on two interfaces, 10 us later on the second. */
const onBoth = (
  segment: Segment,
  [first, second]: readonly [number, number] = [1, 2],
): Packet[] => [on(first, segment), on(second, segment, 0.01)]
const swapped = ({ back }: Segment): [number, number] => (back === true ? [2, 1] : [1, 2])

/** A connection of 20 segments with their ACKs, closed by both ends. */
function connection(): Segment[] {
  const rows = Array.from({ length: 20 }, (_, i) => [
    { at: 50 + 50 * i, seq: 1 + 100 * i, length: 100, id: 10 + i },
    { at: 90 + 50 * i, back: true, ack: 101 + 100 * i, id: 510 + i },
  ])
  const end = [
    { at: 1100, seq: 2001, flags: 'FA', id: 30 },
    { at: 1140, back: true, ack: 2002, flags: 'FA', id: 530 },
    { at: 1141, seq: 2002, ack: 2, id: 31 },
  ]
  const start = handshake().map((one, i) => ({ ...one, id: (one.back ? 500 : 1) + i }))
  return [...start, ...rows.flat(), ...end]
}
const WHOLE = { packets: 24, bytes: 2000 }

describe('every packet is on two interfaces', () => {
  const copies = connection().length
  const note = `not counted: ${copies} packets that another interface had within 100 ms`
  test.each([
    ['a bond and its card', (one: Segment) => onBoth(one)],
    ['a bond over two cards in turn', (one: Segment, i: number) => onBoth(one, [1, 2 + (i % 2)])],
    ['both sides of a bridge', (one: Segment) => onBoth(one, swapped(one))],
    [
      'a bond whose cards have half of each direction',
      (one: Segment) => onBoth(one, one.back ? [3, 1] : [1, 2]),
    ],
  ])('of %s: each counts once', (_, packets) => {
    const story = storyOn(...connection().flatMap(packets))
    expect(textsOf(story)).toEqual([])
    expect(story.notes).toEqual([note])
    const [flow] = story.flows
    expect([flow?.ways.ab, flow?.end]).toMatchObject([WHOLE, 'fin'])
  })

  test('a repetition on one more interface, and its copy, count once', () => {
    const again = { at: 140, seq: 101, length: 100, id: 400 }
    const packets = connection().flatMap(one => onBoth(one))
    const story = storyOn(...[...packets, ...onBoth(again, [1, 3])].sort(([a], [b]) => a - b))
    expect(textsOf(story)).toEqual(['ab repeated, guess'])
    expect(story.flows[0]?.ways.ab.packets).toBe(25)
  })
})

test('a connection that moves to another interface is whole, without a note', () => {
  const story = storyOn(...connection().map(one => on(one.at < 500 ? 1 : 2, one)))
  expect([textsOf(story), story.notes]).toEqual([[], []])
  expect([story.flows[0]?.ways.ab, story.flows[0]?.end]).toMatchObject([WHOLE, 'fin'])
})

test('packets of more interfaces than the limit are noted', () => {
  const record = new CaptureRecord()
  const bytes = ethernetFrame(segmentPacket({ at: 0, length: 1 }))
  const length = { capturedLength: bytes.length, originalLength: bytes.length }
  const storyOf = (interfaces: number) => {
    const reader = new StoryReader()
    for (let i = 0; i < interfaces; i++) {
      const place = { linkType: 1, packetId: i, interfaceName: `lab/eth${i}` }
      reader.take(Object.assign(record, { nanoseconds: i, bytes, ...length, ...place }))
    }
    return reader.end().notes
  }
  const note = '2 packets of more than 4096 interfaces, whose copies count as well'
  expect(storyOf(4098)).toContain(note)
  expect(storyOf(4096).join()).not.toContain('interfaces, whose')
})

test('packets that alternate between interfaces all count', () => {
  const story = storyOn(...connection().map((one, i) => on(1 + (i % 2), one)))
  expect([textsOf(story), story.notes]).toEqual([[], []])
  expect(story.flows[0]?.ways.ab).toMatchObject(WHOLE)
})

const LOST: readonly Segment[] = [
  ...handshake(),
  { at: 50, seq: 1, length: 1000, id: 5 },
  { at: 90, back: true, ack: 1001 },
]

describe('a repetition on another interface counts', () => {
  const lost = (again: Partial<Segment>, place = 2, first: Partial<Segment> = {}) => {
    const [syn, reply, ack, data] = LOST as [Segment, Segment, Segment, Segment, Segment]
    const wait = again.at ?? 0
    const packets = [syn, reply, ack, { ...data, ...first }].map(one => on(1, one))
    const late = [
      on(place, { ...data, ...first, ...again }),
      on(1, { at: wait + 40, back: true, ack: 1001 }),
    ]
    return textsOf(storyOn(...packets, ...late))
  }

  test('with another identification', () => {
    expect(lost({ at: 100, id: 6 })).toEqual(['ab lost seq 1 copy 1, inferred'])
  })
  test('with another timestamp', () => {
    const first = { id: 0, stamps: [500, 1] as const }
    expect(lost({ at: 100, stamps: [550, 1] }, 2, first)).toEqual([
      'ab lost seq 1 copy 1, inferred',
    ])
  })
  test('without both, after more than the time of a copy', () => {
    expect(lost({ at: 151 }, 2, { id: 0 })).toEqual(['ab lost seq 1 copy 1, inferred'])
    // Only the time decides.
    expect(lost({ at: 149 }, 2, { id: 0 })).toEqual([])
  })
  test('on the same interface it is never a copy', () => {
    expect(lost({ at: 149 }, 1, { id: 0 })).toEqual(['ab lost seq 1 copy 1, inferred'])
  })
})

test('a packet without its final checksum has a copy with the checksum', () => {
  const summed = (sum?: number): Packet[] =>
    LOST.flatMap(one => {
      const [, , packet] = on(1, one)
      const copy = packet.slice()
      put16(packet, 36, pseudoHeaderSum4(packet, 0, 6, packet.length - 20))
      if (sum !== undefined) {
        put16(copy, 36, sum)
      }
      return [[one.at, 1, packet] as const, [one.at + 0.01, 2, copy] as const]
    })
  expect(storyOn(...summed(4711)).flows[0]?.ways.ab.packets).toBe(3)
})

test('a packet with another checksum is not a copy', () => {
  const [syn] = LOST as [Segment]
  const first = segmentPacket({ ...syn, length: 0 })
  const second = first.slice()
  put16(first, 36, 1)
  put16(second, 36, 2)
  const { notes } = storyOn([0, 1, first], [1, 2, second])
  expect(notes.filter(note => note.startsWith('not counted'))).toEqual([])
})

describe('a frame that another interface has in parts', () => {
  const SIZE = 1000
  /** Two frames of four segments: joined on interface 1, cut on 2. */
  const joined = [0, 1].map(
    (i): Segment => ({ at: 50 + 50 * i, seq: 1 + 4000 * i, length: 4000, id: 20 + 4 * i }),
  )
  const cutOf = ({ at, seq = 0, id = 0 }: Segment, late: number) =>
    [0, 1, 2, 3].map(k =>
      on(2, { at, seq: seq + SIZE * k, length: SIZE, id: id === 0 ? 0 : id + k }, late + k / 1000),
    )
  const acks = [0, 1].map(
    (i): Segment => ({ at: 90 + 50 * i, back: true, ack: 4001 + 4000 * i, id: 80 + i }),
  )
  const start = handshake().map((one, i) => ({ ...one, id: (one.back ? 500 : 1) + i }))

  test.each([
    ['before it is cut', (one: Segment) => [on(1, one), ...cutOf(one, 0.01)]],
    ['after it was joined', (one: Segment) => [...cutOf(one, 0), on(1, one, 0.01)]],
  ])('%s counts once', (_, packets) => {
    const plain = [...start, ...acks].flatMap(one => onBoth(one))
    const story = storyOn(...[...plain, ...joined.flatMap(packets)].sort(([a], [b]) => a - b))
    expect(textsOf(story)).toEqual([])
    expect(story.flows[0]?.ways.ab.bytes).toBe(8000)
    expect(story.notes.join()).toMatch(
      /not counted: \d packets that another interface had in other lengths/,
    )
  })

  test('packets of the interface with the parts count from then on, also beyond a delay', () => {
    const packets = [...start, ...joined].flatMap(one =>
      one.length === undefined ? [on(1, one), on(2, one, 20)] : [on(1, one), ...cutOf(one, 20)],
    )
    const sorted = [...packets, ...acks.map(one => on(2, one))].sort(([a], [b]) => a - b)
    const story = storyOn(...sorted)
    expect(textsOf(story)).toEqual([])
    // The first frame counts as one, because the parts come after it.
    expect(story.flows[0]?.ways.ab).toMatchObject({ bytes: 8000, packets: 2 + 1 + 4 })
  })

  test('a part that is sent again on the other interface counts', () => {
    const again = on(2, { at: 95, seq: 1001, length: SIZE, id: 30 })
    const [first] = joined as [Segment]
    const packets = [
      ...start.flatMap(one => onBoth(one)),
      on(1, first),
      ...cutOf(first, 0.01),
      again,
    ]
    const sacks = on(1, { at: 90, back: true, ack: 1001, sacks: [2001, 4001], id: 90 })
    const story = storyOn(
      ...[...packets, sacks, on(1, { at: 135, back: true, ack: 4001, id: 91 })].sort(
        ([a], [b]) => a - b,
      ),
    )
    expect(textsOf(story)).toEqual(['ab lost seq 1001 copy 1, seen'])
  })
})

describe('datagrams', () => {
  const query = (at: number, place: number, id: number): Packet => [
    at,
    place,
    datagramPacket(false, [5000, 53], dnsMessage(7), id),
  ]
  const answer = (at: number, place: number): Packet => [
    at,
    place,
    datagramPacket(true, [5000, 53], dnsMessage(7, true), 9),
  ]

  test('a query that is repeated over another interface is two queries', () => {
    const story = storyOn(query(0, 1, 1), query(5000, 2, 2), answer(5010, 2))
    expect(textsOf(story)).toEqual(['ab query-repeated packet 1 copy 1, guess'])
    expect(story.notes).toEqual([])
  })

  test('a query on two interfaces is one', () => {
    const story = storyOn(query(0, 1, 1), query(0.01, 2, 1), answer(10, 2), answer(10.01, 1))
    expect(textsOf(story)).toEqual([])
    expect(story.notes).toEqual(['not counted: 2 packets that another interface had within 100 ms'])
  })

  test('a datagram that is cut after one interface counts once', () => {
    const payload = Uint8Array.from({ length: 3000 }, (_, i) => i)
    const packet = (at: number, place: number, from: number, to: number, id: number): Packet => [
      at,
      place,
      datagramPacket(false, [5000, 9000], payload.slice(from, to), id),
    ]
    const cut = [0, 1, 2].map(k =>
      packet(1 + k / 100, 2, 1200 * k, Math.min(3000, 1200 * (k + 1)), 4 + k),
    )
    const story = storyOn(packet(0, 1, 0, 3000, 4), ...cut, packet(50, 2, 0, 1200, 8))
    expect(story.flows[0]?.ways.ab).toMatchObject({ packets: 2, bytes: 4200 })
  })
})

test('an ICMP error on two interfaces is one', () => {
  const packet = segmentPacket({ at: 0, seq: 0, flags: 'S' })
  const error = ipPacket(
    true,
    1,
    Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, ...packet.subarray(0, 28)),
    3,
  )
  const { flows } = storyOn([0, 1, packet], [1, 1, error], [1.01, 2, error])
  expect([flows[0]?.statements.map(({ kind }) => kind), flows[0]?.more]).toEqual([
    ['unreachable'],
    0,
  ])
})
