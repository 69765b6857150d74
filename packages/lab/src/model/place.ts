/** Where the sockets of a host are: its namespace, and the ports and servers there. */
import { UsageError } from 'vnet/internal/base/usage-error'
import type { Native } from 'vnet/internal/linux/native'
import { shown } from './options.ts'

/** A server of Node that accepts connections: of net, tls, http, https, http2. */
export interface StreamServer extends NodeJS.EventEmitter {
  listen(options: { readonly fd: number }): unknown
  address(): unknown
  close(): unknown
}

/** The namespace in which sockets are made. */
export interface SocketPlace {
  readonly native: Native
  /** A descriptor of the namespace. */
  readonly nsfd: number
}

/** Throws a UsageError unless `port` is an integer from 0 to 65535. */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port < 65536) return
  throw new UsageError(`port ${shown(port)}: a port is a number from 0 to 65535`)
}
