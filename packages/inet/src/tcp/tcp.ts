/**
 * TCP of a host in memory: connections, listening ports, and the segments that belong to neither.
 *
 * Events are delivered later, never inside a call or a received segment. Packets that IP delivers
 * while a segment is being sent, as loopback may do, are processed later, too.
 *
 * Differences from Linux: Reno instead of CUBIC, and no ECN, fast open, SYN cookies, MTU probing,
 * pacing or compressed SACKs. Needless repetitions are not undone (F-RTO, Eifel, DSACK). Buffers
 * count bytes of data, without the memory around them. Timers have no ticks.
 */

import { ipv4, tcp } from 'vnet'
import { errnos } from 'vnet/kit/base'
import { get16, get32 } from 'vnet/kit/packet'
import type {
  Bound,
  Endpoint,
  Ip,
  IpError,
  Packet,
  Protocol,
  SendOptions,
  TcpConnection,
  TcpEvents,
  TcpListener,
} from '../contract.ts'
import { targetOf } from '../ip/version.ts'
import { unmapped } from '../udp.ts'
import { Accepted } from './accepted.ts'
import { Connection } from './connection.ts'
import { Deliveries } from './deliveries.ts'
import { answerSyn, sendSyn } from './handshake.ts'
import { ACCEPT, type ConnectionHost, TCP_DEFAULTS, type TcpOptions } from './host.ts'
import { arrive } from './input.ts'
import { Header, Segment } from './segment.ts'
import { keyOf, Listener, TcpTable } from './table.ts'
import { mayConnectAgain, mayReuse, replace, unwrap } from './time-wait.ts'

const ANY_V6 = new Uint8Array(16)
/** The bits of the traffic class that are not returned (RFC 3168 sec. 6.1.1). */
const ECN = 3
const SEND_OPTIONS = { dontFragment: true }

/**
 * TCP of one host. Only `connect`, `listen`, `abort`, `crash` and `close` are for its users; IP and
 * connections call the others.
 */
export class Tcp implements Protocol, ConnectionHost<Connection> {
  readonly ip: Ip
  readonly options: TcpOptions
  readonly header = new Header()
  readonly #segment = new Segment()
  readonly #table = new TcpTable()
  readonly #deliveries: Deliveries
  readonly #accepted: Accepted
  readonly #secret: number
  #isClosed = false
  /** Whether IP is sending a segment. */
  #isSending = false

  constructor(ip: Ip, options: Partial<TcpOptions> = {}) {
    this.ip = ip
    this.options = { ...TCP_DEFAULTS, ...options }
    this.#accepted = new Accepted(this.options)
    this.#secret = ip.random.below(2 ** 32)
    this.#deliveries = new Deliveries(ip.clock, packet => this.receive(packet))
    ip.use(ipv4.IPPROTO_TCP, this)
  }

  /**
   * Connects to an address, from `local` or a free ephemeral port. Throws a VnetError: ENETUNREACH,
   * EAFNOSUPPORT, EADDRNOTAVAIL, EADDRINUSE.
   */
  connect(to: Endpoint, events: TcpEvents, local: Partial<Endpoint> = {}): TcpConnection {
    const remote = { address: targetOf(to.address), port: to.port }
    const from = local.address ?? this.ip.sourceFor(remote.address, to.zone)
    // Connections have one peer: no group, and no broadcast address (RFC 9293 MUST-57).
    if (from === undefined || this.ip.isToAll(remote.address)) {
      throw new errnos.VnetError(errnos.ENETUNREACH, 'connect')
    }
    if (from.length !== remote.address.length) {
      // Linux's errors for IPv6 sockets, which also take IPv4-mapped addresses.
      const errno = from.length === 4 ? errnos.EAFNOSUPPORT : errnos.ENETUNREACH
      throw new errnos.VnetError(errno, 'connect')
    }
    if (!this.ip.isOwn(from)) throw new errnos.VnetError(errnos.EADDRNOTAVAIL, 'connect')
    const port = local.port ? local.port : this.#table.freePort(this.ip.random, from, remote)
    const key = keyOf(from, port, remote.address, remote.port)
    const old = this.#table.connections.get(key)
    if (old !== undefined && !mayConnectAgain(old)) {
      throw new errnos.VnetError(errnos.EADDRNOTAVAIL, 'connect')
    }
    if (this.#table.listenerOf(from, port) !== undefined) {
      throw new errnos.VnetError(errnos.EADDRINUSE, 'bind')
    }
    const connection = new Connection(this, key, { address: from, port }, remote, events)
    if (old !== undefined) {
      replace(old, connection)
    }
    this.#table.connections.set(key, connection)
    this.ip.count('TcpActiveOpens')
    const error = sendSyn(connection)
    if (error === -errnos.ENETUNREACH) {
      connection.close()
      throw new errnos.VnetError(errnos.ENETUNREACH, 'connect')
    }
    return connection
  }

  /**
   * Listens on a port; 0 takes a free one. `accept` is called with each connection after its
   * handshake. It sets `connection.events` before it returns. Throws a VnetError: EADDRINUSE,
   * EADDRNOTAVAIL.
   */
  listen(
    local: Bound & { readonly port: number },
    backlog: number,
    accept: (connection: TcpConnection) => void,
  ): TcpListener {
    const { address } = local
    if (address !== undefined && !this.ip.isOwn(address)) {
      throw new errnos.VnetError(errnos.EADDRNOTAVAIL, 'bind')
    }
    const port = local.port !== 0 ? local.port : this.#table.freeListenPort(this.ip.random, local)
    if (!this.#table.mayListen(local, port)) throw new errnos.VnetError(errnos.EADDRINUSE, 'bind')
    const onClose = (closed: Listener) => this.#table.removeListener(closed)
    const listener = new Listener(
      { address: address ?? ANY_V6, port },
      local,
      backlog,
      accept,
      onClose,
    )
    this.#table.addListener(listener)
    return listener
  }

  receive(packet: Packet): void {
    if (this.#isClosed) return
    if (this.#isSending) {
      this.#deliveries.delay(packet)
      return
    }
    this.ip.count('TcpInSegs')
    const segment = this.#segment
    if (!segment.parse(packet)) {
      this.ip.count('TcpInErrs')
      return
    }
    // Signatures need a key, which no socket has.
    if (segment.isSigned) {
      this.ip.count('TcpExtTCPMD5Unexpected')
      return
    }
    const { source, destination } = packet
    const key = keyOf(destination, segment.destinationPort, source, segment.sourcePort)
    const connection = this.#table.connections.get(key)
    if (connection === undefined) {
      this.#receiveNew(key, segment)
    } else if (connection.state === 'TIME-WAIT' && this.#replaces(connection, segment)) {
      connection.end()
      this.#receiveNew(key, segment)
    } else if (!arrive(connection, segment)) {
      this.#reply(segment)
    }
  }

  hasSent(packet: Packet): boolean {
    return this.#senderOf(packet) !== undefined
  }

  error(error: IpError): void {
    const { errno, packet } = error
    const connection = this.#senderOf(packet)
    if (connection === undefined) return
    const { sender, state } = connection
    if (errno === errnos.EMSGSIZE) {
      if (state === 'SYN-SENT' || state === 'SYN-RECV') return
      sender.onMtu()
      sender.push()
    } else if (
      state === 'SYN-SENT' ||
      (state === 'SYN-RECV' && (connection.isActive || endsRequest(error)))
    ) {
      connection.fail(errno)
    } else {
      connection.softError = errno
    }
    if (error.isNoPath === true) {
      sender.onNoPath(sequenceOf(connection, packet))
    }
  }

  /** Removes a connection without a packet. Its user gets ECONNABORTED. */
  abort(local: Endpoint, remote: Endpoint): void {
    this.#table.connections
      .get(keyOf(local.address, local.port, remote.address, remote.port))
      ?.fail(errnos.ECONNABORTED)
  }

  /** Frees everything without a packet. */
  close(): void {
    this.#isClosed = true
    this.crash()
  }

  /** Removes all connections and listeners, without a packet or an event. */
  crash(): void {
    for (const connection of [...this.#table.connections.values()]) {
      connection.abandon()
      connection.end()
    }
    this.#table.clear()
    this.#deliveries.clear()
  }

  send(
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    options: SendOptions = SEND_OPTIONS,
  ): number {
    const wasSending = this.#isSending
    this.#isSending = true
    try {
      return this.ip.send(ipv4.IPPROTO_TCP, from, to, segment, options)
    } finally {
      this.#isSending = wasSending
    }
  }

  timestampOffset(local: Uint8Array, remote: Uint8Array): number {
    return (
      [...local, ...remote].reduce(
        (hash, byte) => Math.imul(hash ^ byte, 0x01000193),
        this.#secret,
      ) >>> 0
    )
  }

  notify(connection: Connection): void {
    this.#deliveries.add(connection)
  }

  onTimeWait(connection: Connection): void {
    this.#accepted.wait(connection)
  }

  remove(connection: Connection): void {
    this.#accepted.delete(connection)
    if (this.#table.connections.get(connection.key) === connection) {
      this.#table.connections.delete(connection.key)
    }
    // Like Linux: a connection that ends after its handshake is still accepted, with its error.
    if ((connection.pending & ACCEPT) !== 0) return
    connection.listener?.waiting.delete(connection)
  }

  /** Takes a segment that belongs to no connection: a SYN for a listener, or anything for a RST. */
  #receiveNew(key: string, segment: Segment): void {
    // A broadcast or multicast address.
    if (!this.ip.isOwn(segment.destination)) return
    const listener = this.#table.listenerOf(segment.destination, segment.destinationPort)
    if (listener === undefined || segment.isAck) {
      if (!segment.isRst) {
        this.#reply(segment)
      }
      return
    }
    if (!segment.isSyn || segment.isRst || segment.isFin) return
    // IPv4-mapped addresses are never on the wire (RFC 4291 sec. 2.5.5.2).
    if (unmapped(segment.source) !== segment.source) return
    if (listener.isFull || this.#accepted.isFull(segment.source)) {
      this.ip.count('TcpExtListenOverflows')
      this.ip.count('TcpExtListenDrops')
      return
    }
    const local = { address: segment.destination.slice(), port: segment.destinationPort }
    const remote = { address: segment.source.slice(), port: segment.sourcePort }
    const connection = new Connection(this, key, local, remote, undefined)
    this.#table.connections.set(key, connection)
    connection.listener = listener
    listener.waiting.add(connection)
    this.#accepted.add(connection)
    answerSyn(connection, segment)
  }

  #replaces(connection: Connection, segment: Segment): boolean {
    const { address, port } = connection.local
    return mayReuse(connection, segment) && this.#table.listenerOf(address, port) !== undefined
  }

  /** Returns the connection with the unacknowledged segment of an ICMP error. Others are forged. */
  #senderOf(packet: Packet): Connection | undefined {
    const { bytes, at, source, destination } = packet
    const connection = this.#table.connections.get(
      keyOf(source, get16(bytes, at), destination, get16(bytes, at + 2)),
    )
    if (connection === undefined) return undefined
    const { una, next } = connection.sender
    const sequence = sequenceOf(connection, packet)
    return sequence >= una && sequence < next ? connection : undefined
  }

  /** Replies with RST to a segment for no connection (RFC 9293 sec. 3.10.7.1). */
  #reply(segment: Segment): void {
    const { header } = this
    const { isAck } = segment
    header.reset(segment.destinationPort, segment.sourcePort)
    header.flags = isAck ? tcp.TCP_RST : tcp.TCP_RST | tcp.TCP_ACK
    header.sequence = isAck ? segment.acknowledgment : 0
    header.acknowledgment = isAck ? 0 : (segment.sequence + segment.space) % 2 ** 32
    this.ip.count('TcpOutRsts')
    this.ip.count('TcpOutSegs')
    const options = { ...SEND_OPTIONS, trafficClass: segment.trafficClass & ~ECN, isReply: true }
    this.send(segment.destination.slice(), segment.source.slice(), header.build(0), options)
  }
}

/** The sequence number of a segment of a connection, as its sender counts. */
function sequenceOf({ iss, sender: { una } }: Connection, { bytes, at }: Packet): number {
  return unwrap(get32(bytes, at + 4), iss, una)
}

/** Whether Linux forgets a peer that has not completed its handshake (tcp_req_err). */
function endsRequest({ errno, isFatal, packet }: IpError): boolean {
  if (packet.source.length !== 4) return isFatal
  return (
    errno === errnos.EPROTO ||
    (!isFatal && (errno === errnos.EHOSTUNREACH || errno === errnos.ENETUNREACH))
  )
}
