/** IPv4 and IPv6 behind one interface: the fields of a header that a host reads and writes. */
import { pseudoHeaderSum4, pseudoHeaderSum6 } from 'vnet/internal/packet/checksum'
import { ETH_P_IP, ETH_P_IPV6 } from 'vnet/internal/packet/ethernet'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { put16 } from 'vnet/internal/packet/octets'

export interface IpVersion {
  readonly etherType: number
  /** The prefix of its counters: `Ip`, `Ip6`. */
  readonly counters: string
  /** Lengths of a header without options, and of an address. */
  readonly header: number
  readonly address: number
  readonly icmp: number
  readonly unreachable: number
  readonly timeExceeded: number
  readonly portUnreachable: number
  /** The longest ICMP error with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
  readonly errorMax: number
  sourceAt(at: number): number
  destinationAt(at: number): number
  lifeAt(at: number): number
  pseudoSum(bytes: Uint8Array, at: number, protocol: number, length: number): number
  /** Writes a header without addresses and checksum. `id` is for fragments of IPv4. */
  create(bytes: Uint8Array, at: number, protocol: number, length: number, life: number, id: number, df: boolean): void
  /** Completes a header whose addresses are written. */
  finish(bytes: Uint8Array, at: number): void
}

export const IP4: IpVersion = {
  etherType: ETH_P_IP,
  counters: 'Ip',
  header: ipv4.IPV4_HLEN,
  address: ipv4.IPV4_ALEN,
  icmp: ipv4.IPPROTO_ICMP,
  unreachable: icmp.ICMP_DEST_UNREACH,
  timeExceeded: icmp.ICMP_TIME_EXCEEDED,
  portUnreachable: icmp.ICMP_PORT_UNREACH,
  errorMax: 576,
  sourceAt: ipv4.sourceAt,
  destinationAt: ipv4.destinationAt,
  lifeAt: at => at + 8,
  pseudoSum: pseudoHeaderSum4,
  create(bytes, at, protocol, length, life, id, df) {
    ipv4.create(bytes, at, protocol, length, life)
    ipv4.setIdentification(bytes, at, id)
    if (!df) put16(bytes, at + 6, 0)
  },
  finish: ipv4.fillHeaderChecksum,
}

export const IP6: IpVersion = {
  etherType: ETH_P_IPV6,
  counters: 'Ip6',
  header: ipv6.IPV6_HLEN,
  address: ipv6.IPV6_ALEN,
  icmp: ipv6.NEXTHDR_ICMP,
  unreachable: icmpv6.ICMPV6_DEST_UNREACH,
  timeExceeded: icmpv6.ICMPV6_TIME_EXCEED,
  portUnreachable: icmpv6.ICMPV6_PORT_UNREACH,
  errorMax: 1280,
  sourceAt: ipv6.sourceAt,
  destinationAt: ipv6.destinationAt,
  lifeAt: at => at + 7,
  pseudoSum: pseudoHeaderSum6,
  create(bytes, at, protocol, length, life) {
    ipv6.create(bytes, at, protocol, length, life)
  },
  finish() {},
}

export const versionOf = (address: Uint8Array): IpVersion => (address.length === ipv4.IPV4_ALEN ? IP4 : IP6)

/** The key of an address in a Map: a character a byte. */
export function keyOf(bytes: Uint8Array, at = 0, length = bytes.length): string {
  let key = ''
  for (let i = at; i < at + length; i++) key += String.fromCharCode(bytes[i] as number)
  return key
}

/** Whether an address is of a group, or the limited broadcast. */
export function isGroup(bytes: Uint8Array, at: number, length: number): boolean {
  return (bytes[at] as number) >= (length === 4 ? 224 : 0xff)
}

/** Whether an address is a loopback address: 127.0.0.0/8 or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (address.length === ipv4.IPV4_ALEN) return address[0] === 127
  return address[15] === 1 && !ipv6.isUnicastAddress(address, 0)
}
