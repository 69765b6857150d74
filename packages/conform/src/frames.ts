/** Frames of the peer around TCP segments and ICMP errors, and a look at the frames of the host. */

import { Segment } from '@vnet/inet/kit'
import { checksum, ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethernet, icmpv6, ipv4, ipv6 } from 'vnet'
import { UpperHeader } from 'vnet/kit/packet'
import { build, type Context, type Layer, parseLayers } from './layers.ts'
import type { Stations } from './stations.ts'
import type { Sent } from './world.ts'

const DONT_FRAGMENT = 'ip, offset 0x4000'

/** Returns the frame of a segment of the peer, with its checksum. */
export function tcpFrame(context: Context, family: 4 | 6, segment: Uint8Array): Uint8Array {
  return build(context, parseLayers(`${family === 4 ? DONT_FRAGMENT : 'ip6'} / tcp`), segment)
}

/** Types and codes of RFC 792 and RFC 4443. */
const KINDS = {
  'port-unreachable': { 4: 'type 3, code 3', 6: 'type 1, code 4' },
  'host-unreachable': { 4: 'type 3, code 1', 6: 'type 1, code 3' },
  'net-unreachable': { 4: 'type 3, code 0', 6: 'type 1, code 0' },
  'source-quench': { 4: 'type 4, code 0', 6: '' },
  'too-big': { 4: 'type 3, code 4', 6: 'type 2, code 0' },
} as const

/** Returns the peer's ICMP error about a packet of the host. */
export function errorFrame(
  context: Context,
  kind: string,
  mtu: string | undefined,
  packet: Uint8Array,
): Uint8Array {
  const family = (packet[0] as number) >>> 4 === 6 ? 6 : 4
  const { [family]: type } = KINDS[kind as keyof typeof KINDS]
  const quote = packet.subarray(0, family === 6 ? 60 : ipv4.headerLength(packet, 0) + 20)
  const layer = `${family === 6 ? 'icmp6' : 'icmp'} ${type}${kind === 'too-big' ? `, mtu ${mtu}` : ''}`
  return build(context, parseLayers(`${family === 6 ? 'ip6' : DONT_FRAGMENT} / ${layer}`), quote)
}

/**
 * ICMP and ICMPv6 messages that have another reason than the peer's latest frame: time exceeded
 * about fragments of an earlier case, router solicitations and advertisements, and reports of
 * groups.
 */
const LATE: readonly number[] = [11]
const LATE6: readonly number[] = [3, 133, 134, 143]
const SOLICITATION = icmpv6.NDISC_NEIGHBOUR_SOLICITATION

/**
 * Returns the type of such a message, or of a neighbour solicitation, if layers are one. No type is
 * in both lists.
 */
export const lateType = (layers: readonly Layer[]): number | undefined =>
  layers
    .map(({ name, fields: { type } }) =>
      (name === 'icmp' ? LATE : [...LATE6, SOLICITATION]).find(late => late === type),
    )
    .find(type => type !== undefined)

/**
 * Whether the host sends a frame because of the peer: to it, or ICMP and TCP to any station. Of the
 * messages that have another reason, only those of the type `late` count; so does the neighbour
 * solicitation by which a host looks whether its own address is free.
 */
export function isForPeer({ peer }: Stations, frame: Uint8Array, late?: number): boolean {
  const etherType = ethernet.etherType(frame, 0)
  const isV6 = etherType === ETH_P_IPV6
  const protocol4 = etherType === ETH_P_IP ? frame[ETH_HLEN + 9] : undefined
  const protocol = isV6 ? frame[ETH_HLEN + 6] : protocol4
  const [icmp, at, others] = isV6
    ? [ipv6.NEXTHDR_ICMP, ipv6.IPV6_HLEN, LATE6]
    : [ipv4.IPPROTO_ICMP, ipv4.IPV4_HLEN, LATE]
  const type = protocol === icmp ? frame[ETH_HLEN + at] : undefined
  if (others.some(each => each === type && each !== late)) return false
  if (isV6 && type === SOLICITATION && late !== type && hasNoSource(frame)) return false
  return (
    ethernet.isSameAddress(frame, 0, peer.mac) || protocol === icmp || protocol === ipv4.IPPROTO_TCP
  )
}

/** Whether an IPv6 packet has no source: so a host asks for an own address (RFC 4862, 5.4.2). */
const hasNoSource = (frame: Uint8Array): boolean =>
  frame.subarray(ipv6.sourceAt(ETH_HLEN), ipv6.sourceAt(ETH_HLEN) + 16).every(octet => octet === 0)

/** Returns the TCP segment of a frame; undefined if it has none. */
export function segmentOf(frame: Uint8Array): Segment | undefined {
  const header = new UpperHeader()
  const segment = new Segment()
  if (
    header.find(frame, ETH_HLEN, frame.length) === 0 ||
    header.h < 0 ||
    header.protocol !== ipv4.IPPROTO_TCP
  ) {
    return undefined
  }
  const { h: at, end } = header
  const packet = { bytes: frame, at, length: end - at, source: frame, destination: frame }
  return segment.parse(packet) ? segment : undefined
}

/** Returns which checksum of a frame is wrong; undefined if none is. */
export function wrongChecksum({ frame, isPartial = false }: Sent): string | undefined {
  const header = new UpperHeader()
  const version = header.find(frame, ETH_HLEN, frame.length)
  if (version === 0) return undefined
  const sum = (at: number, to: number, start = 0): boolean =>
    checksum.onesComplementSum(frame, at, to - at, start) === 0xffff
  if (version === 4 && !sum(ETH_HLEN, ETH_HLEN + ipv4.headerLength(frame, ETH_HLEN))) {
    return 'the checksum of the IPv4 header'
  }
  const { h, check, end, protocol, isFragment } = header
  if (isPartial || isFragment || h < 0) return undefined
  const length = end - h
  if (protocol === ipv4.IPPROTO_ICMP && version === 4) {
    return sum(h, end) ? undefined : 'the checksum of ICMP'
  }
  const isNone =
    version === 4 && protocol === ipv4.IPPROTO_UDP && frame[check] === 0 && frame[check + 1] === 0
  if (check < 0 || isNone) return undefined
  const pseudo = version === 4 ? checksum.pseudoHeaderSum4 : checksum.pseudoHeaderSum6
  return sum(h, end, pseudo(frame, ETH_HLEN, protocol, length))
    ? undefined
    : 'the checksum above IP'
}
