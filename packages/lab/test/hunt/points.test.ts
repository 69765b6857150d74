/** The points of commands: bytes of the connections of a clean run. */
import { expect, test } from 'vitest'
import { putWord } from '#support/frames.ts'
import { ACK, FIN, ipv4, SYN, segment } from '#support/segments.ts'
import type { ExploredPacket } from '../../src/explore/points.ts'
import { STREAM_FAULTS } from '../../src/hunt/conversation.ts'
import { NamedPackets, type Point, pointsOf } from '../../src/hunt/points.ts'

/** A segment by its direction, flags, first sequence number, data, and the client's port. */
type Sent = readonly [
  direction: 'ab' | 'ba',
  flags: number,
  from: number,
  data?: string,
  port?: number,
]

/** Returns the packets of a link. A SYN of another number opens another connection. */
function packetsOf(sent: readonly Sent[]): ExploredPacket[] {
  const named = new NamedPackets(
    new Map([
      ['192.0.2.1', 'client'],
      ['192.0.2.2', 'server'],
    ]),
  )
  for (const [direction, flags, seq, said = '', port = 40_000] of sent) {
    const isReply = direction === 'ba'
    const bytes = segment({ flags, seq, data: Buffer.from(said), isReply })
    putWord(bytes, isReply ? 2 : 0, port)
    named.take(ipv4(bytes), direction)
  }
  return named.packets
}

const EXCHANGE = (base: number): Sent[] => [
  ['ab', SYN, base],
  ['ba', SYN | ACK, base],
  ['ab', ACK, base + 1],
  ['ab', ACK, base + 1, 'question'],
  ['ba', ACK, base + 1, 'the '],
  ['ba', ACK, base + 5, 'answer'],
  ['ba', FIN | ACK, base + 11],
  ['ab', FIN | ACK, base + 9],
]

const text = ({ fault, connection, from, byte, direction }: Point) =>
  `${fault} ${connection} ${from} ${byte} ${direction}`

test('a request and its reply have 23 points, all of a fault after the other', () => {
  const { points, notes } = pointsOf(packetsOf(EXCHANGE(0)), STREAM_FAULTS)
  expect(notes).toEqual([])
  expect(points.length).toBe(23)
  expect(points.filter(({ fault }) => fault === 'fin').map(text)).toEqual([
    'fin 1 server 0 ba',
    'fin 1 server 5 ba',
    'fin 1 server 9 ba',
  ])
  expect(points.filter(({ fault }) => fault === 'silence').map(text)).toEqual([
    'silence 1 client 0 ab',
    'silence 1 client 4 ab',
    'silence 1 server 0 ba',
    'silence 1 server 5 ba',
    'silence 1 client -1 ab',
    'silence 1 server -1 ba',
  ])
  expect(points.map(({ fault }) => STREAM_FAULTS.indexOf(fault))).toEqual(
    points.map(({ fault }) => STREAM_FAULTS.indexOf(fault)).sort((a, b) => a - b),
  )
})

test('connections are numbered by their SYNs, and older ones have no points', () => {
  const old: Sent[] = [
    ['ba', ACK, 500, 'late', 40_001],
    ['ab', ACK, 900, 'late', 40_001],
  ]
  const { points } = pointsOf(packetsOf([...old, ...EXCHANGE(1000), ...EXCHANGE(5000)]), ['fin'])
  expect(points.map(text)).toEqual([
    'fin 1 server 0 ba',
    'fin 1 server 5 ba',
    'fin 1 server 9 ba',
    'fin 2 server 0 ba',
    'fin 2 server 5 ba',
    'fin 2 server 9 ba',
  ])
})

test('a connection that the server opens has the client of its SYN', () => {
  const active = EXCHANGE(0).map(
    ([direction, ...rest]): Sent => [direction === 'ab' ? 'ba' : 'ab', ...rest],
  )
  const { points } = pointsOf(packetsOf(active), ['fin'])
  expect(points.map(text)).toEqual(['fin 1 server 0 ab', 'fin 1 server 5 ab', 'fin 1 server 9 ab'])
})
