import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { parseAddress, parseIpv4 } from '#src/packet/address.ts'
import {
  finish,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '#src/packet/checksum.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import { get16, long, put16, word } from '#src/packet/octets.ts'
import { either } from '#support/scale.ts'
import { balancedPool, octetsOf, skbOf } from '#support/skb.ts'
import { Siit } from '../src/nat/siit.ts'

const pool = balancedPool({ large: 1, small: 4 })

const [HOST, PEER] = ['2001:db8::5', '64:ff9b::c000:201']
const [PEER4, ROUTER] = ['192.0.2.1', '198.18.3.2']
/** The address that stands for HOST, the first host. */
const NUMBER = '0.0.0.1'
const [ICMP, TCP, UDP, FRAGMENT, ICMPV6] = [1, 6, 17, 44, 58]
const CHECK: Readonly<Record<number, number>> = { [ICMP]: 2, [ICMPV6]: 2, [TCP]: 16, [UDP]: 6 }
const LINK = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]

const udp = (length = 8): number[] => [
  ...word(5000),
  ...word(53),
  ...word(length),
  0,
  0,
  ...Array(length - 8).fill(9),
]
const tcp = (): number[] => [
  ...word(5000),
  ...word(80),
  ...long(1),
  ...long(2),
  0x50,
  2,
  9,
  9,
  0,
  0,
  0,
  0,
]
const echo = (type: number): number[] => [type, 0, 0, 0, ...word(7), ...word(1), 1, 2, 3]

const bytesOf = (address: string) => [...parseAddress(address)!]

/** Returns an IPv6 packet; its checksum is right if `protocol` has one and `extra` is empty. */
function packet6(
  protocol: number,
  from: string,
  to: string,
  upper: readonly number[],
  extra: number[] = [],
): number[] {
  const next = extra.length > 0 ? FRAGMENT : protocol
  const header = [
    0x6b,
    0x80,
    0,
    9,
    ...word(extra.length + upper.length),
    next,
    60,
    ...bytesOf(from),
    ...bytesOf(to),
  ]
  const bytes = Uint8Array.from([...header, ...extra, ...upper])
  const h = 40 + extra.length
  const sum = pseudoHeaderSum6(bytes, 0, protocol, upper.length)
  if (extra.length === 0) {
    put16(bytes, h + CHECK[protocol]!, finish(onesComplementSum(bytes, h, upper.length, sum)))
  }
  return [...bytes]
}

function packet4(
  protocol: number,
  from: string,
  to: string,
  upper: readonly number[],
  fragment = 0,
): number[] {
  const header = [
    0x45,
    0xb8,
    ...word(20 + upper.length),
    ...word(77),
    ...word(fragment),
    60,
    protocol,
    0,
    0,
  ]
  const bytes = Uint8Array.from([
    ...header,
    ...long(parseIpv4(from)!),
    ...long(parseIpv4(to)!),
    ...upper,
  ])
  ipv4.fillHeaderChecksum(bytes, 0)
  const sum = protocol === ICMP ? 0 : pseudoHeaderSum4(bytes, 0, protocol, upper.length)
  if (fragment === 0) {
    put16(bytes, 20 + CHECK[protocol]!, finish(onesComplementSum(bytes, 20, upper.length, sum)))
  }
  return [...bytes]
}

/** Passes a packet through the translator. Returns the packet in the frame, or the verdict. */
function translate(siit: Siit, packet: readonly number[]): number[] | string {
  const is6 = packet[0]! >> 4 === 6
  const skb = skbOf(pool, [...LINK, ...(is6 ? [0x86, 0xdd] : [8, 0]), ...packet])
  const verdict = is6 ? siit.to4(skb) : siit.to6(skb)
  const frame = octetsOf(skb)
  skb.free()
  if (verdict !== 'translated') return verdict
  expect(frame.slice(0, 14)).toEqual([...LINK, ...(is6 ? [8, 0] : [0x86, 0xdd])])
  return frame.slice(14)
}

/** A translator that knows HOST. */
function known(): Siit {
  const siit = new Siit()
  translate(siit, packet6(UDP, HOST, PEER, udp()))
  return siit
}

/** Returns the packet without the identification, which the translator counts. */
const withoutId = (packet: number[] | string) => {
  const bytes = Uint8Array.from(packet as number[])
  put16(bytes, 4, 77)
  ipv4.fillHeaderChecksum(bytes, 0)
  return [...bytes]
}

describe('a packet', () => {
  test.each([
    ['UDP', UDP, UDP, udp(20), udp(20)],
    ['TCP', TCP, TCP, tcp(), tcp()],
    ['an echo request', ICMPV6, ICMP, echo(128), echo(8)],
    ['an echo reply', ICMPV6, ICMP, echo(129), echo(0)],
  ])('of %s becomes one of IPv4 with right checksums, and back', (_, to6, to4, upper6, upper4) => {
    const siit = new Siit()
    expect(withoutId(translate(siit, packet6(to6, HOST, PEER, upper6)))).toEqual(
      packet4(to4, NUMBER, PEER4, upper4),
    )
    const back = packet6(to6, PEER, HOST, upper6)
    back.splice(0, 4, 0x6b, 0x80, 0, 0)
    expect(translate(siit, packet4(to4, PEER4, NUMBER, upper4))).toEqual(back)
  })

  test('with a wrong checksum keeps a wrong checksum', () => {
    const wrong = packet6(UDP, HOST, PEER, udp(20))
    wrong[47]! ^= 1
    const right = packet4(UDP, NUMBER, PEER4, udp(20))
    const translated = withoutId(translate(new Siit(), wrong))
    expect(translated).not.toEqual(right)
    expect(translated.slice(0, 26)).toEqual(right.slice(0, 26))
  })

  test('may be fragmented up to 1260 bytes of IPv4, and not beyond', () => {
    const fields = (length: number) => {
      const packet = Uint8Array.from(
        translate(new Siit(), packet6(UDP, HOST, PEER, udp(length))) as number[],
      )
      return { length: packet.length, id: get16(packet, 4), flags: get16(packet, 6) }
    }
    expect(fields(1240)).toEqual({ length: 1260, id: 1, flags: 0 })
    expect(fields(1241)).toEqual({ length: 1261, id: 0, flags: 0x4000 })
  })

  test('of UDP without a checksum gets one, unless it is a fragment', () => {
    const bare = packet4(UDP, PEER4, NUMBER, udp(12))
    bare.splice(26, 2, 0, 0)
    const expected = packet6(UDP, PEER, HOST, udp(12))
    expect((translate(known(), bare) as number[]).slice(40)).toEqual(expected.slice(40))
    expect(translate(known(), packet4(UDP, PEER4, NUMBER, udp(16), 0x2000))).toBe('untranslatable')
  })

  test('that is a fragment has a fragment header in IPv6', () => {
    const header = [UDP, 0, ...word((3 << 3) | 1), ...long(77)]
    const upper = [1, 2, 3, 4, 5, 6, 7, 8]
    const fragment6 = packet6(UDP, HOST, PEER, upper, header)
    expect(translate(new Siit(), fragment6)).toEqual(packet4(UDP, NUMBER, PEER4, upper, 0x2003))
    const back = packet6(UDP, PEER, HOST, upper, header)
    back.splice(0, 4, 0x6b, 0x80, 0, 0)
    expect(translate(known(), packet4(UDP, PEER4, NUMBER, upper, 0x2003))).toEqual(back)
  })

  test.each([
    ['to another IPv6 host', packet6(UDP, HOST, '2001:db8::6', udp()), 'alone'],
    ['to another IPv4 host', packet4(UDP, PEER4, ROUTER, udp()), 'alone'],
    ['from a translated address', packet6(UDP, PEER, PEER, udp()), 'untranslatable'],
    ['to the number of a host', packet6(UDP, HOST, '64:ff9b::1', udp()), 'untranslatable'],
    ['to an unknown number', packet4(UDP, PEER4, '0.0.0.9', udp()), 'untranslatable'],
    ['of neighbour discovery', packet6(ICMPV6, HOST, PEER, echo(135)), 'untranslatable'],
    ['of an unknown type of ICMP', packet4(ICMP, PEER4, NUMBER, echo(13)), 'untranslatable'],
    [
      'that is cut in its header',
      packet6(UDP, HOST, PEER, udp()).slice(0, 40).with(6, FRAGMENT),
      'untranslatable',
    ],
  ])('%s is not translated', (_, packet, verdict) => {
    expect(translate(known(), packet)).toBe(verdict)
  })
})

describe('an error', () => {
  const error = (type: number, code: number, rest: number, quote: number[]) => [
    type,
    code,
    0,
    0,
    ...long(rest),
    ...quote,
  ]

  test.each([
    ['port unreachable', [1, 4, 0], [3, 3, 0]],
    ['no route', [1, 0, 0], [3, 1, 0]],
    ['prohibited', [1, 1, 0], [3, 10, 0]],
    ['time exceeded', [3, 0, 0], [11, 0, 0]],
    ['an unknown protocol', [4, 1, 40], [3, 2, 0]],
    ['too big', [2, 0, 1400], [3, 4, 1380]],
  ] as const)(
    'about %s becomes one of IPv4 with its quote',
    (_, [type, code, rest], [type4, code4, rest4]) => {
      const siit = known()
      const packet = packet6(
        ICMPV6,
        HOST,
        PEER,
        error(type, code, rest, packet6(TCP, PEER, HOST, tcp())),
      )
      const quote = packet4(TCP, PEER4, NUMBER, tcp())
      const translated = translate(siit, packet) as number[]
      translated.splice(28, 20, ...withoutId(translated.slice(28)).slice(0, 20))
      // The quote has its own identification, which the checksum of the error covers.
      const expected = packet4(ICMP, NUMBER, PEER4, error(type4, code4, rest4, quote))
      expect([...withoutId(translated).slice(0, 22), ...translated.slice(24)]).toEqual([
        ...expected.slice(0, 22),
        ...expected.slice(24),
      ])
      const sum = Uint8Array.from(translate(known(), packet) as number[])
      expect(onesComplementSum(sum, 20, sum.length - 20)).toBe(0xffff)
    },
  )

  test.each([
    ['port unreachable', [3, 3, 0], [1, 4, 0]],
    ['a filter', [3, 13, 0], [1, 1, 0]],
    ['an unknown host', [3, 1, 0], [1, 0, 0]],
    ['an unknown protocol', [3, 2, 0], [4, 1, 6]],
    ['time exceeded', [11, 0, 0], [3, 0, 0]],
    ['too big', [3, 4, 1400], [2, 0, 1420]],
    ['too big for IPv6', [3, 4, 600], [2, 0, 1280]],
  ] as const)(
    'about %s becomes one of IPv6 with its quote',
    (_, [type, code, rest], [type6, code6, rest6]) => {
      const quote = packet4(TCP, NUMBER, PEER4, tcp())
      const expected = packet6(
        ICMPV6,
        '64:ff9b::c612:302',
        HOST,
        error(type6, code6, rest6, packet6(TCP, HOST, PEER, tcp())),
      )
      const translated = translate(
        known(),
        packet4(ICMP, ROUTER, NUMBER, error(type, code, rest, quote)),
      ) as number[]
      // The quote has no flow label.
      expect(translated.slice(52)).toEqual(expected.slice(52))
      expect(translated.slice(44, 48)).toEqual(long(rest6))
      expect(translated.slice(4, 42)).toEqual(expected.slice(4, 42))
      const bytes = Uint8Array.from(translated)
      const length = bytes.length - 40
      expect(onesComplementSum(bytes, 40, length, pseudoHeaderSum6(bytes, 0, ICMPV6, length))).toBe(
        0xffff,
      )
    },
  )

  test('that quotes an error, or a packet of another host, is not translated', () => {
    const inner = packet4(ICMP, NUMBER, PEER4, error(3, 3, 0, packet4(UDP, PEER4, NUMBER, udp())))
    expect(translate(known(), packet4(ICMP, PEER4, NUMBER, error(3, 3, 0, inner)))).toBe(
      'untranslatable',
    )
    const other = packet4(UDP, '198.18.0.9', PEER4, udp())
    expect(translate(known(), packet4(ICMP, PEER4, NUMBER, error(3, 3, 0, other)))).toBe(
      'untranslatable',
    )
  })
})

test('random and cut packets throw nothing, and translated packets fit their frames', () => {
  const chance = random(7)
  const siit = known()
  const quote = packet6(TCP, PEER, HOST, tcp())
  const quote4 = packet4(TCP, NUMBER, PEER4, tcp())
  const packets = [
    packet6(ICMPV6, HOST, PEER, [2, 0, 0, 0, ...long(1400), ...quote]),
    packet4(ICMP, PEER4, NUMBER, [3, 4, 0, 0, ...long(1400), ...quote4]),
    packet6(UDP, HOST, PEER, udp(), [UDP, 0, 0, 1, ...long(1)]),
    packet4(UDP, PEER4, NUMBER, udp(), 0x2000),
  ]
  let longer = 0
  for (let i = 0; i < either(20_000, 5000); i++) {
    const packet = [...packets[i % packets.length]!]
    for (let n = chance.below(4); n > 0; n--) {
      packet[chance.below(packet.length - 1) + 1] = chance.below(256)
    }
    const translated = translate(siit, packet.slice(0, 1 + chance.below(packet.length)))
    if (typeof translated !== 'string') {
      longer = Math.max(longer, translated.length - packet.length)
    }
  }
  expect(longer).toBeLessThan(60)
})

test('hosts have numbers of their own, up to a limit', () => {
  const siit = new Siit()
  // The hosts differ in the seventh group of their addresses.
  const first = packet6(UDP, '2001:db8::1', PEER, udp())
  const packetOf = (n: number) => first.toSpliced(20, 2, ...word(n))
  const from = (n: number) => translate(siit, packetOf(n))
  for (let n = 0; n < 4096; n++) {
    const skb = skbOf(pool, [...LINK, 0x86, 0xdd, ...packetOf(n)])
    siit.to4(skb)
    skb.free()
  }
  expect((from(4095) as number[]).slice(12, 16)).toEqual([0, 0, 16, 0])
  expect((from(0) as number[]).slice(12, 16)).toEqual([0, 0, 0, 1])
  expect(from(4096)).toBe('untranslatable')
})
