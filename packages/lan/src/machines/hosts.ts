/**
 * Hosts: all simulated hosts of a segment as one station. A frame to one of them becomes the reply
 * in place, without allocation. Frames are not offered to all hosts in turn: ARP and neighbour
 * discovery name their target, and other frames to groups go only to the hosts that have a handler.
 * Hosts have no VLANs and do not reply to pings to groups (Linux: icmp_echo_ignore_broadcasts).
 */
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, etherType, isMulticastAddress } from 'vnet/internal/packet/ethernet'
import { IPV6_ALEN } from 'vnet/internal/packet/ipv6'
import { SKB_DROP_REASON_UNHANDLED_PROTO } from 'vnet/internal/skb/drop-reason'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import { receiveArp } from './arp.ts'
import type { HostDefinition, HostRange, SegmentHost } from './host.ts'
import { hostOf, hostsOf, kindOf } from './host-table.ts'
import { receiveIp } from './ip.ts'
import { type Icmpv6Datagram, sendArpRequest, sendIcmpv6, sendUdp, type UdpDatagram } from './send.ts'
import { HostState, type HostsOptions } from './state.ts'
import { fromServices } from './tcp.ts'

const DEFAULT_OUI = Uint8Array.of(0x02, 0x4c, 0x4e)

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

  /** VnetError EINVAL on a bad definition, EEXIST on an address or a name of another host. */
  add(definition: HostDefinition): SegmentHost {
    const { table, handlers } = this
    const index = table.add(hostOf(definition, this.#oui), kindOf(definition))
    handlers.add(index, definition.on)
    return table.describe(index)
  }

  /** Adds many hosts. Throws like `add`; the hosts before the failing one remain. */
  addRange(range: HostRange): void {
    const kind = kindOf(range)
    for (const host of hostsOf(range, this.#oui)) this.table.add(host, kind)
  }

  /** The host with an index, 0 to size - 1. */
  host(index: number): SegmentHost {
    return this.table.describe(index)
  }

  byName(name: string): SegmentHost | undefined {
    const index = this.table.byName(name)
    return index === undefined ? undefined : this.host(index)
  }

  /** The host that has an address of 4 or 16 bytes. */
  byAddress(address: Uint8Array): SegmentHost | undefined {
    const index = this.table.byIp(address, 0, address.length === IPV6_ALEN)
    return index < 0 ? undefined : this.host(index)
  }

  owns(bytes: Uint8Array, at: number): boolean {
    return this.table.byMac(bytes, at) >= 0
  }

  receive(skb: SkBuff): void {
    const { bytes, data } = skb
    const type = etherType(bytes, data)
    const isGroup = isMulticastAddress(bytes, data)
    const host = isGroup ? -1 : this.table.byMac(bytes, data)
    if (type === ETH_P_ARP) receiveArp(this, skb)
    else if (type === ETH_P_IP) receiveIp(this, skb, false, host)
    else if (type === ETH_P_IPV6) receiveIp(this, skb, true, host)
    else if (isGroup) this.segment.take(skb)
    else this.segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
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
