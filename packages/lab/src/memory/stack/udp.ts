/** Udp: UDP (RFC 768) of a host in memory. */
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, EMSGSIZE, ENETUNREACH, VnetError } from 'vnet/internal/base/errno'
import { formatAddress, sameBytes } from 'vnet/internal/packet/address'
import { IPPROTO_UDP } from 'vnet/internal/packet/ipv4'
import * as udp from 'vnet/internal/packet/udp'
import { UDP_HLEN } from 'vnet/internal/packet/udp'
import type { Endpoint, Ip, IpError, Packet, UdpBinding, UdpEvents, UdpHost, UdpSocket } from './contract.ts'
import { isGroup } from './ip-version.ts'

/** The longest datagram: what the length of an IP packet leaves. */
const [MAX4, MAX6] = [65_507, 65_527]
/** net.ipv4.ip_local_port_range */
const [FIRST_PORT, PORTS] = [32_768, 28_232]

/** ::ffff:0.0.0.0/96 (RFC 4291 section 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

export function mapped(address: Uint8Array): Uint8Array {
  return Uint8Array.of(...MAPPED, ...address)
}

/** Returns the IPv4 address in an IPv4-mapped one, or the address itself. */
export function unmapped(address: Uint8Array): Uint8Array {
  return address.length === 16 && MAPPED.every((byte, i) => address[i] === byte) ? address.subarray(12) : address
}

const isAny = (address: Uint8Array): boolean => address.every(byte => byte === 0)

class Socket implements UdpSocket {
  readonly local: Endpoint
  remote: Endpoint | undefined
  /** Undefined for every address of its families. */
  readonly bound: Uint8Array | undefined
  readonly binding: UdpBinding
  readonly events: UdpEvents
  readonly groups = new Set<string>()
  readonly #host: Udp

  constructor(host: Udp, binding: UdpBinding, bound: Uint8Array | undefined, port: number, events: UdpEvents) {
    this.#host = host
    this.binding = binding
    this.bound = bound
    this.events = events
    this.local = { address: bound ?? new Uint8Array(binding.family === 4 ? 4 : 16), port }
  }

  /** Whether packets to an address are for it. */
  takes(address: Uint8Array): boolean {
    if (this.bound !== undefined) return sameBytes(this.bound, address)
    return address.length === 4 ? this.binding.family === 4 || !this.binding.ipv6Only : this.binding.family === 6
  }

  send(data: Uint8Array, to?: Endpoint): number {
    return this.#host.send(this, data, to)
  }

  connect(remote: Endpoint | undefined): number {
    if (remote !== undefined && this.#host.sourceFor(unmapped(remote.address)) === undefined) return -ENETUNREACH
    this.remote = remote
    return 0
  }

  close(): void {
    this.#host.remove(this)
  }
}

export class Udp implements UdpHost {
  readonly #ip: Ip
  readonly #sockets = new Map<number, Socket[]>()

  constructor(ip: Ip) {
    this.#ip = ip
    ip.use(IPPROTO_UDP, this)
  }

  bind(binding: UdpBinding, events: UdpEvents): UdpSocket {
    const { address, port: wanted } = binding
    const own = address === undefined || isAny(address) ? undefined : unmapped(address)
    if (own !== undefined && !this.#ip.isOwn(own) && !isGroup(own, 0, own.length)) {
      throw new VnetError(EADDRNOTAVAIL, `bind ${formatAddress(own)} port ${wanted}`)
    }
    const port = wanted === 0 ? this.#freePort(binding, own) : wanted
    if (!this.#isFree(binding, own, port)) throw new VnetError(EADDRINUSE, `bind port ${port}`)
    const socket = new Socket(this, binding, own, port, events)
    const others = this.#sockets.get(port)
    if (others === undefined) this.#sockets.set(port, [socket])
    else others.push(socket)
    return socket
  }

  /** @internal For sockets. */
  send(socket: Socket, data: Uint8Array, given: Endpoint | undefined): number {
    const to = given ?? socket.remote
    if (to === undefined || to.port === 0) return -EINVAL
    const address = unmapped(to.address)
    const isV4 = address.length === 4
    if (data.length > (isV4 ? MAX4 : MAX6)) return -EMSGSIZE
    // A socket of IPv4 has no way to IPv6, nor one of IPv6 alone to IPv4.
    if (isV4 ? socket.binding.family === 6 && socket.binding.ipv6Only : socket.binding.family === 4) return -ENETUNREACH
    const from = socket.bound?.length === address.length ? socket.bound : this.sourceFor(address)
    if (from === undefined) return -ENETUNREACH
    const datagram = new Uint8Array(UDP_HLEN + data.length)
    udp.setSourcePort(datagram, 0, socket.local.port)
    udp.setDestinationPort(datagram, 0, to.port)
    udp.setLength(datagram, 0, datagram.length)
    datagram.set(data, UDP_HLEN)
    this.#ip.count(isV4 ? 'UdpOutDatagrams' : 'Udp6OutDatagrams')
    return this.#ip.send(IPPROTO_UDP, from, address, datagram)
  }

  /** @internal */
  sourceFor(to: Uint8Array): Uint8Array | undefined {
    return this.#ip.sourceFor(to)
  }

  /** @internal */
  remove(socket: Socket): void {
    const { port } = socket.local
    const rest = (this.#sockets.get(port) ?? []).filter(each => each !== socket)
    if (rest.length > 0) this.#sockets.set(port, rest)
    else this.#sockets.delete(port)
  }

  receive(packet: Packet): void {
    const { bytes, at, length, source, destination } = packet
    if (length < UDP_HLEN) return
    const size = udp.length(bytes, at)
    if (size < UDP_HLEN || size > length) return
    const port = udp.destinationPort(bytes, at)
    const from = { address: source, port: udp.sourcePort(bytes, at) }
    const counters = source.length === 4 ? 'Udp' : 'Udp6'
    const found = (this.#sockets.get(port) ?? []).filter(each => each.takes(destination) && admits(each, from))
    const isToAll = isGroup(destination, 0, destination.length) || !this.#ip.isOwn(destination)
    const sockets = isToAll ? found : found.sort((a, b) => rank(b) - rank(a)).slice(0, 1)
    if (sockets.length === 0) {
      this.#ip.count(`${counters}NoPorts`)
      if (!isToAll) this.#ip.refuse(packet)
      return
    }
    this.#ip.count(`${counters}InDatagrams`)
    for (const socket of sockets) {
      const address = socket.binding.family === 6 && source.length === 4 ? mapped(source) : source
      socket.events.onMessage(bytes.slice(at + UDP_HLEN, at + size), { address, port: from.port })
    }
  }

  /** Linux reports errors to connected sockets only, and of them the fatal ones. */
  error({ errno, isFatal, packet: { bytes, at, source, destination } }: IpError): void {
    if (!isFatal) return
    const peer = { address: destination, port: udp.destinationPort(bytes, at) }
    for (const socket of this.#sockets.get(udp.sourcePort(bytes, at)) ?? []) {
      if (socket.remote !== undefined && socket.takes(source) && admits(socket, peer)) socket.events.onError(errno)
    }
  }

  close(): void {
    this.#sockets.clear()
  }

  #freePort(binding: UdpBinding, own: Uint8Array | undefined): number {
    const first = this.#ip.random.below(PORTS)
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((first + i) % PORTS)
      if (this.#isFree({ ...binding, reuseAddr: false }, own, port)) return port
    }
    throw new VnetError(EADDRINUSE, 'bind: every port is taken')
  }

  #isFree({ family, ipv6Only, reuseAddr }: UdpBinding, own: Uint8Array | undefined, port: number): boolean {
    return (this.#sockets.get(port) ?? []).every(({ bound, binding }) => {
      if (reuseAddr && binding.reuseAddr) return true
      if (own !== undefined && bound !== undefined) return !sameBytes(own, bound)
      if (family === binding.family) return false
      // A socket of IPv6 takes the port of IPv4 also, unless it is for IPv6 alone.
      return family === 6 ? ipv6Only === true : binding.ipv6Only === true
    })
  }
}

function admits({ remote }: Socket, from: Endpoint): boolean {
  return remote === undefined || (remote.port === from.port && sameBytes(unmapped(remote.address), from.address))
}

/** The most specific socket takes a datagram, like compute_score of net/ipv4/udp.c. */
function rank({ remote, bound }: Socket): number {
  return (remote === undefined ? 0 : 4) + (bound === undefined ? 0 : 2)
}
