/** Frames that a host sends on its own, at most 1514 bytes each; a longer one is not sent. */

import { arp, ethernet, ipv4, ipv6, type SkBuff, udp } from 'vnet'
import { createPacket, fillChecksum, ICMP_CHECK, IPDEFTTL, setPositions } from 'vnet/kit/drivers'
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
  const { sourcePort, port, data, hops = IPDEFTTL } = datagram
  const length = udp.UDP_HLEN + data.length
  const address =
    typeof datagram.address === 'number' ? ipv4Bytes(datagram.address) : datagram.address
  const transport = new Uint8Array(length)
  udp.setSourcePort(transport, 0, sourcePort)
  udp.setDestinationPort(transport, 0, port)
  udp.setLength(transport, 0, length)
  transport.set(data, udp.UDP_HLEN)
  return send(
    state,
    host,
    { ...datagram, address, hops, data: transport },
    ipv4.IPPROTO_UDP,
    udp.UDP_CHECK,
  )
}

/** Sends an ICMPv6 message. Returns as sendUdp does. */
export function sendIcmpv6(state: HostState, host: SegmentHost, datagram: Icmpv6Datagram): boolean {
  const { data, hops = 255 } = datagram
  return (
    data.length >= ICMP_CHECK + 2 &&
    send(state, host, { ...datagram, hops }, ipv6.NEXTHDR_ICMP, ICMP_CHECK)
  )
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

/** `data` has the transport header, with its checksum `field` bytes into it. */
function send(
  state: HostState,
  host: SegmentHost,
  outgoing: Icmpv6Datagram,
  protocol: number,
  field: number,
): boolean {
  const { address, hops, data } = outgoing
  const isIpv6 = address.length !== ipv4.IPV4_ALEN
  const header = isIpv6 ? ipv6.IPV6_HLEN : ipv4.IPV4_HLEN
  const { length } = data
  const from = outgoing.source ?? sourceFor(host, address)
  const mac = outgoing.mac ?? macOf(state, address)
  if (from === undefined || mac === undefined || header + length > MTU) return false
  const skb = newFrame(
    state,
    host,
    mac,
    isIpv6 ? ethernet.ETH_P_IPV6 : ethernet.ETH_P_IP,
    header + length,
  )
  if (skb === undefined) return false
  const { bytes } = skb
  const nh = skb.data + ethernet.ETH_HLEN
  const packet = { ...createPacket(), protocol, end: nh + header + length }
  setPositions(packet, isIpv6, nh, nh + header)
  bytes.set(from, packet.sourceAt)
  bytes.set(address, packet.destinationAt)
  bytes.set(data, packet.h)
  fillHeader(skb, packet, hops)
  fillChecksum(skb, packet, field)
  transmit(state, skb)
  return true
}

/** Returns a frame with its link header; undefined if the pool is empty. */
function newFrame(
  state: HostState,
  host: SegmentHost,
  mac: Uint8Array,
  type: number,
  length: number,
) {
  const skb = state.env.pool.alloc(ethernet.ETH_HLEN + length)
  if (skb === undefined) return undefined
  const { bytes } = skb
  const at = skb.put(ethernet.ETH_HLEN + length)
  bytes.set(mac, at)
  bytes.set(host.mac, ethernet.sourceAt(at))
  ethernet.setEtherType(bytes, at, type)
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
