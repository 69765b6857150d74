/** Frames that a host sends on its own, at most 1514 bytes each; a longer one is not sent. */

import { arp, ethernet, ipv4, ipv6, type SkBuff, udp } from 'vnet'
import { fillChecksum, ICMP_CHECK, IPDEFTTL, setPositions } from 'vnet/kit/drivers'
import { OWNER_STAGE } from 'vnet/kit/netdev'
import { ipv4Bytes } from 'vnet/kit/packet'
import type { SegmentHost } from './host.ts'
import { fillHeader } from './reply.ts'
import type { HostState } from './state.ts'

/** Bytes of IP packet that Ethernet carries. */
const MTU = 1500

/** A message that a host sends on its own (Hosts.sendIcmpv6). All its bytes are copied. */
export interface Icmpv6Datagram {
  /** Default: its first address of the family; its link-local one to link-local IPv6 and groups. */
  readonly source?: Uint8Array | undefined
  /** The destination, 16 bytes. */
  readonly address: Uint8Array
  /** Destination. Default: from the neighbour table, or the address of the group or broadcast. */
  readonly mac?: Uint8Array | undefined
  /** The message from its type on; its checksum is filled in. Of a UDP datagram, its payload. */
  readonly data: Uint8Array
  /** Default 255, which neighbour discovery requires; 64 over UDP. */
  readonly hops?: number | undefined
}

/** A datagram that a host sends on its own (Hosts.sendUdp). All its bytes are copied. */
export interface UdpDatagram extends Omit<Icmpv6Datagram, 'address'> {
  readonly sourcePort: number
  /** 4 or 16 bytes, or an IPv4 address as an unsigned number. */
  readonly address: Uint8Array | number
  readonly port: number
}

/** Returns false if it is too long, the pool is empty, or a needed address is unknown. */
export function sendUdp(state: HostState, host: SegmentHost, datagram: UdpDatagram): boolean {
  const { sourcePort, port, data, hops = IPDEFTTL, source, mac } = datagram
  const address =
    typeof datagram.address === 'number' ? ipv4Bytes(datagram.address) : datagram.address
  const length = udp.UDP_HLEN + data.length
  const addresses = addressesOf(state, host, address, source, mac)
  const skb = addresses && newPacket(state, addresses, ipv4.IPPROTO_UDP, length, hops)
  if (skb === undefined) return false
  const { bytes } = skb
  const { h } = state.outgoing
  udp.setSourcePort(bytes, h, sourcePort)
  udp.setDestinationPort(bytes, h, port)
  udp.setLength(bytes, h, length)
  bytes.set(data, h + udp.UDP_HLEN)
  fillChecksum(skb, state.outgoing, udp.UDP_CHECK)
  transmit(state, skb)
  return true
}

/** Sends an ICMPv6 message. Returns as sendUdp does. */
export function sendIcmpv6(state: HostState, host: SegmentHost, datagram: Icmpv6Datagram): boolean {
  const { address, data, hops = 255, source, mac } = datagram
  if (data.length < ICMP_CHECK + 2) return false
  const addresses = addressesOf(state, host, address, source, mac)
  const skb = addresses && newPacket(state, addresses, ipv6.NEXTHDR_ICMP, data.length, hops)
  if (skb === undefined) return false
  skb.bytes.set(data, state.outgoing.h)
  fillChecksum(skb, state.outgoing, ICMP_CHECK)
  transmit(state, skb)
  return true
}

/** Broadcasts an ARP request. Returns false if the pool is empty or `host` has only IPv6. */
export function sendArpRequest(state: HostState, host: SegmentHost, address: number): boolean {
  const [own] = host.ip
  const frame = own && arp.requestFrame(host.mac, own, ipv4Bytes(address))
  const skb = frame && state.env.pool.alloc(frame.length)
  if (skb === undefined) return false
  skb.bytes.set(frame as Uint8Array, skb.put(ethernet.ETH_HLEN + arp.ARP_LEN))
  transmit(state, skb)
  return true
}

/** The addresses of a packet and of its frame. */
interface Addresses {
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly sourceMac: Uint8Array
  readonly destinationMac: Uint8Array
}

/** Returns undefined if the host has no address of the family, or the receiver is unknown. */
function addressesOf(
  state: HostState,
  host: SegmentHost,
  destination: Uint8Array,
  source = sourceFor(host, destination),
  destinationMac = macOf(state, destination),
): Addresses | undefined {
  if (source === undefined || destinationMac === undefined) return undefined
  return { source, destination, sourceMac: host.mac, destinationMac }
}

/**
 * Returns a frame with its link and IP header, and room for `length` bytes from the transport
 * header on; `state.outgoing` has its positions. Returns undefined if the packet is too long or the
 * pool is empty.
 */
function newPacket(
  state: HostState,
  { source, destination, sourceMac, destinationMac }: Addresses,
  protocol: number,
  length: number,
  hops: number,
): SkBuff | undefined {
  const isIpv6 = destination.length !== ipv4.IPV4_ALEN
  const header = isIpv6 ? ipv6.IPV6_HLEN : ipv4.IPV4_HLEN
  if (header + length > MTU) return undefined
  const skb = state.env.pool.alloc(ethernet.ETH_HLEN + header + length)
  if (skb === undefined) return undefined
  const { bytes } = skb
  const at = skb.put(ethernet.ETH_HLEN + header + length)
  bytes.set(destinationMac, at)
  bytes.set(sourceMac, ethernet.sourceAt(at))
  ethernet.setEtherType(bytes, at, isIpv6 ? ethernet.ETH_P_IPV6 : ethernet.ETH_P_IP)
  const packet = state.outgoing
  const nh = at + ethernet.ETH_HLEN
  setPositions(packet, isIpv6, nh, nh + header)
  packet.end = nh + header + length
  packet.protocol = protocol
  bytes.set(source, packet.sourceAt)
  bytes.set(destination, packet.destinationAt)
  fillHeader(skb, packet, hops)
  return skb
}

function transmit(state: HostState, skb: SkBuff): void {
  const { stats } = state.segment
  stats.in++
  stats.made++
  skb.owner = OWNER_STAGE
  state.forward(skb)
}

function sourceFor({ ip, ip6 }: SegmentHost, address: Uint8Array): Uint8Array | undefined {
  if (address.length === ipv4.IPV4_ALEN) return ip[0]
  const isLocal = ipv6.isLinkLocal(address, 0) || address[0] === 0xff
  return isLocal ? ip6.at(-1) : ip6[0]
}

function macOf(state: HostState, address: Uint8Array): Uint8Array | undefined {
  const group = ethernet.groupAddress(address)
  if (group !== undefined) return group
  const isIpv6 = address.length !== ipv4.IPV4_ALEN
  const { table } = state
  const own = table.byIp(address, 0, isIpv6)
  if (own >= 0) return table.macs.slice(own * ethernet.ETH_ALEN, (own + 1) * ethernet.ETH_ALEN)
  const neighbours = state.neighbours(isIpv6)
  const at = neighbours.find(address, 0)
  return at < 0 ? undefined : neighbours.macs.slice(at, at + ethernet.ETH_ALEN)
}
