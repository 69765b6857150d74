/**
 * Frames that a host makes of itself: a UDP datagram, an ICMPv6 message. Each is one frame of at most 1514 octets; what is
 * longer is not sent.
 */
import { ETH_ALEN, ETH_HLEN, ETH_P_IP, ETH_P_IPV6, setEtherType, source as sourceAt } from '../header/ethernet.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPPROTO_UDP, IPV4_ALEN, IPV4_HLEN } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_HLEN, NEXTHDR_ICMP } from '../header/ipv6.ts'
import { put32 } from '../header/octets.ts'
import * as udp from '../header/udp.ts'
import { UDP_CHECK, UDP_HLEN } from '../header/udp.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { SegmentHost } from './host.ts'
import type { Hosts } from './hosts.ts'
import { fillChecksum } from './reply.ts'
import { IPDEFTTL } from './turn-around.ts'

/** Octets of IP packet that Ethernet carries. */
const MTU = 1500

/** A datagram that a host is to send. */
export interface UdpDatagram {
  readonly sourcePort: number
  /** Of the host's own unless given: the first of the family; to link-local addresses and groups the link-local one. */
  readonly source?: Uint8Array | undefined
  /** 4 or 16 octets, or an IPv4 address as an unsigned number. */
  readonly address: Uint8Array | number
  readonly port: number
  /** Unless given, whom the neighbour table has; for a group or 255.255.255.255 what those are on Ethernet. */
  readonly mac?: Uint8Array | undefined
  readonly data: Uint8Array
  readonly hops?: number | undefined
}

/** An ICMPv6 message that a host is to send. */
export interface Icmpv6Datagram {
  readonly source?: Uint8Array | undefined
  readonly address: Uint8Array
  readonly mac?: Uint8Array | undefined
  /** From the type on; what stands for its checksum is not looked at. */
  readonly data: Uint8Array
  /** 255 unless given: what neighbour discovery needs. */
  readonly hops?: number | undefined
}

/** The frame of a datagram; undefined when it is too long, there is no slot, or it cannot be told from or to whom it goes. */
export function makeUdp(hosts: Hosts, host: SegmentHost, datagram: UdpDatagram): SkBuff | undefined {
  const { sourcePort, port, data, hops = IPDEFTTL } = datagram
  const address = octetsOf(datagram.address)
  const length = UDP_HLEN + data.length
  const skb = makePacket(hosts, host, { ...datagram, address }, IPPROTO_UDP, length, hops)
  if (skb === undefined) return undefined
  const { bytes } = skb
  const h = skb.data + skb.len - length
  udp.setSourcePort(bytes, h, sourcePort)
  udp.setDestinationPort(bytes, h, port)
  udp.setLength(bytes, h, length)
  bytes.set(data, h + UDP_HLEN)
  fillChecksum(skb, skb.data + ETH_HLEN, h, IPPROTO_UDP, length, h + UDP_CHECK)
  return skb
}

/** The frame of a message; undefined as above. */
export function makeIcmpv6(hosts: Hosts, host: SegmentHost, datagram: Icmpv6Datagram): SkBuff | undefined {
  const { data, hops = 255 } = datagram
  const skb = makePacket(hosts, host, datagram, NEXTHDR_ICMP, data.length, hops)
  if (skb === undefined || data.length < 4) return skb?.free() as undefined
  const h = skb.data + skb.len - data.length
  skb.bytes.set(data, h)
  fillChecksum(skb, skb.data + ETH_HLEN, h, NEXTHDR_ICMP, data.length, h + 2)
  return skb
}

interface Ends {
  readonly source?: Uint8Array | undefined
  readonly address: Uint8Array
  readonly mac?: Uint8Array | undefined
}

function makePacket(
  hosts: Hosts,
  host: SegmentHost,
  ends: Ends,
  protocol: number,
  length: number,
  hops: number,
): SkBuff | undefined {
  const { address } = ends
  const isIpv4 = address.length === IPV4_ALEN
  const header = isIpv4 ? IPV4_HLEN : IPV6_HLEN
  const from = ends.source ?? sourceFor(host, address)
  const mac = ends.mac ?? macOf(hosts, address)
  if (from === undefined || mac === undefined || header + length > MTU) return undefined
  const skb = hosts.env.pool.alloc(ETH_HLEN + header + length)
  if (skb === undefined) return undefined
  const { bytes } = skb
  const at = skb.put(ETH_HLEN + header + length)
  bytes.set(mac, at)
  bytes.set(host.mac, sourceAt(at))
  setEtherType(bytes, at, isIpv4 ? ETH_P_IP : ETH_P_IPV6)
  const nh = at + ETH_HLEN
  bytes.set(from, isIpv4 ? nh + 12 : ipv6.source(nh))
  bytes.set(address, isIpv4 ? nh + 16 : ipv6.destination(nh))
  if (isIpv4) {
    ipv4.create(bytes, nh, protocol, length, hops)
    ipv4.fillHeaderChecksum(bytes, nh)
  } else {
    ipv6.create(bytes, nh, protocol, length, hops)
  }
  return skb
}

function octetsOf(address: Uint8Array | number): Uint8Array {
  if (typeof address !== 'number') return address
  const octets = new Uint8Array(IPV4_ALEN)
  put32(octets, 0, address)
  return octets
}

function sourceFor({ ip, ip6 }: SegmentHost, address: Uint8Array): Uint8Array | undefined {
  if (address.length === IPV4_ALEN) return ip[0]
  const isNear = ipv6.isLinkLocal(address, 0) || address[0] === 0xff
  return isNear ? ip6.at(-1) : ip6[0]
}

/** The hardware address for a protocol address; that of a group is made of it (RFC 1112 sec. 6.4, RFC 2464 sec. 7). */
function macOf({ table, neighbours4, neighbours6 }: Hosts, address: Uint8Array): Uint8Array | undefined {
  const isIpv4 = address.length === IPV4_ALEN
  if (isIpv4 && address.every(octet => octet === 255)) return new Uint8Array(ETH_ALEN).fill(255)
  if (isIpv4 && address[0] >>> 4 === 14) return Uint8Array.of(1, 0, 0x5e, address[1] & 0x7f, address[2], address[3])
  if (!isIpv4 && address[0] === 0xff) return Uint8Array.of(0x33, 0x33, ...address.subarray(12))
  const own = isIpv4 ? table.byIp4(address, 0) : table.byIp6(address, 0)
  if (own >= 0) return table.macs.slice(own * ETH_ALEN, (own + 1) * ETH_ALEN)
  const neighbours = isIpv4 ? neighbours4 : neighbours6
  const at = neighbours.find(address, 0)
  return at < 0 ? undefined : neighbours.macs.slice(at, at + ETH_ALEN)
}
