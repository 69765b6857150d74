/** Addresses of proxies as texts, and whether one leads to another. */
import { isIPv6, SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import { attempt } from 'vnet'

export type Endpoint = Readonly<{ host: string; port: number }>

/** Parses `localhost:80`, `[::1]:80`, `:80`. Throws an Error for malformed text, as Go words it. */
export function parseEndpoint(text: string, prefix = ''): Endpoint {
  const [, six, four = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d*)$/.exec(text || ':0') ?? []
  if (digits === undefined) throw new Error(`${prefix}address ${text}: missing port in address`)
  if (Number(digits) > 0xffff) throw new Error(`${prefix}address ${digits}: invalid port`)
  return { host: (six ?? four).replace(/^localhost$/i, '127.0.0.1'), port: Number(digits) }
}

export const printEndpoint = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Addresses at which a proxy listens for every address of the machine. */
const ANY = ['', '0.0.0.0', '::']
/** Where connections to such an address arrive. */
const LOOPBACK = new Map([
  ['', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

/** Whether a connection to an address arrives at a proxy that listens at `listen`. */
export function leadsTo(listen: string, address: string, port: number): boolean {
  const own = attempt(() => parseEndpoint(listen))
  if (own?.port !== port) return false
  const listening = plain(own.host)
  const to = LOOPBACK.get(plain(address)) ?? plain(address)
  return listening === to || (ANY.includes(listening) && isOfMachine(to))
}

/** Returns the usual form of an address without its zone; IPv4 also for `::ffff:127.0.0.1`. */
function plain(host: string): string {
  const address = host.replace(/%.*$/, '')
  if (!isIPv6(address)) return address
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '')
}

const isOfMachine = (address: string) =>
  address.startsWith('127.') ||
  address === '::1' ||
  Object.values(networkInterfaces()).some(all => all?.some(each => each.address === address))
