/** Frame headers as text: each field of each header, and no bytes that break it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { build as buildDhcp } from '#src/packet/dhcp.ts'
import { headersOf } from '#src/packet/fields.ts'
import { word } from '#src/packet/octets.ts'
import { forAll } from '#support/for-all.ts'
import { buildFrame, buildPacket, type Frame, type Packet, plain, plain6 } from './frames.ts'

const frame = (packet: Partial<Packet>, rest: Partial<Frame> = {}) =>
  buildFrame({ packet: { ...plain, ...packet }, tags: [], padding: [], ...rest })
const ethernet = (type: number, payload: Iterable<number>) =>
  Uint8Array.of(...new Array<number>(6).fill(0xff), 2, 0, 0, 0, 0, 1, ...word(type), ...payload)

/** The headers as `[name, { field: value }]`. */
const words = (bytes: Uint8Array, at = 0, length = bytes.length - at) =>
  headersOf(bytes, at, length).map(({ name, fields }) => [
    name,
    Object.fromEntries(fields.map(field => [field.name, field.value])),
  ])
const one = (bytes: Uint8Array, name: string) =>
  words(bytes).find(header => header[0] === name)?.[1]

/** The packet of UDP with other ports and data. */
function udp(from: number, to: number, data: Iterable<number>): Uint8Array {
  const bytes = frame({ payload: [...data] })
  bytes.set([...word(from), ...word(to)], 34)
  return bytes
}

const dhcp = buildDhcp({
  op: 1,
  htype: 1,
  hops: 0,
  xid: 0xcafe,
  secs: 3,
  flags: 0x8000,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 9),
  sname: new Uint8Array(0),
  file: new Uint8Array(0),
  options: new Map([
    [53, Uint8Array.of(3)],
    [50, Uint8Array.of(198, 18, 0, 7)],
    [12, new TextEncoder().encode('lap\x1btop')],
    [51, Uint8Array.of(0, 0, 1, 44)],
  ]),
}).data
const dnsQuery = [
  0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x77, 0x77, 0x77, 3, 0x6c, 0x61, 0x6e, 0, 0, 28, 0,
  1,
]
const dnsReply = [0xab, 0xcd, 0x81, 0x83, ...dnsQuery.slice(4)]

describe('headers of whole frames', () => {
  test('a frame has the headers of Ethernet, IPv4 and UDP, with each of their fields', () => {
    expect(words(frame({}).map((byte, i) => (i === 37 ? 99 : byte)))).toEqual([
      [
        'Ethernet',
        { Destination: '02:00:00:00:00:01', Source: '02:00:00:00:00:02', Type: 'IPv4 (0x0800)' },
      ],
      [
        'IPv4',
        {
          'Header length': '20 bytes',
          DSCP: '4',
          ECN: 'not ECT',
          'Total length': '33 bytes',
          Identification: '0x1234',
          Flags: 'none',
          'Fragment offset': '0',
          TTL: '64',
          Protocol: 'UDP (17)',
          Checksum: '0xdc60',
          Source: '198.18.0.1',
          Destination: '198.18.0.2',
        },
      ],
      [
        'UDP',
        {
          'Source port': '12345',
          'Destination port': '99',
          Length: '13 bytes',
          Checksum: '0x3a38',
        },
      ],
    ])
  })

  test('each VLAN tag is a header, the outer one first', () => {
    const tags = [
      { type: 0x88a8, tci: 0xb007 },
      { type: 0x8100, tci: 9 },
    ]
    const found = words(frame({}, { tags }))
    expect(found.map(([name]) => name).slice(0, 4)).toEqual(['Ethernet', 'VLAN', 'VLAN', 'IPv4'])
    expect(found[1]?.[1]).toEqual({
      Id: '7',
      Priority: '5',
      'Drop eligible': 'yes',
      Type: 'VLAN (0x8100)',
    })
    expect(found[2]?.[1]).toMatchObject({ Id: '9', Priority: '0', 'Drop eligible': 'no' })
  })

  test('an ARP message has the addresses of both ends', () => {
    const arp = [
      0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 198, 18, 0, 1, 2, 0, 0, 0, 0, 2, 198, 18, 0, 2,
    ]
    expect(one(ethernet(0x806, arp), 'ARP')).toEqual({
      Operation: 'reply (2)',
      'Sender MAC': '02:00:00:00:00:01',
      'Sender address': '198.18.0.1',
      'Target MAC': '02:00:00:00:00:02',
      'Target address': '198.18.0.2',
    })
    expect(one(ethernet(0x806, arp.with(5, 8)), 'ARP')).toEqual({
      Operation: 'reply (2)',
      Note: 'not of Ethernet and IPv4',
    })
  })

  test('TCP has its flags and options as text', () => {
    const bytes = frame({ kind: 'tcp', flags: 0x12, payload: [2, 4, 5, 0xb4] })
    // Four bytes more of header: the option.
    bytes[14 + 20 + 12] = 0x60
    expect(one(bytes, 'TCP')).toMatchObject({
      'Source port': '4660',
      'Destination port': '80',
      'Sequence number': '16909060',
      'Acknowledgment number': '84281096',
      'Header length': '24 bytes',
      Flags: 'SYN ACK [S.]',
      Window: '8192',
      Options: 'mss 1460',
    })
    expect(one(frame({ kind: 'tcp', flags: 0 }), 'TCP')).toMatchObject({ Flags: 'none [none]' })
    expect(one(frame({ kind: 'tcp', flags: 2 }), 'TCP')).not.toHaveProperty('Acknowledgment number')
  })

  test('ICMP has the fields of its type: a sequence number, an MTU, a gateway', () => {
    expect(one(frame({ kind: 'icmp', reply: true }), 'ICMP')).toMatchObject({
      Type: 'echo reply (0)',
      Code: '0',
      Identifier: '30600',
      'Sequence number': '1',
    })
    const error = { type: 3, code: 4, rest: [0, 0, 5, 0x78], quote: plain, cut: 28 }
    expect(one(frame({ kind: 'icmp', error }), 'ICMP')).toMatchObject({ 'Next-hop MTU': '1400' })
    const redirect = { type: 5, code: 1, rest: [198, 18, 0, 9], quote: plain, cut: 28 }
    expect(one(frame({ kind: 'icmp', error: redirect }), 'ICMP')).toMatchObject({
      Gateway: '198.18.0.9',
    })
  })

  test('IPv6 has its extensions as one header, followed by ICMPv6', () => {
    const extensions = [{ header: 0, octets: [0, 0, 0, 0, 0, 0] }]
    const found = words(frame({ ...plain6, kind: 'icmp', extensions }))
    expect(found.map(([name]) => name)).toEqual(['Ethernet', 'IPv6', 'IPv6 extension', 'ICMPv6'])
    expect(found[1]?.[1]).toMatchObject({
      'Flow label': '0x54321',
      'Next header': 'hop-by-hop options (0)',
      'Hop limit': '64',
      Source: '2001:db8::1',
      Destination: '2001:db8::2',
    })
    expect(found[2]?.[1]).toEqual({ Length: '8 bytes', 'Next header': 'ICMPv6 (58)' })
    expect(found[3]?.[1]).toMatchObject({ Type: 'echo request (128)' })
    const target = [0xfe, 0x80, ...new Array<number>(13).fill(0), 7]
    const solicitation = { type: 135, code: 0, rest: [0, 0, 0, 0], quote: plain6, cut: 0 }
    const bytes = frame({ ...plain6, kind: 'icmp', error: solicitation })
    const asked = Uint8Array.of(...bytes, ...target)
    asked.set(word(24), 18)
    expect(one(asked, 'ICMPv6')).toMatchObject({
      Type: 'neighbour solicitation (135)',
      Target: 'fe80::7',
    })
  })

  test('a DHCP message has its addresses and options, names made printable', () => {
    expect(one(udp(68, 67, dhcp), 'DHCP')).toEqual({
      'Message type': 'REQUEST (3)',
      Operation: 'request',
      'Transaction id': '0x0000cafe',
      Seconds: '3',
      Flags: 'broadcast',
      'Client MAC': '02:00:00:00:00:09',
      'Requested address': '198.18.0.7',
      'Lease time': '300 s',
      'Host name': 'lap\\x1btop',
    })
  })

  test('a DNS message has its question, and a reply its result', () => {
    expect(one(udp(5353, 53, dnsQuery), 'DNS')).toEqual({
      Id: '0xabcd',
      Kind: 'query',
      Question: 'www.lan AAAA (28)',
    })
    expect(one(udp(53, 5353, dnsReply), 'DNS')).toEqual({
      Id: '0xabcd',
      Kind: 'reply',
      Result: 'no such name (3)',
      Question: 'www.lan AAAA (28)',
      Answers: '0',
    })
  })
})

describe('headers of broken frames', () => {
  test('a header that is cut off has a note with the number of present bytes', () => {
    const tcp = frame({ kind: 'tcp' })
    expect(words(tcp.subarray(0, 9))).toEqual([
      ['Ethernet', { Note: 'cut off: 9 of 14 bytes are here' }],
    ])
    expect(words(tcp.subarray(0, 20)).at(-1)).toEqual([
      'IPv4',
      { Note: 'cut off: 6 of 20 bytes are here' },
    ])
    expect(words(tcp.subarray(0, 40)).at(-1)).toEqual([
      'TCP',
      { Note: 'cut off: 6 of 20 bytes are here' },
    ])
    expect(words(ethernet(0x8100, [0])).at(-1)).toEqual([
      'VLAN',
      { Note: 'cut off: 1 of 4 bytes are here' },
    ])
    expect(words(udp(68, 67, dhcp).subarray(0, 100)).at(-1)).toEqual([
      'DHCP',
      { Note: 'cut off: 58 of 240 bytes are here' },
    ])
  })

  test('a wrong header checksum is marked', () => {
    const bytes = frame({})
    bytes[14 + 8] = 63
    expect(one(bytes, 'IPv4')).toMatchObject({ TTL: '63', Checksum: '0xdc60 (wrong)' })
  })

  test('a header with an impossible length is marked, and no later header is read', () => {
    const bytes = frame({ kind: 'tcp' })
    bytes[14] = 0x44
    expect(words(bytes).at(-1)).toEqual([
      'IPv4',
      expect.objectContaining({ Note: 'malformed or cut off' }),
    ])
    const upper = frame({ kind: 'tcp' })
    upper[14 + 20 + 12] = 0x10
    expect(one(upper, 'TCP')).toMatchObject({
      'Header length': '4 bytes',
      Note: 'malformed or cut off',
    })
  })

  test('a later fragment has no header of TCP', () => {
    const later = { first: false, at: 8 }
    expect(words(frame({ kind: 'tcp', fragment: later })).map(([name]) => name)).toEqual([
      'Ethernet',
      'IPv4',
    ])
    expect(words(frame({ ...plain6, kind: 'tcp', fragment: later })).at(-1)).toEqual([
      'IPv6 extension',
      { Note: 'a later fragment' },
    ])
  })

  test('an unknown protocol ends the list', () => {
    expect(words(frame({ kind: 'other' })).at(-1)?.[0]).toBe('IPv4')
    expect(words(ethernet(0x88cc, [1, 2])).at(-1)?.[1]).toMatchObject({ Type: '0x88cc' })
    expect(words(ethernet(38, [1, 2])).at(-1)?.[1]).toMatchObject({ Type: '38 (802.3 length)' })
  })
})

describe('frames of strangers', () => {
  const error = { type: 3, code: 1, rest: [0, 0, 0, 0], quote: plain, cut: 40 }
  const seeds = [
    ...(['tcp', 'udp', 'icmp'] as const).flatMap(kind => [
      frame({ kind }),
      frame({ ...plain6, kind }),
    ]),
    frame({ kind: 'icmp', error }),
    frame({ kind: 'tcp' }, { tags: [{ type: 0x8100, tci: 1 }] }),
    udp(68, 67, dhcp),
    udp(53, 53, dnsReply),
    ethernet(0x806, [0, 1, 8, 0, 6, 4, 0, 1, ...buildPacket(plain)]),
  ]
  const mutated = fc
    .record({
      seed: fc.constantFrom(...seeds),
      changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
      cut: fc.option(fc.nat(400)),
    })
    .map(({ seed, changes, cut }) => {
      const bytes = seed.slice()
      for (const [at, value] of changes) {
        bytes[at % bytes.length] = value
      }
      return bytes.subarray(0, cut ?? bytes.length)
    })
  const anyFrame = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }))

  test('any bytes become printable text, and nothing throws', () => {
    forAll(2000, [anyFrame], bytes => {
      const texts = headersOf(bytes, 0, bytes.length).flatMap(({ name, fields }) => [
        name,
        ...fields.flatMap(({ name, value }) => [name, value]),
      ])
      // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
      const isWrong = (text: string) => /[\x00-\x1f\x7f-\x9f]|undefined|NaN/.test(text)
      expect(texts.filter(isWrong)).toEqual([])
    })
  })

  test('bytes around a frame are never read', () => {
    forAll(2000, [anyFrame, fc.nat(255)], (bytes, filler) => {
      const around = new Uint8Array(bytes.length + 600).fill(filler)
      around.set(bytes, 300)
      expect(headersOf(around, 300, bytes.length)).toEqual(headersOf(bytes, 0, bytes.length))
    })
  })
})
