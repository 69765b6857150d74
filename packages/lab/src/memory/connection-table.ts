/**
 * ConnectionTable: the connections that a router in memory has forwarded, like nf_conntrack of the
 * kernel. A firewall admits the packets of these connections in both directions.
 */

import type { ForwardedPacket } from '@vnet/inet'
import { IP4, IP6, type IpVersion, keyOf } from '@vnet/inet/kit'
import { type Clock, icmp, icmpv6, ipv4, NSEC_PER_SEC, tcp } from 'vnet'
import { get16, UpperHeader } from 'vnet/kit/packet'

// nf_conntrack_udp_timeout, _udp_timeout_stream, _icmp_timeout and _generic_timeout, in seconds.
const UDP_SECONDS = 30
const UDP_STREAM_SECONDS = 120
const ICMP_SECONDS = 30
const OTHER_SECONDS = 600

/** The age from which datagrams in both directions are a stream. */
const STREAM_NS = 2 * NSEC_PER_SEC

/** The states of a TCP connection with their times: nf_conntrack_tcp_timeout_*. */
const TCP_SECONDS = {
  NONE: 0,
  SYN_SENT: 120,
  SYN_RECV: 60,
  ESTABLISHED: 432_000,
  FIN_WAIT: 120,
  CLOSE_WAIT: 60,
  LAST_ACK: 30,
  TIME_WAIT: 120,
  CLOSE: 10,
}

type TcpState = keyof typeof TCP_SECONDS
type Changes = Readonly<Partial<Record<TcpState, TcpState>>>

// The states that a segment changes, as in tcp_conntracks.
const SYN: Changes = { NONE: 'SYN_SENT', TIME_WAIT: 'SYN_SENT', CLOSE: 'SYN_SENT' }
const SYN_ACK: Changes = { SYN_SENT: 'SYN_RECV' }
const FIN: Changes = {
  SYN_RECV: 'FIN_WAIT',
  ESTABLISHED: 'FIN_WAIT',
  FIN_WAIT: 'LAST_ACK',
  CLOSE_WAIT: 'LAST_ACK',
}
const ACK: Changes = {
  NONE: 'ESTABLISHED',
  SYN_RECV: 'ESTABLISHED',
  FIN_WAIT: 'CLOSE_WAIT',
  LAST_ACK: 'TIME_WAIT',
}

/** nf_conntrack_max of a machine with 1 GiB. */
export const CONNECTIONS_MAX = 65_536

interface Connection {
  readonly since: number
  /** When it ends. */
  until: number
  isReplied: boolean
  /** NONE for other protocols than TCP. */
  state: TcpState
}

/** A packet with the parts that rules look at. */
export interface Seen extends ForwardedPacket {
  readonly version: IpVersion
  readonly protocol: number
  /** Position of the upper header. */
  readonly h: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** 0 for other protocols than TCP and UDP; both are the identifier of an echo. */
  readonly sourcePort: number
  readonly port: number
}

export class ConnectionTable {
  readonly #clock: Clock
  readonly #upper = new UpperHeader()
  /** By the direction of their first packet. Ended ones remain until the table is full. */
  readonly #known = new Map<string, Connection>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a packet belongs to a connection, or is an ICMP error about one. */
  has(seen: Seen): boolean {
    const isOpen = (key: string) => this.#find(key) !== undefined
    return [seen, this.#quotedBy(seen)].some(each => each && keysOf(each).some(isOpen))
  }

  /** Notes a packet of a connection. Returns false if the table is full, as the kernel's can be. */
  add(seen: Seen): boolean {
    const [own, other] = keysOf(seen)
    const replied = this.#find(other)
    const connection = replied ?? this.#find(own) ?? this.#start(own)
    if (connection === undefined) return false
    const now = this.#clock.now()
    const seconds = secondsAfter(seen, connection, now)
    // nf_conntrack forgets a connection that was refused.
    const isRefused = connection.state === 'CLOSE' && !connection.isReplied
    connection.until = isRefused ? now : now + seconds * NSEC_PER_SEC
    connection.isReplied ||= replied !== undefined
    return true
  }

  #find(key: string): Connection | undefined {
    const connection = this.#known.get(key)
    return connection !== undefined && connection.until > this.#clock.now() ? connection : undefined
  }

  /** Returns undefined if the table is full. */
  #start(key: string): Connection | undefined {
    const now = this.#clock.now()
    if (this.#known.size >= CONNECTIONS_MAX && !this.#known.has(key)) {
      for (const [known, { until }] of this.#known) {
        if (until <= now) {
          this.#known.delete(known)
        }
      }
      if (this.#known.size >= CONNECTIONS_MAX) return undefined
    }
    const connection: Connection = { since: now, until: now, isReplied: false, state: 'NONE' }
    this.#known.set(key, connection)
    return connection
  }

  /** Returns the packet that an ICMP error is about. */
  #quotedBy({ bytes, at, length, h, version, protocol }: Seen): Seen | undefined {
    if (protocol !== version.icmp) return undefined
    const type = bytes[h] as number
    const isError = version === IP4 ? icmp.isError(type) : icmpv6.isError(type)
    const quote = h + icmp.ICMP_HLEN
    if (!isError || quote >= at + length) return undefined
    return this.see({
      bytes,
      at: quote,
      length: at + length - quote,
      from: undefined,
      to: undefined,
    })
  }

  /** Returns undefined for a packet without a whole upper header. */
  see(packet: ForwardedPacket): Seen | undefined {
    const { bytes, at, length } = packet
    const found = this.#upper.find(bytes, at, at + length)
    const { h, protocol } = this.#upper
    if (found === 0 || h < 0 || h + 8 > at + length) return undefined
    const version = found === 4 ? IP4 : IP6
    const address = (from: number) => bytes.slice(from, from + version.address)
    const hasPorts = protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP
    const id = protocol === version.icmp ? get16(bytes, h + 4) : 0
    return {
      ...packet,
      version,
      protocol,
      h,
      source: address(version.sourceAt(at)),
      destination: address(version.destinationAt(at)),
      sourcePort: hasPorts ? get16(bytes, h) : id,
      port: hasPorts ? get16(bytes, h + 2) : id,
    }
  }
}

/** Returns how long a connection lasts after a packet, in seconds. Changes its state of TCP. */
function secondsAfter(seen: Seen, connection: Connection, now: number): number {
  switch (seen.protocol) {
    case ipv4.IPPROTO_TCP:
      connection.state = stateAfter(seen, connection.state)
      return TCP_SECONDS[connection.state]
    case ipv4.IPPROTO_UDP:
      return connection.isReplied && now > connection.since + STREAM_NS
        ? UDP_STREAM_SECONDS
        : UDP_SECONDS
    case seen.version.icmp:
      return ICMP_SECONDS
    default:
      return OTHER_SECONDS
  }
}

function stateAfter({ bytes, at, length, h }: Seen, state: TcpState): TcpState {
  const flags = h + tcp.TCP_HLEN > at + length ? 0 : tcp.flags(bytes, h)
  if ((flags & tcp.TCP_RST) !== 0) return 'CLOSE'
  const isAck = (flags & tcp.TCP_ACK) !== 0
  if ((flags & tcp.TCP_SYN) !== 0) return (isAck ? SYN_ACK : SYN)[state] ?? state
  if ((flags & tcp.TCP_FIN) !== 0) return FIN[state] ?? state
  return (isAck ? ACK[state] : undefined) ?? state
}

/** Returns the keys of a packet's connection: in its own direction, and in the other. */
function keysOf({
  protocol,
  source,
  sourcePort,
  destination,
  port,
}: Seen): [own: string, other: string] {
  const [from, to] = [`${keyOf(source)}${sourcePort}`, `${keyOf(destination)}${port}`]
  return [`${protocol} ${from} ${to}`, `${protocol} ${to} ${from}`]
}
