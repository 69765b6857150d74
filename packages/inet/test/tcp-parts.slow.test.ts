/** The parts of TCP with random inputs. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import * as tcp from '#src/packet/tcp.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'
import { Scoreboard, type Sent } from '../src/tcp/scoreboard.ts'
import { Header, Segment } from '../src/tcp/segment.ts'
import { A, B, join, MS, Pair, pattern, SEC, User } from './tcp-pair.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

const u16 = fc.integer({ min: 0, max: 65_535 })

describe('a segment', () => {
  test('is parsed to the fields that it was built from, with any options', () => {
    const arbitrary = fc.record({
      ports: fc.tuple(u16, u16),
      numbers: fc.tuple(u32, u32),
      flags: fc.integer({ min: 0, max: 255 }),
      window: u16,
      mss: u16,
      windowScale: fc.integer({ min: -1, max: 14 }),
      sackPermitted: fc.boolean(),
      timestamps: fc.option(fc.tuple(u32, u32)),
      sacks: fc.array(u32, { maxLength: 4 }),
      data: fc.uint8Array({ maxLength: 100 }),
    })
    forAll(scaled(20_000), [arbitrary], one => {
      const isSyn = (one.flags & tcp.TCP_SYN) !== 0
      const header = new Header()
      header.reset(...one.ports)
      ;[header.sequence, header.acknowledgment] = one.numbers
      header.flags = one.flags
      header.window = one.window
      if (isSyn) {
        Object.assign(header, {
          mss: one.mss,
          windowScale: one.windowScale,
          sackPermitted: one.sackPermitted,
        })
      }
      const [timestamp, echo] = one.timestamps ?? [0, 0]
      Object.assign(header, { hasTimestamp: one.timestamps !== null, timestamp, echo })
      const edges = isSyn ? [] : one.sacks.slice(0, one.sacks.length & ~1)
      edges.forEach((edge, i) => {
        header.sacks[i] = edge
      })
      header.sackEdges = edges.length
      const bytes = header.build(one.data.length)
      bytes.set(one.data, bytes.length - one.data.length)
      const segment = new Segment()
      const lent = { bytes, at: 0, length: bytes.length, source: A, destination: B }
      expect(segment.parse(lent)).toBe(true)
      expect([segment.sourcePort, segment.destinationPort]).toEqual(one.ports)
      expect([segment.sequence, segment.acknowledgment]).toEqual(one.numbers)
      expect([segment.flags, segment.window]).toEqual([one.flags, one.window])
      expect([segment.mss, segment.windowScale, segment.sackPermitted]).toEqual(
        isSyn ? [one.mss, one.windowScale, one.sackPermitted] : [0, -1, false],
      )
      expect(segment.hasTimestamp).toBe(one.timestamps !== null)
      if (segment.hasTimestamp) {
        expect([segment.timestamp, segment.echo]).toEqual([timestamp, echo])
      }
      expect(segment.sackBlocks).toBe(edges.length / 2)
      expect(segment.bytes.subarray(segment.at, segment.at + segment.length)).toEqual(one.data)
      const fin = (one.flags & tcp.TCP_FIN) !== 0 ? 1 : 0
      expect(segment.space).toBe(one.data.length + (isSyn ? 1 : 0) + fin)
    })
  })

  test('with any bytes as options is parsed without an error, and without reading past them', () => {
    forAll(
      scaled(20_000),
      [fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.integer({ min: 0, max: 15 })],
      (options, offset) => {
        const bytes = new Uint8Array(60)
        bytes.set(options, 20)
        bytes[12] = offset << 4
        bytes[13] = tcp.TCP_SYN
        const segment = new Segment()
        const isValid = segment.parse({ bytes, at: 0, length: 60, source: A, destination: B })
        expect(isValid).toBe(offset >= 5)
        if (isValid) {
          expect(
            segment.sackAt + 8 * segment.sackBlocks <= offset * 4 || segment.sackBlocks === 0,
          ).toBe(true)
        }
      },
    )
  })
})

test('the counts of segments in flight are exact through any order of events', () => {
  for (let run = 0; run < scaled(20_000); run++) {
    const seed = SEED * 15_485_863 + run
    const draw = random(seed)
    const board = new Scoreboard()
    let [start, end, now] = [0, 0, 0]
    const position = () => start + draw.below(end - start + 1)
    const resend = (sent: Sent | undefined) => sent !== undefined && board.resend(sent, now)
    for (let step = 0; step < 100; step++) {
      now += draw.below(20) * MS
      const event = draw.below(8)
      if (event <= 1) {
        const { end: next } = board.add(end, end + 1 + draw.below(1000), now)
        end = next
      } else if (event === 2) {
        board.begin()
        start = position()
        board.acknowledge(start, now, MS)
      } else if (event === 3) {
        board.begin()
        const from = position()
        board.sack(from, from + draw.below(3000), now, MS)
      } else if (event === 4) {
        board.detect(now, 20 * MS, 20 * MS, draw.below(2) === 0)
      } else if (event === 5) {
        resend(board.nextLost(1 + draw.below(1000), position()))
      } else if (event === 6) {
        resend(board.last(1 + draw.below(1000), position()))
      } else if (draw.below(4) === 0) {
        board.markAllLost()
      }
      const { sacked, lost, resent, packets, inFlight } = board
      expect([seed, Math.min(sacked, lost, resent, inFlight) >= 0]).toEqual([seed, true])
      expect([seed, sacked + lost <= packets, sacked + resent <= packets]).toEqual([
        seed,
        true,
        true,
      ])
    }
    board.acknowledge(end, now, MS)
    expect([seed, board.packets, board.sacked, board.lost, board.resent]).toEqual([
      seed,
      0,
      0,
      0,
      0,
    ])
  }
})

test('random segments into connections in all states neither throw nor deliver foreign bytes', () => {
  for (let run = 0; run < scaled(8000); run++) {
    const seed = SEED * 611_953 + run
    const draw = random(seed)
    const pair = new Pair(seed, { delay: MS })
    const [client, server] = [
      new User(pattern(draw.below(5000), 1)),
      new User(pattern(draw.below(5000), 2)),
    ]
    client.shutsDown = draw.below(2) === 0
    server.shutsDown = draw.below(2) === 0
    join(pair, client, server)
    const ips = [pair.ipA, pair.ipB] as const
    for (let step = 0; step < 40; step++) {
      pair.run(draw.below(3 * MS))
      const model = pair.seen[draw.below(pair.seen.length)]
      if (model === undefined) continue
      // A mutated copy of a segment: other numbers near the right ones, flags, options; no data and
      // no urgent pointer, because the receiver leaves the byte before it out of the stream.
      const to = model.from === 'a' ? 1 : 0
      const header = tcp.dataOffset(model.segment, 0)
      const bytes = model.segment.slice(0, header)
      const near = (value: number) =>
        (value + draw.below(3) * (draw.below(200_000) - 100_000)) >>> 0
      tcp.setSequenceNumber(bytes, 0, near(tcp.sequenceNumber(bytes, 0)))
      tcp.setAcknowledgmentNumber(bytes, 0, near(tcp.acknowledgmentNumber(bytes, 0)))
      const flags = draw.below(256) & ~tcp.TCP_FIN & ~tcp.TCP_RST & ~tcp.TCP_URG
      tcp.setFlags(bytes, 0, draw.below(3) === 0 ? flags : tcp.flags(bytes, 0) & ~tcp.TCP_FIN)
      for (let i = 0; i < draw.below(4); i++) {
        bytes[14 + draw.below(header - 14)] = draw.below(256)
      }
      ips[to]?.deliver(bytes, to === 0 ? B : A)
    }
    pair.run(2000 * SEC)
    for (const [user, sent] of [
      [client, 2],
      [server, 1],
    ] as const) {
      const bytes = user.bytes
      expect([seed, Buffer.compare(bytes, pattern(bytes.length, sent))]).toEqual([seed, 0])
    }
    pair.a.close()
    pair.b.close()
    expect([seed, pair.clock.armed]).toEqual([seed, 0])
  }
})
