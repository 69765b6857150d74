import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { skbChecksumHelp, skbGsoSegment } from '#src/netdev/gso.ts'
import { SKB_DROP_REASON_NOMEM, SKB_DROP_REASON_SKB_GSO_SEG } from '#src/skb/drop-reason.ts'
import { FRAME_MAX } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_OTHERHOST,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  type SkBuff,
} from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { balancedPool, framed, octetsOf, skbFor } from '#support/skb.ts'
import {
  buildFrame,
  buildPacket,
  buildTransport,
  type Frame,
  isIpv6,
  networkOffsetOf,
  type Packet,
  partialFrame,
  plain,
  plain6,
  protocolOf,
  transportOffset,
} from '../packet/frames.ts'
import { addsUp, pseudoHeader, word } from '../packet/naive.ts'

const pool = balancedPool({ large: 8, small: 64 })

describe('completing a partial checksum', () => {
  test('completing a partial checksum gives the full one', () => {
    forAll(300, [partialFrame], description => {
      const unpadded = { ...description, padding: [] }
      const skb = skbFor(pool, unpadded)
      expect(skbChecksumHelp(skb)).toBe(true)
      const after = octetsOf(skb)
      const { ipSummed } = skb
      skb.free()
      expect(ipSummed).toBe(CHECKSUM_NONE)
      expect(after).toEqual([
        ...buildFrame({ ...unpadded, packet: { ...description.packet, checksum: 'full' } }),
      ])
    })
  })

  test('a completed UDP checksum of zero is written as 0xffff, any other as zero', () => {
    for (const [offset, expected] of [
      [6, [0xff, 0xff]],
      [16, [0, 0]],
    ] as const) {
      const octets = new Uint8Array(40)
      octets.set([0xff, 0xff], 30)
      const skb = skbFor(pool, framed(plain), octets)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + 14
      skb.csumOffset = offset
      expect(skbChecksumHelp(skb)).toBe(true)
      // At offset 16 the field is the 0xffff itself.
      const after = octetsOf(skb).slice(14 + offset, 16 + offset)
      skb.free()
      expect(after).toEqual(expected)
    }
  })

  test('a partial checksum outside the frame is refused, and the frame unchanged', () => {
    for (const [start, offset] of [
      [34, 12],
      [34, 1000],
      [-2, 6],
      [34, -1],
      [60, 0],
    ] as const) {
      const skb = skbFor(pool, framed(plain))
      const before = octetsOf(skb)
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + start
      skb.csumOffset = offset
      expect(skbChecksumHelp(skb)).toBe(false)
      expect([octetsOf(skb), skb.ipSummed]).toEqual([before, CHECKSUM_PARTIAL])
      skb.free()
    }
  })

  test('completing the checksum of a GSO frame is refused with a warning, as in the kernel', () => {
    for (const ipSummed of [CHECKSUM_NONE, CHECKSUM_PARTIAL]) {
      const skb = skbFor(pool, framed(plain))
      const lines: string[] = []
      const warn = (about: string, text: string) => lines.push(`${about}: ${text}`)
      skb.dev = { name: 'x0', countReceived: () => {}, countDrop: () => {}, limitedLog: { warn } }
      Object.assign(skb, {
        ipSummed,
        csumStart: skb.data + 34,
        csumOffset: 16,
        gsoSize: 10,
        gsoType: SKB_GSO_TCPV4,
      })
      const before = octetsOf(skb)
      expect(skbChecksumHelp(skb)).toBe(false)
      expect([octetsOf(skb), skb.ipSummed]).toEqual([before, ipSummed])
      const line =
        /^skb_checksum_help: skb_checksum_help of a frame of \d+ bytes with gsoSize 10, .*gso\.test\.ts/
      expect(lines).toEqual([expect.stringMatching(line)])
      skb.free()
    }
  })

  test('completing changes nothing without a partial checksum', () => {
    for (const ipSummed of [CHECKSUM_NONE, CHECKSUM_UNNECESSARY]) {
      const skb = skbFor(pool, framed(plain))
      skb.ipSummed = ipSummed
      const before = octetsOf(skb)
      expect(skbChecksumHelp(skb)).toBe(true)
      expect([octetsOf(skb), skb.ipSummed]).toEqual([before, ipSummed])
      skb.free()
    }
  })
})

function gsoType(packet: Packet): number {
  if (packet.kind === 'udp') return SKB_GSO_UDP_L4
  return isIpv6(packet) ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4
}

function gsoSkb(description: Frame, gsoSize: number, octets?: Uint8Array): SkBuff {
  const skb = skbFor(pool, description, octets)
  skb.gsoType = gsoType(description.packet)
  skb.gsoSize = gsoSize
  return skb
}

/** TCP segments and UDP datagrams as a kernel hands them to a card that cuts them. */
const gso = fc
  .tuple(
    partialFrame,
    fc.uint8Array({ minLength: 1, maxLength: 700 }),
    fc.constantFrom('full', 'partial', 'zero'),
  )
  .map(([description, payload, checksum]): Frame => {
    const { packet } = description
    const isZero = checksum === 'zero' && packet.kind === 'tcp'
    return {
      ...description,
      packet: { ...packet, payload: [...payload], checksum: isZero ? 'full' : checksum },
    }
  })

const HEADER = { tcp: 20, udp: 8 }

describe('segments', () => {
  test('segments are the frames that the kernel would have sent one by one, in order', () => {
    forAll(300, [gso, fc.integer({ min: 20, max: 900 })], (description, gsoSize) => {
      const { packet } = description
      const ring = new Ring(64)
      const skb = gsoSkb(description, gsoSize)
      skb.queueMapping = 3
      skb.pktType = PACKET_OTHERHOST
      skb.protocol = 0x1234
      const count = skbGsoSegment(skb, ring)
      expect(count).toBe(Math.ceil(packet.payload.length / gsoSize))
      expect([ring.length, pool.out]).toEqual([count, count])
      const payload: number[] = []
      const tcpAt = networkOffsetOf(description) + transportOffset(packet)
      for (let i = 0; i < count; i++) {
        const segment = ring.shift() as SkBuff
        const expected = buildFrame({
          ...description,
          padding: [],
          packet: {
            ...packet,
            checksum: packet.checksum === 'zero' ? 'zero' : 'full',
            identification: (packet.identification + i) & 0xffff,
            payload: packet.payload.slice(i * gsoSize, (i + 1) * gsoSize),
          },
        })
        const octets = octetsOf(segment)
        if (packet.kind === 'tcp') {
          // The description has one sequence number and one set of flags: what differs is looked
          // at by itself below.
          expectTcp(packet, octets, tcpAt, i, count, gsoSize)
          octets.splice(tcpAt + 4, 4, 1, 2, 3, 4)
          octets.splice(tcpAt + 13, 1, 0x18)
          octets.splice(tcpAt + 16, 2, ...expected.slice(tcpAt + 16, tcpAt + 18))
        }
        expect(octets).toEqual([...expected])
        expect(segment).toMatchObject({
          ipSummed: CHECKSUM_NONE,
          gsoSize: 0,
          gsoType: 0,
          queueMapping: 3,
          pktType: PACKET_OTHERHOST,
          protocol: 0x1234,
          mac: segment.data,
          nh: segment.data + networkOffsetOf(description),
          h: segment.data + tcpAt,
        })
        const piece = octets.slice(tcpAt + HEADER[packet.kind as 'tcp' | 'udp'])
        expect(piece.length).toBeLessThanOrEqual(gsoSize)
        payload.push(...piece)
        segment.free()
      }
      expect(payload).toEqual(packet.payload)
      expect(pool.out).toBe(0)
    })
  })

  function expectTcp(
    packet: Packet,
    octets: number[],
    at: number,
    i: number,
    count: number,
    gsoSize: number,
  ): void {
    const segment = octets.slice(at)
    expect(
      addsUp([
        ...pseudoHeader(packet.source, packet.destination, protocolOf(packet), segment.length),
        ...segment,
      ]),
    ).toBe(true)
    const sequence = Buffer.from(segment).readUInt32BE(4)
    expect(sequence).toBe(0x01020304 + i * gsoSize)
    expect(segment[13]).toBe(i === count - 1 ? 0x18 : 0x10)
  }

  test('segments have FIN and PSH on the last only, CWR on the first only, other flags and options on all', () => {
    const options = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]
    const packet: Packet = {
      ...plain,
      kind: 'tcp',
      payload: [...options, ...new Array<number>(250).fill(5)],
      checksum: 'partial',
    }
    const octets = buildFrame(framed(packet))
    octets.set([0x80, 0xff], 34 + 12)
    octets.set([0xff, 0xff, 0xff, 0x9c], 34 + 4)
    const skb = gsoSkb(framed(packet), 100, octets)
    skb.gsoType |= SKB_GSO_TCP_ECN
    const ring = new Ring(8)
    expect(skbGsoSegment(skb, ring)).toBe(3)
    const flags: number[] = []
    const sequences: number[] = []
    for (let segment = ring.shift(); segment !== undefined; segment = ring.shift()) {
      const all = octetsOf(segment)
      flags.push(all[34 + 13] as number)
      sequences.push(Buffer.from(all).readUInt32BE(34 + 4))
      expect(all.slice(54, 66)).toEqual(options)
      segment.free()
    }
    expect(flags).toEqual([0xff & ~0x09, 0xff & ~0x89, 0xff & ~0x80])
    expect(sequences).toEqual([0xffffff9c, 0, 100])
  })

  test('the identification of segments wraps after 0xffff', () => {
    const packet: Packet = {
      ...plain,
      identification: 0xffff,
      payload: new Array(20).fill(1),
      checksum: 'partial',
    }
    const ring = new Ring(8)
    expect(skbGsoSegment(gsoSkb(framed(packet), 10), ring)).toBe(2)
    const ids = [0, 1].map(i => {
      const segment = ring.peek(i) as SkBuff
      return octetsOf(segment).slice(18, 20)
    })
    ring.purge(1)
    expect(ids).toEqual([
      [0xff, 0xff],
      [0, 0],
    ])
  })

  test('a UDP checksum of a segment that is zero is written as 0xffff', () => {
    const open = buildTransport({ ...plain, payload: [1, 2, 0, 0] })
    const packet: Packet = {
      ...plain,
      payload: [1, 2, ...open.slice(6, 8), 5, 5, 5, 5],
      checksum: 'partial',
    }
    const ring = new Ring(8)
    expect(skbGsoSegment(gsoSkb(framed(packet), 4), ring)).toBe(2)
    const checks = [0, 1].map(i => octetsOf(ring.peek(i) as SkBuff).slice(40, 42))
    ring.purge(1)
    expect(checks[0]).toEqual([0xff, 0xff])
    expect(checks[1]).toEqual(buildTransport({ ...plain, payload: [5, 5, 5, 5] }).slice(6, 8))
  })

  test('segments have UDP checksums if the partial one was zero', () => {
    const packet: Packet = { ...plain, payload: [1, 2, 3, 4], checksum: 'partial' }
    const octets = buildFrame(framed(packet))
    octets.set([0, 0], 40)
    const ring = new Ring(8)
    expect(skbGsoSegment(gsoSkb(framed(packet), 4, octets), ring)).toBe(1)
    const segment = ring.shift() as SkBuff
    expect(octetsOf(segment)).toEqual([...buildFrame(framed({ ...packet, checksum: 'full' }))])
    segment.free()
  })

  test('a frame without payload is its own only segment', () => {
    const packet: Packet = { ...plain, kind: 'tcp', payload: [], checksum: 'partial' }
    const ring = new Ring(1)
    expect(skbGsoSegment(gsoSkb(framed(packet), 1000), ring)).toBe(1)
    const segment = ring.shift() as SkBuff
    expect(octetsOf(segment)).toEqual([...buildFrame(framed({ ...packet, checksum: 'full' }))])
    segment.free()
  })

  test('64 KiB become 45 segments of the usual size, and large segments use large slots', () => {
    const packet: Packet = {
      ...plain,
      kind: 'tcp',
      payload: new Array(65160).fill(3),
      checksum: 'partial',
    }
    const ring = new Ring(64)
    expect(skbGsoSegment(gsoSkb(framed(packet), 1448), ring)).toBe(45)
    ring.purge(1)
    expect(skbGsoSegment(gsoSkb(framed(packet), 20000), ring)).toBe(4)
    ring.purge(1)
    expect(pool.out).toBe(0)
  })
})

describe('a frame that cannot be segmented', () => {
  const tcp: Packet = {
    ...plain,
    kind: 'tcp',
    payload: new Array(600).fill(1),
    checksum: 'partial',
  }
  const udp6: Packet = { ...plain6, payload: new Array(600).fill(1), checksum: 'partial' }

  /** Expects a reason, the frame the caller's still and as it was, and nothing new in the ring. */
  function expectRefused(reason: number, skb: SkBuff, ring = new Ring(64)): void {
    const before = octetsOf(skb)
    const { out } = pool
    const held = Array.from({ length: ring.length }, (_, i) => ring.peek(i))
    expect(skbGsoSegment(skb, ring)).toBe(-reason)
    expect(octetsOf(skb)).toEqual(before)
    expect(pool.out).toBe(out)
    expect(Array.from({ length: ring.length }, (_, i) => ring.peek(i))).toEqual(held)
    skb.free()
  }

  function refusedWith(packet: Packet, change: (skb: SkBuff, at: number) => void): void {
    const skb = gsoSkb(framed(packet), 100)
    change(skb, skb.data)
    expectRefused(SKB_DROP_REASON_SKB_GSO_SEG, skb)
  }

  test('a frame of an unknown kind, two kinds, none, or without a size is not segmented', () => {
    for (const type of [
      0,
      1 << 1,
      SKB_GSO_TCPV4 | SKB_GSO_TCPV6,
      SKB_GSO_TCPV4 | (1 << 8),
      SKB_GSO_TCP_ECN,
    ]) {
      refusedWith(tcp, skb => {
        skb.gsoType = type
      })
    }
    refusedWith(tcp, skb => {
      skb.gsoSize = 0
    })
  })

  test('a frame is not segmented if its protocol or IP version does not match its GSO type', () => {
    refusedWith(tcp, skb => {
      skb.gsoType = SKB_GSO_TCPV6
    })
    refusedWith(tcp, skb => {
      skb.gsoType = SKB_GSO_UDP_L4
    })
    refusedWith(udp6, skb => {
      skb.gsoType = SKB_GSO_TCPV6
    })
    refusedWith({ ...tcp, source: plain6.source, destination: plain6.destination }, skb => {
      skb.gsoType = SKB_GSO_TCPV4
    })
    refusedWith(tcp, (skb, at) => {
      skb.bytes[at + 13] = 6
    })
  })

  test('a fragment, or a frame with wrong headers or checksum position, is not segmented', () => {
    const edits: [Packet, number, number][] = [
      [tcp, 14, 0x44],
      [tcp, 16, 0xff],
      [tcp, 20, 0x20],
      [tcp, 34 + 12, 0x40],
      [udp6, 14, 0x40],
      [udp6, 18, 0xff],
      [udp6, 20, 44],
      [udp6, 20, 43],
      [udp6, 54 + 4, 0xff],
      [udp6, 54 + 5, 7],
    ]
    for (const [packet, offset, octet] of edits) {
      refusedWith(packet, (skb, at) => {
        if (offset === 59) {
          skb.bytes[at + 58] = 0
        }
        skb.bytes[at + offset] = octet
      })
    }
    refusedWith({ ...udp6, fragment: { first: true, at: 64 } }, skb => {
      // A single datagram: only the fragment header prevents the segmentation.
      skb.bytes.set(word(64), skb.data + 62 + 4)
    })
    refusedWith(tcp, skb => {
      skb.csumStart += 2
    })
    refusedWith(tcp, skb => {
      skb.len = 13
    })
    refusedWith(tcp, skb => {
      skb.len = 40
    })
  })

  test('a frame is not segmented if its segments do not fit a slot', () => {
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.data = skb.head
    const packet: Packet = { ...plain, payload: [], checksum: 'full' }
    const octets = buildPacket({ ...packet, payload: new Array(65500).fill(0) })
    // Tags until headers and payload are longer than the room after the usual headroom.
    const tags = Array.from({ length: 1000 }, () => [...word(0x8100), 0, 0]).flat()
    const all = [...new Array<number>(12).fill(2), ...tags, 8, 0, ...octets]
    skb.bytes.set(all.slice(0, FRAME_MAX + 130), skb.put(Math.min(all.length, FRAME_MAX + 130)))
    const total = skb.len - (all.length - octets.length)
    skb.bytes.set(word(total), skb.data + all.length - octets.length + 2)
    skb.bytes.set(word(total - 20), skb.data + all.length - octets.length + 24)
    skb.gsoType = SKB_GSO_UDP_L4
    skb.gsoSize = 0xffff
    expectRefused(SKB_DROP_REASON_SKB_GSO_SEG, skb)
  })

  test('a frame of more than 1,024 segments is not segmented, with the smallest size of Linux’s TCP it is', () => {
    const large = new PoisonedPool({ large: 1, small: 1024 })
    const packet: Packet = {
      ...plain,
      kind: 'tcp',
      payload: new Array(65160).fill(3),
      checksum: 'partial',
    }
    const octets = buildFrame(framed(packet))
    for (const [gsoSize, expected] of [
      [63, -SKB_DROP_REASON_SKB_GSO_SEG],
      [64, 1019],
      [76, 858],
    ] as const) {
      const skb = large.alloc(octets.length) as SkBuff
      skb.bytes.set(octets, skb.put(octets.length))
      skb.gsoType = SKB_GSO_TCPV4
      skb.gsoSize = gsoSize
      const ring = new Ring(4096)
      expect(skbGsoSegment(skb, ring)).toBe(expected)
      if (expected < 0) {
        skb.free()
      }
      ring.purge(1)
      expect(large.out).toBe(0)
    }
  })

  test('a frame is not segmented if the ring has too little room', () => {
    const ring = new Ring(4)
    const first = skbFor(pool, framed(plain))
    ring.push(first)
    expectRefused(SKB_DROP_REASON_NOMEM, gsoSkb(framed(tcp), 150), ring)
    expect(ring.shift()).toBe(first)
    first.free()
  })

  test('if slots run out the segments are freed, and the ring keeps its order', () => {
    const ring = new Ring(128)
    const before = Array.from({ length: 3 }, () => skbFor(pool, framed(plain)))
    for (const skb of before) {
      ring.push(skb)
    }
    const held: SkBuff[] = []
    while (pool.out < 66) {
      held.push(pool.alloc(60) as SkBuff)
    }
    expectRefused(SKB_DROP_REASON_NOMEM, gsoSkb(framed(tcp), 50), ring)
    expect([ring.shift(), ring.shift(), ring.shift(), ring.shift()]).toEqual([...before, undefined])
    for (const skb of [...before, ...held]) {
      skb.free()
    }
  })
})
