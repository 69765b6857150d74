/** Where the sockets of a host are: its namespace, and the ports and servers there. */
import { UsageError } from 'vnet/internal/base/usage-error'
import type { Native } from 'vnet/internal/linux/native'
import { parseAddress } from 'vnet/internal/packet/address'
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

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

interface LookupOptions {
  readonly family?: number | string
  readonly all?: boolean
}

type LookupCallback = (error: Error | null, address?: string | readonly HostAddress[], family?: number) => void

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

/**
 * Calls the callback, the last of `rest`, as dns.lookup(name, ...rest) does, if the file has an
 * address for the name. Returns whether it has.
 */
export function lookupIn(hosts: string, name: string, rest: readonly unknown[]): boolean {
  const options = (typeof rest[0] === 'number' ? { family: rest[0] } : rest[0]) as LookupOptions
  const { family = 0, all = false } = typeof options === 'object' && options !== null ? options : {}
  const wanted = Number(String(family).replace('IPv', ''))
  const places = placesIn(hosts, name).filter(place => wanted === 0 || place.family === wanted)
  const [first] = places
  if (first === undefined) return false
  const callback = rest.at(-1) as LookupCallback
  process.nextTick(() => (all ? callback(null, places) : callback(null, first.address, first.family)))
  return true
}

/** Throws a UsageError for an IPv6 address with a zone, `fe80::1%server`. */
export function checkZone(what: string, address: string | undefined): void {
  if (address?.includes('%') !== true) return
  throw new UsageError(`${what}: '${address}' has a zone, which only a program on the host can use`)
}
