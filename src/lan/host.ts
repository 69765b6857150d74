/** Hosts with code of their own on their ports, and what those of a configuration do. */
import type { Socket } from 'node:net'
import type { HostDefinition, HostHandlers, SegmentHost, SmallService } from '../segment/host.ts'
import type { ConfiguredHost, HostPort } from './config-defaults.ts'
import { http } from './http.ts'

/**
 * Serves one connection to `host`; the socket is the handler's. What the handler throws, or its
 * promise rejects with, is logged and ends the connection; what a listener of the socket throws
 * ends the program, as anywhere in Node. A connection that is silent for a minute is ended; a
 * handler whose clients may be silent longer says so: `socket.setTimeout(0)`.
 */
export type TcpHandler = (socket: Socket, host: SegmentHost) => unknown

export interface LanHandlers extends HostHandlers {
  /** By port: what serves connections. */
  readonly tcp?: Readonly<Record<number, TcpHandler | SmallService>> | undefined
}

export interface LanHost extends HostDefinition {
  /** So many alike, with addresses that follow each other, and no `mac`; `name` has one %d. */
  readonly count?: number | undefined
  readonly on?: LanHandlers | undefined
}

/** A host of a driver file: `lan({ hosts: [host({ ip: '198.18.0.7', on: { udp: { 53: answer } } })] })`. */
export function host(definition: LanHost): LanHost {
  return definition
}

/** A host of a configuration. */
export function hostOf({ ports, ...host }: ConfiguredHost): LanHost {
  const on = <T>(protocol: HostPort['protocol'], what: (port: HostPort) => T): Record<number, T> =>
    Object.fromEntries(ports.filter(port => port.protocol === protocol).map(port => [port.port, what(port)]))
  return {
    ...host,
    on: {
      tcp: on('tcp', ({ service, body }) => (service === 'http' ? http(body) : service)),
      // HTTP is TCP's alone (config-check.ts).
      udp: on('udp', ({ service }) => service as SmallService),
    },
  }
}
