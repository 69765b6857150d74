/**
 * UDP for the simulated hosts (RFC 768, RFC 1122 sec. 4.1): what a port does, or that nobody is there. A checksum that is full is
 * verified; a partial one is the sender's word, as between two of a kernel's own devices.
 */
import { fold, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../header/checksum.ts'
import * as icmp from '../header/icmp.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import { IPPROTO_UDP } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import * as udp from '../header/udp.ts'
import { SKB_DROP_REASON_L4_HDR, SKB_DROP_REASON_SKB_GSO_SEG, SKB_DROP_REASON_UDP_CSUM } from '../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SKB_GSO_UDP_L4, type SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'
import { callHandler } from './udp-handler.ts'
import { error6, unreachable4 } from './unreachable.ts'

/** Takes over a frame with a datagram between `h` and `end` to an address of the host of a number. */
export function receiveUdp(
  hosts: Hosts,
  skb: SkBuff,
  nh: number,
  h: number,
  end: number,
  index: number,
  isIpv6: boolean,
): void {
  const { segment, table, datagram } = hosts
  const { bytes } = skb
  const fault = udpFault(hosts, skb, nh, h, end, isIpv6)
  if (fault !== 0) {
    segment.drop(skb, fault)
    return
  }
  const service = table.kind(index).udp.get(udp.destinationPort(bytes, h))
  if (service !== undefined) {
    service(hosts, skb, datagram, index)
    return
  }
  if (isIpv6) {
    const to = ipv6.destination(nh)
    error6(hosts, skb, nh, icmpv6.ICMPV6_DEST_UNREACH, icmpv6.ICMPV6_PORT_UNREACH, 0, bytes, to)
  } else {
    unreachable4(hosts, skb, nh, icmp.ICMP_PORT_UNREACH, bytes, nh + 16)
  }
}

/** Takes over a frame with a datagram to a group: every host that has a handler for its port hears of it; nobody says no. */
export function receiveGroupUdp(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, isIpv6: boolean): void {
  const { segment } = hosts
  const fault = udpFault(hosts, skb, nh, h, end, isIpv6)
  if (fault !== 0) {
    segment.drop(skb, fault)
    return
  }
  // A handler may have the next datagram looked at while it runs.
  const datagram = { ...hosts.datagram }
  let good = true
  for (const { index, handler } of hosts.handlers.udp(udp.destinationPort(skb.bytes, h))) {
    good = callHandler(hosts, skb, datagram, index, handler) && good
  }
  hosts.done(skb, good)
}

/** Why a datagram is not one, 0 when it is: then `hosts.datagram` says where it is. */
function udpFault(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, isIpv6: boolean): number {
  const { bytes } = skb
  if (udp.parse(bytes, h, end - h) < 0) return SKB_DROP_REASON_L4_HDR
  if (skb.gsoSize !== 0 && skb.gsoType !== SKB_GSO_UDP_L4) return SKB_DROP_REASON_SKB_GSO_SEG
  const length = udp.length(bytes, h)
  if (!isRight(hosts, skb, nh, h, length, isIpv6)) return SKB_DROP_REASON_UDP_CSUM
  const { datagram } = hosts
  datagram.nh = nh
  datagram.h = h
  datagram.end = h + length
  datagram.isIpv6 = isIpv6
  return 0
}

function isRight(hosts: Hosts, skb: SkBuff, nh: number, h: number, length: number, isIpv6: boolean): boolean {
  const { bytes, ipSummed } = skb
  if (ipSummed === CHECKSUM_PARTIAL) return skb.csumStart === h && skb.csumOffset === udp.UDP_CHECK
  if (ipSummed === CHECKSUM_UNNECESSARY) return true
  // None was made: over IPv6 there must be one (RFC 8200 sec. 8.1).
  if (udp.checksum(bytes, h) === 0) return !isIpv6
  const pseudo = isIpv6
    ? pseudoHeaderSum6(bytes, nh, IPPROTO_UDP, length)
    : pseudoHeaderSum4(bytes, nh, IPPROTO_UDP, length)
  return fold(onesComplementSum(bytes, h, length, pseudo, hosts.view)) === 0xffff
}
