/** What the simulated hosts do with an IPv4 packet (RFC 1122 sec. 3.2). The frame is taken over. */
import { onesComplementSum } from '../header/checksum.ts'
import * as icmp from '../header/icmp.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../header/ipv4.ts'
import {
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_IP_CSUM,
  SKB_DROP_REASON_IP_INADDRERRORS,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_SOURCE_ROUTE,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { echo4, isSummed } from './echo.ts'
import type { Hosts } from './hosts.ts'
import { receiveError, receiveTcp } from './tcp.ts'
import { receiveGroupUdp, receiveUdp } from './udp.ts'
import { unreachable4 } from './unreachable.ts'

/** A packet at `nh` to the hardware address of the host of a number. */
export function receive4(hosts: Hosts, skb: SkBuff, nh: number, index: number): void {
  const { segment, table } = hosts
  const { bytes } = skb
  const fault = headerFault(skb, nh)
  if (fault !== 0) {
    segment.drop(skb, fault)
    return
  }
  if (!ipv4.isUnicastAddress(bytes, nh + 12)) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  const to = table.byIp4(bytes, nh + 16)
  if (to !== index) {
    elsewhere(hosts, skb, nh, index)
    return
  }
  const protocol = ipv4.protocol(bytes, nh)
  const h = nh + ipv4.headerLength(bytes, nh)
  const end = nh + ipv4.totalLength(bytes, nh)
  if (protocol === IPPROTO_ICMP) {
    receiveIcmp(hosts, skb, nh, h, end, index)
    return
  }
  if (ipv4.isFragment(bytes, nh)) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
    return
  }
  if (protocol === IPPROTO_UDP) receiveUdp(hosts, skb, nh, h, end, index, false)
  else if (protocol === IPPROTO_TCP) receiveTcp(hosts, skb, nh, h, end, index, false)
  else unreachable4(hosts, skb, nh, icmp.ICMP_PROT_UNREACH, bytes, nh + 16)
}

/** A packet at `nh` to a group, or to everybody: only UDP has who listens. */
export function receiveGroup4(hosts: Hosts, skb: SkBuff, nh: number): void {
  const { segment, table } = hosts
  const { bytes } = skb
  const fault = headerFault(skb, nh)
  if (fault !== 0) {
    segment.drop(skb, fault)
    return
  }
  if (bytes[nh + 12] >= 224) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  // One host's packet sent to everybody is nobody's (RFC 1122 sec. 3.3.6).
  if (ipv4.protocol(bytes, nh) !== IPPROTO_UDP || table.byIp4(bytes, nh + 16) >= 0) {
    segment.take(skb)
    return
  }
  if (ipv4.isFragment(bytes, nh)) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
    return
  }
  const h = nh + ipv4.headerLength(bytes, nh)
  receiveGroupUdp(hosts, skb, nh, h, nh + ipv4.totalLength(bytes, nh), false)
}

/** Why a packet is not one, 0 when it is. */
function headerFault(skb: SkBuff, nh: number): number {
  const { bytes } = skb
  const header = ipv4.parse(bytes, nh, skb.data + skb.len - nh)
  if (header < 0) return SKB_DROP_REASON_IP_INHDR
  if (onesComplementSum(bytes, nh, header) !== 0xffff) return SKB_DROP_REASON_IP_CSUM
  return ipv4.hasSourceRoute(bytes, nh) ? SKB_DROP_REASON_IP_SOURCE_ROUTE : 0
}

function receiveIcmp(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, index: number): void {
  const { segment } = hosts
  const { bytes } = skb
  if (echo4(skb, nh) >= 0) {
    hosts.counters.echo++
    hosts.forward(skb)
    return
  }
  if (icmp.parse(bytes, h, end - h) < 0) {
    segment.drop(skb, SKB_DROP_REASON_IP_INHDR)
    return
  }
  const isPart = ipv4.isFragment(bytes, nh)
  if (!isSummed(skb, h, end, 0, isPart)) {
    segment.drop(skb, SKB_DROP_REASON_ICMP_CSUM)
    return
  }
  if (!isPart && icmp.isError(icmp.type(bytes, h))) receiveError(hosts, skb, h + icmp.ICMP_HLEN, end, index, false)
  else segment.take(skb)
}

/** Not for the host: one that is a router says that there is no way there. */
function elsewhere(hosts: Hosts, skb: SkBuff, nh: number, index: number): void {
  const { segment, table } = hosts
  const own = table.address4(index)
  if (!table.kind(index).router || own === undefined || !mayBeToldOf(skb, nh)) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
    return
  }
  unreachable4(hosts, skb, nh, icmp.ICMP_NET_UNREACH, own, 0)
}

/** Whether an error may be sent about a packet: it is a whole one, or a first fragment, to one host, and no error itself. */
function mayBeToldOf({ bytes }: SkBuff, nh: number): boolean {
  if (!ipv4.isUnicastAddress(bytes, nh + 16) || ipv4.fragmentOffset(bytes, nh) !== 0) return false
  const h = nh + ipv4.headerLength(bytes, nh)
  return ipv4.protocol(bytes, nh) !== IPPROTO_ICMP || icmp.type(bytes, h) === icmp.ICMP_ECHO
}
