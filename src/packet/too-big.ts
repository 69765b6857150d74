/**
 * The error about a packet that is too big for a link: ICMP "fragmentation needed" with the MTU of
 * the next hop (RFC 1191 sec. 4), or ICMPv6 "packet too big" (RFC 4443 sec. 3.2, RFC 8201). It is a
 * whole Ethernet frame with the link header of the packet's own, VLAN tags included, turned around,
 * and comes from the address that the packet was sent to.
 */
import { finish, onesComplementSum, pseudoHeaderSum6 } from './checksum.ts'
import * as ethernet from './ethernet.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { get16 } from './octets.ts'
import { networkOffset } from './vlan.ts'

/** The longest error, with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
const MAX_LENGTH_4 = 576
const MAX_LENGTH_6 = 1280
const HOP_LIMIT = 64

/**
 * Returns the length of the error about the packet in the frame of `length` bytes at `at`. It is 0
 * if none may be sent (RFC 1122 sec. 3.2.2, RFC 4443 sec. 2.4 (e)): the frame is not a valid IP
 * packet, may be fragmented (IPv4 without DF), is a later fragment of IPv4, is an ICMP error itself
 * or could be one (a later fragment of ICMPv6), is for a group, or has a source that is not one
 * station. Errors are sent about later fragments of other protocols over IPv6.
 */
export function tooBigLength(bytes: Uint8Array, at: number, length: number): number {
  const network = networkOffset(bytes, at, length)
  if (
    network < 0 ||
    ethernet.isMulticastAddress(bytes, ethernet.destinationAt(at)) ||
    !ethernet.isStationAddress(bytes, ethernet.sourceAt(at))
  ) {
    return 0
  }
  const nh = at + network
  const type = get16(bytes, nh - 2)
  if (type === ethernet.ETH_P_IP && isEligible4(bytes, nh, length - network)) {
    return (
      network +
      Math.min(MAX_LENGTH_4, ipv4.IPV4_HLEN + icmp.ICMP_HLEN + ipv4.totalLength(bytes, nh))
    )
  }
  if (type === ethernet.ETH_P_IPV6 && isEligible6(bytes, nh, length - network)) {
    const quote = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
    return network + Math.min(MAX_LENGTH_6, ipv6.IPV6_HLEN + icmp.ICMP_HLEN + quote)
  }
  return 0
}

function isEligible4(bytes: Uint8Array, nh: number, length: number): boolean {
  const header = ipv4.parse(bytes, nh, length)
  if (header < 0 || onesComplementSum(bytes, nh, header) !== 0xffff) return false
  if ((ipv4.flags(bytes, nh) & ipv4.IP_DF) === 0 || ipv4.fragmentOffset(bytes, nh) !== 0) {
    return false
  }
  if (!ipv4.isUnicastAddress(bytes, ipv4.sourceAt(nh))) return false
  if (!ipv4.isUnicastAddress(bytes, ipv4.destinationAt(nh))) return false
  if (ipv4.protocol(bytes, nh) !== ipv4.IPPROTO_ICMP) return true
  return ipv4.totalLength(bytes, nh) > header && !icmp.isError(icmp.type(bytes, nh + header))
}

function isEligible6(bytes: Uint8Array, nh: number, length: number): boolean {
  if (ipv6.parse(bytes, nh, length) < 0) return false
  if (!ipv6.isUnicastAddress(bytes, ipv6.sourceAt(nh))) return false
  if (!ipv6.isUnicastAddress(bytes, ipv6.destinationAt(nh))) return false
  const end = ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  const upper = ipv6.upperLayer(bytes, nh, end)
  if (upper < 0) return false
  if ((upper & 0xff) !== ipv6.NEXTHDR_ICMP) return true
  // A later fragment, without the type, is at 0.
  const h = upper >>> 8
  if (h === 0 || h >= end) return false
  const type = icmpv6.type(bytes, nh + h)
  return type >= icmpv6.ICMPV6_ECHO_REQUEST && type !== icmpv6.NDISC_REDIRECT
}

/**
 * Writes the error about the frame at `from`, of the `length` that tooBigLength returned, to `to`.
 * The two must not overlap. `mtu` is the largest IP packet that fits the link, in bytes.
 */
export function writeTooBig(
  bytes: Uint8Array,
  to: number,
  from: number,
  length: number,
  mtu: number,
): void {
  const network = networkOffset(bytes, from, length)
  bytes.copyWithin(to, from, from + network)
  ethernet.swapAddresses(bytes, to)
  if (get16(bytes, from + network - 2) === ethernet.ETH_P_IP) {
    write4(bytes, to + network, from + network, to + length, mtu)
  } else {
    write6(bytes, to + network, from + network, to + length, mtu)
  }
}

function write4(bytes: Uint8Array, nh: number, quoted: number, end: number, mtu: number): void {
  const h = nh + ipv4.IPV4_HLEN
  ipv4.create(bytes, nh, ipv4.IPPROTO_ICMP, end - h, HOP_LIMIT)
  bytes.copyWithin(
    ipv4.sourceAt(nh),
    ipv4.destinationAt(quoted),
    ipv4.destinationAt(quoted) + ipv4.IPV4_ALEN,
  )
  bytes.copyWithin(
    ipv4.destinationAt(nh),
    ipv4.sourceAt(quoted),
    ipv4.sourceAt(quoted) + ipv4.IPV4_ALEN,
  )
  ipv4.fillHeaderChecksum(bytes, nh)
  writeIcmp(bytes, h, quoted, end, icmp.ICMP_DEST_UNREACH, icmp.ICMP_FRAG_NEEDED)
  icmp.setNextHopMtu(bytes, h, Math.min(mtu, 0xffff))
  icmp.setChecksum(bytes, h, finish(onesComplementSum(bytes, h, end - h)))
}

function write6(bytes: Uint8Array, nh: number, quoted: number, end: number, mtu: number): void {
  const h = nh + ipv6.IPV6_HLEN
  ipv6.create(bytes, nh, ipv6.NEXTHDR_ICMP, end - h, HOP_LIMIT)
  bytes.copyWithin(
    ipv6.sourceAt(nh),
    ipv6.destinationAt(quoted),
    ipv6.destinationAt(quoted) + ipv6.IPV6_ALEN,
  )
  bytes.copyWithin(
    ipv6.destinationAt(nh),
    ipv6.sourceAt(quoted),
    ipv6.sourceAt(quoted) + ipv6.IPV6_ALEN,
  )
  writeIcmp(bytes, h, quoted, end, icmpv6.ICMPV6_PKT_TOOBIG, 0)
  icmpv6.setMtu(bytes, h, mtu)
  const sum = pseudoHeaderSum6(bytes, nh, ipv6.NEXTHDR_ICMP, end - h)
  icmpv6.setChecksum(bytes, h, finish(onesComplementSum(bytes, h, end - h, sum)))
}

function writeIcmp(
  bytes: Uint8Array,
  h: number,
  quoted: number,
  end: number,
  type: number,
  code: number,
): void {
  bytes.fill(0, h, h + icmp.ICMP_HLEN)
  bytes[h] = type
  bytes[h + 1] = code
  bytes.copyWithin(h + icmp.ICMP_HLEN, quoted, quoted + end - h - icmp.ICMP_HLEN)
}
