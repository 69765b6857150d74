/**
 * Hosts: all simulated hosts of a segment as one station. A frame for one of them is turned into its answer in place and sent
 * on; nothing allocates a frame on that way. What is for everybody never walks all hosts: ARP and neighbour discovery name
 * who is asked, and of the rest only those hear that have a handler for it.
 *
 *   ARP, neighbour discovery    arp.ts, neighbour.ts
 *   ICMP and ICMPv6             echo.ts, unreachable.ts, receive4.ts, receive6.ts
 *   UDP, TCP                    udp.ts, tcp.ts
 *
 * Hosts have no VLANs, do not answer pings of groups (Linux: icmp_echo_ignore_broadcasts), and put no fragments together; those
 * of a ping go back one by one.
 */
import type { Clock } from '../core/clock.ts'
import { EEXIST, VnetError } from '../core/errno.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, etherType, isMulticastAddress } from '../header/ethernet.ts'
import { formatAddress } from '../header/ip-address.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { SKB_DROP_REASON_HANDLER_EXCEPTION, SKB_DROP_REASON_UNHANDLED_PROTO } from '../skb/drop-reason.ts'
import type { SkBuffPool } from '../skb/pool.ts'
import { OWNER_WIRE, type SkBuff } from '../skb/sk-buff.ts'
import { receiveArp } from './arp.ts'
import { BetweenHosts } from './between-hosts.ts'
import { Budget } from './budget.ts'
import { type Icmpv6Datagram, makeIcmpv6, makeUdp, type UdpDatagram } from './datagram.ts'
import { Handlers } from './handlers.ts'
import type { Datagram, HostDefinition, HostRange, SegmentHost } from './host.ts'
import { kindOf, namesOf, rangeAddresses } from './host-definition.ts'
import { type HostKind, HostTable } from './host-table.ts'
import { NeighbourTable } from './neighbour-table.ts'
import { receive4, receiveGroup4 } from './receive4.ts'
import { receive6, receiveGroup6 } from './receive6.ts'
import type { Segment } from './segment.ts'
import { fromServices, type Services } from './services.ts'
import type { Inhabitant } from './station.ts'

/** ICMP errors (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst). */
const ERRORS = { perSecond: 1000, burst: 50 }
/** New TCP connections of a client, and of all. What exceeds it is not answered: the client tries again. */
const CONNECTIONS_EACH = { perSecond: 200, burst: 1000 }
const CONNECTIONS_ALL = { perSecond: 2000, burst: 4000 }

/** What the hosts live in; a Net has all of it. */
export interface HostsEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly pool: SkBuffPool
}

export interface HostsOptions {
  readonly segment: Segment
  readonly env: HostsEnvironment
  /** Milliseconds since 1970, for the time of day. */
  readonly now: () => number
  /** The first three octets of the hardware addresses that hosts are given; 02:4c:4e unless given. */
  readonly oui?: Uint8Array | undefined
}

/** How many frames were answered, or made, by kind. */
export interface HostsCounters {
  arp: number
  neighbour: number
  echo: number
  udp: number
  unreachable: number
  reset: number
  /** Announcements against somebody who has a host's address (RFC 5227 sec. 2.4). */
  defended: number
  /** Errors that were not sent since there had been too many. */
  limited: number
  /**
   * Requests beyond what a client of the gateway may ask, and TCP connections beyond what may be
   * opened per second, or be open.
   */
  refused: number
}

export class Hosts implements Inhabitant {
  readonly segment: Segment
  readonly env: HostsEnvironment
  readonly now: () => number
  readonly table = new HostTable()
  readonly neighbours4 = new NeighbourTable(IPV4_ALEN)
  readonly neighbours6 = new NeighbourTable(IPV6_ALEN)
  readonly counters: HostsCounters = {
    arp: 0,
    neighbour: 0,
    echo: 0,
    udp: 0,
    unreachable: 0,
    reset: 0,
    defended: 0,
    limited: 0,
    refused: 0,
  }
  /** Where frames for open TCP ports go; without it every port is closed. */
  services: Services | undefined = undefined
  /** The memory of all frames in words, for long sums. */
  readonly view: DataView
  readonly oui: Uint8Array
  readonly errors: TokenBucket
  /** Of new TCP connections, by their client: each costs the services far more than a frame. */
  readonly connections: Budget
  /** The datagram that is being looked at: one for all, so that none is made a frame. */
  readonly datagram: Datagram = { nh: 0, h: 0, end: 0, isIpv6: false }
  /** When each host last defended its address, ns; made when the first must. */
  defended: Float64Array | undefined = undefined
  readonly handlers: Handlers
  /** Ports that are open on any of them. */
  readonly tcpPorts = new Set<number>()
  readonly udpPorts = new Set<number>()
  readonly #between: BetweenHosts
  readonly #names = new Map<string, number>()
  readonly #nameOf = new Map<number, string>()

  constructor({ segment, env, now, oui = Uint8Array.of(0x02, 0x4c, 0x4e) }: HostsOptions) {
    this.segment = segment
    this.env = env
    this.now = now
    this.oui = oui
    const { bytes } = env.pool
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.errors = new TokenBucket(env.clock, ERRORS)
    this.connections = new Budget(env.clock, CONNECTIONS_EACH, CONNECTIONS_ALL)
    this.handlers = new Handlers(env.clock, env.log, index => this.#label(index))
    this.#between = new BetweenHosts(segment, env.clock, skb => this.receive(skb))
    segment.attach(this)
  }

  get size(): number {
    return this.table.size
  }

  /** Adds a host. VnetError EINVAL on a definition that makes no sense, EEXIST on an address or a name that another one has. */
  add(definition: HostDefinition): SegmentHost {
    const kind = this.#kindOf(definition)
    const { addresses, name } = namesOf(definition, this.oui)
    this.#checkName(name)
    const index = this.table.add(addresses, kind)
    this.#setName(index, name)
    this.handlers.add(index, definition.on)
    return this.host(index)
  }

  /** Adds many; answers the number of the first. As `add` otherwise: those before one that cannot be added stay. */
  addRange(range: HostRange): number {
    const kind = this.#kindOf(range)
    const first = this.size
    for (const { addresses, name } of rangeAddresses(range, this.oui)) {
      this.#checkName(name)
      this.#setName(this.table.add(addresses, kind), name)
    }
    return first
  }

  /** The host of a number, 0 to size - 1. */
  host(index: number): SegmentHost {
    return this.table.describe(index, this.#nameOf.get(index))
  }

  /** The host of a name, as it was defined. */
  byName(name: string): SegmentHost | undefined {
    const index = this.#names.get(name)
    return index === undefined ? undefined : this.host(index)
  }

  /** The host that has an address of 4 or 16 octets. */
  byAddress(address: Uint8Array): SegmentHost | undefined {
    const index = address.length === IPV4_ALEN ? this.table.byIp4(address, 0) : this.table.byIp6(address, 0)
    return index < 0 ? undefined : this.host(index)
  }

  owns(bytes: Uint8Array, at: number): boolean {
    return this.table.byMac(bytes, at) >= 0
  }

  receive(skb: SkBuff): void {
    const { bytes, data } = skb
    const nh = data + ETH_HLEN
    const type = etherType(bytes, data)
    if (type === ETH_P_ARP) {
      receiveArp(this, skb, nh)
      return
    }
    const isGroup = isMulticastAddress(bytes, data)
    if (type === ETH_P_IP) {
      if (isGroup) receiveGroup4(this, skb, nh)
      else receive4(this, skb, nh, this.table.byMac(bytes, data))
    } else if (type === ETH_P_IPV6) {
      if (isGroup) receiveGroup6(this, skb, nh)
      else receive6(this, skb, nh, this.table.byMac(bytes, data))
    } else if (isGroup) {
      this.segment.take(skb)
    } else {
      this.segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
    }
  }

  /** Sends on a frame that is on the segment: what a host got and made its answer. */
  forward(skb: SkBuff): void {
    if (isMulticastAddress(skb.bytes, skb.data) || !this.owns(skb.bytes, skb.data)) this.segment.forward(skb, this)
    else this.#between.push(skb)
  }

  /** Sends on a frame for everybody; the hosts themselves need not hear it. */
  announce(skb: SkBuff): void {
    this.segment.forward(skb, this)
  }

  /** What a handler was given is over: kept, or lost since it failed. */
  done(skb: SkBuff, good: boolean): void {
    if (good) this.segment.take(skb)
    else this.segment.drop(skb, SKB_DROP_REASON_HANDLER_EXCEPTION)
  }

  /** A datagram that nobody asked for, from a host. False, and nothing sent, when it is too long or nobody knows whom to. */
  sendUdp(host: SegmentHost, datagram: UdpDatagram): boolean {
    return this.#sendMade(makeUdp(this, host, datagram))
  }

  /** An ICMPv6 message from a host, its checksum filled in. */
  sendIcmpv6(host: SegmentHost, datagram: Icmpv6Datagram): boolean {
    return this.#sendMade(makeIcmpv6(this, host, datagram))
  }

  /** Takes over a frame from `services`: it goes to whom it is addressed, as from the host that has its source address. */
  fromServices(skb: SkBuff): void {
    fromServices(this, skb)
  }

  /** Begins where others ended: with whom they knew who is no host now, and what they counted. */
  inherit({ neighbours4, neighbours6, counters }: Hosts): void {
    const { table } = this
    for (const { address, mac } of neighbours4.octets())
      if (table.byIp4(address, 0) < 0) this.neighbours4.learn(address, 0, mac, 0)
    for (const { address, mac } of neighbours6.octets())
      if (table.byIp6(address, 0) < 0) this.neighbours6.learn(address, 0, mac, 0)
    Object.assign(this.counters, counters)
  }

  /** Unplugs all hosts; what waits between them is dropped. */
  close(): void {
    this.#between.close()
    this.segment.detach(this)
  }

  #sendMade(skb: SkBuff | undefined): boolean {
    if (skb === undefined) return false
    const { stats } = this.segment
    stats.in++
    stats.made++
    skb.owner = OWNER_WIRE
    this.forward(skb)
    return true
  }

  /** By what a host is told in a log. */
  #label(index: number): string {
    const { name, ip, ip6 } = this.host(index)
    return name ?? [...ip, ...ip6].map(formatAddress)[0] ?? String(index)
  }

  #kindOf(definition: HostDefinition | HostRange): HostKind {
    const kind = kindOf(definition)
    for (const port of kind.tcp.keys()) this.tcpPorts.add(port)
    for (const port of kind.udp.keys()) this.udpPorts.add(port)
    return kind
  }

  #checkName(name: string | undefined): void {
    if (name !== undefined && this.#names.has(name))
      throw new VnetError(EEXIST, `host ${name}`, 'another host has that name')
  }

  #setName(index: number, name: string | undefined): void {
    if (name === undefined) return
    this.#names.set(name, index)
    this.#nameOf.set(index, name)
  }
}
