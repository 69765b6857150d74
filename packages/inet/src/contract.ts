/**
 * The contracts between the parts of a host in memory: IP below, TCP and UDP above it, and the
 * sockets of Node on top. All times are nanoseconds of a Clock. Addresses are 4 or 16 bytes, in
 * network byte order, and no part changes an address that it was given. Errors are negative errno
 * numbers as return values, and positive ones in events.
 */
import type { Clock } from 'vnet'
import type { Random } from 'vnet/net'

/**
 * An address with a port. Ports are numbers from 0 to 65535. `zone` names the interface of an IPv6
 * address of one link; for other addresses, and if it is unknown, it has no effect.
 */
export type Endpoint = Readonly<{ address: Uint8Array; port: number; zone?: string | undefined }>

/** A received packet. It is lent: a protocol copies what it keeps. */
export interface Packet {
  readonly bytes: Uint8Array
  /** Position and length of the TCP, UDP or ICMP header with its payload. */
  readonly at: number
  readonly length: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** DSCP and ECN of a packet that a protocol receives. */
  readonly trafficClass?: number
}

/** An ICMP error about a packet that this host sent. */
export interface IpError {
  /** As Linux reports it to a socket: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE. */
  readonly errno: number
  /**
   * Whether Linux reports it to UDP without IP_RECVERR (icmp_err_convert.fatal). A connecting TCP
   * socket fails with any error.
   */
  readonly isFatal: boolean
  /** The next-hop MTU of EMSGSIZE; otherwise 0. */
  readonly mtu: number
  /** Whether a router found no path to the destination: RFC 6069. */
  readonly isNoPath?: boolean
  /** The quoted packet: `source` is this host. At least 8 bytes of its TCP or UDP header. */
  readonly packet: Packet
}

/** A protocol above IP. */
export interface Protocol {
  /** Takes a packet for an address of this host, with a right checksum. */
  receive(packet: Packet): void
  /** Whether it may have sent the packet that an ICMP error quotes. Other errors are forged. */
  hasSent(packet: Packet): boolean
  /** Takes an error about a packet for which hasSent() returns true. */
  error(error: IpError): void
}

/** The fields of the IP header that a protocol chooses for one packet. */
export interface SendOptions {
  /** Time to live, or hop limit. Default 64. */
  readonly ttl?: number
  /** Whether routers may fragment it. TCP sets it, like Linux with path MTU discovery. */
  readonly dontFragment?: boolean
  /** DSCP and ECN: the type of service, or the traffic class. Default 0. */
  readonly trafficClass?: number
  /**
   * Whether it replies to the packet that a protocol receives now: it has the records of that
   * packet's options, and is not sent if these have no room for it. Default false.
   */
  readonly isReply?: boolean
}

/** What IP offers to the protocols above it. */
export interface Ip {
  readonly clock: Clock
  /** Source of initial sequence numbers and ephemeral ports. */
  readonly random: Random
  /** Returns the own address from which packets to `to` leave; undefined without a route. */
  sourceFor(to: Uint8Array, zone?: string): Uint8Array | undefined
  /** Whether an address is one of this host, its loopback addresses included. */
  isOwn(address: Uint8Array): boolean
  /** Whether an address is a group, or a broadcast address of a network of this host. */
  isToAll(address: Uint8Array): boolean
  /** Returns the known MTU of the path to an address, in bytes with the IP header. */
  mtuTo(to: Uint8Array): number
  /**
   * Sends a header with its payload. IP takes over `segment`, fills in the checksum of TCP, UDP and
   * ICMPv6, and fragments it if it is larger than the MTU. Returns 0, or -ENETUNREACH without a
   * route or from a foreign IPv4 address, or -EMSGSIZE with `dontFragment`.
   */
  send(
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    options?: SendOptions,
  ): number
  /** Makes `protocol` take the packets of a protocol number. One each. */
  use(number: number, protocol: Protocol): void
  /** Replies to a received packet that no socket takes: ICMP port unreachable. */
  refuse(packet: Packet): void
  /** Adds to a counter, as nstat(8) names it: `TcpRetransSegs`. */
  count(name: string, n?: number): void
}

/** Events of a TCP connection. None is called inside a call to the connection. */
export interface TcpEvents {
  /** The handshake is complete. */
  onConnect(): void
  /** `read` has more bytes, or will return null. */
  onReadable(): void
  /** `write` takes bytes again, after it took fewer than it was given. */
  onWritable(): void
  /**
   * The connection has failed, and all its state is freed: ECONNREFUSED, ECONNRESET, ETIMEDOUT,
   * EHOSTUNREACH ... After an orderly end of both directions nothing is reported. `read` still
   * returns bytes that arrived in order before the failure, as on Linux.
   */
  onError(errno: number): void
}

/**
 * A connection as its user has it, from `connect` or a listener. Its user calls `close` or `reset`
 * once; a connection that has failed frees itself. Calls return immediately and never throw.
 */
export interface TcpConnection {
  /** The user's listener. `accept` of a listener sets it before it returns. */
  events: TcpEvents
  readonly local: Endpoint
  readonly remote: Endpoint
  /** A name of RFC 9293 section 3.3.2, as ss(8) writes it: `ESTAB`, `SYN-SENT`, `TIME-WAIT`. */
  readonly state: string
  /**
   * Copies bytes into the send buffer. Returns how many it took, 0 if it has no room, -EPIPE after
   * `shutdown` or the end of the connection, -ENOTCONN before it is connected.
   */
  write(bytes: Uint8Array): number
  /**
   * Returns the next received bytes, which the caller owns; undefined if none have arrived; null
   * once, after the last byte, if the peer has sent FIN. Unread bytes close the window.
   */
  read(): Uint8Array | undefined | null
  /** Sends FIN after the last byte. */
  shutdown(): void
  /**
   * Like close(2): no events follow. Sends FIN after the written bytes, or RST if received bytes
   * were not read. The connection continues without a user until it has ended.
   */
  close(): void
  /** Like close(2) with SO_LINGER of 0: sends RST. */
  reset(): void
  /** TCP_NODELAY */
  setNoDelay(on: boolean): void
  /** SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL (ns) and TCP_KEEPCNT. */
  setKeepAlive(on: boolean, idle?: number, interval?: number, probes?: number): void
}

/** A listening port. It passes each connection to the `accept` of `listen`. */
export interface TcpListener {
  readonly local: Endpoint
  /**
   * Stops listening, and resets the connections that are not accepted yet. Accepted ones continue.
   */
  close(): void
}

/**
 * The address of a listener; undefined for all addresses, with `family` 4 for all of IPv4, and with
 * `ipv6Only` for all of IPv6.
 */
export type Bound = Readonly<{
  address: Uint8Array | undefined
  family?: 4 | 6
  ipv6Only?: boolean
}>

/** Events of a UDP socket. They are called inside the call that delivers the packet to the host. */
export interface UdpEvents {
  /** A datagram, which the receiver owns. */
  onMessage(data: Uint8Array, from: Endpoint): void
  /** An ICMP error about a datagram of a connected socket, as Linux reports it. */
  onError(errno: number): void
}

/** The address, port and options with which a UDP socket is bound. */
export interface UdpBinding {
  /** Undefined for all addresses of `family`, and, for 6 without `ipv6Only`, of IPv4 also. */
  readonly address: Uint8Array | undefined
  readonly family: 4 | 6
  /** 0 takes a free one. */
  readonly port: number
  readonly reuseAddr?: boolean | undefined
  readonly ipv6Only?: boolean | undefined
}
