/**
 * IpStack: IPv4 (RFC 791, 1122) and IPv6 (RFC 8200) of a host in memory. It has the defaults of
 * Linux, and no router advertisements, redirects, options or limits of ICMP errors.
 *
 * A packet for an address of the host is delivered at the same moment of the clock, but never
 * inside the call that sends it.
 */
import type { Alarm, Clock } from 'vnet/internal/base/clock'
import { EMSGSIZE, ENETUNREACH } from 'vnet/internal/base/errno'
import type { Random } from 'vnet/internal/base/random'
import { formatPrefix, isInPrefix, networkOf, type Prefix } from 'vnet/internal/packet/address'
import { finish, onesComplementSum } from 'vnet/internal/packet/checksum'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import { IPPROTO_TCP, IPPROTO_UDP } from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { get16, put16 } from 'vnet/internal/packet/octets'
import { TCP_CHECK } from 'vnet/internal/packet/tcp'
import { UDP_CHECK } from 'vnet/internal/packet/udp'
import { UpperHeader } from 'vnet/internal/packet/upper-header'
import type { Ip, IpError, Packet, Protocol, SendOptions } from './contract.ts'
import { fragmentsOf, Reassembly } from './ip-fragments.ts'
import { Icmp } from './ip-icmp.ts'
import { StackInterface, type StackInterfaceOptions } from './ip-interface.ts'
import { IP4, IP6, type IpVersion, isGroup, isLoopback, keyOf, versionOf } from './ip-version.ts'

export interface StackRoute {
  readonly prefix: Prefix
  /** The router; undefined for neighbours. */
  readonly via?: Uint8Array | undefined
  readonly dev: StackInterface
}

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

/** How long a path MTU is kept (mtu_expires of Linux). */
const PMTU_NS = 600e9
const DEFAULT_TTL = 64
const LOOPBACK_MTU = 65_536
/** The smallest MTU that a path is believed to have (min_pmtu of Linux, RFC 8200 section 5). */
const [MIN_PMTU, MIN_PMTU6] = [552, 1280]

export class IpStack implements Ip {
  readonly clock: Clock
  readonly random: Random
  readonly interfaces: StackInterface[] = []
  /** Whether it forwards packets of others. */
  forwarding = false
  /** Decides about packets before they are sent, delivered or forwarded; false drops one. */
  filter: ((packet: ForwardedPacket) => boolean) | undefined
  /** Returns the route of a received packet that another route than usual leads. */
  divert: ((packet: ForwardedPacket) => StackRoute | undefined) | undefined
  /** The interface from which packets with an own source address may come. */
  acceptsOwnFrom: string | undefined
  readonly icmp: Icmp
  readonly #routes: StackRoute[] = []
  readonly #hops = new Map<string, StackRoute | null>()
  readonly #own = new Set<string>()
  readonly #protocols = new Map<number, Protocol>()
  readonly #counters = new Map<string, number>()
  readonly #pathMtu = new Map<string, { readonly mtu: number; readonly until: number }>()
  readonly #reassembly: Reassembly
  readonly #upper = new UpperHeader()
  /** Frames to an own address. */
  #looped: Uint8Array[] = []
  readonly #loop: Alarm
  #lastId: number

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.clock = clock
    this.random = random
    this.#loop = clock.alarm(() => this.#deliverLooped())
    this.#reassembly = new Reassembly(clock, bytes => this.#receiveWhole(undefined, bytes, ETH_HLEN, true))
    this.#lastId = random.below(0x1_0000)
    this.icmp = new Icmp(this)
    this.changed()
  }

  addInterface(options: StackInterfaceOptions): StackInterface {
    const made = new StackInterface(this, options)
    this.interfaces.push(made)
    return made
  }

  /** Adds a route, or replaces the one to the same network. */
  addRoute(route: StackRoute): void {
    const text = formatPrefix(route.prefix)
    const i = this.#routes.findIndex(({ prefix }) => formatPrefix(prefix) === text)
    this.#routes.splice(i < 0 ? this.#routes.length : i, i < 0 ? 0 : 1, route)
    this.changed()
  }

  removeRoutesOf(dev: StackInterface): void {
    const kept = this.#routes.filter(route => route.dev !== dev)
    this.#routes.splice(0, this.#routes.length, ...kept)
    this.changed()
  }

  /** @internal An interface was removed. */
  removed(dev: StackInterface): void {
    const i = this.interfaces.indexOf(dev)
    if (i >= 0) this.interfaces.splice(i, 1)
    this.removeRoutesOf(dev)
  }

  /** @internal Addresses or routes have changed. */
  changed(): void {
    this.#hops.clear()
    this.#own.clear()
    for (const { addresses } of this.interfaces) for (const { bytes } of addresses) this.#own.add(keyOf(bytes))
  }

  sourceFor(to: Uint8Array): Uint8Array | undefined {
    if (this.isOwn(to)) return to
    const hop = this.routeTo(to)
    return hop?.dev.sourceFor(hop.via ?? to)
  }

  isOwn(address: Uint8Array): boolean {
    return isLoopback(address) || this.#own.has(keyOf(address))
  }

  mtuTo(to: Uint8Array): number {
    if (this.isOwn(to)) return LOOPBACK_MTU
    const known = this.#pathMtu.get(keyOf(to))
    const mtu = this.routeTo(to)?.dev.mtu ?? LOOPBACK_MTU
    return known !== undefined && known.until > this.clock.now() ? Math.min(known.mtu, mtu) : mtu
  }

  /** Returns the most specific route to an address. */
  routeTo(to: Uint8Array): StackRoute | undefined {
    const key = keyOf(to)
    const known = this.#hops.get(key)
    if (known !== undefined) return known ?? undefined
    const connected = this.interfaces.flatMap(dev =>
      dev.addresses.map(({ bytes, prefixLen }) => ({
        prefix: { bytes: networkOf({ bytes, prefixLen }), prefixLen },
        dev,
      })),
    )
    let best: StackRoute | undefined
    for (const route of [...connected, ...this.#routes] as StackRoute[]) {
      const isBetter = best === undefined || route.prefix.prefixLen > best.prefix.prefixLen
      if (isBetter && route.dev.isUp && route.prefix.bytes.length === to.length && isInPrefix(to, route.prefix))
        best = route
    }
    // A group is reached by the first interface that has an address of the family.
    if (best === undefined && isGroup(to, 0, to.length)) {
      const dev = this.interfaces.find(each => each.isUp && each.sourceFor(to) !== undefined)
      best = dev && { prefix: { bytes: to, prefixLen: 8 * to.length }, dev }
    }
    this.#hops.set(key, best ?? null)
    return best
  }

  send(
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    { ttl = DEFAULT_TTL, dontFragment = false }: SendOptions = {},
  ): number {
    const version = versionOf(to)
    const isOwn = this.isOwn(to)
    const hop = isOwn ? undefined : this.routeTo(to)
    if (hop === undefined && !isOwn) {
      this.count(`${version.counters}OutNoRoutes`)
      return -ENETUNREACH
    }
    const mtu = this.mtuTo(to)
    if (dontFragment && version.header + segment.length > mtu) return -EMSGSIZE
    this.count(`${version.counters}OutRequests`)
    const frame = new Uint8Array(ETH_HLEN + version.header + segment.length)
    frame.set(segment, ETH_HLEN + version.header)
    const isWhole = frame.length - ETH_HLEN <= mtu
    if (!isWhole || !dontFragment) this.#lastId = (this.#lastId + 1) & 0xffff
    version.create(frame, ETH_HLEN, protocol, segment.length, ttl, dontFragment ? 0 : this.#lastId, dontFragment)
    frame.set(from, version.sourceAt(ETH_HLEN))
    frame.set(to, version.destinationAt(ETH_HLEN))
    version.finish(frame, ETH_HLEN)
    this.#fillChecksum(version, protocol, frame, segment.length)
    if (hop === undefined) {
      this.#loopBack(frame)
      return 0
    }
    const { dev } = hop
    const length = frame.length - ETH_HLEN
    if (this.filter?.({ bytes: frame, at: ETH_HLEN, length, from: undefined, to: dev }) !== false)
      this.#output(frame, hop, to, from, mtu)
    return 0
  }

  use(number: number, protocol: Protocol): void {
    this.#protocols.set(number, protocol)
  }

  refuse({ bytes, at, length, source, destination }: Packet): void {
    this.icmp.refuse(versionOf(destination), bytes, at, length, source, destination)
  }

  count(name: string, n = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + n)
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }

  /** @internal Takes a packet from an interface, with padding. `isForUs` is false for groups. */
  receive(dev: StackInterface, bytes: Uint8Array, at: number, length: number, isForUs: boolean): void {
    const version = (bytes[at] as number) >>> 4 === 4 ? IP4 : IP6
    this.count(`${version.counters}InReceives`)
    const header = version === IP4 ? ipv4.parse(bytes, at, length) : ipv6.parse(bytes, at, length)
    if (header < 0 || (version === IP4 && finish(onesComplementSum(bytes, at, header)) !== 0)) {
      this.count(`${version.counters}InHdrErrors`)
      return
    }
    const total = version === IP4 ? ipv4.totalLength(bytes, at) : ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, at)
    const to = version.destinationAt(at)
    const destination = bytes.subarray(to, to + version.address)
    const isFromOwn = this.isOwn(bytes.subarray(version.sourceAt(at), version.sourceAt(at) + version.address))
    // A packet that claims to be from this host is a martian.
    if (isFromOwn && this.acceptsOwnFrom !== dev.name) return
    const packet = { bytes, at, length: total, from: dev, to: undefined }
    const diverted = this.divert?.(packet)
    if (diverted !== undefined) this.#forward(dev, version, bytes, at, total, diverted)
    else if (this.#isDelivered(dev, destination)) {
      if (this.filter?.(packet) === false) return
      const frame = new Uint8Array(ETH_HLEN + total)
      frame.set(bytes.subarray(at, at + total), ETH_HLEN)
      this.#deliver(dev, frame)
    } else if (isForUs && this.forwarding) this.#forward(dev, version, bytes, at, total)
    else this.count(`${version.counters}InAddrErrors`)
  }

  /** @internal A packet whose next hop does not answer: reports it to its sender. */
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
    this.#fillChecksum(IP6, IP6.icmp, frame, message.length)
    dev.output(frame, to, from)
  }

  /** @internal Passes an ICMP error to the protocol of the quoted packet. */
  error(protocol: number, error: IpError): void {
    const { mtu, packet } = error
    if (mtu > 0) {
      const least = packet.destination.length === 4 ? MIN_PMTU : MIN_PMTU6
      this.#pathMtu.set(keyOf(packet.destination), { mtu: Math.max(mtu, least), until: this.clock.now() + PMTU_NS })
    }
    this.#protocols.get(protocol)?.error(error)
  }

  close(): void {
    this.#loop.cancel()
    this.#reassembly.close()
    for (const dev of [...this.interfaces]) dev.remove()
  }

  #fillChecksum(version: IpVersion, protocol: number, frame: Uint8Array, length: number): void {
    const offset = checksumOf(version, protocol)
    if (offset < 0 || offset + 2 > length) return
    const h = ETH_HLEN + version.header
    put16(frame, h + offset, 0)
    const isIcmp4 = protocol === IP4.icmp
    const sum = isIcmp4 ? 0 : version.pseudoSum(frame, ETH_HLEN, protocol, length)
    const check = finish(onesComplementSum(frame, h, length, sum))
    put16(frame, h + offset, check === 0 && protocol === IPPROTO_UDP ? 0xffff : check)
  }

  #output(frame: Uint8Array, { dev, via }: StackRoute, to: Uint8Array, from: Uint8Array, mtu: number): void {
    const hop = via ?? to
    if (frame.length - ETH_HLEN <= mtu) {
      dev.output(frame, hop, from)
      return
    }
    const version = versionOf(to)
    const pieces = fragmentsOf(version, frame, mtu, this.#lastId)
    this.count(`${version.counters}FragOKs`)
    this.count(`${version.counters}FragCreates`, pieces.length)
    for (const piece of pieces) dev.output(piece, hop, from)
  }

  #loopBack(frame: Uint8Array): void {
    this.#looped.push(frame)
    if (this.#looped.length === 1) this.#loop.at(this.clock.now())
  }

  #deliverLooped(): void {
    const frames = this.#looped
    this.#looped = []
    for (const frame of frames) this.#deliver(undefined, frame)
  }

  #isDelivered(dev: StackInterface, to: Uint8Array): boolean {
    if (this.#own.has(keyOf(to))) return true
    return isGroup(to, 0, to.length) || (to.length === 4 && dev.isBroadcast(to))
  }

  /** Delivers a packet for this host. The frame is the stack's own. */
  #deliver(dev: StackInterface | undefined, frame: Uint8Array): void {
    this.#upper.find(frame, ETH_HLEN, frame.length)
    if (this.#upper.isFragment) this.#reassembly.add(frame)
    else this.#receiveWhole(dev, frame, ETH_HLEN, false)
  }

  #receiveWhole(dev: StackInterface | undefined, frame: Uint8Array, nh: number, wasCut: boolean): void {
    const version = this.#upper.find(frame, nh, frame.length) === 4 ? IP4 : IP6
    if (wasCut) this.count(`${version.counters}ReasmOKs`)
    const { h, protocol, end } = this.#upper
    if (h < 0) return
    const length = end - h
    const source = frame.slice(version.sourceAt(nh), version.sourceAt(nh) + version.address)
    const destination = frame.slice(version.destinationAt(nh), version.destinationAt(nh) + version.address)
    if (!this.#isChecksumRight(version, protocol, frame, nh, h, length)) {
      this.count(
        protocol === IPPROTO_TCP
          ? 'TcpInCsumErrors'
          : protocol === IPPROTO_UDP
            ? 'UdpInCsumErrors'
            : 'IcmpInCsumErrors',
      )
      return
    }
    this.count(`${version.counters}InDelivers`)
    const packet: Packet = { bytes: frame, at: h, length, source, destination }
    if (protocol === version.icmp) this.icmp.receive(version, dev, packet, nh)
    else this.#protocols.get(protocol)?.receive(packet)
  }

  #isChecksumRight(
    version: IpVersion,
    protocol: number,
    bytes: Uint8Array,
    nh: number,
    h: number,
    length: number,
  ): boolean {
    const offset = checksumOf(version, protocol)
    if (offset < 0) return true
    if (offset + 2 > length) return false
    if (protocol === IPPROTO_UDP && version === IP4 && get16(bytes, h + offset) === 0) return true
    const sum = protocol === IP4.icmp ? 0 : version.pseudoSum(bytes, nh, protocol, length)
    return finish(onesComplementSum(bytes, h, length, sum)) === 0
  }

  #forward(
    from: StackInterface,
    version: IpVersion,
    bytes: Uint8Array,
    at: number,
    length: number,
    diverted?: StackRoute,
  ): void {
    const to = bytes.slice(version.destinationAt(at), version.destinationAt(at) + version.address)
    if (isGroup(to, 0, to.length) || isLoopback(to)) return
    const hop = diverted ?? this.routeTo(to)
    if (this.filter?.({ bytes, at, length, from, to: hop?.dev }) === false) return
    const life = bytes[version.lifeAt(at)] as number
    if (life <= 1) {
      this.icmp.timeExceeded(version, bytes, at, length)
      return
    }
    if (hop === undefined) {
      this.count(`${version.counters}InNoRoutes`)
      this.icmp.noRoute(version, bytes, at, length)
      return
    }
    const { mtu } = hop.dev
    if (length > mtu && (version === IP6 || (ipv4.flags(bytes, at) & ipv4.IP_DF) !== 0)) {
      this.count(`${version.counters}FragFails`)
      this.icmp.tooBig(version, bytes, at, length, mtu)
      return
    }
    const frame = new Uint8Array(ETH_HLEN + length)
    frame.set(bytes.subarray(at, at + length), ETH_HLEN)
    frame[version.lifeAt(ETH_HLEN)] = life - 1
    version.finish(frame, ETH_HLEN)
    this.count(version === IP4 ? 'IpForwDatagrams' : 'Ip6OutForwDatagrams')
    const source = hop.dev.sourceFor(hop.via ?? to)
    if (source !== undefined) this.#output(frame, hop, to, source, mtu)
  }
}

/** The position of a checksum that covers the payload; -1 for protocols without one. */
function checksumOf(version: IpVersion, protocol: number): number {
  if (protocol === IPPROTO_TCP) return TCP_CHECK
  if (protocol === IPPROTO_UDP) return UDP_CHECK
  return protocol === version.icmp ? 2 : -1
}
