/** Udp: UDP (RFC 768) of a host in memory, with the defaults of Linux. */
import { EADDRINUSE, EADDRNOTAVAIL, VnetError } from 'vnet/internal/base/errno'
import { formatAddress } from 'vnet/internal/packet/address'
import { IPPROTO_UDP } from 'vnet/internal/packet/ipv4'
import { get16 } from 'vnet/internal/packet/octets'
import * as udp from 'vnet/internal/packet/udp'
import { UDP_HLEN } from 'vnet/internal/packet/udp'
import type { IpError, Packet, Protocol, UdpBinding, UdpEvents } from './contract.ts'
import type { IpStack } from './ip-stack.ts'
import { isUnspecified, versionOf } from './ip-version.ts'
import { conflicts, UdpSocket, unmapped } from './udp-socket.ts'

/** net.ipv4.ip_local_port_range */
const [FIRST_PORT, PORTS] = [32_768, 28_232]

export class Udp implements Protocol {
  readonly #ip: IpStack
  /** The sockets of each port, the newest first, like Linux's hash chains. */
  readonly #sockets = new Map<number, UdpSocket[]>()

  constructor(ip: IpStack) {
    this.#ip = ip
    ip.use(IPPROTO_UDP, this)
  }

  /** Throws a VnetError: EADDRINUSE, EADDRNOTAVAIL. */
  bind(binding: UdpBinding, events: UdpEvents): UdpSocket {
    const { address, port: wanted } = binding
    const own = address === undefined || isUnspecified(address) ? undefined : unmapped(address).slice()
    if (own !== undefined && !this.#ip.isOwn(own) && !this.#ip.isToAll(own)) {
      throw new VnetError(EADDRNOTAVAIL, `bind ${formatAddress(own)} port ${wanted}`)
    }
    const socket = new UdpSocket(this, this.#ip, binding, own, events)
    socket.port = wanted === 0 ? this.#freePort(socket) : wanted
    if (!this.#isFree(socket, socket.port, binding.reuseAddr === true)) {
      throw new VnetError(EADDRINUSE, `bind port ${wanted}`)
    }
    const others = this.#sockets.get(socket.port)
    if (others === undefined) this.#sockets.set(socket.port, [socket])
    else others.unshift(socket)
    return socket
  }

  /** @internal For sockets. */
  remove(socket: UdpSocket): void {
    const rest = (this.#sockets.get(socket.port) ?? []).filter(each => each !== socket)
    if (rest.length > 0) this.#sockets.set(socket.port, rest)
    else this.#sockets.delete(socket.port)
  }

  /** Handles a datagram with correct lengths and a correct checksum. */
  receive(packet: Packet): void {
    const { bytes, at, source, destination } = packet
    const { counters } = versionOf(source)
    const sockets = this.#sockets.get(udp.destinationPort(bytes, at))
    const sourcePort = udp.sourcePort(bytes, at)
    if (!this.#ip.isOwn(destination) && this.#ip.isToAll(destination)) {
      // Every socket gets a datagram to all. It may close others.
      const takers = sockets?.filter(each => each.takes(destination) && each.admits(source, sourcePort)) ?? []
      if (takers.length === 0) this.#ip.count(counters.udpNoPorts)
      for (const socket of takers) this.#deliver(socket, packet, sourcePort)
      return
    }
    const socket = sockets && mostSpecific(sockets, destination, source, sourcePort)
    if (socket !== undefined) this.#deliver(socket, packet, sourcePort)
    else {
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
    if (socket?.remote !== undefined && (isFatal || mtu > 0)) socket.events.onError(errno)
  }

  close(): void {
    this.#sockets.clear()
  }

  /** Removes all sockets, without an event. */
  crash(): void {
    for (const socket of [...this.#sockets.values()].flat()) socket.close()
  }

  #deliver(socket: UdpSocket, { bytes, at, length, source }: Packet, port: number): void {
    if (socket.isClosed) return
    this.#ip.count(versionOf(source).counters.udpInDatagrams)
    socket.events.onMessage(bytes.slice(at + UDP_HLEN, at + length), { address: socket.shown(source), port })
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
    throw new VnetError(EADDRINUSE, 'bind: every port is taken')
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
    if (best === undefined || each.rank(to) > best.rank(to)) best = each
  }
  return best
}
