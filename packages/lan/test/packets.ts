/** Builds the frames of a client on a segment, and reads the replies. Checksums are naive sums. */
import { expect } from 'vitest'
import type { Frame } from '#src/bed/memory-port.ts'
import { address } from '../../../test/packet/frames.ts'
import { addsUp, naiveChecksum, naiveSum, pseudoHeader, word } from '../../../test/packet/naive.ts'

export interface End {
  readonly mac: number[]
  readonly ip: number[]
}

export const CLIENT_MAC = [2, 0, 0, 0, 0, 9]
export const CLIENT: End = { mac: CLIENT_MAC, ip: address('198.18.0.50') }
export const CLIENT6: End = { mac: CLIENT_MAC, ip: address('2001:db8:0:1:0:0:0:50') }
export const GATEWAY: End = { mac: [2, 0x4c, 0x4e, 18, 0, 1], ip: address('198.18.0.1') }
export const GATEWAY6: End = { mac: GATEWAY.mac, ip: address('2001:db8:0:1:0:0:0:1') }
export const BROADCAST = [255, 255, 255, 255, 255, 255]

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58
const FIELD: Readonly<Record<number, number>> = { [ICMP]: 2, [TCP]: 16, [UDP]: 6, [ICMPV6]: 2 }

export interface PacketOptions {
  readonly from?: End
  readonly hops?: number
  /** IPv4 options. */
  readonly options?: number[]
  /** Default `full`; `partial` is the sum of the pseudo-header. */
  readonly sum?: 'full' | 'wrong' | 'none' | 'partial'
}

/** A frame to `to`; `transport` holds zeros in place of its checksum. */
export function packet(
  to: End,
  protocol: number,
  transport: number[],
  options: PacketOptions = {},
): Uint8Array {
  const { from = to.ip.length === 4 ? CLIENT : CLIENT6, hops = 64, sum = 'full' } = options
  const pseudo = protocol === ICMP ? [] : pseudoHeader(from.ip, to.ip, protocol, transport.length)
  const octets = [...transport]
  const field = FIELD[protocol]
  if (field !== undefined && sum !== 'none') {
    let check = sum === 'partial' ? naiveSum(pseudo) : naiveChecksum([...pseudo, ...octets])
    if (sum !== 'partial' && check === 0 && protocol === UDP) {
      check = 0xffff
    }
    if (sum === 'wrong') {
      check ^= 0x0101
    }
    octets.splice(field, 2, ...word(check))
  }
  const link = [...to.mac, ...from.mac]
  if (to.ip.length === 16) {
    const header = [0x60, 0, 0, 0, ...word(octets.length), protocol, hops, ...from.ip, ...to.ip]
    return Uint8Array.from([...link, 0x86, 0xdd, ...header, ...octets])
  }
  const ipOptions = options.options ?? []
  const length = 20 + ipOptions.length
  const first = [
    0x40 | (length / 4),
    0,
    ...word(length + octets.length),
    0,
    7,
    0,
    0,
    hops,
    protocol,
  ]
  const rest = [...from.ip, ...to.ip, ...ipOptions]
  return Uint8Array.from([
    ...link,
    8,
    0,
    ...first,
    ...word(naiveChecksum([...first, ...rest])),
    ...rest,
    ...octets,
  ])
}

export function udp(
  to: End,
  port: number,
  data: number[] | string,
  options: PacketOptions & { sourcePort?: number } = {},
) {
  const octets = typeof data === 'string' ? [...Buffer.from(data)] : data
  const header = [
    ...word(options.sourcePort ?? 40000),
    ...word(port),
    ...word(octets.length + 8),
    0,
    0,
  ]
  return packet(to, UDP, [...header, ...octets], options)
}

export interface SegmentOptions extends PacketOptions {
  readonly flags: number
  readonly sequence?: number
  readonly acknowledgment?: number
  readonly data?: number[]
}

export function tcp(to: End, port: number, options: SegmentOptions) {
  const { flags, sequence = 0, acknowledgment = 0, data = [] } = options
  const numbers = [...long(sequence), ...long(acknowledgment)]
  const header = [...word(40000), ...word(port), ...numbers, 0x50, flags, 4, 0, 0, 0, 0, 0]
  return packet(to, TCP, [...header, ...data], options)
}

export function ping(to: End, data: number[] = [1, 2, 3], options: PacketOptions = {}) {
  const isIpv6 = to.ip.length === 16
  return packet(
    to,
    isIpv6 ? ICMPV6 : ICMP,
    [isIpv6 ? 128 : 8, 0, 0, 0, 0x77, 0x88, 0, 1, ...data],
    options,
  )
}

function long(value: number): number[] {
  return [...word(value >>> 16), ...word(value & 0xffff)]
}

/** A frame's addresses, and its data from the transport header on. */
export interface Seen {
  readonly to: number[]
  readonly from: number[]
  readonly source: number[]
  readonly destination: number[]
  readonly protocol: number
  readonly hops: number
  readonly transport: number[]
}

/**
 * Reads a frame, and checks the IPv4 header checksum and the transport checksum, full or partial.
 */
export function seen({ bytes, ipSummed, csumStart, csumOffset }: Frame): Seen {
  const octets = [...bytes]
  const isIpv6 = octets[12] === 0x86
  const header = isIpv6 ? 40 : ((octets[14] as number) & 15) * 4
  const at = 14 + header
  const end = isIpv6 ? at + word16(octets, 18) : 14 + word16(octets, 16)
  const transport = octets.slice(at, end)
  const protocol = octets[isIpv6 ? 20 : 23] as number
  const source = isIpv6 ? octets.slice(22, 38) : octets.slice(26, 30)
  const destination = isIpv6 ? octets.slice(38, 54) : octets.slice(30, 34)
  if (!isIpv6) {
    expect(addsUp(octets.slice(14, at)), 'the IPv4 header checksum').toBe(true)
  }
  const pseudo =
    protocol === ICMP ? [] : pseudoHeader(source, destination, protocol, transport.length)
  if (ipSummed === 3) {
    expect([csumStart, csumOffset]).toEqual([at, FIELD[protocol]])
    expect(word16(transport, FIELD[protocol] as number)).toBe(naiveSum(pseudo))
  } else if (!(protocol === UDP && word16(transport, 6) === 0)) {
    expect(addsUp([...pseudo, ...transport]), 'the transport checksum').toBe(true)
  }
  const hops = octets[isIpv6 ? 21 : 22] as number
  return {
    to: octets.slice(0, 6),
    from: octets.slice(6, 12),
    source,
    destination,
    protocol,
    hops,
    transport,
  }
}

/** The UDP datagram of a frame. */
export function datagram(frame: Frame) {
  const { transport, ...rest } = seen(frame)
  expect([rest.protocol, word16(transport, 4)]).toEqual([UDP, transport.length])
  return {
    ...rest,
    sourcePort: word16(transport, 0),
    port: word16(transport, 2),
    data: transport.slice(8),
    text: Buffer.from(transport.slice(8)).toString(),
  }
}

export function word16(octets: ArrayLike<number>, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0)
}
