import { expect, test } from 'vitest'
import { PcapContent } from '../../src/capture/pcap-content.ts'
import { LITTLE, readAll, take } from '../support/capture-bytes.ts'

const { section, interface: device, packet, option, u64 } = LITTLE
const HEAD = [...section(), ...device(1, 0, option(9, [9]))]
const ALL = Number.POSITIVE_INFINITY
/** A verdict of TC_ACT_SHOT. */
const DROPPED = option(7, [1, ...u64(2n)])

test('packets are written to pcap, and drop records are omitted', () => {
  const content = new PcapContent()
  const lost = option(4, u64(5n))
  const stream = [
    ...HEAD,
    ...packet(0, 1_000_000_002n, [1, 2]),
    ...packet(0, 3n, [3], DROPPED, lost),
    ...packet(0, 4n, [4]),
  ]
  const file = [...content.head(), ...take(content.source('a'), stream)]
  expect(readAll(file).packets).toMatchObject([
    { seconds: 1, nanoseconds: 2, frame: [1, 2], originalLength: 102 },
    { seconds: 0, nanoseconds: 4, frame: [4] },
  ])
  expect(content).toMatchObject({ frames: 2, lost: 5, hasBegun: true })
})

test('streams that are cut anywhere are written to one pcap file', () => {
  const content = new PcapContent()
  const streams = [1, 2].map(n => [...HEAD, ...packet(0, 1n, [n, 1]), ...packet(0, 1n, [n, 2])])
  const sources = streams.map((_, n) => content.source(`${n}`))
  const file = [...content.head()]
  for (let at = 0; at < (streams[0]?.length ?? 0); at += 7) {
    for (const [n, source] of sources.entries()) file.push(...take(source, streams[n]?.slice(at, at + 7) ?? []))
  }
  expect(readAll(file).packets.map(({ frame }) => frame)).toEqual([
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ])
})

test('packets that do not fit wait for the next file', () => {
  const source = new PcapContent().source('a')
  source.push(Uint8Array.from([...HEAD, ...packet(0, 1n, [1]), ...packet(0, 1n, [2])]))
  expect(source.take(20, false)).toHaveLength(17)
  expect(source.take(3, false)).toHaveLength(0)
  expect(source.take(3, true)).toHaveLength(17)
  expect(source.take(3, true)).toBeUndefined()
})

test('a packet larger than the buffer is written whole', () => {
  const source = new PcapContent().source('a')
  const frame = new Array(300_000).fill(7)
  expect(take(source, [...HEAD, ...packet(0, 1n, [1]), ...packet(0, 1n, frame)])).toHaveLength(17 + 16 + 300_000)
})

test('a broken stream is written up to where it breaks', () => {
  const source = new PcapContent().source('a')
  source.push(Uint8Array.from([...HEAD, ...packet(0, 1n, [1]), ...packet(9, 1n, [1])]))
  expect(source.take(ALL, false)).toHaveLength(17)
  expect(() => source.take(ALL, false)).toThrow('a packet of interface 9, which is not described')
})

test('a timestamp that pcap cannot hold is refused after the packets before it are written', () => {
  const source = new PcapContent().source('a')
  const late = packet(0, 5_000_000_000n * 1_000_000_000n, [1])
  source.push(Uint8Array.from([...HEAD, ...packet(0, 1n, [1]), ...late]))
  expect(source.take(ALL, false)).toHaveLength(17)
  expect(() => source.take(ALL, false)).toThrow('a: a timestamp of 5000000000 seconds: pcap holds 0 to')
})

test('the length of the whole records in front of a cut is known', () => {
  const content = new PcapContent()
  const bytes = Uint8Array.from(take(content.source('a'), [...HEAD, ...packet(0, 1n, [1]), ...packet(0, 1n, [2])]))
  expect([0, 16, 17, 20, 34].map(length => content.whole(bytes, length))).toEqual([0, 0, 17, 17, 34])
})

test('pcap content has no keys and no statistics', () => {
  expect(new PcapContent().keys()).toBeUndefined()
  expect(new PcapContent().tail()).toHaveLength(0)
})
