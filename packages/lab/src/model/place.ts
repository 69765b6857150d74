/** Where the sockets of a host are: its namespace, and the ports and servers there. */
import { parseAddress, UsageError } from 'vnet'
import type { Native } from 'vnet/kit/linux'
import { shown } from './options.ts'

/** A server of Node that accepts connections: of net, tls, http, https, http2. */
export interface StreamServer extends NodeJS.EventEmitter {
  listen(options: { readonly port: number; readonly exclusive: boolean }): unknown
  address(): unknown
  close(): unknown
}

/**
 * The namespace in which sockets are made. The host that has it keeps the descriptor open until it
 * is closed; users of a place do not close it.
 */
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

/** An address without a prefix, and its family. */
export type HostAddress = Readonly<{ address: string; family: 4 | 6 }>

/** A DNS server. */
export type NameServer = readonly [address: string, port: number]

export function placesIn(hosts: string, name: string): HostAddress[] {
  const words = hosts.split('\n').map(line => line.replace(/#.*/, '').trim().split(/\s+/))
  const wanted = name.toLowerCase()
  return words
    .filter(([, ...names]) => names.some(known => known.toLowerCase() === wanted))
    .map(([address = '']) => placeOf(address))
    .filter(place => place !== undefined)
}

/** Returns an address as a place; undefined if it is not an address. */
export function placeOf(address: string): HostAddress | undefined {
  const bytes = parseAddress(address)
  return bytes && { address, family: bytes.length === 4 ? 4 : 6 }
}
