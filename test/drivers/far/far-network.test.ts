import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerFar, farNetwork } from '#src/drivers/far/far-network.ts'
import { flipNetwork } from '#src/drivers/flip/hidden-loopback.ts'
import { NETIF_F_ALL_TAP } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'
import { balancedPool, framed, skbOf } from '#support/skb.ts'
import {
  address,
  buildFrame,
  buildTransport,
  type Frame,
  group4,
  group6,
  isIpv6,
  networkOffsetOf,
  octets,
  type Packet,
  plain,
  plain6,
  simplePacket,
  special4,
  special6,
  transportOffset,
  unicast4,
  unicast6,
} from '../../packet/frames.ts'
import { addsUp, naiveChecksum, pseudoHeader, word } from '../../packet/naive.ts'
import { type Arp, buildArp, buildNeighbour, type Neighbour } from '../../packet/neighbour.ts'

const pool = balancedPool({ large: 4, small: 16 })
const makeNet = memoryNets()

const NEAR = [2, 0, 0, 0, 0, 1]
const FAR = [2, 0, 0, 0, 0, 2]
const BROADCAST = [255, 255, 255, 255, 255, 255]
const OWN4 = address('198.18.0.1')
const OWN6 = address('2001:db8:0:0:0:0:0:1')
const LINK_LOCAL = address('fe80:0:0:0:0:0:0:1')
const PEER4 = address('198.18.1.2')
const PEER6 = address('2001:db8:0:1:0:0:0:2')

/** The far forms of the receiver's addresses. */
const [FAR_PEER4, FAR_PEER6] = ['198.18.0.2', '2001:db8:0:0:0:0:0:2'].map(text =>
  address(text).join(),
) as [string, string]

const OWN = [OWN4, OWN6, LINK_LOCAL].map(address => Uint8Array.from(address))
const RECEIVER = [PEER4, PEER6].map(address => Uint8Array.from(address))

/** The fields of an skb that describe its frame. */
function fieldsOf({ bytes, pool, slotClass, account, dev, ...fields }: SkBuff): Partial<SkBuff> {
  return fields
}

interface Answer {
  answered: boolean
  octets: number[]
  ipSummed: number
  /** From the frame's start. */
  nh: number
  h: number
  protocol: number
}

/**
 * Sends a frame with these bytes. Without a reply, the frame and the bytes after it must remain
 * untouched.
 */
function answer(
  octets: ArrayLike<number>,
  {
    prepare,
    own = OWN,
  }: { prepare?: ((skb: SkBuff) => void) | undefined; own?: Uint8Array[] } = {},
): Answer {
  const skb = skbOf(pool, octets, 64)
  prepare?.(skb)
  const tail = skb.data + skb.len
  skb.bytes.fill(0xa5, tail, tail + 64)
  const before = fieldsOf(skb)
  const answered = answerFar(skb, farNetwork(Uint8Array.from(FAR)), own, RECEIVER)
  const { bytes, data, len, ipSummed, nh, h, protocol, owner } = skb
  const after = [...bytes.subarray(data, data + len)]
  const end = Math.max(tail, data + len)
  expect(bytes.subarray(end, end + 32).every(octet => octet === 0xa5)).toBe(true)
  if (!answered) {
    expect([fieldsOf(skb), after]).toEqual([before, Array.from(octets)])
  } else {
    expect([data, skb.mac, owner]).toEqual([before.data, data, before.owner])
  }
  skb.free()
  return { answered, octets: after, ipSummed, nh: nh - data, h: h === 0 ? 0 : h - data, protocol }
}

function expectUnanswered(octets: ArrayLike<number>, prepare?: (skb: SkBuff) => void): void {
  expect(answer(octets, { prepare }).answered).toBe(false)
}

function edited(octets: ArrayLike<number>, edits: Record<number, number>): number[] {
  const copy = Array.from(octets)
  for (const [at, octet] of Object.entries(edits)) {
    copy[Number(at)] = octet
  }
  return copy
}

const tags = fc.array(fc.record({ type: fc.constantFrom(0x8100, 0x88a8), tci: fc.nat(0xffff) }), {
  maxLength: 2,
})
const notOwn = (address: number[]) => ![OWN4, OWN6].some(own => String(own) === String(address))

describe('ARP', () => {
  const request: Arp = {
    to: BROADCAST,
    from: NEAR,
    op: 1,
    sha: NEAR,
    spa: OWN4,
    tha: [0, 0, 0, 0, 0, 0],
    tpa: address('198.18.0.77'),
  }

  test('an ARP request for any far host gets a reply, to its sender alone', () => {
    const asked = fc.record({
      to: fc.constantFrom(BROADCAST, FAR),
      sha: fc.constantFrom(NEAR, [6, 6, 6, 6, 6, 6]),
      tha: fc.constantFrom(FAR, BROADCAST),
      tpa: unicast4.filter(notOwn),
      tags,
      padding: octets(18),
      spa: fc.oneof(fc.constant(OWN4), fc.constant(address('169.254.1.1'))),
    })
    forAll(100, [asked], asked => {
      const { tags, padding, sha, spa, tpa } = asked
      const reply = {
        to: sha,
        from: FAR,
        op: 2,
        sha: FAR,
        spa: tpa,
        tha: sha,
        tpa: spa,
        tags,
        padding,
      }
      const expected = {
        answered: true,
        octets: buildArp(reply),
        h: 0,
        protocol: 0x0806,
        nh: 14 + 4 * tags.length,
      }
      expect(answer(buildArp({ ...request, ...asked }))).toMatchObject(expected)
    })
  })

  test.each<[string, Partial<Arp>]>([
    ["for the device's own address", { spa: address('198.18.0.9'), tpa: OWN4 }],
    ['that is a probe', { spa: [0, 0, 0, 0] }],
    ['that is an announcement', { spa: address('198.18.0.9'), tpa: address('198.18.0.9') }],
    ['by a group address', { sha: [3, 0, 0, 0, 0, 1] }],
    ['by no hardware address', { sha: [0, 0, 0, 0, 0, 0] }],
    ['by an IP group', { spa: address('224.0.0.1') }],
    ['by loopback', { spa: address('127.0.0.1') }],
    ['by an address of 0/8', { spa: address('0.0.0.1') }],
    ['for a group', { tpa: address('239.1.2.3') }],
    ['for the broadcast address', { tpa: address('255.255.255.255') }],
    ['for loopback', { tpa: address('127.0.0.1') }],
    ['for a link-local address', { tpa: address('169.254.0.1') }],
    ['for 0.0.0.0', { tpa: [0, 0, 0, 0] }],
    ['that is a reply', { op: 2 }],
    ['that is RARP', { op: 3 }],
  ])('a request %s is not answered', (_, change) => {
    expectUnanswered(buildArp({ ...request, ...change }))
  })

  test('an ARP packet that is cut, or not for IPv4 on Ethernet, gets no reply', () => {
    const whole = buildArp(request)
    for (let length = 0; length < whole.length; length++) {
      expectUnanswered(whole.slice(0, length))
    }
    for (const [at, octet] of [
      [15, 6],
      [17, 1],
      [18, 8],
      [19, 16],
    ] as const) {
      expectUnanswered(edited(whole, { [at]: octet }))
    }
  })

  test('an ARP request with a partial checksum or a GSO size gets no reply', () => {
    expectUnanswered(buildArp(request), skb => {
      skb.ipSummed = CHECKSUM_PARTIAL
    })
    expectUnanswered(buildArp(request), skb => {
      skb.gsoSize = 1000
      skb.gsoType = SKB_GSO_TCPV4
    })
  })

  test('a reply has the current far address', () => {
    const far = farNetwork(Uint8Array.from(FAR))
    far.address.set([8, 8, 8, 8, 8, 8])
    const skb = skbOf(pool, buildArp(request), 64)
    expect(answerFar(skb, far, OWN, RECEIVER)).toBe(true)
    expect([...skb.bytes.subarray(skb.data + 6, skb.data + 12)]).toEqual([8, 8, 8, 8, 8, 8])
    skb.free()
  })
})

describe('neighbour discovery', () => {
  const target = address('2001:db8:0:0:0:0:0:4d')
  const solicited = (target: number[]) => [
    ...address('ff02:0:0:0:0:1:ff00:0').slice(0, 13),
    ...target.slice(13),
  ]
  const sourceLink = [1, 1, ...NEAR]
  const NONCE = [14, 1, 1, 2, 3, 4, 5, 6]
  const solicitation: Neighbour = {
    to: [0x33, 0x33, 0xff, 0, 0, 0x4d],
    from: NEAR,
    type: 135,
    source: OWN6,
    destination: solicited(target),
    target,
    options: sourceLink,
  }

  function advertisement({ source, target, tags = [] }: Neighbour, to = NEAR): Neighbour {
    const flags = [0x60, 0, 0, 0]
    return {
      to,
      from: FAR,
      type: 136,
      flags,
      source: target,
      destination: source,
      target,
      options: [2, 1, ...FAR],
      tags,
    }
  }

  test('a solicitation for any far host gets a reply: solicited, override, not a router', () => {
    const asked = fc.record({
      target: unicast6.filter(notOwn),
      tags,
      padding: octets(12),
      unicast: fc.boolean(),
      source: fc.constantFrom(OWN6, LINK_LOCAL, address('fd00:0:0:0:0:0:0:1')),
      options: fc.constantFrom<number[]>(sourceLink, [], [...NONCE, ...sourceLink], NONCE, [
        ...sourceLink,
        ...NONCE,
        ...NONCE,
      ]),
    })
    forAll(100, [asked], ({ unicast, ...asked }) => {
      const destination = unicast ? asked.target : solicited(asked.target)
      const frame = { ...solicitation, ...asked, destination }
      const nh = 14 + 4 * asked.tags.length
      const expected = {
        octets: buildNeighbour(advertisement(frame)),
        nh,
        h: nh + 40,
        protocol: 0x86dd,
      }
      expect(answer(buildNeighbour(frame))).toEqual({
        answered: true,
        ipSummed: CHECKSUM_NONE,
        ...expected,
      })
    })
  })

  test("an advertisement goes to the address in the option, or without one to the frame's source", () => {
    const frame = { ...solicitation, from: [6, 6, 6, 6, 6, 6] }
    expect(answer(buildNeighbour(frame)).octets).toEqual(buildNeighbour(advertisement(frame)))
    const bare = { ...frame, options: [] }
    expect(answer(buildNeighbour(bare)).octets).toEqual(
      buildNeighbour(advertisement(bare, frame.from)),
    )
  })

  test.each<[string, Partial<Neighbour>]>([
    ["for the device's own address", { source: LINK_LOCAL, target: OWN6 }],
    ['for its own link-local address', { target: LINK_LOCAL }],
    ['of duplicate address detection', { source: address('0:0:0:0:0:0:0:0'), options: [] }],
    [
      'of duplicate address detection with a nonce (RFC 7527)',
      { source: address('0:0:0:0:0:0:0:0'), options: NONCE },
    ],
    ['by the address it asks for', { source: target }],
    ['by a group', { source: address('ff02:0:0:0:0:0:0:1') }],
    ['by loopback', { source: address('0:0:0:0:0:0:0:1') }],
    ['for a link-local address', { target: address('fe80:0:0:0:0:0:0:77') }],
    ['for a group', { target: address('ff02:0:0:0:0:0:0:1') }],
    ['for the unspecified address', { target: address('0:0:0:0:0:0:0:0') }],
    ['for loopback', { target: address('0:0:0:0:0:0:0:1') }],
    ['that a router passed on', { hops: 254 }],
    ['with a code', { code: 1 }],
    ['with a wrong checksum', { wrong: 1 }],
    ['with an option of length 0', { options: [14, 0, 0, 0, 0, 0, 0, 0] }],
    ['with an option that is cut', { options: [14, 2, 0, 0, 0, 0, 0, 0] }],
    ['with a source address of another size', { options: [1, 2, ...NEAR, 0, 0, 0, 0, 0, 0, 0, 0] }],
    ['by a group hardware address', { options: [1, 1, 3, 0, 0, 0, 0, 1] }],
    ['by a group hardware address, without option', { options: [], from: BROADCAST }],
    ['that is a router solicitation', { type: 133 }],
    ['that is an advertisement', { type: 136 }],
    ['that is a redirect', { type: 137 }],
  ])('a solicitation %s is not answered', (_, change) => {
    // The bytes before the first slot are a valid hardware address.
    pool.bytes.fill(2, 0, 8)
    expectUnanswered(buildNeighbour({ ...solicitation, ...change }))
  })

  test('a solicitation that is cut, or too short for a target, gets no reply', () => {
    const whole = buildNeighbour({ ...solicitation, options: [] })
    for (let length = 0; length < whole.length; length++) {
      expectUnanswered(whole.slice(0, length))
    }
    expectUnanswered(buildNeighbour({ ...solicitation, target: target.slice(0, 15), options: [] }))
  })

  test('a solicitation in a fragment (RFC 6980), or under another protocol, gets no reply', () => {
    const whole = buildNeighbour(solicitation)
    expectUnanswered(edited(whole, { 20: 253 }))
    const behind = [...whole.slice(0, 54), 58, 0, 0, 0, 0, 0, 0, 1, ...whole.slice(54)]
    expectUnanswered(edited(behind, { 19: 40, 20: 44 }))
  })

  test('a solicitation in a slot too short for the advertisement gets no reply', () => {
    const octets = buildNeighbour({ ...solicitation, options: [] })
    const skb = pool.alloc(0) as SkBuff
    skb.reserve(skb.tailroom() - octets.length - 7)
    skb.bytes.set(octets, skb.put(octets.length))
    expect(answerFar(skb, farNetwork(Uint8Array.from(FAR)), OWN, RECEIVER)).toBe(false)
    expect([...skb.bytes.subarray(skb.data, skb.data + skb.len)]).toEqual(octets)
    skb.pool.release(skb)
  })

  test('a solicitation with a partial checksum gets a full one in reply, unless its sum is wrong or elsewhere', () => {
    const octets = buildNeighbour(solicitation)
    const sum =
      0xffff - naiveChecksum(pseudoHeader(solicitation.source, solicitation.destination, 58, 32))
    const partial = edited(octets, { 56: sum >> 8, 57: sum & 0xff })
    const prepare = (start: number, offset: number) => (skb: SkBuff) => {
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + start
      skb.csumOffset = offset
    }
    const { answered, octets: reply, ipSummed } = answer(partial, { prepare: prepare(54, 2) })
    expect([answered, ipSummed, reply]).toEqual([
      true,
      CHECKSUM_NONE,
      buildNeighbour(advertisement(solicitation)),
    ])
    expectUnanswered(octets, prepare(54, 2))
    expectUnanswered(partial, prepare(53, 2))
    expectUnanswered(partial, prepare(54, 4))
  })
})

/** Echo requests, whole or a fragment of one. */
function echo(
  source: fc.Arbitrary<number[]>,
  destination: fc.Arbitrary<number[]>,
): fc.Arbitrary<Packet> {
  return fc.tuple(simplePacket(source, destination), fc.nat(255)).map(([drawn, hops]) => {
    const checksum =
      drawn.checksum === 'partial' && drawn.fragment === undefined ? 'partial' : 'full'
    const packet: Packet = { ...drawn, kind: 'icmp', checksum, hops }
    const at = packet.fragment?.at ?? Number.POSITIVE_INFINITY
    return buildTransport(packet).length > at ? packet : { ...packet, fragment: undefined }
  })
}

const elsewhere4 = unicast4.filter(notOwn).filter(to => String(to) !== '198.18.0.2')
const elsewhere6 = unicast6.filter(notOwn).filter(to => String(to) !== String(plain6.destination))
const echoFrame: fc.Arbitrary<Frame> = fc.record({
  packet: fc.oneof(echo(unicast4, elsewhere4), echo(unicast6, elsewhere6)),
  tags,
  padding: octets(10),
})

const request4: Packet = { ...plain, kind: 'icmp', destination: address('198.18.0.77') }
const request6: Packet = { ...plain6, kind: 'icmp', destination: address('2001:db8:0:0:0:0:0:4d') }

/** The frame of a description, from NEAR to FAR. */
function between(description: Frame, to = FAR, from = NEAR): number[] {
  return [...to, ...from, ...buildFrame(description).slice(12)]
}

/** Marks the checksum as partial if it is partial in the description. */
function partialOf(description: Frame): (skb: SkBuff) => void {
  return skb => {
    if (description.packet.checksum !== 'partial') return
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + networkOffsetOf(description) + transportOffset(description.packet)
    skb.csumOffset = 2
  }
}

/** The reply to a request, built from a description: its checksums are computed, not adjusted. */
function replyTo(description: Frame): number[] {
  const { source, destination, checksum, fragment } = description.packet
  const packet = {
    ...description.packet,
    source: destination,
    destination: source,
    hops: 64,
    reply: true,
  }
  const octets = between({ ...description, packet }, NEAR, FAR)
  const field = networkOffsetOf(description) + transportOffset(packet) + 2
  if (
    checksum === 'full' &&
    fragment?.first !== false &&
    octets[field] === 0 &&
    octets[field + 1] === 0
  ) {
    octets.fill(0xff, field, field + 2)
  }
  return octets
}

describe('ping', () => {
  test('a ping to a far host comes back as the reply, with every checksum right', () => {
    forAll(500, [echoFrame], description => {
      const { packet } = description
      // The network stack there replies to a ping to its own addresses.
      fc.pre(![FAR_PEER4, FAR_PEER6].includes(packet.destination.join()))
      const later = packet.fragment?.first === false
      const nh = networkOffsetOf(description)
      expect(answer(between(description), { prepare: partialOf(description) })).toEqual({
        answered: true,
        octets: replyTo(description),
        ipSummed: packet.checksum === 'partial' ? CHECKSUM_PARTIAL : CHECKSUM_NONE,
        nh,
        h: later ? 0 : nh + transportOffset(packet),
        protocol: isIpv6(packet) ? 0x86dd : 0x0800,
      })
    })
  })

  test('the reply to a ping of nothing but zeros has the checksum 0xffff', () => {
    const zeros = [
      ...between(framed({ ...request4, payload: [0, 0] })).slice(0, 34),
      8,
      0,
      0xf7,
      0xff,
      0,
      0,
      0,
      0,
      0,
      0,
    ]
    zeros.splice(16, 2, 0, 30)
    zeros.splice(24, 2, 0, 0)
    zeros.splice(24, 2, ...word(naiveChecksum(zeros.slice(14, 34))))
    const { answered, octets } = answer(zeros)
    expect([answered, octets.slice(34)]).toEqual([true, [0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0]])
  })

  test("a ping to the far form of one of the receiver's addresses is left to the network stack there", () => {
    for (const packet of [
      { ...request4, destination: plain.destination },
      { ...request6, destination: plain6.destination },
      { ...request4, destination: plain.destination, fragment: { first: false, at: 8 } },
    ]) {
      expectUnanswered(between(framed(packet)))
    }
  })

  test("a ping to the device's own address gets no reply", () => {
    expectUnanswered(
      between(framed({ ...request4, source: request4.destination, destination: OWN4 })),
    )
    expectUnanswered(
      between(framed({ ...request6, source: request6.destination, destination: OWN6 })),
    )
  })

  test('a ping to or from an address that is not unicast gets no reply', () => {
    const not4 = fc.oneof(group4, special4)
    const not6 = fc.oneof(group6, special6)
    const packets = fc.oneof(
      echo(not4, elsewhere4),
      echo(unicast4, not4),
      echo(not6, elsewhere6),
      echo(unicast6, not6),
    )
    forAll(100, [packets], packet =>
      expectUnanswered(between(framed(packet)), partialOf(framed(packet))),
    )
    for (const packet of [request4, request6]) {
      for (const no of [BROADCAST, [0x33, 0x33, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]) {
        expectUnanswered(between(framed(packet), no))
        expectUnanswered(between(framed(packet), FAR, no))
      }
    }
  })

  test('a ping with a wrong ICMP or IP checksum gets no reply', () => {
    for (const [packet, ...places] of [
      [request4, 24, 36],
      [request6, 56],
    ] as const) {
      const octets = between(framed(packet))
      for (const at of places) {
        expectUnanswered(edited(octets, { [at]: (octets[at] as number) ^ 1 }))
      }
    }
  })

  test("a ping with another header's partial checksum, or one in a fragment, gets no reply", () => {
    for (const packet of [request4, request6]) {
      const partial = framed({ ...packet, checksum: 'partial' })
      const prepare = partialOf(partial)
      expect(answer(between(partial), { prepare }).answered).toBe(true)
      expectUnanswered(between(framed(packet)), prepare)
      expectUnanswered(between(partial), skb => {
        prepare(skb)
        skb.csumOffset = 4
      })
      expectUnanswered(between(partial), skb => {
        prepare(skb)
        skb.csumStart--
      })
      for (const first of [true, false]) {
        const fragment = framed({
          ...packet,
          checksum: 'partial',
          payload: new Array(16).fill(1),
          fragment: { first, at: 16 },
        })
        expectUnanswered(between(fragment), partialOf(fragment))
      }
    }
  })

  test('a ping with a source route, IPv4 or IPv6, gets no reply', () => {
    for (const route of [131, 137]) {
      expectUnanswered(between(framed({ ...request4, options: [route, 7, 4, 198, 18, 0, 9, 0] })))
    }
    const routed = { ...request6, extensions: [{ header: 43, octets: [0, 0, 0, 0, 0, 0] }] }
    expectUnanswered(between(framed(routed)))
  })

  test('a ping that is cut anywhere gets no reply', () => {
    for (const packet of [request4, request6]) {
      const whole = between(framed(packet))
      for (let length = 0; length < whole.length; length++) {
        expectUnanswered(whole.slice(0, length))
      }
      expectUnanswered(
        between(framed({ ...packet, payload: [1], fragment: { first: true, at: 7 } })),
      )
    }
  })

  test('a ping in an atomic fragment gets a reply, and its checksum is verified', () => {
    const whole = between(framed(request6))
    const atomic = (octets: number[]) =>
      edited([...octets.slice(0, 54), 58, 0, 0, 0, 0, 0, 0, 1, ...octets.slice(54)], {
        19: (octets[19] as number) + 8,
        20: 44,
      })
    expect(answer(atomic(whole)).octets).toEqual(atomic(replyTo(framed(request6))))
    expectUnanswered(atomic(edited(whole, { 60: 1 })))
  })
})

describe('other frames', () => {
  test('other protocols, replies, errors and 802.3 frames get no reply', () => {
    const other = fc.oneof(
      simplePacket(unicast4, elsewhere4).filter(({ kind }) => kind !== 'icmp'),
      simplePacket(unicast6, elsewhere6).filter(({ kind }) => kind !== 'icmp'),
      fc.constantFrom<Packet>({ ...request4, reply: true }, { ...request6, reply: true }),
      fc.constantFrom<Packet>(
        { ...request4, error: { type: 3, code: 1, rest: [0, 0, 0, 0], quote: plain, cut: 28 } },
        { ...request6, error: { type: 1, code: 3, rest: [0, 0, 0, 0], quote: plain6, cut: 48 } },
      ),
    )
    forAll(100, [other], packet => expectUnanswered(between(framed(packet))))
    expectUnanswered([...BROADCAST, ...NEAR, 0, 38, ...new Array(46).fill(0x42)])
    expectUnanswered([...BROADCAST, ...NEAR, 0x88, 0xcc, ...new Array(46).fill(0x42)])
  })

  test('a GSO frame with an echo request gets no reply', () => {
    expectUnanswered(between(framed(request4)), skb => {
      skb.gsoSize = 8
    })
  })
})

describe('random frames', () => {
  /** Verifies a reply from its bytes alone. */
  function verify(before: number[], { octets, nh, h, protocol, ipSummed }: Answer): void {
    expect(octets.slice(nh - 2, nh)).toEqual(word(protocol))
    if (protocol === 0x0806) {
      expect([octets.slice(nh, nh + 8), octets.length]).toEqual([
        [0, 1, 8, 0, 6, 4, 0, 2],
        before.length,
      ])
      return
    }
    const isIpv6 = protocol === 0x86dd
    const number = (at: number) => ((octets[at] as number) << 8) + (octets[at + 1] as number)
    if (!isIpv6) {
      expect(addsUp(octets.slice(nh, nh + ((octets[nh] as number) & 15) * 4))).toBe(true)
    }
    const [from, to] = isIpv6 ? [nh + 8, nh + 24] : [nh + 12, nh + 16]
    const [source, destination] = [octets.slice(from, to), octets.slice(to, to + to - from)]
    const end = nh + (isIpv6 ? 40 + number(nh + 4) : number(nh + 2))
    expect(end).toBeLessThanOrEqual(octets.length)
    if (h === 0) return
    expect(isIpv6 ? [129, 136] : [0]).toContain(octets[h])
    if (octets[h] === 136) {
      expect([end - h, end, octets[nh + 7]]).toEqual([32, octets.length, 255])
    } else {
      expect([octets.length, octets[nh + (isIpv6 ? 7 : 8)]]).toEqual([before.length, 64])
    }
    const isFragment = isIpv6 ? octets[nh + 6] !== 58 : (number(nh + 6) & 0x3fff) !== 0
    if (isFragment) return
    const message = octets.slice(h, end)
    const pseudo = isIpv6 ? pseudoHeader(source, destination, 58, message.length) : []
    if (ipSummed === CHECKSUM_PARTIAL) {
      message.splice(2, 2, ...word(naiveChecksum(message)))
    }
    expect(addsUp([...pseudo, ...message])).toBe(true)
  }

  function check(octets: number[], prepare?: (skb: SkBuff) => void): boolean {
    const result = answer(octets, { prepare })
    if (result.answered) {
      verify(octets, result)
    }
    return result.answered
  }

  const mark = (start: number, offset: number) => (skb: SkBuff) => {
    if (start < 0) return
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + start
    skb.csumOffset = offset
  }

  test('random bytes never make it throw; a frame is untouched, or its reply verifies', () => {
    const types = fc.constantFrom(
      [8, 0, 0x45],
      [8, 0, 0x4f],
      [0x86, 0xdd, 0x60],
      [0x81, 0, 0],
      [8, 6, 0],
    )
    const headed = fc.tuple(
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      types,
      fc.uint8Array({ maxLength: 120 }),
    )
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map(octets => [...octets]),
      headed.map(([macs, type, rest]) => [...macs, ...type, ...rest]),
    )
    const run = (octets: number[], start: number, offset: number) =>
      void check(octets, mark(start, offset))
    forAll(500, [any, fc.integer({ min: -1, max: 130 }), fc.nat(40)], run)
  })

  test('changed and cut requests never make it throw, and many get replies', () => {
    const ask = fc.oneof(
      echoFrame.map(description => ({
        octets: between(description),
        prepare: partialOf(description),
      })),
      fc
        .record({ op: fc.constantFrom(1, 1, 2), spa: unicast4, tpa: unicast4, tags })
        .map(rest => buildArp({ to: BROADCAST, from: NEAR, sha: NEAR, tha: FAR, ...rest }))
        .map(octets => ({ octets, prepare: undefined })),
      fc
        .record({
          source: unicast6,
          destination: unicast6,
          target: unicast6,
          tags,
          options: octets(24),
        })
        .map(rest => ({
          ...rest,
          options: rest.options.length < 8 ? [] : [1, 1, ...rest.options.slice(2)],
        }))
        .map(rest => buildNeighbour({ to: FAR, from: NEAR, type: 135, ...rest }))
        .map(octets => ({ octets, prepare: undefined })),
    )
    const edits = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 2 })
    let answers = 0
    forAll(
      1000,
      [ask, edits, fc.oneof(fc.constant(1000), fc.nat(140))],
      ({ octets, prepare }, edits, cut) => {
        const changed = octets.slice(0, cut)
        for (const [at, octet] of edits) {
          if (at < changed.length) {
            changed[at] = octet
          }
        }
        if (check(changed, prepare)) {
          answers++
        }
      },
    )
    expect(answers).toBeGreaterThan(50)
  })
})

describe('two devices, each the far end of the other', () => {
  /** As a driver does it. */
  async function pair() {
    const memory = makeNet()
    const peers = new Map<NetDevice, { peer: NetDevice; far: ReturnType<typeof farNetwork> }>()
    const ndoStartXmit = (skb: SkBuff, dev: NetDevice) => {
      const { peer, far } = peers.get(dev) as {
        peer: NetDevice
        far: ReturnType<typeof farNetwork>
      }
      const answered = answerFar(skb, far, dev.addresses, peer.addresses)
      const reason = answered ? 0 : flipNetwork(skb)
      if (reason !== 0) {
        skb.drop(reason)
        return
      }
      skb.dev = answered ? dev : peer
      netifRx(skb)
    }
    const a = await addDevice(memory, { ndoStartXmit }, { features: NETIF_F_ALL_TAP })
    const b = await addDevice(memory, { ndoStartXmit }, { features: NETIF_F_ALL_TAP })
    a.dev.addresses = OWN
    b.dev.addresses = RECEIVER
    peers.set(a.dev, { peer: b.dev, far: farNetwork(b.dev.devAddr) })
    peers.set(b.dev, { peer: a.dev, far: farNetwork(a.dev.devAddr) })
    const send = (...frames: number[][]) => {
      for (const octets of frames) {
        a.port.transmit(Uint8Array.from(octets))
      }
      a.port.drain()
      memory.net.flush()
    }
    return { memory, a, b, send }
  }

  test('two devices reply on the sending one, hand other frames to the peer, and account for every frame', async () => {
    const { memory, a, b, send } = await pair()
    const arp = {
      to: BROADCAST,
      from: NEAR,
      sha: NEAR,
      spa: OWN4,
      tha: BROADCAST,
      tpa: plain.destination,
    }
    const mac = [...b.dev.devAddr]
    send(buildArp({ ...arp, op: 1 }), buildArp({ ...arp, op: 2 }))
    send(
      between(framed(request4)),
      between(framed({ ...request4, destination: plain.destination })),
    )
    const reply = {
      to: NEAR,
      from: mac,
      op: 2,
      sha: mac,
      spa: plain.destination,
      tha: NEAR,
      tpa: OWN4,
    }
    expect(a.port.received.map(({ bytes }) => [...bytes])).toEqual([
      buildArp(reply),
      replyTo(framed(request4)),
    ])
    const arrived = { ...request4, source: address('198.18.1.1'), destination: PEER4 }
    expect(b.port.received.map(({ bytes }) => [...bytes])).toEqual([between(framed(arrived))])
    expect(memory.conserved()).toMatchObject({ in: 4, out: 3, dropped: 1, held: 0 })
  })
})
