/** What the simulated hosts do with an IPv6 packet (RFC 8200, RFC 4443). The frame is taken over. */
import * as icmpv6 from '../header/icmpv6.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_HLEN, NEXTHDR_ICMP, NEXTHDR_NONE } from '../header/ipv6.ts'
import {
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_IP_INADDRERRORS,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { echo6, isFragment6, isIcmpv6Right } from './echo.ts'
import type { Hosts } from './hosts.ts'
import { callIcmpv6 } from './icmpv6-handler.ts'
import { learnAdvertised, receiveSolicitation } from './neighbour.ts'
import { receiveError, receiveTcp } from './tcp.ts'
import { receiveGroupUdp, receiveUdp } from './udp.ts'
import { error6 } from './unreachable.ts'

/** Where the fixed header says what follows it, for a "parameter problem". */
const NEXT_HEADER = 6

/** A packet at `nh` to the hardware address of the host of a number. */
export function receive6(hosts: Hosts, skb: SkBuff, nh: number, index: number): void {
  const { segment, table } = hosts
  const { bytes } = skb
  const upper = upperLayer(skb, nh)
  if (upper < 0) {
    segment.drop(skb, SKB_DROP_REASON_IP_INHDR)
    return
  }
  const to = ipv6.destination(nh)
  if (!ipv6.isUnicastAddress(bytes, ipv6.source(nh))) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  const isOwn = table.byIp6(bytes, to) === index
  const isSolicited = bytes[to] === 0xff
  if (!isOwn && !isSolicited) {
    elsewhere(hosts, skb, nh, upper, index)
    return
  }
  if (isSolicited) {
    receiveGroup6(hosts, skb, nh)
    return
  }
  const length = IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const protocol = upper & 0xff
  const h = nh + (upper >>> 8)
  const end = nh + length
  if (protocol === NEXTHDR_ICMP) {
    receiveIcmpv6(hosts, skb, nh, h, end, index)
    return
  }
  if (isFragment6(bytes, nh, length)) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
    return
  }
  if (protocol === IPPROTO_UDP) {
    receiveUdp(hosts, skb, nh, h, end, index, true)
    return
  }
  if (protocol === IPPROTO_TCP) {
    receiveTcp(hosts, skb, nh, h, end, index, true)
    return
  }
  if (protocol === NEXTHDR_NONE || h !== nh + IPV6_HLEN) {
    segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
    return
  }
  error6(hosts, skb, nh, icmpv6.ICMPV6_PARAMPROB, icmpv6.ICMPV6_UNK_NEXTHDR, NEXT_HEADER, bytes, to)
}

/** A packet at `nh` to a group. */
export function receiveGroup6(hosts: Hosts, skb: SkBuff, nh: number): void {
  const { segment } = hosts
  const { bytes } = skb
  const upper = upperLayer(skb, nh)
  if (upper < 0) {
    segment.drop(skb, SKB_DROP_REASON_IP_INHDR)
    return
  }
  const length = IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const protocol = upper & 0xff
  const h = nh + (upper >>> 8)
  if (bytes[ipv6.source(nh)] === 0xff) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  const isOurs = protocol === NEXTHDR_ICMP || protocol === IPPROTO_UDP
  if (!isOurs || bytes[ipv6.destination(nh)] !== 0xff) {
    segment.take(skb)
    return
  }
  if (isFragment6(bytes, nh, length)) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
    return
  }
  if (protocol === IPPROTO_UDP) receiveGroupUdp(hosts, skb, nh, h, nh + length, true)
  else receiveMessage(hosts, skb, nh, h, nh + length, -1)
}

/** `offset << 8 | protocol` of what a packet carries, as ipv6.upperLayer; -1 for what is no packet. */
function upperLayer({ bytes, data, len }: SkBuff, nh: number): number {
  if (ipv6.parse(bytes, nh, data + len - nh) < 0) return -1
  return ipv6.upperLayer(bytes, nh, IPV6_HLEN + ipv6.payloadLength(bytes, nh))
}

function receiveIcmpv6(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, index: number): void {
  if (echo6(skb, nh) >= 0) {
    hosts.counters.echo++
    hosts.forward(skb)
  } else if (isFragment6(skb.bytes, nh, end - nh)) {
    hosts.segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
  } else {
    receiveMessage(hosts, skb, nh, h, end, index)
  }
}

/** A message other than an echo request, for a host, or with -1 for a group. */
function receiveMessage(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, index: number): void {
  const { segment } = hosts
  const { bytes } = skb
  if (icmpv6.parse(bytes, h, end - h) < 0) {
    segment.drop(skb, SKB_DROP_REASON_IP_INHDR)
    return
  }
  const type = icmpv6.type(bytes, h)
  if (type === icmpv6.NDISC_NEIGHBOUR_SOLICITATION) {
    receiveSolicitation(hosts, skb, nh, index)
    return
  }
  if (!isIcmpv6Right(skb, nh, h, end)) {
    segment.drop(skb, SKB_DROP_REASON_ICMP_CSUM)
    return
  }
  if (type === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT && ipv6.hopLimit(bytes, nh) === icmpv6.NDISC_HOP_LIMIT) {
    learnAdvertised(hosts, bytes, h, end - h)
  }
  if (icmpv6.isError(type) && index >= 0) {
    receiveError(hosts, skb, h + icmpv6.ICMPV6_HLEN, end, index, true)
    return
  }
  callIcmpv6(hosts, skb, nh, h, end, index)
}

/** Not for the host: one that is a router says that there is no way there. */
function elsewhere(hosts: Hosts, skb: SkBuff, nh: number, upper: number, index: number): void {
  const { segment, table } = hosts
  const { bytes } = skb
  const own = table.address6(index)
  const type = (upper & 0xff) === NEXTHDR_ICMP ? icmpv6.type(bytes, nh + (upper >>> 8)) : -1
  const isTold = upper >>> 8 !== 0 && (type === -1 || type === icmpv6.ICMPV6_ECHO_REQUEST)
  const to = ipv6.destination(nh)
  if (!table.kind(index).router || own === undefined || !isTold || ipv6.isLinkLocal(bytes, to)) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  error6(hosts, skb, nh, icmpv6.ICMPV6_DEST_UNREACH, icmpv6.ICMPV6_NOROUTE, 0, own, 0)
}
