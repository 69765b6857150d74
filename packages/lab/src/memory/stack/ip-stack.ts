/**
 * IpStack: IPv4 (RFC 791, 1122) and IPv6 (RFC 8200) of a host in memory, with the defaults of
 * Linux. Missing are router advertisements, redirects, IP options, IGMP, MLD, duplicate address
 * detection, and the rate limits of ICMP errors. Neighbours do not age.
 *
 * A packet for an address of the host is delivered at the same moment of the clock, but never
 * inside the call that sends it.
 */
import type { Alarm, Clock } from 'vnet/internal/base/clock'
import { EMSGSIZE, ENETUNREACH } from 'vnet/internal/base/errno'
import type { Random } from 'vnet/internal/base/random'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import type { Ip, Packet, Protocol, SendOptions } from './contract.ts'
import { fillChecksum } from './ip-checksum.ts'
import { fragmentsOf } from './ip-fragments.ts'
import { type EchoReply, Icmp } from './ip-icmp.ts'
import { Input } from './ip-input.ts'
import { StackInterface, type StackInterfaceOptions } from './ip-interface.ts'
import { PathMtu } from './ip-path-mtu.ts'
import { type Hop, Routes, type StackRoute } from './ip-routes.ts'
import { IP4, IP6, type IpVersion, isGroup, versionOf } from './ip-version.ts'

export type { StackRoute }

/** A packet that a router forwards, or one from or for the host itself. */
export interface ForwardedPacket {
  readonly bytes: Uint8Array
  /** Position and length with the IP header. */
  readonly at: number
  readonly length: number
  /** Undefined for the host itself. */
  readonly from: StackInterface | undefined
  readonly to: StackInterface | undefined
}

const DEFAULT_TTL = 64
const LOOPBACK_MTU = 65_536
const NO_OPTIONS: SendOptions = {}

export class IpStack implements Ip {
  readonly clock: Clock
  readonly random: Random
  /** Whether it forwards packets of others. */
  forwarding = false
  /** Decides about packets before they are sent, delivered or forwarded; false drops one. */
  filter: ((packet: ForwardedPacket) => boolean) | undefined
  /** Returns a route for a received packet, if it is not the usual one. */
  divert: ((packet: ForwardedPacket) => StackRoute | undefined) | undefined
  /** The interface from which packets with an own source address may arrive. */
  acceptsOwnFrom: string | undefined
  /** @internal */
  readonly routes = new Routes()
  /** @internal */
  readonly icmp = new Icmp(this)
  readonly #input = new Input(this)
  readonly #pathMtu: PathMtu
  readonly #counters = new Map<string, number>()
  /** Frames for this host, and the interfaces by which groups among them left. */
  #looped: (readonly [frame: Uint8Array, dev: StackInterface | undefined])[] = []
  readonly #loop: Alarm
  #lastId: number

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.clock = clock
    this.random = random
    this.#pathMtu = new PathMtu(clock)
    this.#loop = clock.alarm(() => this.#deliverLooped())
    this.#lastId = random.below(0x1_0000)
  }

  get interfaces(): readonly StackInterface[] {
    return this.routes.interfaces
  }

  addInterface(options: StackInterfaceOptions): StackInterface {
    const made = new StackInterface(this, options)
    this.routes.interfaces.push(made)
    this.routes.changed()
    return made
  }

  /** Adds a route, or replaces the one to the same network. */
  addRoute(route: StackRoute): void {
    this.routes.add(route)
  }

  removeRoutesOf(dev: StackInterface): void {
    this.routes.removeOf(dev)
  }

  /** Returns the route to an address that is not an own one. */
  routeTo(to: Uint8Array): StackRoute | undefined {
    return this.routes.find(to)?.route
  }

  sourceFor(to: Uint8Array): Uint8Array | undefined {
    return this.isOwn(to) ? to : this.routes.find(to)?.source
  }

  isOwn(address: Uint8Array): boolean {
    return this.routes.isOwn(address, 0, address.length)
  }

  /** Whether an address is a group, or a broadcast of one of the networks of this host. */
  isToAll(address: Uint8Array): boolean {
    if (isGroup(address, 0, address.length)) return true
    return address.length === 4 && this.interfaces.some(dev => dev.isBroadcast(address))
  }

  mtuTo(to: Uint8Array): number {
    if (this.isOwn(to)) return LOOPBACK_MTU
    return this.#pathMtu.to(to, this.routes.find(to)?.route.dev.mtu ?? LOOPBACK_MTU)
  }

  send(protocol: number, from: Uint8Array, to: Uint8Array, segment: Uint8Array, options = NO_OPTIONS): number {
    const version = versionOf(to)
    const isOwn = this.isOwn(to)
    const hop = isOwn ? undefined : this.routes.from(from, to)
    if (hop === undefined && !isOwn) {
      this.count(version.counters.outNoRoutes)
      return -ENETUNREACH
    }
    return this.#send(version, protocol, from, to, segment, options, hop)
  }

  /**
   * Sends an echo request. `onReply` is called with the first reply. Returns 0 or a negative errno.
   */
  ping(
    to: Uint8Array,
    { payload = new Uint8Array(56), id = 1, seq = 1 }: { payload?: Uint8Array; id?: number; seq?: number },
    onReply: (reply: EchoReply) => void,
  ): number {
    return this.icmp.ping(to, id, seq, payload, onReply)
  }

  use(number: number, protocol: Protocol): void {
    this.#input.use(number, protocol)
  }

  refuse(packet: Packet): void {
    this.icmp.refuse(packet, this.#input.headerOf(packet))
  }

  count(name: string, n = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + n)
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }

  close(): void {
    this.#loop.cancel()
    this.#input.close()
    for (const dev of [...this.interfaces]) dev.remove()
  }

  /** @internal Addresses, routes or interfaces have changed. */
  changed(): void {
    this.routes.changed()
  }

  /** @internal An interface was removed. */
  removed(dev: StackInterface): void {
    const i = this.routes.interfaces.indexOf(dev)
    if (i >= 0) this.routes.interfaces.splice(i, 1)
    this.routes.removeOf(dev)
  }

  /** @internal Takes a packet from an interface, with padding. `isForUs` is false for groups. */
  receive(dev: StackInterface, type: number, bytes: Uint8Array, at: number, length: number, isForUs: boolean): void {
    this.#input.receive(dev, type, bytes, at, length, isForUs)
  }

  /** @internal */
  protocol(number: number): Protocol | undefined {
    return this.#input.protocol(number)
  }

  /** @internal Keeps a reported MTU. Returns false if a packet of `length` bytes fits it. */
  reportMtu(to: Uint8Array, mtu: number, length: number): boolean {
    return this.#pathMtu.report(to, mtu, length, this.mtuTo(to))
  }

  /** @internal Reports a packet to its sender after its next hop did not reply. */
  unresolved(frame: Uint8Array): void {
    this.icmp.unreachable(frame, ETH_HLEN)
  }

  /** @internal Sends a message of neighbour discovery on an interface. */
  sendDiscovery(dev: StackInterface, from: Uint8Array, to: Uint8Array, message: Uint8Array): void {
    const frame = new Uint8Array(ETH_HLEN + ipv6.IPV6_HLEN + message.length)
    frame.set(message, ETH_HLEN + ipv6.IPV6_HLEN)
    ipv6.create(frame, ETH_HLEN, IP6.icmp, message.length, 255)
    frame.set(from, ipv6.sourceAt(ETH_HLEN))
    frame.set(to, ipv6.destinationAt(ETH_HLEN))
    fillChecksum(IP6, IP6.icmp, frame, ETH_HLEN, ETH_HLEN + ipv6.IPV6_HLEN, message.length)
    this.count('Ip6OutRequests')
    this.count('Icmp6OutMsgs')
    dev.output(frame, dev.neighbours.of(to), from)
  }

  /** @internal Takes over a frame with a packet, and cuts packets larger than `mtu`. */
  output(frame: Uint8Array, version: IpVersion, { route, neighbour }: Hop, from: Uint8Array, mtu: number): void {
    if (frame.length - ETH_HLEN <= mtu) {
      route.dev.output(frame, neighbour, from)
      return
    }
    const pieces = fragmentsOf(version, frame, mtu, this.#lastId)
    this.count(version.counters.fragOks)
    this.count(version.counters.fragCreates, pieces.length)
    for (const piece of pieces) route.dev.output(piece, neighbour, from)
  }

  #send(
    version: IpVersion,
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    { ttl = DEFAULT_TTL, dontFragment = false }: SendOptions,
    hop: Hop | undefined,
  ): number {
    const mtu = hop === undefined ? LOOPBACK_MTU : this.#pathMtu.to(to, hop.route.dev.mtu)
    const length = version.header + segment.length
    if (dontFragment && length > mtu) return -EMSGSIZE
    const df = dontFragment && !this.#pathMtu.isLocked(to)
    if (!df) this.#lastId = (this.#lastId + 1) & 0xffff
    const frame = new Uint8Array(ETH_HLEN + length)
    frame.set(segment, ETH_HLEN + version.header)
    version.create(frame, ETH_HLEN, protocol, segment.length, ttl, df ? 0 : this.#lastId, df)
    frame.set(from, version.sourceAt(ETH_HLEN))
    frame.set(to, version.destinationAt(ETH_HLEN))
    version.finish(frame, ETH_HLEN)
    fillChecksum(version, protocol, frame, ETH_HLEN, ETH_HLEN + version.header, segment.length)
    this.count(version.counters.outRequests)
    const { filter } = this
    if (hop === undefined) this.#loopBack(frame, undefined)
    else if (
      filter !== undefined &&
      !filter({ bytes: frame, at: ETH_HLEN, length, from: undefined, to: hop.route.dev })
    )
      this.count('FilterDropped')
    else {
      if (hop.isToAll) this.#loopGroup(frame, hop.route.dev, to)
      this.output(frame, version, hop, from, mtu)
    }
    return 0
  }

  /** Delivers a broadcast to this host too, and a packet for a group if this host has joined it. */
  #loopGroup(frame: Uint8Array, dev: StackInterface, to: Uint8Array): void {
    const isGroupOnly = isGroup(to, 0, to.length) && to[0] !== 0xff
    const isHeard = to.length === 16 || isGroupOnly ? dev.isMember(to, 0, to.length) : true
    if (isHeard) this.#loopBack(frame.slice(), dev)
  }

  #loopBack(frame: Uint8Array, dev: StackInterface | undefined): void {
    this.#looped.push([frame, dev])
    if (this.#looped.length === 1) this.#loop.at(this.clock.now())
  }

  #deliverLooped(): void {
    const looped = this.#looped
    this.#looped = []
    for (const [frame, dev] of looped) {
      this.count(versionAt(frame).counters.inReceives)
      this.#input.deliver(dev, frame, ETH_HLEN, frame.length)
    }
  }
}

function versionAt(frame: Uint8Array): IpVersion {
  return (frame[ETH_HLEN] as number) >>> 4 === 4 ? IP4 : IP6
}
