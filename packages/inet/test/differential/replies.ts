/** Frames of a host as text, without the numbers that two hosts draw apart. */
import { formatAddress, formatMac } from '#src/packet/address.ts'
import { ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, etherType } from '#src/packet/ethernet.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import * as ipv6 from '#src/packet/ipv6.ts'
import { get16, get32, put16 } from '#src/packet/octets.ts'
import { UpperHeader } from '#src/packet/upper-header.ts'
import { wrongChecksum } from '../../../conform/src/frames.ts'
import { Segment } from '../../src/tcp/segment.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The bytes themselves if they are few, otherwise their number and a sum over them. */
export function digest(bytes: Uint8Array): string {
  if (bytes.length <= 12) return hex(bytes)
  let sum = 0
  for (const byte of bytes) {
    sum = (Math.imul(sum, 31) + byte) >>> 0
  }
  return `${bytes.length}:${sum.toString(16)}`
}

/**
 * Whether a host sends a frame by itself: router solicitations, and reports of groups. A row of
 * linux.md has both.
 */
export function isUnasked(frame: Uint8Array): boolean {
  const type = etherType(frame, 0)
  if (type === ETH_P_IP) return frame[ETH_HLEN + 9] === ipv4.IPPROTO_IGMP
  if (type !== ETH_P_IPV6) return false
  const upper = new UpperHeader()
  upper.find(frame, ETH_HLEN, frame.length)
  const { h, protocol } = upper
  return (
    h >= 0 && protocol === ipv6.NEXTHDR_ICMP && [131, 132, 133, 143].includes(frame[h] as number)
  )
}

/** Describes a frame without identifiers, initial sequence numbers, timestamps and windows. */
export function describe(sent: Uint8Array): string {
  const frame = sent.slice()
  const type = etherType(frame, 0)
  const wrong = wrongChecksum({ frame, at: 0 })
  const to = `to ${formatMac(frame, 0)}${wrong === undefined ? '' : `, ${wrong} is wrong`}`
  if (type === ETH_P_ARP) return `${to} / arp ${hex(frame.subarray(ETH_HLEN + 6, ETH_HLEN + 28))}`
  const upper = new UpperHeader()
  const version = upper.find(frame, ETH_HLEN, frame.length)
  if (type === ETH_P_IP && version === 4) {
    clearTimes(frame, ETH_HLEN)
    // An ICMP error quotes a packet.
    if (upper.h >= 0 && [3, 11, 12].includes(frame[upper.h] as number)) {
      clearTimes(frame, upper.h + 8)
    }
  }
  if (type === ETH_P_IP && version === 4) {
    return `${to} / ${header4(frame)} / ${above(frame, upper)}`
  }
  if (type === ETH_P_IPV6 && version === 6) {
    return `${to} / ${header6(frame)} / ${above(frame, upper)}`
  }
  return `${to} / type ${type} ${hex(frame.subarray(ETH_HLEN))}`
}

const OPTION_TIMESTAMP = 68

/** Clears the times of timestamp options: each host has its own clock. */
function clearTimes(frame: Uint8Array, nh: number): void {
  const end = Math.min(nh + ipv4.headerLength(frame, nh), frame.length)
  for (let at = nh + ipv4.IPV4_HLEN; at < end; ) {
    const length = (frame[at] as number) < 2 ? 1 : Math.max(frame[at + 1] ?? 0, 1)
    if (frame[at] === OPTION_TIMESTAMP) {
      const isTimeAlone = ((frame[at + 3] as number) & 15) === 0
      const last = Math.min(at + length, at + (frame[at + 2] as number) - 1, end)
      // The checksum of a packet that was put together covers the times.
      put16(frame, nh + 10, 0)
      for (let time = at + (isTimeAlone ? 4 : 8); time < last; time += isTimeAlone ? 4 : 8) {
        frame.fill(0, time, time + 4)
      }
    }
    at += length
  }
}

function header4(frame: Uint8Array): string {
  const at = ETH_HLEN
  const end = at + ipv4.headerLength(frame, at)
  const address = (from: number) => formatAddress(frame.subarray(from, from + 4))
  const items = [
    `tos ${ipv4.typeOfService(frame, at)}`,
    `offset 0x${get16(frame, at + 6).toString(16)}`,
    `ttl ${ipv4.timeToLive(frame, at)}`,
    `from ${address(at + 12)}`,
    `to ${address(at + 16)}`,
  ]
  if (end > at + ipv4.IPV4_HLEN) {
    items.push(`options ${hex(frame.subarray(at + ipv4.IPV4_HLEN, end))}`)
  }
  return `ip ${items.join(', ')}`
}

function header6(frame: Uint8Array): string {
  const at = ETH_HLEN
  const address = (from: number) => formatAddress(frame.subarray(from, from + 16))
  const items = [
    `class ${ipv6.trafficClass(frame, at)}`,
    `next ${ipv6.nextHeader(frame, at)}`,
    `hops ${ipv6.hopLimit(frame, at)}`,
    `from ${address(at + 8)}`,
    `to ${address(at + 24)}`,
  ]
  return `ip6 ${items.join(', ')}`
}

function above(frame: Uint8Array, { h, end, protocol, isFragment }: UpperHeader): string {
  if (h < 0) return `later piece ${end - ETH_HLEN}`
  const piece = isFragment ? 'piece ' : ''
  if (protocol === ipv4.IPPROTO_TCP && !isFragment) return segmentText(frame, h, end)
  if (protocol === ipv4.IPPROTO_ICMP || protocol === ipv6.NEXTHDR_ICMP) {
    const rest = hex(frame.subarray(h + 4, Math.min(h + 8, end)))
    // The times of a timestamp reply.
    if (frame[h] === 14 && protocol === ipv4.IPPROTO_ICMP) {
      frame.fill(0, h + 12, end)
    }
    return `${piece}icmp type ${frame[h]}, code ${frame[h + 1]}, ${rest}, data ${digest(frame.subarray(h + 8, end))}`
  }
  return `${piece}protocol ${protocol} ${digest(frame.subarray(h, end))}`
}

const FLAGS = ['fin', 'syn', 'rst', 'push', 'ack', 'urg', 'ece', 'cwr']

function segmentText(frame: Uint8Array, at: number, end: number): string {
  const segment = new Segment()
  const packet = { bytes: frame, at, length: end - at, source: frame, destination: frame }
  if (!segment.parse(packet)) return `tcp ${hex(frame.subarray(at, end))}`
  const { flags, isSyn, mss, sackPermitted, hasTimestamp, windowScale, length, sackBlocks } =
    segment
  const items = [
    FLAGS.filter((_, bit) => (flags >> bit) & 1).join('+') || 'none',
    `ports ${segment.sourcePort} ${segment.destinationPort}`,
    ...(isSyn ? [] : [`seq ${segment.sequence}`]),
    `ack ${segment.acknowledgment}`,
    ...(get32(frame, at + 12) % 0x1_0000 === 0 ? ['win 0'] : []),
    ...(mss > 0 ? [`mss ${mss}`] : []),
    ...(sackPermitted ? ['sack-ok'] : []),
    ...(hasTimestamp ? [`ts ${segment.echo}`] : []),
    ...(windowScale >= 0 ? ['scale'] : []),
    ...(sackBlocks > 0 ? [`${sackBlocks} sack`] : []),
    ...(length > 0 ? [`data ${digest(frame.subarray(segment.at, end))}`] : []),
  ]
  return `tcp ${items.join(', ')}`
}
