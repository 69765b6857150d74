/** The parts of a host that its TCP connections use, its settings, and the events for its users. */
import { NSEC_PER_SEC } from 'vnet'
import type { Ip, TcpEvents } from '../contract.ts'
import { RTO_MIN } from './rtt.ts'
import type { Header } from './segment.ts'

/** The owner of connections (Tcp), as they use it. `remove` is the last call of a connection. */
export interface ConnectionHost<C> {
  readonly ip: Ip
  readonly options: TcpOptions
  /** The record for the segment that is being made. */
  readonly header: Header
  send(from: Uint8Array, to: Uint8Array, segment: Uint8Array): number
  /** An offset to the clock for timestamps between two addresses: later ones are then larger. */
  timestampOffset(local: Uint8Array, remote: Uint8Array): number
  /** Delivers the pending events soon. */
  notify(connection: C): void
  /** The connection is in TIME-WAIT from now on. */
  onTimeWait(connection: C): void
  remove(connection: C): void
}

/** Settings of a TCP, like the sysctls of Linux. */
export interface TcpOptions {
  /** tcp_syn_retries. Default 6: connecting fails after 127 s. */
  readonly synRetries: number
  /** tcp_syn_linear_timeouts, which is 4 in Linux since 6.5. Default 0, as before. */
  readonly synLinearTimeouts: number
  /** tcp_synack_retries. Default 5. */
  readonly synAckRetries: number
  /** tcp_fin_timeout in nanoseconds: FIN-WAIT-2 of a closed connection. Default 60 s. */
  readonly finTimeout: number
  /** tcp_rto_min_us, but in nanoseconds. Default 200 ms. */
  readonly rtoMin: number
  /** Whether loss probes are sent (tcp_early_retrans). Default true. */
  readonly hasLossProbes: boolean
  /**
   * Connections that others may have open at one time, in all and from one address; SYNs beyond
   * them are dropped. Not limited by default, as in Linux.
   */
  readonly acceptedMax: number
  readonly acceptedOfPeerMax: number
}

export const TCP_DEFAULTS: TcpOptions = {
  synRetries: 6,
  synLinearTimeouts: 0,
  synAckRetries: 5,
  finTimeout: 60 * NSEC_PER_SEC,
  rtoMin: RTO_MIN,
  hasLossProbes: true,
  acceptedMax: Number.POSITIVE_INFINITY,
  acceptedOfPeerMax: Number.POSITIVE_INFINITY,
}

/** The events of a connection that wait for their delivery, as bits. */
export const ACCEPT = 1
export const CONNECT = 2
export const READABLE = 4
export const WRITABLE = 8
export const FAILED = 16
/** Not an event: the user has read a part of the received bytes. */
export const READ = 32

/** The events of a connection without a user. */
export const NO_EVENTS: TcpEvents = {
  onConnect() {},
  onReadable() {},
  onWritable() {},
  onError() {},
}
