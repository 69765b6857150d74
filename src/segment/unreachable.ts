/**
 * Errors of the simulated hosts: "destination unreachable" of ICMP (RFC 792, RFC 1122 sec. 3.2.2) and ICMPv6 (RFC 4443 sec. 3.1),
 * in the frame of the packet that they are about, with as much of it as may be. The callers see to it that there is none about
 * a group, a fragment, another error, or a packet from nobody; here that there are not too many.
 *
 * What is quoted is what would have been on a wire: of a GSO datagram the first segment, its checksum complete.
 */
import { skbChecksumHelp } from '../core/gso.ts'
import { finish, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../header/checksum.ts'
import { ETH_HLEN, swapAddresses } from '../header/ethernet.ts'
import * as icmp from '../header/icmp.ts'
import { ICMP_HLEN } from '../header/icmp.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_ICMP, IPPROTO_UDP, IPV4_HLEN } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN, IPV6_HLEN, NEXTHDR_ICMP } from '../header/ipv6.ts'
import { get32, put32 } from '../header/octets.ts'
import * as udp from '../header/udp.ts'
import { SKB_DROP_REASON_NOMEM, SKB_DROP_REASON_SKB_CSUM } from '../skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'
import { fillChecksum } from './reply.ts'
import { IPDEFTTL } from './turn-around.ts'

/** Octets of an error at most, with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
const MOST4 = 576
const MOST6 = 1280

/** Takes over the frame with the IPv4 packet at `nh` that ends at `end`; the error comes from the address at `from` in `own`. */
export function unreachable4(hosts: Hosts, skb: SkBuff, nh: number, code: number, own: Uint8Array, from: number): void {
  if (!mayTell(hosts, skb, nh, nh + ipv4.totalLength(skb.bytes, nh), IPV4_HLEN)) return
  const { bytes } = skb
  const to = ipv4.source(bytes, nh)
  const sender = get32(own, from)
  const h = prepend(skb, nh, IPV4_HLEN, MOST4)
  const length = skb.data + skb.len - h
  const header = h - IPV4_HLEN
  ipv4.create(bytes, header, IPPROTO_ICMP, length, IPDEFTTL)
  ipv4.setSource(bytes, header, sender)
  ipv4.setDestination(bytes, header, to)
  ipv4.fillHeaderChecksum(bytes, header)
  setMessage(bytes, h, icmp.ICMP_DEST_UNREACH, code, 0)
  icmp.setChecksum(bytes, h, finish(onesComplementSum(bytes, h, length)))
  hosts.counters.unreachable++
  hosts.forward(skb)
}

/** The same for IPv6; any error of ICMPv6, with the word behind its checksum. */
export function error6(
  hosts: Hosts,
  skb: SkBuff,
  nh: number,
  type: number,
  code: number,
  word: number,
  own: Uint8Array,
  from: number,
): void {
  if (!mayTell(hosts, skb, nh, nh + IPV6_HLEN + ipv6.payloadLength(skb.bytes, nh), IPV6_HLEN)) return
  const { bytes } = skb
  const h = prepend(skb, nh, IPV6_HLEN, MOST6)
  const length = skb.data + skb.len - h
  const header = h - IPV6_HLEN
  ipv6.create(bytes, header, NEXTHDR_ICMP, length, IPDEFTTL)
  const to = ipv6.destination(header)
  for (let i = 0; i < IPV6_ALEN; i++) {
    // What is quoted lies behind, untouched, `own` perhaps in it.
    bytes[ipv6.source(header) + i] = own[from + i]
    bytes[to + i] = bytes[ipv6.source(nh) + i]
  }
  setMessage(bytes, h, type, code, word)
  fillChecksum(skb, header, h, NEXTHDR_ICMP, length, h + 2)
  hosts.counters.unreachable++
  hosts.forward(skb)
}

/** Whether there may be an error: then the frame ends with the packet, which is as it would be on a wire; else it is gone. */
function mayTell(hosts: Hosts, skb: SkBuff, nh: number, end: number, header: number): boolean {
  const { segment } = hosts
  if (skb.headroom() < header + ICMP_HLEN) {
    segment.drop(skb, SKB_DROP_REASON_NOMEM)
    return false
  }
  if (!hosts.errors.take()) {
    hosts.counters.limited++
    segment.take(skb)
    return false
  }
  skb.trim(end - skb.data)
  if (skb.gsoSize !== 0) keepFirstSegment(skb, nh)
  if (skbChecksumHelp(skb)) return true
  segment.drop(skb, SKB_DROP_REASON_SKB_CSUM)
  return false
}

/** Puts the link header and room for an IP header of `header` octets and an ICMP one before the packet; answers where that is. */
function prepend(skb: SkBuff, nh: number, header: number, most: number): number {
  const { bytes, data } = skb
  const room = header + ICMP_HLEN
  skb.trim(nh - data + most - room)
  bytes.copyWithin(data - room, data, data + ETH_HLEN)
  skb.push(room)
  swapAddresses(bytes, skb.data)
  return nh - ICMP_HLEN
}

function setMessage(bytes: Uint8Array, h: number, type: number, code: number, word: number): void {
  bytes[h] = type
  bytes[h + 1] = code
  icmp.setChecksum(bytes, h, 0)
  put32(bytes, h + 4, word)
}

/** A GSO frame as its first segment; what is not UDP is cut by the quote's length anyway. */
function keepFirstSegment(skb: SkBuff, nh: number): void {
  const { bytes, gsoSize, gsoType } = skb
  const h = skb.csumStart
  skb.gsoSize = 0
  skb.gsoType = 0
  if (gsoType !== SKB_GSO_UDP_L4 || skb.ipSummed !== CHECKSUM_PARTIAL || h < nh) return
  const length = Math.min(udp.UDP_HLEN + gsoSize, skb.data + skb.len - h)
  skb.trim(h + length - skb.data)
  udp.setLength(bytes, h, length)
  if (ipv4.version(bytes, nh) === 4) {
    ipv4.setTotalLength(bytes, nh, h + length - nh)
    ipv4.fillHeaderChecksum(bytes, nh)
    udp.setChecksum(bytes, h, pseudoHeaderSum4(bytes, nh, IPPROTO_UDP, length))
  } else {
    ipv6.setPayloadLength(bytes, nh, h + length - nh - IPV6_HLEN)
    udp.setChecksum(bytes, h, pseudoHeaderSum6(bytes, nh, IPPROTO_UDP, length))
  }
}
