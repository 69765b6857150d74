/**
 * Hosts: all simulated hosts of a segment as one station. A frame to one of them becomes the reply
 * in place, without allocation. Frames are not offered to all hosts in turn: ARP and neighbour
 * discovery name their target, and other frames to groups go only to the hosts that have a handler.
 * Hosts have no VLANs and do not reply to pings to groups (Linux: icmp_echo_ignore_broadcasts). IP
 * (RFC 1122 sec. 3.2, RFC 8200) is without reassembly: ping fragments return one by one.
 */

import {
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_IP_INADDRERRORS,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  type SkBuff,
} from 'vnet'
import { type Packet, parse4, parse6 } from 'vnet/kit/drivers'
import { receiveArp } from './arp.ts'
import type { HostDefinition, HostRange, SegmentHost } from './host.ts'
import { hostOf, hostsOf, kindOf } from './host-table.ts'
import { NO_ROUTE, PROTOCOL_UNREACHABLE, receiveIcmp, sendError } from './icmp.ts'
import {
  type Icmpv6Datagram,
  sendArpRequest,
  sendIcmpv6,
  sendUdp,
  type UdpDatagram,
} from './send.ts'
import { HostState, type HostsOptions } from './state.ts'
import { fromServices, receiveTcp } from './tcp.ts'
import { receiveUdp } from './udp.ts'

const DEFAULT_OUI = Uint8Array.of(0x02, 0x4c, 0x4e)

/**
 * The station with all hosts. A driver file creates it through createNetwork(), or on a Segment of
 * its own; close() detaches it. It owns each frame from receive() until the frame is back on the
 * segment, or freed.
 */
export class Hosts extends HostState {
  readonly #oui: Uint8Array

  /** Attaches itself to the segment. */
  constructor(options: HostsOptions) {
    super(options)
    this.#oui = options.oui ?? DEFAULT_OUI
    options.segment.attach(this)
  }

  get size(): number {
    return this.table.size
  }

  /**
   * Adds a host. Throws a VnetError, EINVAL for a bad definition, EEXIST for an address or a name
   * of another host; no host is added then.
   */
  add(definition: HostDefinition): SegmentHost {
    const { table, handlers } = this
    const index = table.add(hostOf(definition, this.#oui), kindOf(definition))
    handlers.add(index, definition.on)
    return table.describe(index)
  }

  /** Adds many hosts. Throws like `add`; the hosts before the failing one remain. */
  addRange(range: HostRange): void {
    const kind = kindOf(range)
    for (const host of hostsOf(range, this.#oui)) {
      this.table.add(host, kind)
    }
  }

  /** The host with an index, 0 to size - 1. */
  host(index: number): SegmentHost {
    return this.table.describe(index)
  }

  /** Returns the host of this name; undefined for an unknown name. */
  byName(name: string): SegmentHost | undefined {
    const index = this.table.byName(name)
    return index === undefined ? undefined : this.host(index)
  }

  /** Returns the host that has an address of 4 or 16 bytes; undefined if none has it. */
  byAddress(address: Uint8Array): SegmentHost | undefined {
    const index = this.table.byIp(address, 0, address.length === ipv6.IPV6_ALEN)
    return index < 0 ? undefined : this.host(index)
  }

  owns(bytes: Uint8Array, at: number): boolean {
    return this.table.byMac(bytes, at) >= 0
  }

  receive(skb: SkBuff): void {
    const { bytes, data } = skb
    const type = ethernet.etherType(bytes, data)
    const isGroup = ethernet.isMulticastAddress(bytes, data)
    const host = isGroup ? -1 : this.table.byMac(bytes, data)
    if (type === ETH_P_ARP) {
      receiveArp(this, skb)
    } else if (type === ETH_P_IP) {
      receiveIp(this, skb, false, host)
    } else if (type === ETH_P_IPV6) {
      receiveIp(this, skb, true, host)
    } else if (isGroup) {
      this.segment.take(skb)
    } else {
      this.segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
    }
  }

  /** Sends a datagram from a host. Returns false if it is too long or its receiver is unknown. */
  sendUdp(host: SegmentHost, datagram: UdpDatagram): boolean {
    return sendUdp(this, host, datagram)
  }

  /** Sends an ICMPv6 message from a host, its checksum filled in. Returns as sendUdp does. */
  sendIcmpv6(host: SegmentHost, datagram: Icmpv6Datagram): boolean {
    return sendIcmpv6(this, host, datagram)
  }

  /** Broadcasts an ARP request from a host. Returns false without memory for it. */
  sendArpRequest(host: SegmentHost, address: number): boolean {
    return sendArpRequest(this, host, address)
  }

  /** Takes over a frame from `services` and sends it from the host that has its source address. */
  fromServices(skb: SkBuff): void {
    fromServices(this, skb)
  }

  /** Takes over the counters of other hosts, and their neighbours that are not hosts here. */
  inherit({ neighbours4, neighbours6, counters }: Hosts): void {
    for (const neighbours of [neighbours4, neighbours6]) {
      for (const { address, mac } of neighbours.entries()) {
        const isIpv6 = neighbours === neighbours6
        if (this.table.byIp(address, 0, isIpv6) >= 0) continue
        this.neighbours(isIpv6).learn(address, 0, mac, 0)
      }
    }
    Object.assign(this.counters, counters)
  }
}

/** Takes over a frame to the hardware address of the host with index `host`, -1 for a group. */
function receiveIp(state: HostState, skb: SkBuff, isIpv6: boolean, host: number): void {
  const { packet, segment } = state
  const nh = skb.data + ETH_HLEN
  const fault = isIpv6 ? parse6(packet, skb, nh) : parse4(packet, skb, nh)
  packet.host = host
  if (fault !== 0) {
    segment.drop(skb, fault)
  } else if (host < 0) {
    receiveGroup(state, skb, packet)
  } else {
    receiveUnicast(state, skb, packet)
  }
}

function receiveUnicast(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, h, nh, protocol, destinationAt } = packet
  if (!isUnicast(bytes, packet.sourceAt, isIpv6)) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
  } else if (table.byIp(bytes, destinationAt, isIpv6) !== packet.host) {
    receiveOther(state, skb, packet)
  } else if (protocol === (isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP)) {
    receiveIcmp(state, skb, packet)
  } else if (packet.isFragment) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
  } else if (protocol === ipv4.IPPROTO_UDP) {
    receiveUdp(state, skb, packet)
  } else if (protocol === ipv4.IPPROTO_TCP) {
    receiveTcp(state, skb, packet)
  } else if (isIpv6 && (protocol === ipv6.NEXTHDR_NONE || h !== nh + ipv6.IPV6_HLEN)) {
    segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
  } else {
    sendError(state, skb, packet, PROTOCOL_UNREACHABLE)
  }
}

function receiveGroup(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, protocol, sourceAt, destinationAt } = packet
  // A broadcast frame with a packet to one host is ignored (RFC 1122 sec. 3.3.6).
  const isGroup = isIpv6
    ? bytes[destinationAt] === 0xff
    : table.byIp(bytes, destinationAt, false) < 0
  const isHandled = protocol === ipv4.IPPROTO_UDP || (isIpv6 && protocol === ipv6.NEXTHDR_ICMP)
  if (isIpv6 ? bytes[sourceAt] === 0xff : bytes[sourceAt] >= 224) {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
  } else if (!isGroup || !isHandled) {
    segment.take(skb)
  } else if (packet.isFragment) {
    segment.drop(skb, SKB_DROP_REASON_FRAG_REASM)
  } else if (protocol === ipv4.IPPROTO_UDP) {
    receiveUdp(state, skb, packet)
  } else {
    receiveIcmp(state, skb, packet)
  }
}

/** The frame is to the host, but the packet is not. A router replies with "no route". */
function receiveOther(state: HostState, skb: SkBuff, packet: Packet): void {
  const { segment, table } = state
  const { bytes } = skb
  const { isIpv6, host, destinationAt } = packet
  if (isIpv6 && bytes[destinationAt] === 0xff) {
    packet.host = -1
    receiveGroup(state, skb, packet)
  } else if (
    table.kind(host).router &&
    table.hasAddress(host, isIpv6) &&
    mayCauseError(skb, packet)
  ) {
    sendError(state, skb, packet, NO_ROUTE)
  } else {
    segment.drop(skb, SKB_DROP_REASON_IP_INADDRERRORS)
  }
}

/** Errors are sent about whole packets and first fragments to one host, but not about errors. */
function mayCauseError({ bytes }: SkBuff, packet: Packet): boolean {
  const { isIpv6, h, protocol, destinationAt } = packet
  if (packet.isLaterFragment || !isUnicast(bytes, destinationAt, isIpv6)) return false
  if (isIpv6 && ipv6.isLinkLocal(bytes, destinationAt)) return false
  if (protocol !== (isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP)) return true
  return bytes[h] === (isIpv6 ? icmpv6.ICMPV6_ECHO_REQUEST : icmp.ICMP_ECHO)
}

const isUnicast = (bytes: Uint8Array, at: number, isIpv6: boolean): boolean =>
  isIpv6 ? ipv6.isUnicastAddress(bytes, at) : ipv4.isUnicastAddress(bytes, at)
