/** Addresses as Node writes them: `{ address: '198.18.0.1', family: 'IPv4', port: 80 }`. */
import { getSystemErrorName } from 'node:util'
import { unmapped } from '@vnet/inet/kit'
import { formatAddress, ipv4, ipv6, parseAddress, VnetError } from 'vnet'

/** The properties that Node reads after getsockname and getpeername. */
export interface NodeAddress {
  address?: string
  family?: string
  port?: number
}

/**
 * Returns the bytes of an address: 4 for an IPv4-mapped IPv6 address. A zone (`%eth0`) is ignored.
 * Returns undefined if the text before it is not an address.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  const bytes = parseAddress(text.replace(/%.*/, ''))
  return bytes && unmapped(bytes)
}

/** Returns the zone of `fe80::1%eth0`, an interface of the host. */
export const zoneOf = (text: string): string | undefined => text.split('%')[1]

/** Returns the bytes of an address to bind; undefined for all addresses. */
export function bindBytes(text: string): Uint8Array | undefined {
  const bytes = addressBytes(text)
  return bytes?.every(byte => byte === 0) ? undefined : bytes
}

/** Writes an address as a socket of `family` shows it. Without one: any. */
export function showEndpoint(
  out: NodeAddress,
  family: 4 | 6,
  address?: Uint8Array,
  port = 0,
): void {
  const bytes =
    address === undefined
      ? new Uint8Array(family === 4 ? ipv4.IPV4_ALEN : ipv6.IPV6_ALEN)
      : unmapped(address)
  const text = formatAddress(bytes)
  out.address = family === 6 && bytes.length === ipv4.IPV4_ALEN ? `::ffff:${text}` : text
  out.family = family === 6 ? 'IPv6' : 'IPv4'
  out.port = port
}

/** Returns an error as Node makes it for a failed call: `read ECONNRESET`. */
export function callError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${call} ${code}`), { errno: -errno, code, syscall: call })
}

/** Returns the result of a call that throws a VnetError, or the negative number of its error. */
export function statusOf<T>(call: () => T): T | number {
  try {
    return call()
  } catch (error) {
    if (error instanceof VnetError) return -error.errno
    throw error
  }
}
