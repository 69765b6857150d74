/** The bytes of streams at which faults are tried. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { expect, test } from 'vitest'
import { ACK, FIN, ipv4, RST, SYN, segment } from '#support/segments.ts'
import { parseKind } from '../../src/explore/fault-text.ts'
import { type ExploredPacket, faultOf } from '../../src/explore/points.ts'
import { rowsOf, withoutTurns } from '../../src/explore/positions.ts'
import { explore, type LabScenario } from '../../src/index.ts'
import { formatName, type PacketPart } from '../../src/model/packet-name.ts'

/** A segment by its direction, its flags, its first sequence number and its data. */
type Sent = readonly [direction: 'ab' | 'ba', flags: number, from: number, data?: string | number]

/** Returns the packets of a connection. */
function connection(sent: readonly Sent[]): ExploredPacket[] {
  const counts = new Map<string, number>()
  return sent.map(([direction, flags, from, given = ''], at) => {
    const data = typeof given === 'string' ? Buffer.from(given) : new Uint8Array(given).fill(at)
    const flow = direction === 'ab' ? 'tcp a:* > b:80' : 'tcp b:80 > a:*'
    const frame = ipv4(segment({ flags, seq: from, data, isReply: direction === 'ba' }))
    const taken = data.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1)
    const part = partOf(flags, taken)
    const number = (counts.get(direction) ?? 0) + 1
    counts.set(direction, number)
    const name = { link: 'a-b', direction, flow, part, n: taken === 0 ? number : from, copy: 1 }
    const rest = { number, end: from + taken, time: at, length: frame.length, hit: false }
    const head = frame.slice(0, 128)
    return { ...name, ...rest, head, lost: false, name: formatName(name), at }
  })
}

function partOf(flags: number, taken: number): PacketPart {
  if ((flags & RST) !== 0) return 'rst'
  return taken === 0 ? 'ack' : 'seq'
}

const OPENING: readonly Sent[] = [
  ['ab', SYN, 0],
  ['ba', SYN | ACK, 0],
  ['ab', ACK, 1],
]

/** Returns the faults of these kinds at all rows: `fin ba 9`. */
function pointsOf(packets: readonly ExploredPacket[], texts: readonly string[]): string[] {
  const kinds = texts.map(text => ({ ...parseKind(text), isAtByte: true }))
  const rows = rowsOf(packets, packets, kinds)
  return rows.flatMap(row =>
    kinds.flatMap(kind => {
      const fault = faultOf(row, kind, 2, packets)
      return fault === undefined ? [] : `${kind.verb} ${fault.direction} ${fault.n}`
    }),
  )
}

const rowsIn = (packets: readonly ExploredPacket[]) =>
  rowsOf(packets, packets, [{ ...parseKind('reset'), isAtByte: true }])

/** A GET, and a reply of 20,000 bytes in 14 segments. */
function get(): ExploredPacket[] {
  const reply = Array.from({ length: 14 }, (_, i): Sent[] => [
    ['ba', ACK, 1 + 1448 * i, i < 13 ? 1448 : 1176],
    ...(i % 2 === 1 ? [['ab', ACK, 78] as const] : []),
  ])
  return connection([
    ...OPENING,
    ['ab', ACK, 1, 'GET / HTTP/1.1'.padEnd(77)],
    ...reply.flat().slice(0, -1),
    ['ba', ACK | FIN, 20_001],
    ['ab', ACK | FIN, 78],
  ])
}

const ENDING = ['fin', 'reset', 'silence forever', 'mute forever']

test('a GET has 23 points at bytes, where three faults of each packet were 78', () => {
  const packets = get()
  expect(packets.length * 3).toBe(78)
  const points = pointsOf(packets, ENDING)
  expect(points.length).toBe(23)
  expect(points.filter(text => text.startsWith('reset'))).toEqual([
    'reset ab -1',
    'reset ba -1',
    'reset ab 0',
    'reset ab 38',
    'reset ab 76',
    'reset ba 0',
    'reset ba 10000',
    'reset ba 19999',
  ])
  expect(points.filter(text => text.startsWith('fin'))).toEqual([
    'fin ba 0',
    'fin ba 10000',
    'fin ba 19999',
  ])
  expect(points.filter(text => text.startsWith('mute'))).toEqual([
    'mute ab -1',
    'mute ba -1',
    'mute ab 0',
    'mute ab 38',
    'mute ba 0',
    'mute ba 10000',
  ])
})

test('a turn of one byte has one point', () => {
  const packets = connection([...OPENING, ['ab', ACK, 1, 'x']])
  expect(pointsOf(packets, ['reset'])).toEqual(['reset ab -1', 'reset ba -1', 'reset ab 0'])
})

test('a connection has its first and last three turns', () => {
  const talk = Array.from({ length: 10 }, (_, i): Sent[] => [
    ['ab', ACK, 1 + i, String(i)],
    ['ba', ACK, 1 + i, String(i)],
  ])
  const packets = connection([...OPENING, ...talk.flat()])
  expect(pointsOf(packets, ['reset']).slice(2)).toEqual([
    'reset ab 0',
    'reset ba 0',
    'reset ab 1',
    'reset ba 8',
    'reset ab 9',
    'reset ba 9',
  ])
})

test('equal turns, such as heartbeats, are tried at the first and the last of them', () => {
  const beats = Array.from({ length: 10 }, (_, i): Sent[] => [
    ['ab', ACK, 1 + i, '.'],
    ['ba', ACK, 1 + i, '.'],
  ])
  const packets = connection([...OPENING, ...beats.flat()])
  expect(pointsOf(packets, ['reset']).slice(2)).toEqual([
    'reset ab 0',
    'reset ba 0',
    'reset ab 9',
    'reset ba 9',
  ])
})

test('TLS and HTTP/2 have no turns: segments at both ends and in the middle are tried', () => {
  const hello = '\x16\x03\x01hello'
  const records = Array.from({ length: 10 }, (_, i): Sent => ['ba', ACK, 1 + 100 * i, 100])
  const tls = connection([...OPENING, ['ab', ACK, 1, hello], ...records])
  expect(withoutTurns(rowsIn(tls))).toEqual([expect.stringContaining('a-b tcp a:* > b:80')])
  expect(pointsOf(tls, ['reset']).slice(2)).toEqual([
    'reset ab 0',
    'reset ba 0',
    'reset ba 100',
    'reset ba 400',
    'reset ba 700',
    'reset ba 800',
    'reset ba 900',
  ])
  const h2 = connection([...OPENING, ['ab', ACK, 1, 'PRI * HTTP/2.0'], ...records])
  expect(withoutTurns(rowsIn(h2))).toEqual([expect.stringContaining('a-b tcp a:* > b:80')])
  expect(withoutTurns(rowsIn(get()))).toEqual([])
})

test('a connection is forgotten once for each packet of a turn', () => {
  const packets = get()
  const kinds = [{ ...parseKind('forget on a'), isAtByte: true, isOfEnd: true }]
  const rows = rowsOf(packets, packets, kinds)
  expect(rows.map(({ direction, n }) => `${direction} ${n}`)).toEqual([
    'ab -1',
    'ba -1',
    'ab 0',
    'ba 0',
    'ba 10000',
    'ba 19999',
  ])
})

test('an abort has bytes before it in its turn, or is at a reset of the program', () => {
  expect(pointsOf(get(), ['abort'])).toEqual([
    'abort ab 38',
    'abort ab 76',
    'abort ba 10000',
    'abort ba 19999',
  ])
  const reset = connection([...OPENING, ['ba', ACK, 1, 'x'], ['ba', RST, 2]])
  expect(pointsOf(reset, ['abort', 'reset'])).toEqual([
    'reset ab -1',
    'reset ba -1',
    'reset ba 0',
    'abort ba 3',
  ])
})

const download: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const downloads = net.createServer(socket =>
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.alloc(20_000))),
  )
  await server.listen(downloads, 80)
  const socket = await client.connect(80, 'server')
  socket.write('GET')
  let bytes = 0
  socket.on('data', data => {
    bytes += data.length
  })
  await new Promise((resolve, reject) => {
    socket.once('end', resolve)
    socket.once('error', reject)
  })
  assert.equal(bytes, 20_000)
}

const IN_MEMORY = { world: 'memory', captures: false } as const

test('explore finds a client that takes the end of a connection for the end of a body', async () => {
  const report = await explore(download, { ...IN_MEMORY, faults: ['fin'] })
  expect(report.points.map(({ faults: [fault] }) => fault?.part)).toEqual(['byte', 'byte', 'byte'])
  const reply = 'fin client-server ba tcp server:80 > client:* byte'
  expect(report.failures.flatMap(({ faults }) => faults)).toEqual([
    `${reply} 0`,
    `${reply} 10000`,
    `${reply} 19999`,
  ])
})

test('to the same client an abort within the body is an end, and a reset an error', async () => {
  const faults = ['abort', 'reset']
  const report = await explore(download, { ...IN_MEMORY, faults, points: 'bytes' })
  const reply = 'abort client-server ba tcp server:80 > client:* byte'
  expect(report.failures.map(each => [...each.faults, ...each.also, each.wire])).toEqual([
    [`${reply} 10000`, []],
    [`${reply} 19999`, []],
  ])
  const verdicts = new Set(
    report.points.filter(({ kind }) => kind === 1).map(({ verdict }) => verdict),
  )
  expect([...verdicts]).toEqual(['error'])
})
