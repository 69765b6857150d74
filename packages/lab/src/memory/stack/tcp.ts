/**
 * TCP of a host in memory: connections, listening ports, and the segments that belong to neither.
 *
 * Events are delivered by an alarm with a delay of zero, never inside a call or a received segment.
 * A packet that IP delivers while a segment is being sent, as loopback may do, is copied and
 * processed by the same alarm.
 *
 * Differences from Linux: Reno instead of CUBIC, no ECN, no fast open, no SYN cookies, no MTU
 * probing, no pacing, neither F-RTO nor the undoing of a needless repetition, and no compression of
 * SACKs.
 */
import { type Alarm, NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { EADDRINUSE, EADDRNOTAVAIL, EMSGSIZE, ENETUNREACH, VnetError } from 'vnet/internal/base/errno'
import { IPPROTO_TCP } from 'vnet/internal/packet/ipv4'
import { get16, get32 } from 'vnet/internal/packet/octets'
import { TCP_ACK, TCP_RST } from 'vnet/internal/packet/tcp'
import type { Endpoint, Ip, IpError, Packet, TcpConnection, TcpEvents, TcpHost, TcpListener } from './contract.ts'
import {
  ACCEPT,
  CONNECT,
  Connection,
  type ConnectionHost,
  FAILED,
  READ,
  READABLE,
  type TcpOptions,
  WRITABLE,
} from './tcp-connection.ts'
import { arrive, mayReuse, takeSyn } from './tcp-input.ts'
import { Listener } from './tcp-listener.ts'
import { Header, Segment } from './tcp-segment.ts'

/** ip_local_port_range */
const FIRST_PORT = 32_768
const LAST_PORT = 60_999
const PORTS = LAST_PORT - FIRST_PORT + 1
const ANY_V6 = new Uint8Array(16)
const SEND_OPTIONS = { dontFragment: true }

export type { TcpOptions }

export class Tcp implements TcpHost, ConnectionHost {
  readonly ip: Ip
  readonly options: Required<TcpOptions>
  readonly header = new Header()
  readonly #segment = new Segment()
  readonly #connections = new Map<string, Connection>()
  /** By port. */
  readonly #listeners = new Map<number, Listener[]>()
  /** Listeners by the connections that they have not accepted. */
  readonly #parents = new Map<Connection, Listener>()
  readonly #alarm: Alarm
  #isArmed = false
  #notified: Connection[] = []
  /** Whether IP is sending a segment, and packets that it delivered meanwhile. */
  #isSending = false
  #delayed: Packet[] = []

  constructor(ip: Ip, options: TcpOptions = {}) {
    this.ip = ip
    this.options = {
      synRetries: options.synRetries ?? 6,
      synLinearTimeouts: options.synLinearTimeouts ?? 0,
      synAckRetries: options.synAckRetries ?? 5,
      finTimeout: options.finTimeout ?? 60 * NSEC_PER_SEC,
      hasLossProbes: options.hasLossProbes ?? true,
    }
    this.#alarm = ip.clock.alarm(() => this.#deliver())
    ip.use(IPPROTO_TCP, this)
  }

  connect(remote: Endpoint, events: TcpEvents, local: Partial<Endpoint> = {}): TcpConnection {
    const from = local.address ?? this.ip.sourceFor(remote.address)
    if (from === undefined) throw new VnetError(ENETUNREACH, 'connect')
    if (!this.ip.isOwn(from)) throw new VnetError(EADDRNOTAVAIL, 'connect')
    const port = local.port ? local.port : this.#freePort(from, remote)
    const key = keyOf(from, port, remote.address, remote.port)
    if (this.#connections.has(key)) throw new VnetError(EADDRNOTAVAIL, 'connect')
    if (this.#listenerOf(from, port) !== undefined) throw new VnetError(EADDRINUSE, 'bind')
    const connection = new Connection(this, key, { address: from, port }, remote, events)
    this.#connections.set(key, connection)
    this.ip.count('TcpActiveOpens')
    const error = connection.connect()
    if (error === -ENETUNREACH) {
      connection.close()
      throw new VnetError(ENETUNREACH, 'connect')
    }
    return connection
  }

  listen(
    local: { readonly address: Uint8Array | undefined; readonly port: number },
    backlog: number,
    accept: (connection: TcpConnection) => void,
  ): TcpListener {
    const { address } = local
    if (address !== undefined && !this.ip.isOwn(address)) throw new VnetError(EADDRNOTAVAIL, 'bind')
    const port = local.port !== 0 ? local.port : this.#freeListenPort(address)
    if (!this.#mayListen(address, port)) throw new VnetError(EADDRINUSE, 'bind')
    const listener = new Listener({ address: address ?? ANY_V6, port }, address, backlog, accept, this.#unlisten)
    const others = this.#listeners.get(port)
    if (others === undefined) this.#listeners.set(port, [listener])
    else others.push(listener)
    return listener
  }

  receive(packet: Packet): void {
    if (this.#isSending) {
      const bytes = packet.bytes.slice(packet.at, packet.at + packet.length)
      const source = packet.source.slice()
      this.#delayed.push({ ...packet, bytes, at: 0, source, destination: packet.destination.slice() })
      this.#arm()
      return
    }
    this.ip.count('TcpInSegs')
    const segment = this.#segment
    if (!segment.parse(packet)) {
      this.ip.count('TcpInErrs')
      return
    }
    const { source, destination } = packet
    const key = keyOf(destination, segment.destinationPort, source, segment.sourcePort)
    const connection = this.#connections.get(key)
    if (connection === undefined) this.#receiveNew(key, segment)
    else if (connection.state === 'TIME-WAIT' && this.#replaces(connection, segment)) {
      connection.end()
      this.#receiveNew(key, segment)
    } else if (!arrive(connection, segment)) this.#reply(segment)
  }

  error({ errno, packet }: IpError): void {
    const { bytes, at, source, destination } = packet
    const connection = this.#connections.get(keyOf(source, get16(bytes, at), destination, get16(bytes, at + 2)))
    if (connection === undefined) return
    const { sender, state } = connection
    const sequence = sender.una + ((get32(bytes, at + 4) - connection.iss - sender.una) | 0)
    if (sequence < sender.una || sequence >= sender.next) return
    if (errno === EMSGSIZE) {
      if (state === 'SYN-SENT' || state === 'SYN-RECV') return
      sender.onMtu()
      sender.push()
    } else if (state === 'SYN-SENT' || state === 'SYN-RECV') connection.fail(errno)
    else connection.softError = errno
  }

  close(): void {
    for (const connection of [...this.#connections.values()]) {
      connection.abandon()
      connection.end()
    }
    this.#listeners.clear()
    this.#parents.clear()
    this.#notified = []
    this.#delayed = []
    this.#alarm.cancel()
    this.#isArmed = false
  }

  // For connections.

  send(from: Uint8Array, to: Uint8Array, segment: Uint8Array): number {
    const wasSending = this.#isSending
    this.#isSending = true
    try {
      return this.ip.send(IPPROTO_TCP, from, to, segment, SEND_OPTIONS)
    } finally {
      this.#isSending = wasSending
    }
  }

  notify(connection: Connection): void {
    this.#notified.push(connection)
    this.#arm()
  }

  remove(connection: Connection): void {
    if (this.#connections.get(connection.key) === connection) this.#connections.delete(connection.key)
    this.#parents.get(connection)?.waiting.delete(connection)
    this.#parents.delete(connection)
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#alarm.at(this.ip.clock.now())
  }

  /** Processes the delayed packets and delivers the events that were pending before. */
  #deliver(): void {
    this.#isArmed = false
    const notified = this.#notified
    const delayed = this.#delayed
    this.#notified = []
    this.#delayed = []
    let done = 0
    try {
      for (const connection of notified) {
        done++
        this.#deliverTo(connection)
      }
    } finally {
      // An event that throws does not keep others from their events.
      for (const connection of notified.slice(done)) this.notify(connection)
      for (const packet of delayed) this.receive(packet)
    }
  }

  #deliverTo(connection: Connection): void {
    const { pending } = connection
    connection.pending = 0
    if ((pending & ACCEPT) !== 0) this.#accept(connection)
    if ((pending & CONNECT) !== 0) connection.events.onConnect()
    if ((pending & READABLE) !== 0) connection.events.onReadable()
    if ((pending & WRITABLE) !== 0) connection.events.onWritable()
    if ((pending & READ) !== 0) connection.ackAfterRead()
    if ((pending & FAILED) !== 0) connection.events.onError(connection.error)
  }

  #accept(connection: Connection): void {
    const listener = this.#parents.get(connection)
    if (listener === undefined) return
    this.#parents.delete(connection)
    listener.waiting.delete(connection)
    listener.accept(connection)
  }

  // Ports and listeners.

  readonly #unlisten = (listener: Listener): void => {
    const left = this.#listeners.get(listener.local.port)?.filter(other => other !== listener) ?? []
    if (left.length > 0) this.#listeners.set(listener.local.port, left)
    else this.#listeners.delete(listener.local.port)
  }

  /** The listener of an address and port: one of the address before one of all addresses. */
  #listenerOf(address: Uint8Array, port: number): Listener | undefined {
    const listeners = this.#listeners.get(port)
    if (listeners === undefined) return undefined
    const exact = listeners.find(each => each.address !== undefined && isSame(each.address, address))
    return exact ?? listeners.find(each => each.address === undefined)
  }

  #mayListen(address: Uint8Array | undefined, port: number): boolean {
    const listeners = this.#listeners.get(port) ?? []
    const isTaken = (own: Uint8Array | undefined) => own === undefined || address === undefined || isSame(own, address)
    if (listeners.some(each => isTaken(each.address))) return false
    // Accepted connections share the port of their listener, others do not.
    for (const { isActive, local } of this.#connections.values()) {
      if (isActive && local.port === port && isTaken(local.address)) return false
    }
    return true
  }

  /** Ports for connections are even and those for listening odd, until these are used up. */
  #freePort(from: Uint8Array, remote: Endpoint): number {
    const offset = this.ip.random.below(PORTS) & ~1
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((offset + 2 * i + (2 * i >= PORTS ? 1 : 0)) % PORTS)
      if (this.#listeners.has(port)) continue
      if (!this.#connections.has(keyOf(from, port, remote.address, remote.port))) return port
    }
    throw new VnetError(EADDRNOTAVAIL, 'connect')
  }

  #freeListenPort(address: Uint8Array | undefined): number {
    const offset = this.ip.random.below(PORTS) | 1
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((offset + 2 * i + (2 * i >= PORTS ? 1 : 0)) % PORTS)
      if (this.#mayListen(address, port)) return port
    }
    throw new VnetError(EADDRINUSE, 'bind')
  }

  /** Takes a segment that belongs to no connection: a SYN for a listener, or anything for a RST. */
  #receiveNew(key: string, segment: Segment): void {
    const listener = this.#listenerOf(segment.destination, segment.destinationPort)
    if (listener === undefined || segment.isAck) {
      if (!segment.isRst) this.#reply(segment)
      return
    }
    if (!segment.isSyn || segment.isRst || segment.isFin) return
    if (listener.isFull) {
      this.ip.count('TcpExtListenOverflows')
      this.ip.count('TcpExtListenDrops')
      return
    }
    const local = { address: segment.destination.slice(), port: segment.destinationPort }
    const remote = { address: segment.source.slice(), port: segment.sourcePort }
    const connection = new Connection(this, key, local, remote, undefined)
    this.#connections.set(key, connection)
    this.#parents.set(connection, listener)
    listener.waiting.add(connection)
    takeSyn(connection, segment)
    connection.answerSyn()
  }

  #replaces(connection: Connection, segment: Segment): boolean {
    const { address, port } = connection.local
    return mayReuse(connection, segment) && this.#listenerOf(address, port) !== undefined
  }

  /** Replies with RST to a segment for no connection (RFC 9293 sec. 3.10.7.1). */
  #reply(segment: Segment): void {
    const { header } = this
    const { isAck } = segment
    header.reset(segment.destinationPort, segment.sourcePort)
    header.flags = isAck ? TCP_RST : TCP_RST | TCP_ACK
    header.sequence = isAck ? segment.acknowledgment : 0
    header.acknowledgment = isAck ? 0 : (segment.sequence + segment.space) % 2 ** 32
    this.ip.count('TcpOutRsts')
    this.ip.count('TcpOutSegs')
    this.send(segment.destination.slice(), segment.source.slice(), header.build(0))
  }
}

/** The key of a connection: addresses and ports as 16-bit units of a string. */
function keyOf(local: Uint8Array, localPort: number, remote: Uint8Array, remotePort: number): string {
  if (local.length === 4) {
    return String.fromCharCode(
      localPort,
      remotePort,
      get16(remote, 0),
      get16(remote, 2),
      get16(local, 0),
      get16(local, 2),
    )
  }
  let key = String.fromCharCode(localPort, remotePort)
  for (let i = 0; i < 16; i += 2) key += String.fromCharCode(get16(remote, i), get16(local, i))
  return key
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
