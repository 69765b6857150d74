/** Name resolution like dns.lookup, from the text of a hosts file (hosts(5)). */
import { parseAddress } from 'vnet/internal/packet/address'

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
