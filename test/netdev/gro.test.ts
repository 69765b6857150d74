import { describe, expect, test } from 'vitest'
import {
  NETIF_F_ALL_TAP,
  NETIF_F_GRO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_TSO,
  NETIF_F_TSO6,
} from '#src/netdev/if.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { fillHeaderChecksum } from '#src/packet/ipv4.ts'
import { FRAME_MAX } from '#src/skb/pool.ts'
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_GSO_TCPV4,
  type SkBuff,
} from '#src/skb/sk-buff.ts'
import { addDevice, freshNet } from '#support/memory-net.ts'
import { octetsOf } from '#support/skb.ts'
import { FIELD, type Packet, plain, plain6 } from '../packet/frames.ts'
import { ALL, DATA_OFFSET, FLAGS, numbered, PSH_ACK, stream, streamFrames } from './streams.ts'

const { pool, whole, placed, row, cut, merge } = streamFrames()
const memory = freshNet()

const ACKNOWLEDGMENT = 8

describe('segments of a stream', () => {
  test('segments of 64 KiB are one frame, and further ones start another', () => {
    const first = cut(whole({ ...stream, payload: numbered(45 * 1448) }, 1448))
    const second = cut(
      whole(
        {
          ...stream,
          packet: { ...plain, identification: plain.identification + 45 },
          sequence: stream.sequence + 45 * 1448,
          payload: numbered(10 * 1448),
        },
        1448,
      ),
    )
    const merged = merge([...first, ...second].map(placed))
    expect(merged.map(({ len }) => len)).toEqual([66 + 45 * 1448, 66 + 10 * 1448])
    for (const skb of merged) {
      skb.free()
    }
  })

  test('segments with partial checksums are merged without verification', () => {
    const segments = cut(whole({ ...stream, payload: numbered(1000) }, 500)).map(placed)
    for (const skb of segments) {
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + 34
      skb.csumOffset = FIELD.tcp
      skb.bytes[skb.csumStart + FIELD.tcp]++
    }
    const [skb, ...others] = merge(segments) as [SkBuff]
    const original = whole({ ...stream, payload: numbered(1000) }, 500)
    expect([others, octetsOf(skb), skb.ipSummed]).toEqual([
      [],
      octetsOf(original),
      CHECKSUM_PARTIAL,
    ])
    skb.free()
    original.free()
  })

  test('frames that a wire held in small slots are merged, in a large slot', () => {
    const original = whole({ ...stream, payload: numbered(3 * 1200) }, 1200)
    const expected = octetsOf(original)
    const segments = cut(original).map(placed)
    for (const skb of segments) {
      expect(skb.hold()).toBe(true)
    }
    const [skb, ...others] = merge(segments) as [SkBuff]
    expect([others, octetsOf(skb), skb.slotClass === pool.large]).toEqual([[], expected, true])
    skb.free()
  })

  test('a segment with PSH, or a shorter one, ends a merged frame', () => {
    const segments = cut(whole({ ...stream, payload: numbered(1200) }, 200))
    const fourth = segments[3] as number[]
    const pushed = placed(fourth)
    pushed.bytes[pushed.data + 34 + FLAGS] = PSH_ACK
    // The flag is eight more in the sum.
    const view = new DataView(pool.bytes.buffer)
    const check = pushed.data + 34 + FIELD.tcp
    view.setUint16(check, (view.getUint16(check) + 0xffff - 8) % 0xffff)
    const merged = merge(segments.map((octets, i) => (i === 3 ? pushed : placed(octets))))
    expect(merged.map(({ len }) => len)).toEqual([66 + 800, 66 + 400])
    for (const skb of merged) {
      skb.free()
    }

    const shorter = cut(whole({ ...stream, payload: numbered(500) }, 200))
    const [last] = cut(
      whole(
        {
          ...stream,
          packet: { ...plain, identification: plain.identification + 3 },
          sequence: stream.sequence + 500,
          payload: numbered(100),
        },
        200,
      ),
    )
    const two = merge([...shorter, last as number[]].map(placed))
    expect(two.map(({ len }) => len)).toEqual([66 + 500, 66 + 100])
    for (const skb of two) {
      skb.free()
    }
  })
})

describe('two frames are not merged when', () => {
  const segments = (packet: Packet = plain) =>
    cut(whole({ ...stream, packet, payload: numbered(400) }, 200))

  function expectApart(frames: readonly SkBuff[], features = ALL): void {
    const before = frames.map(skb => [octetsOf(skb), skb.ipSummed, skb.gsoSize])
    const after = merge(frames, features)
    expect(after.map(skb => [octetsOf(skb), skb.ipSummed, skb.gsoSize])).toEqual(before)
    for (const skb of after) {
      skb.free()
    }
  }

  /** With a partial sum, which is not verified. */
  function believed(skb: SkBuff): SkBuff {
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + (skb.bytes[skb.data + 12] === 8 ? 34 : 54)
    skb.csumOffset = FIELD.tcp
    return skb
  }

  /** Changes one header field of the second segment, which alone prevents the merge. */
  test.each([
    ['destination address', 0, 1],
    ['source address', 6, 1],
    ['type of service', 15, 1],
    ['identification', 19, 1],
    ['flags', 20, 0x40],
    ['fragment offset', 21, 1],
    ['time to live', 22, 1],
    ['IP source', 29, 1],
    ['IP destination', 33, 1],
    ['source port', 35, 1],
    ['sequence number', 41, 1],
    ['acknowledgment', 34 + ACKNOWLEDGMENT + 3, 1],
    ['FIN', 34 + FLAGS, 0x01],
    ['SYN', 34 + FLAGS, 0x02],
    ['RST', 34 + FLAGS, 0x04],
    ['URG', 34 + FLAGS, 0x20],
    ['ECE', 34 + FLAGS, 0x40],
    ['CWR', 34 + FLAGS, 0x80],
    ['no ACK', 34 + FLAGS, 0x10],
    ['window', 34 + 15, 1],
    ['urgent pointer', 34 + 19, 1],
    ['timestamp', 34 + 20 + 7, 1],
  ])('two frames that differ in %s are not merged', (_, at, by) => {
    const [first, second] = segments().map(placed) as [SkBuff, SkBuff]
    second.bytes[second.data + at] ^= by
    fillHeaderChecksum(second.bytes, second.data + 14)
    expectApart([first, second].map(believed))
  })

  test.each([
    ['traffic class', 15, 0x10],
    ['flow label', 17, 1],
    ['hop limit', 21, 1],
    ['next header', 20, 17],
    ['source', 22, 1],
    ['destination', 53, 1],
  ])('two IPv6 frames that differ in %s are not merged', (_, at, by) => {
    const frames = segments(plain6).map(placed) as [SkBuff, SkBuff]
    frames[1].bytes[frames[1].data + at] ^= by
    expectApart(frames.map(believed))
  })

  test('frames are not merged for a device without GSO of their kind', () => {
    expectApart(segments().map(placed), NETIF_F_TSO6)
    expectApart(segments(plain6).map(placed), NETIF_F_TSO)
  })

  test('a GSO frame, or one that its driver verified, is not merged', () => {
    for (const i of [0, 1]) {
      const frames = segments().map(placed)
      Object.assign(frames[i] as SkBuff, { gsoSize: 1000, gsoType: SKB_GSO_TCPV4 })
      expectApart(frames)
      const others = segments().map(placed)
      Object.assign(others[i] as SkBuff, { ipSummed: CHECKSUM_UNNECESSARY })
      expectApart(others)
    }
  })

  test('frames in small slots are not merged if no large slot is free', () => {
    const frames = cut(whole({ ...stream, payload: numbered(2400) }, 1200)).map(placed)
    for (const skb of frames) {
      expect(skb.hold()).toBe(true)
    }
    const taken = Array.from({ length: 70 }, () => pool.alloc(FRAME_MAX) as SkBuff)
    expectApart(frames)
    for (const skb of taken) {
      skb.free()
    }
  })

  test('frames with padding, IP options, no payload, a longer successor or another frame between are not merged', () => {
    const [a, b] = segments() as [number[], number[]]
    expectApart([placed([...a, 0, 0]), placed(b)])
    expectApart([placed(a), placed([...b, 0, 0])])
    const options = { ...plain, options: [1, 1, 1, 1] }
    expectApart(segments(options).map(placed))
    const [acknowledgment] = cut(whole(stream, 200)) as [number[]]
    expectApart([acknowledgment, acknowledgment].map(placed))
    const [short] = cut(whole({ ...stream, payload: numbered(100) }, 200)) as [number[]]
    const [, longer] = cut(
      whole(
        {
          ...stream,
          packet: { ...plain, identification: plain.identification },
          sequence: stream.sequence - 100,
          payload: numbered(400),
        },
        200,
      ),
    ) as [number[], number[]]
    expectApart([short, longer].map(placed))
    expectApart([a, acknowledgment, b].map(placed))
  })

  /** The same byte of both, where the second does not differ from what should follow the first. */
  test.each([
    ['more fragments', plain, 20, 0x20],
    ['FIN', plain, 34 + FLAGS, 0x01],
    ['a data offset of 16', plain, 34 + DATA_OFFSET, 0x80 ^ 0x40],
    ['another version', plain6, 14, 0x60 ^ 0x40],
    ['another upper layer', plain6, 20, 6 ^ 17],
    ['another protocol', plain, 23, 6 ^ 17],
  ])('two frames that both have %s are not merged', (_, packet, at, by) => {
    const frames = segments(packet).map(placed)
    for (const skb of frames) {
      skb.bytes[skb.data + at] ^= by
      if (packet === plain) {
        fillHeaderChecksum(skb.bytes, skb.data + 14)
      }
    }
    expectApart(frames.map(believed))
  })

  test('frames are not merged after PSH, or if the second has padding or no payload', () => {
    const [a, b] = segments() as [number[], number[]]
    const pushed = believed(placed(a))
    pushed.bytes[pushed.data + 34 + FLAGS] = PSH_ACK
    expectApart([pushed, believed(placed(b))])
    const [first, shorter] = cut(whole({ ...stream, payload: numbered(300) }, 200)) as [
      number[],
      number[],
    ]
    expectApart([placed(first), placed([...shorter, 0, 0])].map(believed))
    const packet = { ...plain, identification: plain.identification + 1 }
    const [empty] = cut(whole({ ...stream, packet, sequence: stream.sequence + 200 }, 200)) as [
      number[],
    ]
    expectApart([placed(a), placed(empty)])
  })

  test('frames without a whole header are not merged', () => {
    const [a, b] = segments() as [number[], number[]]
    for (const length of [0, 13, 14, 33, 53, 60]) {
      expectApart([placed(a), placed(b.slice(0, length))])
      expectApart([placed(a.slice(0, length)), placed(b)])
    }
  })
})

describe('datagrams of a flow', () => {
  function lengths(frames: readonly SkBuff[]): number[] {
    const merged = merge(frames)
    const found = merged.map(({ len }) => len)
    for (const skb of merged) {
      skb.free()
    }
    return found
  }

  test('datagrams with partial checksums are merged', () => {
    const frames = row(plain, 18, 18, 18)
    for (const skb of frames) {
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + 34
      skb.csumOffset = FIELD.udp
    }
    expect(lengths(frames)).toEqual([42 + 3 * 18])
  })

  test('a frame has at most 64 datagrams, and none follows a shorter one', () => {
    expect(lengths(row(plain, ...new Array<number>(65).fill(18)))).toEqual([42 + 64 * 18, 42 + 18])
    expect(lengths(row(plain, 20, 10, 10, 20))).toEqual([42 + 30, 42 + 10, 42 + 20])
  })

  test('datagrams that differ in a port, have no or a wrong checksum, or a wrong length, are not merged', () => {
    const alone = [42 + 18, 42 + 18]
    for (const at of [34, 35, 36, 37]) {
      const [a, b] = row(plain, 18, 18) as [SkBuff, SkBuff]
      for (const skb of [a, b]) {
        Object.assign(skb, { ipSummed: CHECKSUM_PARTIAL, csumStart: skb.data + 34, csumOffset: 6 })
      }
      b.bytes[b.data + at] ^= 1
      expect([at, lengths([a, b])]).toEqual([at, alone])
    }
    for (const i of [0, 1]) {
      const zero = row(plain, 18, 18)
      zero[i]!.bytes.fill(0, zero[i]!.data + 40, zero[i]!.data + 42)
      expect(lengths(zero)).toEqual(alone)
      const wrong = row(plain, 18, 18)
      wrong[i]!.bytes[wrong[i]!.data + 50] ^= 1
      expect(lengths(wrong)).toEqual(alone)
      const short = row(plain, 18, 18)
      Object.assign(short[i]!, {
        ipSummed: CHECKSUM_PARTIAL,
        csumStart: short[i]!.data + 34,
        csumOffset: 6,
      })
      short[i]!.bytes[short[i]!.data + 39]--
      expect(lengths(short)).toEqual(alone)
    }
  })

  test('datagrams without a checksum are not merged, even if their sum is right', () => {
    for (const i of [0, 1]) {
      const frames = row(plain, 18, 18)
      const { bytes, data } = frames[i]!
      const view = new DataView(bytes.buffer)
      // The payload takes over the checksum.
      const sum = view.getUint16(data + 40) + view.getUint16(data + 42)
      view.setUint16(data + 42, (sum & 0xffff) + (sum >> 16))
      view.setUint16(data + 40, 0)
      expect(lengths(frames)).toEqual([42 + 18, 42 + 18])
    }
  })

  test('datagrams are not merged with segments, across IP versions, or for a device without USO or GRO', () => {
    const udp = row(plain, 18)
    const [segment] = cut(whole({ ...stream, options: [], payload: numbered(18) }, 200)) as [
      number[],
    ]
    expect(lengths([...udp, placed(segment)])).toEqual([42 + 18, 54 + 18])
    expect(lengths([...row(plain, 18), ...row(plain6, 18)])).toEqual([42 + 18, 62 + 18])
    for (const features of [ALL & ~NETIF_F_GSO_UDP_L4, ALL & ~NETIF_F_GRO]) {
      const apart = merge(row(plain, 18, 18), features)
      expect(apart).toHaveLength(2)
      for (const skb of apart) {
        skb.free()
      }
    }
  })
})

describe('a device with NETIF_F_GRO', () => {
  const payload = numbered(40 * 1448)
  const through = { ndoStartXmit: (skb: SkBuff) => netifRx(skb) }

  test('a device with NETIF_F_GRO delivers the frames of a poll as one, and counts the others as merged', async () => {
    const { dev, port } = await addDevice(memory, through, {
      features: NETIF_F_ALL_TAP | NETIF_F_GRO,
    })
    const original = whole({ ...stream, payload }, 1448)
    const expected = octetsOf(original)
    for (const octets of cut(original)) {
      port.transmit(Uint8Array.from(octets))
    }
    port.drain()
    expect(port.received).toHaveLength(1)
    expect([...port.received[0]!.bytes]).toEqual(expected)
    expect(port.received[0]).toMatchObject({
      gsoSize: 1448,
      gsoType: SKB_GSO_TCPV4,
      ipSummed: CHECKSUM_PARTIAL,
    })
    expect([...dev.counters.groMerged]).toEqual([39])
    expect(memory.conserved()).toMatchObject({ in: 40, out: 40, dropped: 0, held: 0 })
  })

  test('a device without NETIF_F_GRO leaves frames as they are', async () => {
    const { port } = await addDevice(memory, through, { features: NETIF_F_ALL_TAP })
    const segments = cut(whole({ ...stream, payload }, 1448))
    for (const octets of segments) {
      port.transmit(Uint8Array.from(octets))
    }
    port.drain()
    expect(port.received.map(({ bytes }) => [...bytes])).toEqual(segments)
  })

  test('frames of a wire are merged without NETIF_F_GRO, but only while the wire cuts frames', async () => {
    const { dev, port } = await addDevice(memory, through, { features: NETIF_F_ALL_TAP })
    const segments = cut(whole({ ...stream, payload: numbered(4 * 1448) }, 1448))
    for (const merges of [true, false, true]) {
      dev.mergesWire = merges
      for (const octets of segments) {
        port.transmit(Uint8Array.from(octets))
      }
      port.drain()
    }
    const lengths = port.received.map(({ bytes }) => bytes.length)
    expect(lengths).toEqual([66 + 4 * 1448, ...new Array(4).fill(66 + 1448), 66 + 4 * 1448])
    memory.conserved()
  })

  test('a frame that is held when merging ends is continued by none that comes after others', async () => {
    let n = 0
    const switching = {
      ndoStartXmit: (skb: SkBuff) => {
        dev.mergesWire = ++n !== 3
        netifRx(skb)
      },
    }
    const { dev, port } = await addDevice(memory, switching, { features: NETIF_F_ALL_TAP })
    const [first, second, third, fourth] = cut(
      whole({ ...stream, payload: numbered(4 * 1448) }, 1448),
    )
    for (const octets of [first, second, fourth, third]) {
      port.transmit(Uint8Array.from(octets as number[]))
    }
    port.drain()
    expect(port.received.map(({ bytes }) => bytes.length)).toEqual([
      66 + 2 * 1448,
      66 + 1448,
      66 + 1448,
    ])
    expect([...port.received[1]!.bytes]).toEqual(fourth)
    memory.conserved()
  })

  test('nothing is merged into a frame that the kernel had no room for', async () => {
    const { dev, port } = await addDevice(memory, through, {
      features: NETIF_F_ALL_TAP | NETIF_F_GRO,
    })
    port.room = 0
    const segments = cut(whole({ ...stream, payload: numbered(4 * 1448) }, 1448))
    for (const octets of segments.slice(0, 2)) {
      port.transmit(Uint8Array.from(octets))
    }
    port.drain()
    for (const octets of segments.slice(2)) {
      port.transmit(Uint8Array.from(octets))
    }
    port.drain()
    expect([port.received.length, dev.held]).toEqual([0, 2])
    port.room = 2
    memory.clock.advance(2e6)
    await Promise.resolve()
    expect(port.received.map(({ bytes }) => bytes.length)).toEqual([66 + 2 * 1448, 66 + 2 * 1448])
    memory.conserved()
  })
})
