/** UDP (RFC 768) of a host in memory, with the defaults of Linux: UdpSocket, and Udp with all. */

import { formatAddress, ipv4, udp } from 'vnet'
import { errnos } from 'vnet/kit/base'
import { get16, sameBytes } from 'vnet/kit/packet'
import type { Endpoint, IpError, Packet, Protocol, UdpBinding, UdpEvents } from './contract.ts'
import type { StackInterface } from './ip/interface.ts'
import type { IpStack } from './ip/stack.ts'
import { isGroup, isLoopback, isUnspecified, targetOf, versionOf } from './ip/version.ts'

/** An interface by its name, or by an own address that it has. */
export type InterfaceChoice = string | Uint8Array

// The longest datagrams of IPv4 and IPv6: what the length of a packet leaves.
const MAX4 = 65_507
const MAX6 = 65_527

const DEFAULT_TTL = 64

/** ::ffff:0.0.0.0/96 (RFC 4291 section 2.5.5.2). */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

const mapped = (address: Uint8Array): Uint8Array => Uint8Array.of(...MAPPED, ...address)

/** Returns the IPv4 address in an IPv4-mapped one, or the address itself. */
export function unmapped(address: Uint8Array): Uint8Array {
  if (address.length !== 16) return address
  for (let i = 0; i < MAPPED.length; i++) {
    if (address[i] !== MAPPED[i]) {
      return address
    }
  }
  return address.subarray(MAPPED.length)
}

/** A socket can join groups on `lo`, but none can send to groups there. */
type Joined = Readonly<{ group: Uint8Array; dev: StackInterface | 'lo' }>

/**
 * A socket, from Udp.bind() until close(). Errors are returned as negative errno numbers; events
 * stop at close().
 */
export class UdpSocket {
  readonly binding: UdpBinding
  readonly events: UdpEvents
  port = 0
  /** The only peer, as set by connect(); undefined if the socket takes and sends to all. */
  remote: Endpoint | undefined
  isClosed = false
  /** IP_TTL, and IP_MULTICAST_TTL for groups. */
  ttl = DEFAULT_TTL
  multicastTtl = 1
  /** IP_MULTICAST_LOOP: whether this host receives what the socket sends to groups. */
  multicastLoop = true
  /** SO_BROADCAST. Without it a datagram to a broadcast address returns -EACCES. */
  canBroadcast = false
  readonly #host: Udp
  readonly #ip: IpStack
  /** The address that it was bound to; undefined for all. */
  readonly #given: Uint8Array | undefined
  /** It takes datagrams to this address: the given one, or the one it is connected from. */
  #bound: Uint8Array | undefined
  /** The address of `remote`, IPv4-mapped ones as IPv4. */
  #peer: Uint8Array | undefined
  readonly #joined: Joined[] = []
  #groupDev: StackInterface | undefined

  /** @internal Udp makes it. `bound` is not mapped. */
  constructor(
    host: Udp,
    ip: IpStack,
    binding: UdpBinding,
    bound: Uint8Array | undefined,
    events: UdpEvents,
  ) {
    this.#host = host
    this.#ip = ip
    this.binding = binding
    this.#given = bound
    this.#bound = bound
    this.events = events
  }

  /** The address and port that the socket is bound to; the address has zeros for all addresses. */
  get local(): Endpoint {
    const { family } = this.binding
    const address =
      this.#bound === undefined ? new Uint8Array(family === 4 ? 4 : 16) : this.shown(this.#bound)
    return { address, port: this.port }
  }

  /** It takes datagrams to this address; undefined for all. */
  get bound(): Uint8Array | undefined {
    return this.#bound
  }

  /** Returns an address as this socket shows it: IPv4 addresses are mapped for IPv6. */
  shown(address: Uint8Array): Uint8Array {
    return this.binding.family === 6 && address.length === 4 ? mapped(address) : address
  }

  /** Whether datagrams to an address are for it. */
  takes(address: Uint8Array): boolean {
    return this.#bound === undefined ? this.covers(address.length) : sameBytes(this.#bound, address)
  }

  /** Whether a datagram to a group is for it: one of IPv6 must have joined a group of IPv4. */
  takesGroup(group: Uint8Array): boolean {
    const needsJoin = this.binding.family === 6 && group.length === 4 && isMulticast(group)
    return this.takes(group) && (!needsJoin || this.#find(group, undefined) >= 0)
  }

  /** Whether it is for all addresses of a family, given by their length. */
  covers(length: number): boolean {
    const { family, ipv6Only } = this.binding
    return length === 4 ? family === 4 || !ipv6Only : family === 6
  }

  /** Whether it takes datagrams from a sender: any, or the connected one. */
  admits(address: Uint8Array, port: number): boolean {
    return (
      this.#peer === undefined || (this.remote?.port === port && sameBytes(this.#peer, address))
    )
  }

  /** How specific it is, like compute_score of Linux. */
  rank(to: Uint8Array): number {
    const isFamily = (to.length === 4) === (this.binding.family === 4)
    return (
      (this.#bound === undefined ? 0 : 4) + (this.#peer === undefined ? 0 : 2) + (isFamily ? 1 : 0)
    )
  }

  /** Returns 0 or a negative errno: -ENETUNREACH, -EMSGSIZE, -EDESTADDRREQ, -EINVAL, -EACCES. */
  send(data: Uint8Array, to: Endpoint | undefined = this.remote): number {
    if (to === undefined) return -errnos.EDESTADDRREQ
    if (to.port === 0) return -errnos.EINVAL
    const address = targetOf(unmapped(to.address))
    const version = versionOf(address)
    if (data.length > (address.length === 4 ? MAX4 : MAX6)) return -errnos.EMSGSIZE
    // A socket of IPv4 has no way to IPv6, nor one of IPv6 alone to IPv4.
    if (!this.covers(address.length)) return -errnos.ENETUNREACH
    const dev = this.#deviceTo(address, to.zone)
    const from = this.#sourceTo(address, dev)
    if (from === undefined) return -errnos.ENETUNREACH
    if (isLoopback(from) && !this.#ip.isOwn(address)) return -errnos.EINVAL
    if (!this.canBroadcast && this.#isBroadcast(address)) return -errnos.EACCES
    const datagram = new Uint8Array(udp.UDP_HLEN + data.length)
    udp.setSourcePort(datagram, 0, this.port)
    udp.setDestinationPort(datagram, 0, to.port)
    udp.setLength(datagram, 0, datagram.length)
    datagram.set(data, udp.UDP_HLEN)
    // Linux discovers the MTU of the path: only what is larger is cut, and then by the sender.
    const isForGroup = isMulticast(address)
    const dontFragment =
      !isGroup(address, 0, address.length) &&
      version.header + datagram.length <= this.#ip.mtuTo(address)
    const options = isForGroup
      ? { ttl: this.multicastTtl, isLooped: this.multicastLoop, dev }
      : { ttl: this.ttl, dontFragment, dev }
    const sent = this.#ip.send(ipv4.IPPROTO_UDP, from, address, datagram, options)
    if (sent === 0) {
      this.#ip.count(version.counters.udpOutDatagrams)
    }
    return sent
  }

  /** Sets the only peer; undefined for all. */
  connect(remote: Endpoint | undefined): number {
    this.remote = undefined
    this.#peer = undefined
    this.#bound = this.#given
    if (remote === undefined) return 0
    const address = targetOf(unmapped(remote.address))
    const dev = this.#deviceTo(address, remote.zone)
    const from = this.covers(address.length) ? this.#sourceTo(address, dev) : undefined
    if (from === undefined) return -errnos.ENETUNREACH
    if (isLoopback(from) && !this.#ip.isOwn(address)) return -errnos.EINVAL
    if (!this.canBroadcast && this.#isBroadcast(address)) return -errnos.EACCES
    // Like Linux, it now takes only datagrams to the address that it sends from.
    this.#bound = this.#given ?? from.slice()
    this.#peer = address.slice()
    this.remote = { ...remote, address: this.shown(this.#peer) }
    return 0
  }

  /** IP_MULTICAST_IF. Returns 0, or -EADDRNOTAVAIL for an unknown interface. */
  setMulticastInterface(choice: InterfaceChoice | undefined): number {
    const dev = choice === undefined ? undefined : this.#ip.interfaceOf(choice)
    if (choice !== undefined && dev === undefined) return -errnos.EADDRNOTAVAIL
    this.#groupDev = dev
    return 0
  }

  /**
   * Joins a group on an interface, by default the interface of its route. Returns 0, -EINVAL if
   * `group` is not a group, -EADDRINUSE if the socket is a member, or -ENODEV without a route.
   */
  joinGroup(group: Uint8Array, choice?: InterfaceChoice): number {
    if (!isMulticast(group)) return -errnos.EINVAL
    const dev = choice === undefined ? this.#ip.routeTo(group)?.dev : this.#joinable(choice)
    if (dev === undefined) return -errnos.ENODEV
    if (this.#find(group, dev) >= 0) return -errnos.EADDRINUSE
    this.#joined.push({ group: group.slice(), dev })
    if (dev !== 'lo') {
      dev.join(group)
    }
    return 0
  }

  /** Returns 0, -EADDRNOTAVAIL if it has not joined, or -ENODEV without `choice` and a route. */
  leaveGroup(group: Uint8Array, choice?: InterfaceChoice): number {
    if (choice === undefined && group.length === 4 && this.#ip.routeTo(group) === undefined) {
      return -errnos.ENODEV
    }
    const dev = choice === undefined ? undefined : this.#joinable(choice)
    const i = choice === undefined || dev !== undefined ? this.#find(group, dev) : -1
    if (i < 0) return -errnos.EADDRNOTAVAIL
    this.#leave(i, 1)
    return 0
  }

  /** Leaves all groups and frees the port. No event follows. */
  close(): void {
    this.isClosed = true
    this.#leave(0, this.#joined.length)
    this.#host.remove(this)
  }

  #leave(first: number, count: number): void {
    for (const { group, dev } of this.#joined.splice(first, count)) {
      if (dev !== 'lo') {
        dev.leave(group)
      }
    }
  }

  #joinable(choice: InterfaceChoice): Joined['dev'] | undefined {
    const isLoopbacks = typeof choice === 'string' ? choice === 'lo' : isLoopback(choice)
    return isLoopbacks ? 'lo' : this.#ip.interfaceOf(choice)
  }

  #find(group: Uint8Array, dev: Joined['dev'] | undefined): number {
    return this.#joined.findIndex(
      each => sameBytes(each.group, group) && (dev === undefined || each.dev === dev),
    )
  }

  /**
   * The address from which datagrams leave; undefined without one, as for a bound IPv4 address that
   * the host has lost. Sockets that are bound to a group send from an own address.
   */
  #sourceTo(to: Uint8Array, dev: StackInterface | undefined): Uint8Array | undefined {
    const bound = this.#bound
    if (bound !== undefined && bound.length === to.length && !this.#ip.isToAll(bound)) {
      return bound.length === 16 || this.#ip.isOwn(bound) ? bound : undefined
    }
    return dev !== undefined && !this.#ip.isOwn(to) ? dev.sourceFor(to) : this.#ip.sourceFor(to)
  }

  /** The interface of a zone, or the chosen one for groups; undefined for the route's. */
  #deviceTo(to: Uint8Array, zone: string | undefined): StackInterface | undefined {
    return this.#ip.zoneOf(to, zone) ?? (isMulticast(to) ? this.#groupDev : undefined)
  }

  #isBroadcast(address: Uint8Array): boolean {
    return address.length === 4 && !isMulticast(address) && this.#ip.isToAll(address)
  }
}

/** Whether two sockets cannot have the same port, without SO_REUSEADDR. */
export function conflicts(one: UdpSocket, other: UdpSocket): boolean {
  if (one.bound !== undefined) return other.takes(one.bound)
  if (other.bound !== undefined) return one.takes(other.bound)
  return (one.covers(4) && other.covers(4)) || (one.covers(16) && other.covers(16))
}

function isMulticast(address: Uint8Array): boolean {
  return isGroup(address, 0, address.length) && (address.length === 16 || address[0] !== 0xff)
}

// net.ipv4.ip_local_port_range
const FIRST_PORT = 32_768
const PORTS = 28_232

/** UDP of one host: its sockets by port. */
export class Udp implements Protocol {
  readonly #ip: IpStack
  /** The sockets of each port, the newest first, like Linux's hash chains. */
  readonly #sockets = new Map<number, UdpSocket[]>()

  constructor(ip: IpStack) {
    this.#ip = ip
    ip.use(ipv4.IPPROTO_UDP, this)
  }

  /**
   * Makes a socket. Throws a VnetError, EADDRINUSE for a port that another socket has,
   * EADDRNOTAVAIL for an address that is neither an own one nor for all.
   */
  bind(binding: UdpBinding, events: UdpEvents): UdpSocket {
    const { address, port: wanted } = binding
    const own =
      address === undefined || isUnspecified(address) ? undefined : unmapped(address).slice()
    if (own !== undefined && !this.#ip.isOwn(own) && !this.#ip.isToAll(own)) {
      throw new errnos.VnetError(errnos.EADDRNOTAVAIL, `bind ${formatAddress(own)} port ${wanted}`)
    }
    const socket = new UdpSocket(this, this.#ip, binding, own, events)
    socket.port = wanted === 0 ? this.#freePort(socket) : wanted
    if (!this.#isFree(socket, socket.port, binding.reuseAddr === true)) {
      throw new errnos.VnetError(errnos.EADDRINUSE, `bind port ${wanted}`)
    }
    const others = this.#sockets.get(socket.port)
    if (others === undefined) {
      this.#sockets.set(socket.port, [socket])
    } else {
      others.unshift(socket)
    }
    return socket
  }

  /** @internal For sockets. */
  remove(socket: UdpSocket): void {
    const rest = (this.#sockets.get(socket.port) ?? []).filter(each => each !== socket)
    if (rest.length > 0) {
      this.#sockets.set(socket.port, rest)
    } else {
      this.#sockets.delete(socket.port)
    }
  }

  /** Handles a datagram with correct lengths and a correct checksum. */
  receive(packet: Packet): void {
    const { bytes, at, source, destination } = packet
    const { counters } = versionOf(source)
    const sockets = this.#sockets.get(udp.destinationPort(bytes, at))
    const sourcePort = udp.sourcePort(bytes, at)
    if (!this.#ip.isOwn(destination) && this.#ip.isToAll(destination)) {
      // Every socket gets a datagram to all. It may close others.
      const takers =
        sockets?.filter(each => each.takesGroup(destination) && each.admits(source, sourcePort)) ??
        []
      if (takers.length === 0) {
        this.#ip.count(counters.udpNoPorts)
      }
      for (const socket of takers) {
        this.#deliver(socket, packet, sourcePort)
      }
      return
    }
    const socket = sockets && mostSpecific(sockets, destination, source, sourcePort)
    if (socket !== undefined) {
      this.#deliver(socket, packet, sourcePort)
    } else {
      this.#ip.count(counters.udpNoPorts)
      this.#ip.refuse(packet)
    }
  }

  hasSent(packet: Packet): boolean {
    return this.#senderOf(packet) !== undefined
  }

  /** Reports fatal errors and path MTUs to connected sockets, like Linux. */
  error({ errno, isFatal, mtu, packet }: IpError): void {
    const socket = this.#senderOf(packet)
    if (socket?.remote !== undefined && (isFatal || mtu > 0)) {
      socket.events.onError(errno)
    }
  }

  /** Forgets all sockets, when the host ends: no datagram reaches them any more. */
  close(): void {
    this.#sockets.clear()
  }

  /** Removes all sockets, without an event. */
  crash(): void {
    for (const socket of [...this.#sockets.values()].flat()) {
      socket.close()
    }
  }

  #deliver(socket: UdpSocket, { bytes, at, length, source }: Packet, port: number): void {
    if (socket.isClosed) return
    this.#ip.count(versionOf(source).counters.udpInDatagrams)
    socket.events.onMessage(bytes.slice(at + udp.UDP_HLEN, at + length), {
      address: socket.shown(source),
      port,
    })
  }

  #senderOf({ bytes, at, source, destination }: Packet): UdpSocket | undefined {
    const sockets = this.#sockets.get(get16(bytes, at))
    return sockets && mostSpecific(sockets, source, destination, get16(bytes, at + 2))
  }

  #freePort(socket: UdpSocket): number {
    const first = this.#ip.random.below(PORTS)
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((first + i) % PORTS)
      if (this.#isFree(socket, port, false)) return port
    }
    throw new errnos.VnetError(errnos.EADDRINUSE, 'bind: every port is taken')
  }

  #isFree(socket: UdpSocket, port: number, reuse: boolean): boolean {
    for (const other of this.#sockets.get(port) ?? []) {
      if (!(reuse && other.binding.reuseAddr) && conflicts(socket, other)) return false
    }
    return true
  }
}

/** Returns the socket that takes a datagram: a connected one, then a bound one, then the newest. */
function mostSpecific(
  sockets: readonly UdpSocket[],
  to: Uint8Array,
  from: Uint8Array,
  port: number,
): UdpSocket | undefined {
  let best: UdpSocket | undefined
  for (const each of sockets) {
    if (!each.takes(to) || !each.admits(from, port)) continue
    if (best === undefined || each.rank(to) > best.rank(to)) {
      best = each
    }
  }
  return best
}
