import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIpv4, formatMac } from '#src/packet/address.ts'
import * as arp from '#src/packet/arp.ts'
import * as ethernet from '#src/packet/ethernet.ts'
import * as icmp from '#src/packet/icmp.ts'
import * as icmpv6 from '#src/packet/icmpv6.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import * as ipv6 from '#src/packet/ipv6.ts'
import { get16, get32, put16, put32 } from '#src/packet/octets.ts'
import * as tcp from '#src/packet/tcp.ts'
import * as udp from '#src/packet/udp.ts'
import * as vlan from '#src/packet/vlan.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { forAll } from '#support/for-all.ts'
import {
  buildFrame,
  frame,
  isIpv6,
  networkOffsetOf,
  plain,
  protocolOf,
  transportOffset,
} from './frames.ts'
import { naiveChecksum } from './naive.ts'

const at = 3
/** Bytes after three that are not part of the header. */
const bytesOf = (...octets: number[]) => Uint8Array.from([0xee, 0xee, 0xee, ...octets])

describe('fields in network order', () => {
  test('16- and 32-bit fields are read and written like by DataView', () => {
    forAll(
      100,
      [fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(4), fc.nat(0xffffffff)],
      (bytes, i, value) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        expect([get16(bytes, i), get32(bytes, i)]).toEqual([view.getUint16(i), view.getUint32(i)])
        put32(bytes, i, value)
        expect(view.getUint32(i)).toBe(value)
        put16(bytes, i + 2, value >>> 7)
        expect(view.getUint32(i)).toBe(((value & 0xffff0000) | ((value >>> 7) & 0xffff)) >>> 0)
      },
    )
  })
})

describe('ethernet', () => {
  const bytes = bytesOf(1, 0, 0x5e, 0, 0, 0xfb, 2, 0, 0, 0, 0xa, 0xff, 0x86, 0xdd)

  test('ethernet accessors return addresses and EtherType', () => {
    expect(ethernet.parse(bytes, at, 14)).toBe(14)
    expect(ethernet.parse(bytes, at, 13)).toBe(-1)
    expect(ethernet.etherType(bytes, at)).toBe(ethernet.ETH_P_IPV6)
    expect(formatMac(bytes, ethernet.sourceAt(at))).toBe('02:00:00:00:0a:ff')
    expect(ethernet.isMulticastAddress(bytes, ethernet.destinationAt(at))).toBe(true)
    expect(ethernet.isMulticastAddress(bytes, ethernet.sourceAt(at))).toBe(false)
    expect(ethernet.isBroadcastAddress(bytes, ethernet.destinationAt(at))).toBe(false)
  })

  test('ethernet addresses are copied and compared', () => {
    const own = bytes.slice()
    const broadcast = new Uint8Array(6).fill(0xff)
    ethernet.copyAddress(own, ethernet.destinationAt(at), broadcast)
    ethernet.setEtherType(own, at, 0x0800)
    expect(ethernet.isBroadcastAddress(own, at)).toBe(true)
    expect(ethernet.isSameAddress(own, at, broadcast)).toBe(true)
    expect(ethernet.isSameAddress(own, ethernet.sourceAt(at), bytes, ethernet.sourceAt(at))).toBe(
      true,
    )
    expect(ethernet.isSameAddress(own, at, bytes, at)).toBe(false)
    expect([...own.slice(0, 3), ...own.slice(15)]).toEqual([0xee, 0xee, 0xee, 8, 0])
  })

  test('ethernet.swapAddresses changes nothing but the two addresses', () => {
    const own = bytes.slice()
    ethernet.swapAddresses(own, at)
    expect([...own]).toEqual([
      0xee, 0xee, 0xee, 2, 0, 0, 0, 0xa, 0xff, 1, 0, 0x5e, 0, 0, 0xfb, 0x86, 0xdd,
    ])
  })

  test.each([
    [[2, 0, 0, 0, 0, 0], true],
    [[0, 0, 0, 0, 0, 1], true],
    [[0, 0, 0, 0, 0, 0], false],
    [[1, 0, 0, 0, 0, 1], false],
    [[255, 255, 255, 255, 255, 255], false],
  ])('%j is a station: %j', (octets, isStation) => {
    expect(ethernet.isStationAddress(bytesOf(...octets), at)).toBe(isStation)
  })
})

describe('vlan', () => {
  test('networkOffset skips any number of VLAN tags within the frame', () => {
    forAll(100, [frame, fc.nat(40)], (description, less) => {
      const octets = buildFrame(description)
      const offset = networkOffsetOf(description)
      expect(vlan.networkOffset(octets, 0, octets.length)).toBe(offset)
      expect(vlan.networkOffset(octets, 0, offset)).toBe(offset)
      expect(vlan.networkOffset(octets, 0, Math.max(0, offset - 1 - less))).toBe(-1)
    })
  })

  test('a VLAN tag has priority, drop eligibility and id', () => {
    const bytes = bytesOf(0x81, 0, 0xb1, 0x23)
    expect([vlan.pcp(bytes, at), vlan.dei(bytes, at), vlan.vid(bytes, at)]).toEqual([5, 1, 0x123])
    vlan.setTci(bytes, at, 0x4ffe)
    expect([
      vlan.tci(bytes, at),
      vlan.pcp(bytes, at),
      vlan.dei(bytes, at),
      vlan.vid(bytes, at),
    ]).toEqual([0x4ffe, 2, 0, 0xffe])
  })

  test('a tag is inserted after the addresses, and removed again', () => {
    const pool = new SkBuffPool()
    const skb = pool.alloc(0)!
    const frame = Uint8Array.from({ length: 60 }, (_, i) => i)
    skb.bytes.set(frame, skb.put(60))
    vlan.insertTag(skb, 0x6005)
    const tagged = [...frame.subarray(0, 12), 0x81, 0, 0x60, 5, ...frame.subarray(12)]
    expect([...skb.bytes.subarray(skb.data, skb.tail)]).toEqual(tagged)
    vlan.insertTag(skb, 7, ethernet.ETH_P_8021AD)
    expect([vlan.popTag(skb), vlan.popTag(skb), vlan.popTag(skb)]).toEqual([7, 0x6005, -1])
    expect([...skb.bytes.subarray(skb.data, skb.tail)]).toEqual([...frame])
    skb.bytes.set([0x81, 0], skb.data + 12)
    skb.trim(17)
    expect(vlan.popTag(skb)).toBe(-1)
    skb.free()
  })
})

describe('arp', () => {
  test('an ARP packet is created, parsed and read', () => {
    const bytes = bytesOf(...new Array<number>(28).fill(0))
    arp.create(bytes, at, arp.ARPOP_REQUEST)
    arp.setSpa(bytes, at, 0xc6120001)
    arp.setTpa(bytes, at, 0xc6120002)
    expect(arp.parse(bytes, at, 28)).toBe(28)
    expect(arp.parse(bytes, at, 27)).toBe(-1)
    expect([arp.op(bytes, at), arp.spa(bytes, at), arp.tpa(bytes, at)]).toEqual([
      1, 0xc6120001, 0xc6120002,
    ])
    expect([...bytes.slice(at, at + 8)]).toEqual([0, 1, 8, 0, 6, 4, 0, 1])
    expect([arp.shaAt(at), arp.thaAt(at)]).toEqual([at + 8, at + 18])
    arp.setOp(bytes, at, arp.ARPOP_REPLY)
    expect(arp.op(bytes, at)).toBe(2)
  })

  test('arp.toReply swaps the addresses of a request', () => {
    const bytes = bytesOf(
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      1,
      2,
      2,
      2,
      2,
      2,
      2,
      198,
      18,
      0,
      1,
      9,
      9,
      9,
      9,
      9,
      9,
      198,
      18,
      0,
      2,
      7,
    )
    arp.toReply(bytes, at, Uint8Array.of(4, 4, 4, 4, 4, 4))
    expect([...bytes.slice(at)]).toEqual([
      0, 1, 8, 0, 6, 4, 0, 2, 4, 4, 4, 4, 4, 4, 198, 18, 0, 2, 2, 2, 2, 2, 2, 2, 198, 18, 0, 1, 7,
    ])
  })

  test('arp.parse refuses other kinds of addresses', () => {
    for (const [offset, octet] of [
      [1, 6],
      [3, 1],
      [4, 8],
      [5, 16],
    ] as const) {
      const bytes = bytesOf(...new Array<number>(28).fill(0))
      arp.create(bytes, at, 1)
      bytes[at + offset] = octet
      expect(arp.parse(bytes, at, 28)).toBe(-1)
    }
  })
})

describe('ipv4', () => {
  const bytes = bytesOf(
    0x46,
    0xb9,
    0,
    30,
    0xab,
    0xcd,
    0x20,
    0x03,
    63,
    17,
    0x12,
    0x34,
    198,
    18,
    0,
    1,
    192,
    0,
    2,
    255,
    148,
    4,
    0,
    0,
    1,
    2,
    3,
    4,
    5,
    6,
  )

  /** Version 6, a header of 16 or 32 bytes, and a total length of 23 bytes. */
  const wrongHeaders = (
    [
      [0, 0x66],
      [0, 0x44],
      [0, 0x48],
      [3, 23],
    ] as const
  ).map(([offset, octet]) => bytes.with(at + offset, octet))

  test('ipv4 accessors return the fields of RFC 791', () => {
    expect(ipv4.parse(bytes, at, 30)).toBe(24)
    expect(ipv4.parse(bytes, at, 31)).toBe(24)
    expect([
      ipv4.version(bytes, at),
      ipv4.headerLength(bytes, at),
      ipv4.typeOfService(bytes, at),
    ]).toEqual([4, 24, 0xb9])
    expect([ipv4.totalLength(bytes, at), ipv4.identification(bytes, at)]).toEqual([30, 0xabcd])
    expect([
      ipv4.flags(bytes, at),
      ipv4.fragmentOffset(bytes, at),
      ipv4.isFragment(bytes, at),
    ]).toEqual([ipv4.IP_MF, 24, true])
    expect([
      ipv4.timeToLive(bytes, at),
      ipv4.protocol(bytes, at),
      ipv4.headerChecksum(bytes, at),
    ]).toEqual([63, 17, 0x1234])
    expect([ipv4.sourceAt(at), ipv4.destinationAt(at)]).toEqual([at + 12, at + 16])
    expect(formatIpv4(ipv4.source(bytes, at))).toBe('198.18.0.1')
    expect(formatIpv4(ipv4.destination(bytes, at))).toBe('192.0.2.255')
  })

  test('ipv4.parse refuses truncated headers, other versions and wrong lengths', () => {
    expect(ipv4.parse(bytes, at, 29)).toBe(-1)
    expect(ipv4.parse(bytes, at, 19)).toBe(-1)
    for (const wrong of wrongHeaders) {
      expect(ipv4.parse(wrong, at, 30)).toBe(-1)
    }
  })

  test('ipv4.parseHeader takes a packet that is cut off after its header, and refuses others', () => {
    for (const length of [24, 29, 30, 31]) {
      expect(ipv4.parseHeader(bytes, at, length)).toBe(24)
    }
    expect(ipv4.parseHeader(bytes, at, 23)).toBe(-1)
    expect(ipv4.parseHeader(bytes, at, 19)).toBe(-1)
    for (const wrong of wrongHeaders) {
      expect(ipv4.parseHeader(wrong, at, 30)).toBe(-1)
    }
  })

  test('an IPv4 header is created with its checksum', () => {
    const own = bytes.slice()
    ipv4.setTotalLength(own, at, 0x102)
    ipv4.setIdentification(own, at, 0x10001)
    ipv4.setSource(own, at, 0xc0000201)
    ipv4.setDestination(own, at, 0xffffffff)
    ipv4.fillHeaderChecksum(own, at)
    const header = [...own.slice(at, at + 24)]
    expect(header.slice(2, 6)).toEqual([1, 2, 0, 1])
    expect(header.slice(12, 20)).toEqual([192, 0, 2, 1, 255, 255, 255, 255])
    expect(ipv4.headerChecksum(own, at)).toBe(
      naiveChecksum(header.map((octet, i) => (i === 10 || i === 11 ? 0 : octet))),
    )
    ipv4.setHeaderChecksum(own, at, 7)
    expect(ipv4.headerChecksum(own, at)).toBe(7)
  })

  test('ipv4.isFragment is false for a packet with DF', () => {
    const own = bytes.slice()
    own.set([0x40, 0], at + 6)
    expect([ipv4.isFragment(own, at), ipv4.flags(own, at)]).toEqual([false, ipv4.IP_DF])
  })
})

describe('ipv6', () => {
  test('ipv6 accessors return the fields of RFC 8200', () => {
    const bytes = bytesOf(0x6a, 0xbc, 0xde, 0xf1, 0, 2, 58, 255, ...new Array<number>(34).fill(0))
    expect(ipv6.parse(bytes, at, 42)).toBe(40)
    expect(ipv6.parse(bytes, at, 41)).toBe(-1)
    expect(ipv6.parse(bytes, at, 39)).toBe(-1)
    expect([
      ipv6.version(bytes, at),
      ipv6.trafficClass(bytes, at),
      ipv6.flowLabel(bytes, at),
    ]).toEqual([6, 0xab, 0xcdef1])
    expect([
      ipv6.payloadLength(bytes, at),
      ipv6.nextHeader(bytes, at),
      ipv6.hopLimit(bytes, at),
    ]).toEqual([2, 58, 255])
    ipv6.setPayloadLength(bytes, at, 0x1234)
    expect(ipv6.payloadLength(bytes, at)).toBe(0x1234)
    expect([ipv6.sourceAt(at), ipv6.destinationAt(at)]).toEqual([at + 8, at + 24])
    bytes[at] = 0x4a
    expect(ipv6.parse(bytes, at, 42)).toBe(-1)
  })

  test('ipv6.upperLayer returns -1 for a length that is no number', () => {
    const octets = new Uint8Array(64)
    expect(ipv6.upperLayer(octets, 0, Number.NaN)).toBe(-1)
    expect(ipv6.upperLayer(octets, '' as never, 'x' as never)).toBe(-1)
  })

  test('ipv6.upperLayer skips extension headers, and never leaves the packet', () => {
    forAll(300, [frame.filter(({ packet }) => isIpv6(packet))], description => {
      const { packet } = description
      const octets = buildFrame(description)
      const nh = networkOffsetOf(description)
      const length = 40 + ipv6.payloadLength(octets, nh)
      const offset = packet.fragment?.first === false ? 0 : transportOffset(packet)
      expect(ipv6.upperLayer(octets, nh, length)).toBe((offset << 8) | protocolOf(packet))
      if (offset > 40) {
        expect(ipv6.upperLayer(octets, nh, offset - 1)).toBe(-1)
      }
      if (packet.fragment !== undefined) {
        expect(ipv6.upperLayer(octets, nh, length, false)).toBe(
          ((transportOffset(packet) - 8) << 8) | 44,
        )
      }
    })
  })
})

describe('icmp and icmpv6', () => {
  const bytes = bytesOf(5, 1, 0x12, 0x34, 198, 18, 0, 254)

  test('icmp and icmpv6 accessors return the fields of their RFCs', () => {
    for (const header of [icmp, icmpv6]) {
      expect([header.parse(bytes, at, 8), header.parse(bytes, at, 7)]).toEqual([8, -1])
      expect([header.type(bytes, at), header.code(bytes, at), header.checksum(bytes, at)]).toEqual([
        5, 1, 0x1234,
      ])
      expect([header.identifier(bytes, at), header.sequenceNumber(bytes, at)]).toEqual([
        0xc612, 254,
      ])
      const own = bytes.slice()
      header.setChecksum(own, at, 0xfedc)
      header.setType(own, at, 136)
      expect([...own.slice(at, at + 5)]).toEqual([136, 1, 0xfe, 0xdc, 198])
    }
    expect([icmp.gateway(bytes, at), icmp.nextHopMtu(bytes, at), icmpv6.mtu(bytes, at)]).toEqual([
      0xc61200fe, 254, 0xc61200fe,
    ])
    const own = bytes.slice()
    icmp.setGateway(own, at, 0xc0000201)
    expect([...own.slice(at + 4)]).toEqual([192, 0, 2, 1])
    expect(icmpv6.targetAt(at)).toBe(at + 8)
  })

  test('changing the type of a message keeps its checksum right, even for a message of zeros', () => {
    const empty = fc.constant(new Uint8Array(6))
    forAll(100, [fc.oneof(empty, fc.uint8Array({ minLength: 6, maxLength: 6 }))], rest => {
      const bytes = bytesOf(8, 0, 0, 0, ...rest)
      icmp.setChecksum(bytes, at, naiveChecksum(bytes.subarray(at)))
      icmp.changeType(bytes, at, 0)
      expect([icmp.type(bytes, at), naiveChecksum(bytes.subarray(at))]).toEqual([0, 0])
    })
  })

  test('icmp and icmpv6 recognize errors and neighbour discovery', () => {
    const types = Array.from({ length: 256 }, (_, type) => type)
    expect(types.filter(icmp.isError)).toEqual([3, 4, 5, 11, 12])
    expect(types.filter(icmpv6.isError)).toEqual([1, 2, 3, 4])
    expect(types.filter(icmpv6.isNeighbourDiscovery)).toEqual([133, 134, 135, 136, 137])
  })

  const solicitation = (...options: number[]) =>
    bytesOf(135, ...new Array<number>(23).fill(5), ...options)
  const LINK = [1, 1, 2, 3, 4, 5, 6, 7]

  test.each([
    ['no option', [], 0],
    ['the option', LINK, 26],
    ['the option behind another', [14, 1, 0, 0, 0, 0, 0, 0, ...LINK], 34],
    ['the first of two', [...LINK, ...LINK], 26],
    ["a target's", [2, 1, 2, 3, 4, 5, 6, 7], 0],
    ['a length of 0', [14, 0, 0, 0, 0, 0, 0, 0], -1],
    ['a length of 0 behind it', [...LINK, 14, 0], -1],
    ['the option cut', LINK.slice(0, 7), -1],
    ['one octet behind it', [...LINK, 14], -1],
    ['another beyond the end', [14, 2, 0, 0, 0, 0, 0, 0], -1],
    ['an address of another size', [1, 2, ...new Array<number>(14).fill(9)], -1],
  ])('a solicitation with %s names its sender', (_, options, offset) => {
    const found = icmpv6.sourceLinkAddress(solicitation(...options), at, 24 + options.length)
    expect(found).toBe(offset > 0 ? at + offset : offset)
  })

  test('toAdvertisement turns a solicitation into an advertisement with one option', () => {
    const own = solicitation(...LINK, 7)
    icmpv6.toAdvertisement(
      own,
      at,
      icmpv6.NA_SOLICITED | icmpv6.NA_ROUTER,
      Uint8Array.of(9, 8, 7, 6, 5, 4),
    )
    expect([...own.slice(at)]).toEqual([
      136,
      5,
      5,
      5,
      0xc0,
      0,
      0,
      0,
      ...new Array<number>(16).fill(5),
      2,
      1,
      9,
      8,
      7,
      6,
      5,
      4,
      7,
    ])
  })

  test('quoteLength returns the length of the quote if the message states it (RFC 4884)', () => {
    const lengths = (header: typeof icmp | typeof icmpv6, types: number[]) =>
      types.map(type => header.quoteLength(Uint8Array.of(type, 0, 0, 0, 16, 32, 0, 0), 0))
    expect(lengths(icmp, [3, 4, 5, 11, 12])).toEqual([128, 0, 0, 128, 128])
    expect(lengths(icmpv6, [1, 2, 3, 4])).toEqual([128, 0, 128, 0])
  })
})

describe('udp', () => {
  const bytes = bytesOf(0x30, 0x39, 0, 53, 0, 9, 0xab, 0xcd, 7)

  test('udp accessors read and write the fields of RFC 768', () => {
    expect([
      udp.parse(bytes, at, 9),
      udp.parse(bytes, at, 10),
      udp.parse(bytes, at, 8),
      udp.parse(bytes, at, 7),
    ]).toEqual([8, 8, -1, -1])
    expect(udp.parse(bytesOf(0, 1, 0, 1, 0, 7, 0, 0), at, 8)).toBe(-1)
    expect([udp.sourcePort(bytes, at), udp.destinationPort(bytes, at)]).toEqual([12345, 53])
    expect([udp.length(bytes, at), udp.checksum(bytes, at)]).toEqual([9, 0xabcd])
    const own = bytes.slice()
    udp.setSourcePort(own, at, 1)
    udp.setDestinationPort(own, at, 2)
    udp.setLength(own, at, 3)
    udp.setChecksum(own, at, 4)
    expect([...own.slice(at)]).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 7])
  })
})

describe('tcp', () => {
  const bytes = bytesOf(
    0x30,
    0x39,
    0,
    80,
    0xff,
    0xff,
    0xff,
    0xfe,
    0x80,
    0,
    0,
    1,
    0x60,
    0x92,
    0x12,
    0x34,
    0xab,
    0xcd,
    0,
    5,
    2,
    4,
    5,
    0xb4,
  )

  test('tcp accessors return the fields of RFC 9293', () => {
    expect([tcp.parse(bytes, at, 24), tcp.parse(bytes, at, 23), tcp.parse(bytes, at, 19)]).toEqual([
      24, -1, -1,
    ])
    expect([tcp.sourcePort(bytes, at), tcp.destinationPort(bytes, at)]).toEqual([12345, 80])
    expect([tcp.sequenceNumber(bytes, at), tcp.acknowledgmentNumber(bytes, at)]).toEqual([
      0xfffffffe, 0x80000001,
    ])
    expect([tcp.dataOffset(bytes, at), tcp.flags(bytes, at)]).toEqual([
      24,
      tcp.TCP_CWR | tcp.TCP_ACK | tcp.TCP_SYN,
    ])
    expect([tcp.window(bytes, at), tcp.checksum(bytes, at), tcp.urgentPointer(bytes, at)]).toEqual([
      0x1234, 0xabcd, 5,
    ])
    const short = bytes.slice()
    short[at + 12] = 0x40
    expect(tcp.parse(short, at, 24)).toBe(-1)
  })

  test('tcp.create writes a header without options', () => {
    const own = bytesOf(...new Array<number>(20).fill(0))
    tcp.setSourcePort(own, at, 1)
    tcp.setDestinationPort(own, at, 2)
    tcp.setSequenceNumber(own, at, 2 ** 32 + 3)
    tcp.setAcknowledgmentNumber(own, at, 0xfffffffc)
    tcp.setFlags(own, at, tcp.TCP_SYN)
    tcp.setChecksum(own, at, 0x10006)
    expect([...own.slice(at)]).toEqual([
      0, 1, 0, 2, 0, 0, 0, 3, 255, 255, 255, 252, 0, 2, 0, 0, 0, 6, 0, 0,
    ])
  })
})

test('bytes before a header do not change the parsed values', () => {
  const octets = buildFrame({ packet: plain, tags: [], padding: [] })
  const shifted = Uint8Array.from([0x45, ...octets])
  expect(ipv4.parse(shifted, 15, octets.length - 14)).toBe(20)
})
