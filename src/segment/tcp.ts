/**
 * TCP for the simulated hosts. Nobody listens on a closed port: what comes there is reset (RFC 9293 sec. 3.10.7.1). What comes for
 * an open one goes to `hosts.services`, unchanged but for its hardware address, and so do ICMP errors about what it sent. On link-local
 * addresses no port is open.
 */
import { fold, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../header/checksum.ts'
import { source } from '../header/ethernet.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_TCP } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import * as tcp from '../header/tcp.ts'
import { SKB_DROP_REASON_L4_HDR, SKB_DROP_REASON_TCP_CSUM } from '../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'
import { fillChecksum, replyTo4, replyTo6 } from './reply.ts'
import { toServices } from './services.ts'

/** Takes over a frame with a segment between `h` and `end` to an address of the host of a number. */
export function receiveTcp(
  hosts: Hosts,
  skb: SkBuff,
  nh: number,
  h: number,
  end: number,
  index: number,
  isIpv6: boolean,
): void {
  const { segment, table, services } = hosts
  const { bytes } = skb
  const header = tcp.parse(bytes, h, end - h)
  if (header < 0) {
    segment.drop(skb, SKB_DROP_REASON_L4_HDR)
    return
  }
  // Node cannot tell a link-local address that is another namespace's: its interface has no name here, which is an error.
  const isNear = isIpv6 && ipv6.isLinkLocal(bytes, ipv6.destination(nh))
  if (services !== undefined && !isNear && table.kind(index).tcp.has(tcp.destinationPort(bytes, h))) {
    const opens = (tcp.flags(bytes, h) & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN
    if (opens && !hosts.connections.take(bytes, source(skb.data))) {
      hosts.counters.refused++
      segment.take(skb)
      return
    }
    toServices(hosts, skb, isIpv6)
    return
  }
  if (!isRight(hosts, skb, nh, h, end, isIpv6)) {
    segment.drop(skb, SKB_DROP_REASON_TCP_CSUM)
    return
  }
  if ((tcp.flags(bytes, h) & tcp.TCP_RST) !== 0) {
    segment.take(skb)
    return
  }
  reset(hosts, skb, nh, h, end - h - header, isIpv6)
}

/** Takes over a frame with an ICMP error whose quote is between `at` and `end`, for the host of a number. */
export function receiveError(hosts: Hosts, skb: SkBuff, at: number, end: number, index: number, isIpv6: boolean): void {
  const { segment, table, services } = hosts
  const { bytes } = skb
  const port = isIpv6 ? quotedPort6(bytes, at, end) : quotedPort4(bytes, at, end)
  if (services !== undefined && port >= 0 && table.kind(index).tcp.has(port)) toServices(hosts, skb, isIpv6)
  else segment.take(skb)
}

/** The answer to a segment of `length` octets of data, in its place. */
function reset(hosts: Hosts, skb: SkBuff, nh: number, h: number, length: number, isIpv6: boolean): void {
  const { bytes } = skb
  const flags = tcp.flags(bytes, h)
  const port = tcp.sourcePort(bytes, h)
  tcp.setSourcePort(bytes, h, tcp.destinationPort(bytes, h))
  tcp.setDestinationPort(bytes, h, port)
  if ((flags & tcp.TCP_ACK) !== 0) {
    tcp.create(bytes, h, tcp.acknowledgmentNumber(bytes, h), 0, tcp.TCP_RST)
  } else {
    const control = (flags & tcp.TCP_SYN) / tcp.TCP_SYN + (flags & tcp.TCP_FIN)
    tcp.create(bytes, h, 0, tcp.sequenceNumber(bytes, h) + length + control, tcp.TCP_RST | tcp.TCP_ACK)
  }
  const size = tcp.TCP_HLEN
  const header = isIpv6 ? replyTo6(skb, nh, h, IPPROTO_TCP, size) : replyTo4(skb, nh, h, IPPROTO_TCP, size)
  fillChecksum(skb, header, h, IPPROTO_TCP, size, h + tcp.TCP_CHECK)
  hosts.counters.reset++
  hosts.forward(skb)
}

function isRight(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, isIpv6: boolean): boolean {
  const { bytes, ipSummed } = skb
  if (ipSummed === CHECKSUM_PARTIAL) return skb.csumStart === h && skb.csumOffset === tcp.TCP_CHECK
  if (ipSummed === CHECKSUM_UNNECESSARY) return true
  const pseudo = isIpv6
    ? pseudoHeaderSum6(bytes, nh, IPPROTO_TCP, end - h)
    : pseudoHeaderSum4(bytes, nh, IPPROTO_TCP, end - h)
  return fold(onesComplementSum(bytes, h, end - h, pseudo, hosts.view)) === 0xffff
}

/** The port that a quoted TCP segment came from, -1 when that is not what is quoted. */
function quotedPort4(bytes: Uint8Array, at: number, end: number): number {
  const isTcp = end - at >= ipv4.IPV4_HLEN && ipv4.version(bytes, at) === 4 && ipv4.protocol(bytes, at) === IPPROTO_TCP
  const h = at + ipv4.headerLength(bytes, at)
  return isTcp && h + 4 <= end && ipv4.fragmentOffset(bytes, at) === 0 ? tcp.sourcePort(bytes, h) : -1
}

function quotedPort6(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < ipv6.IPV6_HLEN || ipv6.version(bytes, at) !== 6) return -1
  const upper = ipv6.upperLayer(bytes, at, end - at)
  const h = at + (upper >>> 8)
  return upper >= 0 && (upper & 0xff) === IPPROTO_TCP && h > at && h + 4 <= end ? tcp.sourcePort(bytes, h) : -1
}
