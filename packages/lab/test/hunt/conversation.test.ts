/** The frames of TCP connections as turns. */
import { describe, expect, test } from 'vitest'
import * as ipv6 from '#src/packet/ipv6.ts'
import { put16 } from '#src/packet/octets.ts'
import { pcapOf, recordsIn, whole } from '#support/capture-records.ts'
import type { Connection } from '../../src/hunt/conversation.ts'
import { connectionsOf } from '../support/connections.ts'
import { ethernetFrame, handshake, type Segment, segmentPacket } from '../support/story-captures.ts'

const segment = (text: string, seq: number, more: Partial<Segment> = {}): Segment => ({
  at: 0,
  seq,
  text,
  length: text.length,
  ...more,
})
const back = (text: string, seq: number, more: Partial<Segment> = {}) =>
  segment(text, seq, { back: true, ...more })
const frameOf = (one: Segment) => ethernetFrame(segmentPacket(one))
const framesOf = (segments: readonly Segment[]) => segments.map(frameOf)

/** Returns turns as texts: `client: GET`. */
const textsOf = ({ turns }: Connection): string[] =>
  turns.map(({ from, bytes }) => `${from}: ${Buffer.from(bytes).toString('latin1')}`)

const CHAT: readonly Segment[] = [
  ...handshake(),
  segment('GET ', 1),
  segment('/a', 5),
  back('200 ', 1),
  back('OK', 5),
  segment('GET /b', 7),
  back('404', 7),
]

test('segments of one end are a turn until the other end says something', () => {
  const [connection, ...others] = connectionsOf(framesOf(CHAT))
  expect(others).toEqual([])
  expect(connection).toMatchObject({ number: 1, port: 80, isWhole: true, closedBy: undefined })
  expect(textsOf(connection as Connection)).toEqual([
    'client: GET /a',
    'server: 200 OK',
    'client: GET /b',
    'server: 404',
  ])
})

test('repeated, overlapping and early segments have the same turns', () => {
  const [syn, synAck, ack, ...data] = framesOf(CHAT) as [Uint8Array, Uint8Array, Uint8Array]
  const [get, path, ok, ...rest] = data as unknown as [Uint8Array, Uint8Array, Uint8Array]
  const overlap = frameOf(segment('T /a', 3))
  const frames = [syn, syn, synAck, synAck, ack, path, get, get, overlap, ok, ok, ...rest]
  const expected = connectionsOf(framesOf(CHAT))
  expect(connectionsOf(frames)).toEqual(expected)
})

test('the records of both ends of a link, of which one is cut, have each byte once', () => {
  const frames = framesOf(CHAT).flatMap(bytes => [
    whole(bytes),
    { ...whole(bytes), capturedLength: 54 },
  ])
  expect(connectionsOf(recordsIn(pcapOf(frames)))).toEqual(connectionsOf(framesOf(CHAT)))
})

test.each([
  ['a client that ends first', [segment('', 7, { flags: 'FA' }), back('', 7, { flags: 'FA' })]],
  ['a client that resets', [segment('', 7, { flags: 'RA' })]],
])('%s has closed the connection', (_, segments) => {
  expect(connectionsOf(framesOf([...CHAT, ...segments]))).toMatchObject([{ closedBy: 'client' }])
})

test('a FIN of the server with its last bytes says so', () => {
  const last = back('bye', 10, { flags: 'FPA' })
  const [connection] = connectionsOf(framesOf([...CHAT, last]))
  expect(connection).toMatchObject({ closedBy: 'server', isWhole: true })
  expect(textsOf(connection as Connection).at(-1)).toBe('server: 404bye')
})

describe('frames', () => {
  /** Returns the same segment in a packet of IPv6. */
  function six(one: Segment): Uint8Array {
    const packet = segmentPacket(one)
    const bytes = new Uint8Array(14 + ipv6.IPV6_HLEN + packet.length - 20)
    put16(bytes, 12, 0x86dd)
    ipv6.create(bytes, 14, 6, packet.length - 20, 64)
    bytes[ipv6.sourceAt(14) + 15] = one.back ? 2 : 1
    bytes[ipv6.destinationAt(14) + 15] = one.back ? 1 : 2
    bytes.set(packet.subarray(20), 14 + ipv6.IPV6_HLEN)
    return bytes
  }

  test('of IPv6 are read like IPv4', () => {
    expect(connectionsOf(CHAT.map(six))).toEqual(connectionsOf(framesOf(CHAT)))
  })

  test('that the NIC has yet to segment may be longer than IPv4 can say', () => {
    const text = 'x'.repeat(70_000)
    const long = frameOf(back(text, 1))
    put16(long, 14 + 2, 0)
    const [connection] = connectionsOf([...framesOf(handshake()), long])
    expect(connection?.turns.map(({ bytes }) => bytes.length)).toEqual([70_000])
    expect(connection?.isWhole).toBe(true)
  })

  test('of other protocols and of connections without a SYN are left out', () => {
    const frames = [new Uint8Array(60), ...framesOf(CHAT.slice(3))]
    expect(connectionsOf(frames)).toEqual([])
  })
})

test('connections are numbered by their SYNs, also between the same ports', () => {
  const other = CHAT.map(one => ({ ...one, port: 40_001 }))
  const again = (one: Segment) => {
    const bytes = segmentPacket(one)
    // The sequence numbers of the client start elsewhere.
    bytes[one.back ? 28 : 24] = 0x12
    return ethernetFrame(bytes)
  }
  const frames = [
    ...framesOf(CHAT.slice(0, 4)),
    ...framesOf(other),
    ...framesOf(CHAT.slice(4)),
    ...CHAT.slice(0, 5).map(again),
  ]
  const connections = connectionsOf(frames)
  expect(connections.map(({ number }) => number)).toEqual([1, 2, 3])
  expect(connections.map(each => textsOf(each).length)).toEqual([4, 4, 1])
})

describe('a connection is not whole', () => {
  const isWhole = (frames: readonly Uint8Array[]) =>
    connectionsOf(frames).map(connection => connection.isWhole)

  test('if a segment is missing', () => {
    expect(isWhole(framesOf(CHAT.filter(({ text }) => text !== '200 ')))).toEqual([false])
  })

  test('if the SYN of the server is missing', () => {
    expect(isWhole(framesOf(CHAT.filter(({ flags }) => flags !== 'SA')))).toEqual([false])
  })

  test('if a record is cut', () => {
    const records = framesOf(CHAT).map(bytes => {
      return { ...whole(bytes), capturedLength: Math.min(56, bytes.length) }
    })
    expect(connectionsOf(recordsIn(pcapOf(records)))).toMatchObject([{ isWhole: false }])
  })

  test('if its bytes are more than are kept', () => {
    const size = 60_000
    const frames = Array.from({ length: 300 }, (_, i) =>
      frameOf({ at: 0, back: true, seq: 1 + i * size, length: size }),
    )
    const [connection] = connectionsOf([...framesOf(handshake()), ...frames])
    expect(connection?.isWhole).toBe(false)
    expect(connection?.turns[0]?.bytes.length).toBeLessThanOrEqual(1 << 24)
  })

  test('if more segments wait for a missing one than are kept', () => {
    const early = Array.from({ length: 2000 }, (_, i) => frameOf(back('xx', 3 + 2 * i)))
    const [connection] = connectionsOf([...framesOf(handshake()), ...early, frameOf(back('yy', 1))])
    expect(connection?.isWhole).toBe(false)
    expect(connection?.turns[0]?.bytes.length).toBe(2 + 2 * 1000)
  })
})
