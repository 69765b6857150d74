/**
 * Builds frames from descriptions, with every checksum computed the slow way. The code under test
 * updates checksums incrementally; its result is compared with a frame built for the new addresses.
 */
import fc from 'fast-check'
import { naiveChecksum, naiveSum, pseudoHeader, word } from './naive.ts'

export type Kind = 'tcp' | 'udp' | 'udplite' | 'dccp' | 'icmp' | 'other'

/** An ICMP error: the fields before the quote, and the length of the quote. */
export interface ErrorBody {
  readonly type: number
  readonly code: number
  readonly rest: number[]
  readonly quote: Packet
  readonly cut: number
}

export interface Packet {
  readonly source: number[]
  readonly destination: number[]
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options: number[]
  /**
   * IPv6 extension headers: 0 hop-by-hop, 60 destination options, and the bytes after the first
   * two.
   */
  readonly extensions: { readonly header: number; readonly octets: number[] }[]
  readonly kind: Kind
  /** TCP only. */
  readonly sequence?: number
  readonly flags?: number
  readonly error?: ErrorBody | undefined
  readonly payload: number[]
  readonly checksum: 'full' | 'partial' | 'zero'
  readonly fragment?: { readonly first: boolean; readonly at: number } | undefined
  readonly identification: number
  /** TTL or hop limit, 64 by default. */
  readonly hops?: number
  /** True for an echo reply. ICMP without `error` is an echo request by default. */
  readonly reply?: boolean
}

export interface Frame {
  readonly packet: Packet
  readonly tags: { readonly type: number; readonly tci: number }[]
  readonly padding: number[]
}

const PROTOCOL = { tcp: 6, udp: 17, udplite: 136, dccp: 33, other: 253 }
/** Offset of the checksum in a transport header. */
export const FIELD = { tcp: 16, udp: 6, udplite: 6, dccp: 6, icmp: 2, other: -1 }

export function isIpv6(packet: Packet): boolean {
  return packet.source.length === 16
}

export function protocolOf(packet: Packet): number {
  if (packet.kind === 'icmp') return isIpv6(packet) ? 58 : 1
  return PROTOCOL[packet.kind]
}

function poke(octets: number[], at: number, value: number): void {
  octets.splice(at, 2, ...word(value))
}

function echoType(ipv6: boolean, reply: boolean): number {
  if (ipv6) return reply ? 129 : 128
  return reply ? 0 : 8
}

const TCP_PORTS = [0x12, 0x34, 0, 80]
/** Window, checksum, urgent pointer. */
const TCP_REST = [0x20, 0, 0, 0, 0, 0]

/** Transport header and payload before fragmentation, with the checksum. */
export function buildTransport(packet: Packet): number[] {
  const { kind, payload, error, reply = false, sequence = 0x01020304, flags = 0x18 } = packet
  const size = payload.length + 8
  let octets: number[]
  let covered = Number.POSITIVE_INFINITY
  if (kind === 'tcp') {
    octets = [
      ...TCP_PORTS,
      ...word(sequence >>> 16),
      ...word(sequence),
      5,
      6,
      7,
      8,
      0x50,
      flags,
      ...TCP_REST,
      ...payload,
    ]
  } else if (kind === 'udp') {
    octets = [0x30, 0x39, 0, 53, ...word(size), 0, 0, ...payload]
  } else if (kind === 'udplite') {
    covered = payload.length % 2 === 0 ? 8 : size
    octets = [0x30, 0x39, 0, 53, ...word(covered === size ? 0 : covered), 0, 0, ...payload]
  } else if (kind === 'dccp') {
    octets = [0x30, 0x39, 0, 53, 3, 0, 0, 0, 4, 0, 0, 1, ...payload]
  } else if (kind === 'other') {
    return [...payload]
  } else if (error === undefined) {
    octets = [echoType(isIpv6(packet), reply), 0, 0, 0, 0x77, 0x88, 0, 1, ...payload]
  } else {
    octets = [
      error.type,
      error.code,
      0,
      0,
      ...error.rest,
      ...buildPacket(error.quote).slice(0, error.cut),
    ]
  }
  const pseudo =
    kind === 'icmp' && !isIpv6(packet)
      ? []
      : pseudoHeader(packet.source, packet.destination, protocolOf(packet), octets.length)
  let check: number
  if (packet.checksum === 'zero') {
    check = 0
  } else if (packet.checksum === 'partial') {
    check = naiveSum(pseudo)
  } else {
    check = naiveChecksum([...pseudo, ...octets.slice(0, covered)])
  }
  if (check === 0 && packet.checksum === 'full' && (kind === 'udp' || kind === 'udplite')) {
    check = 0xffff
  }
  poke(octets, FIELD[kind], check)
  return octets
}

/** The IP packet, or one fragment of it. */
export function buildPacket(packet: Packet): number[] {
  const { source, destination, fragment, identification, hops = 64 } = packet
  const whole = buildTransport(packet)
  const [from, to] = fragment?.first ? [0, fragment.at] : [fragment?.at]
  const piece = whole.slice(from, to)
  const offset = fragment === undefined || fragment.first ? 0 : fragment.at
  const more = fragment?.first === true
  if (isIpv6(packet)) {
    const chain = packet.extensions.map(({ header, octets }) => ({
      header,
      octets: [(octets.length - 6) / 8, ...octets],
    }))
    if (fragment !== undefined) {
      chain.push({
        header: 44,
        octets: [0, ...word(offset | (more ? 1 : 0)), 0, 0, ...word(identification)],
      })
    }
    const headers = chain.flatMap((extension, i) => [
      chain[i + 1]?.header ?? protocolOf(packet),
      ...extension.octets,
    ])
    const next = chain[0]?.header ?? protocolOf(packet)
    const length = headers.length + piece.length
    return [
      0x60,
      0x05,
      0x43,
      0x21,
      ...word(length),
      next,
      hops,
      ...source,
      ...destination,
      ...headers,
      ...piece,
    ]
  }
  const ihl = 5 + packet.options.length / 4
  const header = [
    0x40 | ihl,
    0x10,
    ...word(ihl * 4 + piece.length),
    ...word(identification),
    ...word((offset >> 3) | (more ? 0x2000 : 0)),
    hops,
    protocolOf(packet),
    0,
    0,
    ...source,
    ...destination,
    ...packet.options,
  ]
  poke(header, 10, naiveChecksum(header))
  return [...header, ...piece]
}

/** Offset of the transport header in the packet. */
export function transportOffset(packet: Packet): number {
  if (!isIpv6(packet)) return 20 + packet.options.length
  const extensions = packet.extensions.reduce(
    (sum, extension) => sum + extension.octets.length + 2,
    40,
  )
  return packet.fragment === undefined ? extensions : extensions + 8
}

export function networkOffsetOf(frame: Frame): number {
  return 14 + 4 * frame.tags.length
}

export function buildFrame(frame: Frame): Uint8Array {
  const tags = frame.tags.flatMap(tag => [...word(tag.type), ...word(tag.tci)])
  const type = word(isIpv6(frame.packet) ? 0x86dd : 0x0800)
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
  return Uint8Array.from([
    ...macs,
    ...tags,
    ...type,
    ...buildPacket(frame.packet),
    ...frame.padding,
  ])
}

/** An address as numbers: dotted decimal, or eight groups of IPv6 without `::`. */
export function address(text: string): number[] {
  if (text.includes('.')) return text.split('.').map(Number)
  return text.split(':').flatMap(group => word(Number.parseInt(group, 16)))
}

export const plain: Packet = {
  source: address('198.18.0.1'),
  destination: address('198.18.0.2'),
  options: [],
  extensions: [],
  kind: 'udp',
  payload: [1, 2, 3, 4, 5],
  checksum: 'full',
  identification: 0x1234,
}

export const plain6: Packet = {
  ...plain,
  source: address('2001:db8:0:0:0:0:0:1'),
  destination: address('2001:db8:0:0:0:0:0:2'),
}

// Arbitraries of descriptions.

const octet = fc.nat(255)
/**
 * Uniform in length: fast-check would prefer short ones, which end before everything that matters.
 */
export const octets = (max: number): fc.Arbitrary<number[]> =>
  fc.noBias(fc.nat(max)).chain(length => fc.array(octet, { minLength: length, maxLength: length }))

export const unicast4 = fc
  .tuple(
    fc.constantFrom(1, 10, 126, 128, 169, 192, 198, 223),
    fc.constantFrom(0, 18, 168, 253, 255),
    octet,
    octet,
  )
  .map(parts => [...parts])
export const group4 = fc
  .constantFrom('224.0.0.1', '239.255.255.250', '255.255.255.255')
  .map(address)
export const special4 = fc
  .constantFrom('0.0.0.0', '0.1.2.3', '127.0.0.1', '169.254.7.7', '240.0.0.1', '255.255.255.254')
  .map(address)
export const unicast6 = fc
  .tuple(
    fc.constantFrom(
      [0x20, 1, 0xd, 0xb8],
      [0xfd, 0, 0, 1],
      [0xfe, 0xc0, 0, 0],
      [0, 0x64, 0xff, 0x9b],
    ),
    fc.array(octet, { minLength: 12, maxLength: 12 }),
  )
  .map(([prefix, rest]) => [...prefix, ...rest])
export const group6 = fc.constantFrom('ff02:0:0:0:0:0:0:1', 'ff0e:0:0:0:0:0:1:2').map(address)
export const special6 = fc
  .constantFrom(
    '0:0:0:0:0:0:0:0',
    '0:0:0:0:0:0:0:1',
    '0:0:0:1:0:0:0:0',
    '0:0:0:1:0:0:0:1',
    'fe80:0:0:0:0:0:0:1',
    'febf:1:2:3:4:5:6:7',
  )
  .map(address)

/** IPv4 options: no-operations, router alerts and timestamps, padded; never a source route. */
const ipv4Options = fc
  .array(
    fc.constantFrom(
      [1],
      [148, 4, 0, 0],
      [68, 12, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8],
      [7, 7, 4, 131, 137, 131, 137],
    ),
    {
      maxLength: 3,
    },
  )
  .map(list => list.flat())
  .map(list => [...list, ...new Array<number>((4 - (list.length % 4)) % 4).fill(0)])

const ipv6Extensions = fc.array(
  fc.record({
    header: fc.constantFrom(0, 60),
    octets: fc
      .tuple(fc.nat(2), octets(22))
      .map(([n, list]) => [...list, ...new Array<number>(22).fill(0)].slice(0, 6 + 8 * n)),
  }),
  { maxLength: 3 },
)

/** Packets between addresses of two arbitraries of one family, without ICMP errors. */
export function simplePacket(
  source: fc.Arbitrary<number[]>,
  destination: fc.Arbitrary<number[]>,
): fc.Arbitrary<Packet> {
  return fc
    .record({
      source,
      destination,
      options: ipv4Options,
      extensions: ipv6Extensions,
      kind: fc.constantFrom<Kind>('tcp', 'udp', 'udplite', 'dccp', 'icmp', 'other'),
      payload: octets(40),
      checksum: fc.constantFrom<Packet['checksum']>('full', 'full', 'partial', 'zero'),
      identification: fc.nat(0xffff),
      fragment: fc.option(fc.record({ first: fc.boolean(), at: fc.constantFrom(24, 32) }), {
        nil: undefined,
        freq: 3,
      }),
    })
    .map(packet => {
      const zero = packet.checksum === 'zero' && packet.kind !== 'udp'
      const partial =
        packet.checksum === 'partial' && (packet.kind === 'other' || packet.fragment !== undefined)
      const whole = buildTransport({ ...packet, checksum: 'full' }).length
      return {
        ...packet,
        checksum: zero || partial ? 'full' : packet.checksum,
        fragment:
          packet.fragment === undefined || whole <= packet.fragment.at
            ? undefined
            : packet.fragment,
      }
    })
}

const any4 = fc.oneof({ weight: 4, arbitrary: unicast4 }, group4, special4)
const any6 = fc.oneof({ weight: 4, arbitrary: unicast6 }, group6, special6)

function withError(outer: Packet, isIpv6Packet: boolean): fc.Arbitrary<Packet> {
  const quote = isIpv6Packet ? simplePacket(any6, any6) : simplePacket(any4, any4)
  const type = isIpv6Packet ? fc.constantFrom(1, 2, 3, 4) : fc.constantFrom(3, 4, 5, 11, 12)
  return fc.record({ type, code: fc.nat(4), rest: any4, quote, cut: fc.noBias(fc.nat(130)) }).map(
    (error): Packet => ({
      ...outer,
      kind: 'icmp',
      checksum: outer.checksum === 'zero' ? 'full' : outer.checksum,
      fragment: undefined,
      // Only a redirect has an address here; elsewhere the second byte would be the quote's length.
      error: error.type === 5 ? error : { ...error, rest: [0, 0, 5, 0] },
    }),
  )
}

/** Packets of every kind from unicast to unicast or group addresses. */
export const packet: fc.Arbitrary<Packet> = fc.oneof(
  simplePacket(unicast4, fc.oneof(unicast4, unicast4, group4)),
  simplePacket(unicast6, fc.oneof(unicast6, unicast6, group6)),
  simplePacket(unicast4, fc.oneof(unicast4, unicast4, group4)).chain(outer =>
    withError(outer, false),
  ),
  simplePacket(unicast6, fc.oneof(unicast6, unicast6, group6)).chain(outer =>
    withError(outer, true),
  ),
)

export const frame: fc.Arbitrary<Frame> = fc.record({
  packet,
  tags: fc.array(fc.record({ type: fc.constantFrom(0x8100, 0x88a8), tci: fc.nat(0xffff) }), {
    maxLength: 3,
  }),
  padding: octets(10),
})

/** Frames with one unfragmented TCP segment or UDP datagram, and a partial checksum. */
export const partialFrame: fc.Arbitrary<Frame> = fc
  .tuple(frame, fc.constantFrom<Kind>('tcp', 'udp'))
  .map(([{ packet, ...rest }, kind]) => ({
    ...rest,
    packet: { ...packet, kind, error: undefined, fragment: undefined, checksum: 'partial' },
  }))
