/**
 * IpStack: IPv4 (RFC 791, 1122) and IPv6 (RFC 8200) of a host in memory, with the defaults of
 * Linux. Missing are router advertisements, redirects, IGMP, MLD, duplicate address detection, and
 * the rate limits of ICMP errors. Neighbours do not age.
 *
 * A packet for an address of the host is delivered at the same moment of the clock, but never
 * inside the call that sends it.
 */
import { type Clock, ENETUNREACH } from 'vnet'
import type { Random } from 'vnet/net'
import type { Ip, Packet, Protocol } from '../contract.ts'
import { Icmp } from './icmp.ts'
import { Input } from './input.ts'
import { StackInterface, type StackInterfaceOptions } from './interface.ts'
import { type ForwardedPacket, LOOPBACK_MTU, Output, type StackSendOptions } from './output.ts'
import { PathMtu, Routes, type StackRoute } from './routes.ts'
import { IP4, isGroup, isOfLink, versionOf } from './version.ts'

export type { ForwardedPacket, StackRoute }

const NO_OPTIONS: StackSendOptions = {}

/** IP of one host, with its interfaces. InetHost makes and closes it. */
export class IpStack implements Ip {
  readonly clock: Clock
  readonly random: Random
  /** Whether it forwards packets of others. */
  forwarding = false
  /** Decides about packets before they are sent, delivered or forwarded; false drops one. */
  filter: ((packet: ForwardedPacket) => boolean) | undefined
  /** Returns a route for a received packet, if it is not the usual one. */
  divert: ((packet: ForwardedPacket) => StackRoute | undefined) | undefined
  /** Receives the echo replies: the packets are lent, with the ICMP header at `at`. */
  onEchoReply: ((packet: Packet) => void) | undefined
  /** The interface from which packets with an own source address may arrive. */
  acceptsOwnFrom: string | undefined
  /** @internal */
  readonly routes = new Routes()
  /** @internal */
  readonly icmp = new Icmp(this)
  /** @internal */
  readonly input = new Input(this)
  /** @internal */
  readonly output: Output
  /** @internal */
  readonly pathMtu: PathMtu
  readonly #counters = new Map<string, number>()

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.clock = clock
    this.random = random
    this.pathMtu = new PathMtu(clock)
    this.output = new Output(this)
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

  /** Removes the added routes over an interface; routes to its own networks remain. */
  removeRoutesOf(dev: StackInterface): void {
    this.routes.removeOf(dev)
  }

  /** Returns the route to an address that is not an own one. */
  routeTo(to: Uint8Array): StackRoute | undefined {
    return this.routes.find(to)?.route
  }

  sourceFor(to: Uint8Array, zone?: string): Uint8Array | undefined {
    if (this.isOwn(to)) return to
    return this.zoneOf(to, zone)?.sourceFor(to) ?? this.routes.find(to)?.source
  }

  /** Returns the interface of a zone if it chooses the link of an address. */
  zoneOf(address: Uint8Array, zone: string | undefined): StackInterface | undefined {
    return zone !== undefined && isOfLink(address) ? this.interfaceOf(zone) : undefined
  }

  isOwn(address: Uint8Array): boolean {
    return this.routes.isOwn(address, 0, address.length)
  }

  /** Returns an interface by its name, or by an own address that it has. */
  interfaceOf(choice: string | Uint8Array): StackInterface | undefined {
    return this.interfaces.find(dev =>
      typeof choice === 'string' ? dev.name === choice : dev.owns(choice),
    )
  }

  /** Whether an address is a group, or a broadcast of one of the networks of this host. */
  isToAll(address: Uint8Array): boolean {
    if (isGroup(address, 0, address.length)) return true
    return address.length === 4 && this.interfaces.some(dev => dev.isBroadcast(address))
  }

  mtuTo(to: Uint8Array): number {
    if (this.isOwn(to)) return LOOPBACK_MTU
    return this.pathMtu.to(to, this.routes.find(to)?.route.dev.mtu ?? LOOPBACK_MTU)
  }

  send(
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    options = NO_OPTIONS,
  ): number {
    const version = versionOf(to)
    const isOwn = this.isOwn(to)
    const hop = isOwn ? undefined : this.routes.from(from, to, options.dev)
    // Like Linux, IPv4 has no route from an address that the host has lost. IPv6 does not look.
    const isLost = version === IP4 && !this.isOwn(from)
    if (isLost || (hop === undefined && !isOwn)) {
      this.count(version.counters.outNoRoutes)
      return -ENETUNREACH
    }
    if (options.isReply !== true || version !== IP4) {
      return this.output.send(version, protocol, from, to, segment, options, hop)
    }
    const records = this.icmp.replying.options
    if (records === undefined) return 0
    return this.output.send(
      version,
      protocol,
      from,
      to,
      segment,
      { ...options, options: records },
      hop,
    )
  }

  use(number: number, protocol: Protocol): void {
    this.input.protocols.set(number, protocol)
  }

  refuse(packet: Packet): void {
    this.icmp.refuse(packet, this.input.headerOf(packet))
  }

  count(name: string, n = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + n)
  }

  /** Returns a copy of all counters that have counted, by their names. */
  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }

  /** Drops the packets that wait for a neighbour. */
  dropQueued(): void {
    for (const dev of this.interfaces) {
      dev.neighbours.dropQueued()
    }
  }

  /** Cancels the alarms, and removes the interfaces. */
  close(): void {
    this.output.close()
    this.input.close()
    for (const dev of [...this.interfaces]) {
      dev.remove()
    }
  }

  /** @internal An interface was removed. */
  removed(dev: StackInterface): void {
    const i = this.routes.interfaces.indexOf(dev)
    if (i >= 0) {
      this.routes.interfaces.splice(i, 1)
    }
    this.routes.removeOf(dev)
  }
}
