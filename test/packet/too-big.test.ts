import { describe, expect, test } from 'vitest'
import { tooBigLength, writeTooBig } from '#src/packet/too-big.ts'
import { ChecksumVerifier } from '#support/frames.ts'
import { address, buildFrame, type Frame, type Packet, plain, plain6 } from './frames.ts'
import { naiveChecksum, word } from './naive.ts'

const PAYLOAD = Array.from({ length: 1400 }, (_, i) => i & 0xff)
const TAGS = [
  { type: 0x88a8, tci: 7 },
  { type: 0x8100, tci: 9 },
]

/** A frame with DF, of which the test may change the IPv4 flags and the Ethernet addresses. */
function frameOf(packet: Packet, tags: Frame['tags'] = [], flags = 0x4000): Uint8Array {
  const bytes = buildFrame({ packet, tags, padding: [] })
  const nh = 14 + 4 * tags.length
  if (packet.source.length === 4) {
    bytes.set(word(flags | (((bytes[nh + 6] as number) << 8) | (bytes[nh + 7] as number))), nh + 6)
    bytes.set([0, 0], nh + 10)
    bytes.set(
      word(naiveChecksum([...bytes.slice(nh, nh + 4 * ((bytes[nh] as number) & 15))])),
      nh + 10,
    )
  }
  return bytes
}

/** Returns the error about a frame, from and to places inside a larger array; undefined if none. */
function errorAbout(frame: Uint8Array, mtu = 1300): Uint8Array | undefined {
  const bytes = new Uint8Array(8192)
  bytes.set(frame, 3)
  const length = tooBigLength(bytes, 3, frame.length)
  if (length === 0) return undefined
  writeTooBig(bytes, 5000, 3, length, mtu)
  return bytes.slice(5000, 5000 + length)
}

const four: Packet = { ...plain, kind: 'tcp', payload: PAYLOAD }
const six: Packet = { ...plain6, kind: 'tcp', payload: PAYLOAD }

describe('the error', () => {
  for (const tags of [[], TAGS]) {
    const link = 4 * tags.length

    test(`an IPv4 frame with ${tags.length} tags gets "fragmentation needed" with the MTU and 548 bytes of it`, () => {
      const frame = frameOf(four, tags)
      const error = errorAbout(frame) as Uint8Array
      const [nh, h] = [14 + link, 34 + link]
      expect(error.length).toBe(14 + link + 576)
      expect([...error.slice(0, 12)]).toEqual([...frame.slice(6, 12), ...frame.slice(0, 6)])
      expect([...error.slice(12, nh)]).toEqual([...frame.slice(12, nh)])
      expect([...error.slice(nh, nh + 10)]).toEqual([0x45, 0, ...word(576), 0, 0, 0x40, 0, 64, 1])
      expect([...error.slice(nh + 12, nh + 20)]).toEqual([...four.destination, ...four.source])
      expect([...error.slice(h, h + 2), ...error.slice(h + 4, h + 8)]).toEqual([
        3,
        4,
        0,
        0,
        ...word(1300),
      ])
      expect(error.slice(h + 8)).toEqual(frame.slice(nh, nh + 548))
    })

    test(`an IPv6 frame with ${tags.length} tags gets "packet too big" with the MTU and 1232 bytes of it`, () => {
      const frame = frameOf(six, tags)
      const error = errorAbout(frame) as Uint8Array
      const [nh, h] = [14 + link, 54 + link]
      expect(error.length).toBe(14 + link + 1280)
      expect([...error.slice(0, 12)]).toEqual([...frame.slice(6, 12), ...frame.slice(0, 6)])
      expect([...error.slice(12, nh)]).toEqual([...frame.slice(12, nh)])
      expect([...error.slice(nh, nh + 8)]).toEqual([0x60, 0, 0, 0, ...word(1240), 58, 64])
      expect([...error.slice(nh + 8, nh + 40)]).toEqual([...six.destination, ...six.source])
      expect([...error.slice(h, h + 2), ...error.slice(h + 4, h + 8)]).toEqual([
        2,
        0,
        0,
        0,
        ...word(1300),
      ])
      expect(error.slice(h + 8)).toEqual(frame.slice(nh, nh + 1232))
    })
  }

  test('the error quotes all of a short packet, and has right checksums', () => {
    const verifier = new ChecksumVerifier()
    for (const packet of [plain, plain6, four, six]) {
      const frame = frameOf(packet)
      const octets = errorAbout(frame) as Uint8Array
      if (packet.payload.length < 100) {
        expect(octets.length - frame.length).toBe(packet === plain ? 28 : 48)
      }
      verifier.verify({ octets, flags: 0, gsoType: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 })
    }
    expect([verifier.problems, verifier.verified]).toEqual([[], { 1: 2, 4: 2, 58: 2 }])
  })

  test('the MTU of an error is at most 65535 for IPv4', () => {
    expect([...(errorAbout(frameOf(four), 70_000) as Uint8Array).slice(38, 42)]).toEqual([
      0, 0, 255, 255,
    ])
  })
})

describe('no error is sent', () => {
  const icmp = (type: number, base = plain): Packet => ({
    ...base,
    kind: 'icmp',
    error: { type, code: 0, rest: [0, 0, 5, 0], quote: base, cut: 40 },
  })
  const changed = (frame: Uint8Array, at: number, ...octets: number[]) => {
    frame.set(octets, at)
    return frame
  }
  const cases: [string, Uint8Array][] = [
    ['an IPv4 packet without DF', frameOf(four, [], 0)],
    ['a later fragment of IPv4', frameOf({ ...four, fragment: { first: false, at: 64 } })],
    [
      'a later fragment of ICMPv6',
      frameOf({ ...six, kind: 'icmp', fragment: { first: false, at: 64 } }),
    ],
    ...[3, 4, 5, 11, 12].map(
      type => [`ICMP error ${type}`, frameOf(icmp(type))] as [string, Uint8Array],
    ),
    ...[1, 2, 3, 4, 100, 137].map(
      type => [`ICMPv6 type ${type}`, frameOf(icmp(type, plain6))] as [string, Uint8Array],
    ),
    ['an IPv4 group', frameOf({ ...four, destination: address('239.1.2.3') })],
    ['an IPv6 group', frameOf({ ...six, destination: address('ff02:0:0:0:0:0:0:1') })],
    ['a broadcast', frameOf({ ...four, destination: address('255.255.255.255') })],
    ['a group at the link', changed(frameOf(four), 0, 3)],
    ['a group as the source at the link', changed(frameOf(four), 6, 3)],
    ['a source of zero', frameOf({ ...four, source: address('0.0.0.0') })],
    ['an unspecified source', frameOf({ ...six, source: address('0:0:0:0:0:0:0:0') })],
    ['a source that is a group', frameOf({ ...six, source: address('ff02:0:0:0:0:0:0:1') })],
    ['a wrong header checksum', changed(frameOf(four), 24, 1, 2)],
    ['a truncated IPv4 packet', frameOf(four).subarray(0, 1000)],
    ['a truncated IPv6 packet', frameOf(six).subarray(0, 1000)],
    ['ICMP without a type', frameOf({ ...plain, kind: 'icmp' }).subarray(0, 34)],
    ['a frame that is not IP', changed(frameOf(four), 12, 8, 6)],
    ['a frame that ends in its tags', frameOf(four, TAGS).subarray(0, 17)],
  ]
  for (const [name, frame] of cases) {
    test(`no error is sent about ${name}`, () => {
      expect(errorAbout(frame)).toBeUndefined()
    })
  }

  test('errors are sent about echo requests, first fragments and later fragments of UDP over IPv6', () => {
    const packets: Packet[] = [
      { ...plain, kind: 'icmp' },
      { ...plain6, kind: 'icmp' },
      { ...four, fragment: { first: true, at: 64 } },
      { ...six, fragment: { first: true, at: 64 } },
      { ...six, kind: 'udp', fragment: { first: false, at: 64 } },
    ]
    for (const packet of packets) {
      expect(errorAbout(frameOf(packet))).toBeDefined()
    }
  })
})
