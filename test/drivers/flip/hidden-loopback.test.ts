import { describe, expect, test } from 'vitest'
import { flipAddress } from '#src/drivers/flip/address.ts'
import { addressToHost, flipNetwork } from '#src/drivers/flip/hidden-loopback.ts'
import {
  SKB_DROP_REASON_IP_AUTH,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_IP_SOURCE_ROUTE,
  SKB_DROP_REASON_L4_HDR,
  SKB_DROP_REASON_NEIGH,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from '#src/skb/drop-reason.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { balancedPool, framed, octetsOf, skbFor, skbOf } from '#support/skb.ts'
import {
  address,
  buildFrame,
  buildPacket,
  buildTransport,
  type ErrorBody,
  isIpv6,
  type Packet,
  plain,
  plain6,
  transportOffset,
} from '../../packet/frames.ts'
import { addsUp, naiveChecksum, pseudoHeader, word } from '../../packet/naive.ts'
import { cutsField, farEnd, flipped } from './flipped.ts'

const pool = balancedPool({ large: 8, small: 64 })

/**
 * Flips the frame with these bytes, which must fit a slot. Returns the reason and the bytes of the
 * frame after it.
 */
function flip(
  octets: Uint8Array,
  prepare: (skb: SkBuff) => void = () => {},
): { reason: number; octets: number[] } {
  const skb = skbOf(pool, octets)
  prepare(skb)
  const reason = flipNetwork(skb)
  const after = octetsOf(skb)
  skb.free()
  return { reason, octets: after }
}

/** Expects a reason, and the frame untouched. */
function expectReason(octets: Uint8Array, reason: number, prepare?: (skb: SkBuff) => void): void {
  expect(flip(octets, prepare)).toEqual({ reason, octets: [...octets] })
}

function edited(octets: Uint8Array, edits: Record<number, number>): Uint8Array {
  const copy = octets.slice()
  for (const [at, octet] of Object.entries(edits)) {
    copy[Number(at)] = octet
  }
  return copy
}

describe('frames without a network number', () => {
  test('a frame that ends before its EtherType, or inside a VLAN tag, is too small', () => {
    expectReason(new Uint8Array(0), SKB_DROP_REASON_PKT_TOO_SMALL)
    expectReason(new Uint8Array(13), SKB_DROP_REASON_PKT_TOO_SMALL)
    expectReason(edited(new Uint8Array(17), { 12: 0x81 }), SKB_DROP_REASON_PKT_TOO_SMALL)
  })

  test('a frame that is neither IPv4 nor IPv6 is unhandled, tagged or not', () => {
    expectReason(
      edited(new Uint8Array(60), { 12: 0x88, 13: 0xcc }),
      SKB_DROP_REASON_UNHANDLED_PROTO,
    )
    expectReason(
      edited(new Uint8Array(60), { 12: 0x81, 16: 0x88, 17: 0xcc }),
      SKB_DROP_REASON_UNHANDLED_PROTO,
    )
    expectReason(edited(new Uint8Array(60), { 13: 0x26 }), SKB_DROP_REASON_UNHANDLED_PROTO)
  })

  test('ARP is never reflected, tagged or not', () => {
    expectReason(edited(new Uint8Array(60), { 12: 8, 13: 6 }), SKB_DROP_REASON_NEIGH)
    expectReason(
      edited(new Uint8Array(60), { 12: 0x88, 13: 0xa8, 16: 8, 17: 6 }),
      SKB_DROP_REASON_NEIGH,
    )
  })

  test('neighbour discovery is never reflected, whatever its addresses', () => {
    for (const type of [133, 134, 135, 136, 137]) {
      for (const source of ['2001:db8:0:0:0:0:0:1', 'fe80:0:0:0:0:0:0:1', '0:0:0:0:0:0:0:0']) {
        const packet: Packet = {
          ...plain6,
          source: address(source),
          kind: 'icmp',
          payload: new Array(16).fill(0),
        }
        expectReason(edited(buildFrame(framed(packet)), { 54: type }), SKB_DROP_REASON_NEIGH)
      }
    }
    const behind: Packet = {
      ...plain6,
      kind: 'icmp',
      extensions: [{ header: 0, octets: [0, 0, 0, 0, 0, 0] }],
    }
    expectReason(edited(buildFrame(framed(behind)), { 62: 135 }), SKB_DROP_REASON_NEIGH)
  })

  test('other ICMPv6 on either side of neighbour discovery is flipped', () => {
    for (const type of [132, 138]) {
      const octets = edited(buildFrame(framed({ ...plain6, kind: 'icmp' })), { 54: type })
      expect(flip(octets).reason).toBe(0)
    }
  })
})

describe('malformed IP headers', () => {
  const octets = buildFrame(framed(plain))
  const octets6 = buildFrame(framed(plain6))

  test('an IPv4 header with a wrong version, header length or total length is refused', () => {
    expectReason(edited(octets, { 14: 0x65 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(edited(octets, { 14: 0x44 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(edited(octets, { 14: 0x4f }), SKB_DROP_REASON_IP_INHDR)
    expectReason(edited(octets, { 17: 34 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(edited(octets, { 17: 19 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(octets.slice(0, 33), SKB_DROP_REASON_IP_INHDR)
  })

  test('an IPv6 header with a payload beyond the frame or a cut extension header is refused', () => {
    expectReason(edited(octets6, { 14: 0x40 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(edited(octets6, { 19: 14 }), SKB_DROP_REASON_IP_INHDR)
    expectReason(octets6.slice(0, 53), SKB_DROP_REASON_IP_INHDR)
    for (const header of [0, 60]) {
      expectReason(edited(octets6, { 20: header, 55: 1 }), SKB_DROP_REASON_IP_INHDR)
    }
    expectReason(edited(octets6, { 20: 44, 19: 7 }), SKB_DROP_REASON_IP_INHDR)
  })
})

describe('transport headers too short for their checksum', () => {
  const cases = [
    ['tcp', 6, 18],
    ['udp', 17, 8],
    ['udplite', 136, 8],
    ['dccp', 33, 8],
  ] as const
  test.each(cases)(
    'a short %s header is refused, in a packet and in a first fragment',
    (_name, protocol, least) => {
      const payload = new Array<number>(least - 1).fill(1)
      const other: Packet = { ...plain, kind: 'other', payload }
      // The padding after the packet does not count.
      const short = buildFrame(framed(other, { padding: [0, 0, 0, 0] }))
      expectReason(edited(short, { 23: protocol }), SKB_DROP_REASON_L4_HDR)
      expectReason(edited(short, { 23: protocol, 20: 0x20 }), SKB_DROP_REASON_L4_HDR)
      const enough = buildFrame(framed({ ...other, payload: [...payload, 1] }))
      expect(flip(edited(enough, { 23: protocol })).reason).toBe(0)
      const short6 = buildFrame(framed({ ...plain6, kind: 'other', payload }))
      expectReason(edited(short6, { 20: protocol }), SKB_DROP_REASON_L4_HDR)
    },
  )

  test('a short ICMPv6 header is refused; an ICMP one is not, because its checksum covers no addresses', () => {
    const short6 = buildFrame(framed({ ...plain6, kind: 'other', payload: [1, 0, 0] }))
    expectReason(edited(short6, { 20: 58 }), SKB_DROP_REASON_L4_HDR)
    for (let length = 0; length < 8; length++) {
      const payload = new Array<number>(length).fill(3)
      const short = edited(buildFrame(framed({ ...plain, kind: 'other', payload })), { 23: 1 })
      const { reason, octets } = flip(short)
      expect(reason).toBe(0)
      expect(octets.slice(34)).toEqual(payload)
    }
  })

  test('a later fragment may be short', () => {
    const other: Packet = { ...plain, kind: 'other', payload: [1, 2, 3] }
    expect(flip(edited(buildFrame(framed(other)), { 23: 6, 21: 1 })).reason).toBe(0)
    // Every bit of the offset counts, up to the highest.
    for (let bit = 0; bit < 13; bit++) {
      const before = edited(buildFrame(framed(plain)), {
        20: (1 << bit) >> 8,
        21: (1 << bit) & 0xff,
      })
      expect(flip(before).octets.slice(34)).toEqual([...before.slice(34)])
    }
  })
})

test('a packet with no next header has no transport header, whatever follows', () => {
  const skb = skbOf(pool, edited(buildFrame(framed({ ...plain6, kind: 'other' })), { 20: 59 }))
  expect(flipNetwork(skb)).toBe(0)
  expect([skb.nh, skb.h]).toEqual([skb.data + 14, 0])
  skb.free()
})

describe('addresses', () => {
  const special = ['0.0.0.0', '0.1.2.3', '127.0.0.1', '169.254.1.1', '240.0.0.1', '255.255.255.254']
  const special6 = [
    '0:0:0:0:0:0:0:0',
    '0:0:0:0:0:0:0:1',
    'fe80:0:0:0:0:0:0:1',
    'febf:0:0:0:0:0:0:1',
  ]
  const wouldBeSpecial6 = ['0:0:0:1:0:0:0:0', '0:0:0:1:0:0:0:1']

  test.each([...special, '224.0.0.1', '255.255.255.255'])('%s is refused as a source', text => {
    expectReason(
      buildFrame(framed({ ...plain, source: address(text) })),
      SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
    )
  })
  test.each(special)('%s is refused as a destination', text => {
    expectReason(
      buildFrame(framed({ ...plain, destination: address(text) })),
      SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
    )
  })
  test.each([...special6, ...wouldBeSpecial6, 'ff02:0:0:0:0:0:0:1'])(
    '%s is refused as a source',
    text => {
      expectReason(
        buildFrame(framed({ ...plain6, source: address(text) })),
        SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
      )
    },
  )
  test.each([...special6, ...wouldBeSpecial6])('%s is refused as a destination', text => {
    expectReason(
      buildFrame(framed({ ...plain6, destination: address(text) })),
      SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
    )
  })
  test.each(['224.0.0.251', '255.255.255.255', '239.1.2.3'])(
    '%s is kept as a destination, and the source is flipped',
    text => {
      const packet = { ...plain, destination: address(text) }
      const { reason, octets } = flip(buildFrame(framed(packet)))
      expect(reason).toBe(0)
      expect(octets).toEqual([...buildFrame(framed({ ...packet, source: address('198.18.1.1') }))])
    },
  )
  test('flipAddress returns the address of the far end and leaves its argument unchanged', () => {
    for (const text of ['198.18.0.1', '198.18.1.1', '2001:db8:0:1:0:0:0:2']) {
      const own = Uint8Array.from(address(text))
      expect([...flipAddress(own)]).toEqual(farEnd(address(text)))
      expect([...own]).toEqual(address(text))
    }
  })
  test('addresses next to the special ones are flipped: 1.0.0.0, 126/8, 128/8, 169.253/16, 223/8, fec0::, ::2', () => {
    for (const text of [
      '1.0.0.0',
      '126.0.0.1',
      '128.0.0.1',
      '169.253.0.1',
      '169.255.0.1',
      '223.255.255.255',
    ]) {
      expect(flip(buildFrame(framed({ ...plain, source: address(text) }))).reason).toBe(0)
    }
    for (const text of [
      'fec0:0:0:0:0:0:0:1',
      '0:0:0:0:0:0:0:2',
      'fe7f:0:0:0:0:0:0:1',
      '0:0:0:2:0:0:0:1',
    ]) {
      expect(flip(buildFrame(framed({ ...plain6, source: address(text) }))).reason).toBe(0)
    }
  })
  test('198.18.0.1 > 198.18.0.2 becomes 198.18.1.1 > 198.18.1.2', () => {
    const there = { ...plain, source: address('198.18.1.1'), destination: address('198.18.1.2') }
    expect(flip(buildFrame(framed(plain)))).toEqual({
      reason: 0,
      octets: [...buildFrame(framed(there))],
    })
  })
  test('addresses that flip in opposite directions leave every checksum unchanged', () => {
    const packet = { ...plain, destination: address('198.18.1.2') }
    const before = buildFrame(framed(packet))
    const { octets } = flip(before)
    expect(octets.filter((octet, i) => octet !== before[i])).toEqual([1, 0])
  })
})

describe('headers that cover or add addresses', () => {
  test('an authentication header is refused, also after extension headers and in fragments', () => {
    const packet: Packet = { ...plain, kind: 'other', payload: new Array(32).fill(0) }
    expectReason(edited(buildFrame(framed(packet)), { 23: 51 }), SKB_DROP_REASON_IP_AUTH)
    expectReason(edited(buildFrame(framed(packet)), { 23: 51, 21: 3 }), SKB_DROP_REASON_IP_AUTH)
    const packet6: Packet = { ...packet, source: plain6.source, destination: plain6.destination }
    expectReason(edited(buildFrame(framed(packet6)), { 20: 51 }), SKB_DROP_REASON_IP_AUTH)
    const behind = {
      ...packet6,
      extensions: [60, 0].map(header => ({ header, octets: [1, 4, 0, 0, 0, 0] })),
    }
    expectReason(edited(buildFrame(framed(behind)), { 62: 51 }), SKB_DROP_REASON_IP_AUTH)
    for (const first of [true, false]) {
      const piece = buildFrame(framed({ ...packet6, fragment: { first, at: 16 } }))
      expectReason(edited(piece, { 54: 51 }), SKB_DROP_REASON_IP_AUTH)
    }
  })

  test('an IPv6 routing header is refused', () => {
    const packet: Packet = { ...plain6, kind: 'other', payload: new Array(24).fill(0) }
    expectReason(edited(buildFrame(framed(packet)), { 20: 43 }), SKB_DROP_REASON_IP_SOURCE_ROUTE)
    const behind = { ...packet, extensions: [{ header: 0, octets: [1, 4, 0, 0, 0, 0] }] }
    expectReason(edited(buildFrame(framed(behind)), { 54: 43 }), SKB_DROP_REASON_IP_SOURCE_ROUTE)
  })

  test('an IPv4 source route is refused, wherever it is among the options', () => {
    for (const kind of [131, 137]) {
      const route = [kind, 7, 4, 198, 18, 0, 9]
      for (const options of [
        [...route, 0],
        [1, ...route],
        [148, 4, 0, 0, 1, ...route],
      ]) {
        expectReason(buildFrame(framed({ ...plain, options })), SKB_DROP_REASON_IP_SOURCE_ROUTE)
      }
    }
  })

  test('source route bytes after the end of the options or inside another option do not count', () => {
    for (const options of [
      [0, 131, 3, 4],
      [7, 7, 4, 131, 137, 131, 137, 0],
      [68, 0, 131, 3],
      [1, 1, 1, 68],
    ]) {
      expect(flip(buildFrame(framed({ ...plain, options }))).reason).toBe(0)
    }
  })
})

describe('UDP checksums', () => {
  test('a UDP checksum of zero remains zero', () => {
    for (const packet of [plain, plain6]) {
      const { octets } = flip(buildFrame(framed({ ...packet, checksum: 'zero' })))
      expect(octets).toEqual([...buildFrame(framed(flipped({ ...packet, checksum: 'zero' })))])
    }
  })

  test('a UDP checksum that becomes zero is written as 0xffff and restored by a second flip', () => {
    // The payload's last word is chosen so that the checksum is 0x0200, which flipping takes to
    // zero.
    const open = buildTransport({ ...plain, payload: [0, 0] })
    const last = ((open[6] as number) << 8) + (open[7] as number) - 0x200
    const packet = { ...plain, payload: word(last < 0 ? last + 0xffff : last) }
    const before = buildFrame(framed(packet))
    expect([before[40], before[41]]).toEqual([2, 0])
    const { octets } = flip(before)
    expect([octets[40], octets[41]]).toEqual([0xff, 0xff])
    expect(flip(Uint8Array.from(octets)).octets).toEqual([...before])
  })
})

describe('partial checksums', () => {
  const partialAt = (start: number, offset: number) => (skb: SkBuff) => {
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + start
    skb.csumOffset = offset
  }

  test('a partial checksum outside the frame is refused', () => {
    const octets = buildFrame(framed(plain))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(34, octets.length - 34))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(34, octets.length - 35))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(-2, 0))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(-2, 42))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(36, -2))
    expectReason(octets, SKB_DROP_REASON_SKB_CSUM, partialAt(1000, 6))
    expectReason(buildFrame(framed(plain6)), SKB_DROP_REASON_SKB_CSUM, partialAt(54, 40))
  })

  test('a partial checksum inside a tunnel leaves the outer one full', () => {
    for (const outer of [plain, plain6]) {
      const inner = buildFrame(framed({ ...plain, kind: 'tcp', checksum: 'partial' }))
      const packet: Packet = { ...outer, payload: [8, 0, 0, 0, 0, 0, 7, 0, ...inner] }
      const start = 14 + transportOffset(packet) + 8 + 8 + 34
      const { reason, octets } = flip(buildFrame(framed(packet)), partialAt(start, 16))
      expect(reason).toBe(0)
      expect(octets).toEqual([...buildFrame(framed(flipped(packet)))])
    }
  })

  test('a partial checksum of zero is a sum like any other', () => {
    const octets = edited(buildFrame(framed(plain)), { 40: 0, 41: 0 })
    const after = flip(octets, partialAt(34, 6)).octets
    expect([after[40], after[41]]).toEqual([2, 0])
  })

  test('the partial checksum of a GSO frame remains partial', () => {
    const packet: Packet = {
      ...plain,
      kind: 'tcp',
      checksum: 'partial',
      payload: new Array(4000).fill(7),
    }
    const skb = skbFor(pool, framed(packet))
    skb.gsoType = SKB_GSO_TCPV4
    skb.gsoSize = 1000
    expect(flipNetwork(skb)).toBe(0)
    expect(skb).toMatchObject({
      gsoType: SKB_GSO_TCPV4,
      gsoSize: 1000,
      ipSummed: CHECKSUM_PARTIAL,
      len: 4054,
    })
    expect(octetsOf(skb)).toEqual([...buildFrame(framed(flipped(packet)))])
    skb.free()
  })
})

describe('ICMP errors', () => {
  const quote: Packet = {
    ...plain,
    source: address('198.18.0.2'),
    destination: address('198.18.0.1'),
  }
  const errorOf = (body: Partial<ErrorBody>, outer: Packet = plain): Packet => ({
    ...outer,
    kind: 'icmp',
    error: { type: 3, code: 3, rest: [0, 0, 0, 0], quote, cut: 28, ...body },
  })
  const quote6: Packet = { ...plain6, source: plain6.destination, destination: plain6.source }

  function expectFlipped(packet: Packet): void {
    expect(flip(buildFrame(framed(packet)))).toEqual({
      reason: 0,
      octets: [...buildFrame(framed(flipped(packet)))],
    })
  }

  test.each([3, 4, 5, 11, 12])('the quote of an ICMP error of type %i is flipped', type => {
    expectFlipped(errorOf({ type }))
    expect(flipped(errorOf({ type })).error?.quote.source).toEqual(address('198.18.1.2'))
  })

  test.each([1, 2, 3, 4])('the quote of an ICMPv6 error of type %i is flipped', type => {
    expectFlipped(errorOf({ type, quote: quote6, cut: 60 }, plain6))
  })

  test.each([0, 8, 13, 14])(
    'an ICMP message of type %i, which quotes nothing, is not changed',
    type => {
      const before = buildFrame(framed(errorOf({ type })))
      expect(flip(before).octets.slice(34)).toEqual([...before.slice(34)])
    },
  )

  test('a quote cut to any length is flipped and adjusted', () => {
    for (const packet of [quote, { ...quote, kind: 'tcp' as const, options: [1, 1, 1, 0] }]) {
      for (let cut = 0; cut <= buildPacket(packet).length; cut++) {
        const body = { quote: packet, cut }
        if (!cutsField({ ...errorOf(body).error, ...body } as ErrorBody)) {
          expectFlipped(errorOf(body))
        }
      }
    }
    for (let cut = 0; cut <= buildPacket(quote6).length; cut++) {
      if (cut !== 47) {
        expectFlipped(errorOf({ type: 1, quote: quote6, cut }, plain6))
      }
    }
  })

  test('half a checksum field at the end of a quote is not changed, and the checksum of the error is right', () => {
    const { octets } = flip(buildFrame(framed(errorOf({ cut: 27 }))))
    expect(addsUp(octets.slice(34))).toBe(true)
    expect(octets.slice(62)).toEqual([...buildFrame(framed(errorOf({ cut: 27 }))).slice(62)])
  })

  test('the partial checksum of a quoted packet that never left its sender remains partial', () => {
    for (const kind of ['tcp', 'udp', 'dccp', 'udplite'] as const) {
      expectFlipped(errorOf({ quote: { ...quote, kind, checksum: 'partial' }, cut: 60 }))
      expectFlipped(
        errorOf({ type: 1, quote: { ...quote6, kind, checksum: 'partial' }, cut: 90 }, plain6),
      )
    }
  })

  test('the gateway of a redirect is flipped', () => {
    const packet = errorOf({ type: 5, rest: address('198.18.0.254') })
    expectFlipped(packet)
    expect(flip(buildFrame(framed(packet))).octets.slice(38, 42)).toEqual(address('198.18.1.254'))
    expectFlipped(errorOf({ type: 5, rest: address('127.0.0.1') }))
  })

  test('quoted addresses without a far end are kept', () => {
    expectFlipped(errorOf({ quote: { ...quote, source: address('0.0.0.0') } }))
    expectFlipped(errorOf({ quote: { ...quote, destination: address('224.0.0.5') } }))
    expectFlipped(
      errorOf(
        { type: 1, cut: 60, quote: { ...quote6, source: address('fe80:0:0:0:0:0:0:9') } },
        plain6,
      ),
    )
  })

  test('an error with a partial checksum of its own verifies once completed', () => {
    const body = { type: 1, quote: quote6, cut: 60 }
    expectPartialFlipped({ ...errorOf(body, plain6), checksum: 'partial' })
    expectPartialFlipped({ ...errorOf({}), checksum: 'partial' })
  })

  function expectPartialFlipped(packet: Packet): void {
    const skb = skbFor(pool, framed(packet))
    expect(skb.ipSummed).toBe(CHECKSUM_PARTIAL)
    expect(flipNetwork(skb)).toBe(0)
    expect(octetsOf(skb)).toEqual([...buildFrame(framed(flipped(packet)))])
    skb.free()
  }

  /**
   * An error about a TCP packet, with bytes of the quote changed and a correct checksum.
   */
  function aboutOdd(packet: Packet, edits: Record<number, number>): Uint8Array {
    const odd = edited(buildFrame(framed(packet)), edits)
    const h = 14 + transportOffset(packet)
    odd.set([0, 0], h + 2)
    const segment = [...odd.subarray(h)]
    const pseudo = isIpv6(packet)
      ? pseudoHeader(packet.source, packet.destination, 58, segment.length)
      : []
    odd.set(word(naiveChecksum([...pseudo, ...segment])), h + 2)
    return odd
  }

  const about4 = errorOf({ cut: 60, quote: { ...quote, kind: 'tcp' } })
  const about6 = errorOf({ type: 1, cut: 90, quote: { ...quote6, kind: 'tcp' } }, plain6)

  test('a quote with another version or an impossible header length is left alone', () => {
    for (const octet of [0x65, 0x44, 0x05]) {
      const before = aboutOdd(about4, { 42: octet })
      expect(flip(before).octets.slice(34)).toEqual([...before.slice(34)])
    }
    const before = aboutOdd(about6, { 62: 0x40 })
    expect(flip(before).octets.slice(62)).toEqual([...before.slice(62)])
  })

  test('a quote of AH, of a later fragment or cut before its transport checksum has only its addresses flipped', () => {
    for (const edits of [{ 42: 0x4f }, { 51: 51 }, { 44: 0, 45: 37 }, { 45: 3 }, { 49: 1 }]) {
      const before = aboutOdd(about4, edits)
      const { reason, octets } = flip(before)
      expect(reason).toBe(0)
      expect(octets.slice(54, 62)).toEqual([...address('198.18.1.2'), ...address('198.18.1.1')])
      expect(octets.slice(62)).toEqual([...before.slice(62)])
      expect(addsUp(octets.slice(34))).toBe(true)
    }
    for (const edits of [
      { 67: 17 },
      { 68: 51 },
      { 68: 43 },
      { 68: 44, 104: 1 },
      { 68: 60, 103: 9 },
    ]) {
      const before = aboutOdd(about6, edits)
      const { reason, octets } = flip(before)
      expect(reason).toBe(0)
      expect(octets.filter((octet, i) => i >= 62 && octet !== before[i])).toEqual([1, 1])
      const pseudo = pseudoHeader(
        farEnd(plain6.source),
        farEnd(plain6.destination),
        58,
        octets.length - 54,
      )
      expect(addsUp([...pseudo, ...octets.slice(54)])).toBe(true)
    }
  })

  test('the partial UDP checksum of a quoted first fragment that never left its sender remains partial', () => {
    const fragment = { first: true, at: 24 }
    const payload = new Array<number>(40).fill(1)
    expectFlipped(errorOf({ cut: 60, quote: { ...quote, payload, fragment, checksum: 'partial' } }))
    expectFlipped(
      errorOf(
        { type: 1, cut: 90, quote: { ...quote6, payload, fragment, checksum: 'partial' } },
        plain6,
      ),
    )
  })

  test('the transport checksum of a quoted source-routed packet is kept: its pseudo-header names another destination', () => {
    const routed = { ...quote, options: [131, 7, 4, 198, 18, 0, 9, 0] }
    const before = buildFrame(framed(errorOf({ quote: routed, cut: 60 })))
    const { octets } = flip(before)
    expect(octets.slice(42 + 28)).toEqual([...before.slice(42 + 28)])
    expect(addsUp(octets.slice(42, 42 + 28)) && addsUp(octets.slice(34))).toBe(true)
  })

  test('a transport header past the quoted length is not changed (RFC 4884)', () => {
    const long = { ...quote, kind: 'tcp' as const, payload: new Array<number>(100).fill(9) }
    for (const words of [0, 31, 32, 255]) {
      expectFlipped(errorOf({ rest: [0, words, 0, 0], quote: long, cut: 140 }))
    }
  })

  test('extensions after a quote are not changed (RFC 4884)', () => {
    // A quote of an IPv6 packet whose TCP header starts at byte 128, where the extensions start
    // according to the length field.
    const far: Packet = {
      ...quote6,
      kind: 'tcp',
      extensions: [{ header: 60, octets: [1, 80, ...new Array(84).fill(0)] }],
    }
    expect(transportOffset(far)).toBeGreaterThanOrEqual(112)
    const packet = errorOf({ type: 1, rest: [16, 0, 0, 0], quote: far, cut: 200 }, plain6)
    const before = buildFrame(framed(packet))
    const { octets } = flip(before)
    expect(octets.slice(62 + 128)).toEqual([...before.slice(62 + 128)])
    // Values too small to be a quote's length come from hosts that know no extensions.
    expectFlipped(errorOf({ type: 1, rest: [15, 0, 0, 0], quote: far, cut: 200 }, plain6))
    const without = errorOf({ type: 1, rest: [0, 0, 0, 0], quote: far, cut: 200 }, plain6)
    expectFlipped(without)
  })
})

describe('the receiver', () => {
  const own = Uint8Array.of(2, 0, 0, 0, 0, 9)

  test('a flipped frame is addressed to the MAC of its receiver', () => {
    const skb = skbFor(pool, framed(plain))
    addressToHost(skb, own)
    expect(octetsOf(skb).slice(0, 12)).toEqual([...own, 2, 0, 0, 0, 0, 2])
    skb.free()
  })

  test('a flipped frame to a group keeps its group address', () => {
    const skb = skbOf(pool, edited(buildFrame(framed(plain)), { 0: 1, 1: 0, 2: 0x5e }))
    addressToHost(skb, own)
    expect(octetsOf(skb).slice(0, 3)).toEqual([1, 0, 0x5e])
    skb.free()
  })
})

test('a frame with a full checksum remains CHECKSUM_NONE', () => {
  const skb = skbFor(pool, framed(plain))
  flipNetwork(skb)
  expect(skb.ipSummed).toBe(CHECKSUM_NONE)
  skb.free()
})
