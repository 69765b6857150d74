/** Where an HTTP server of vnet listens, and the requests that it takes for its own. */
import type { Server } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { EADDRINUSE, EADDRNOTAVAIL, VnetError } from 'vnet'

/** Returns advice about an error of bind(2), if any. */
export function bindAdvice(errno: number, host: string): string | undefined {
  if (errno === EADDRINUSE) return 'port 0 takes a free one'
  if (errno !== EADDRNOTAVAIL) return undefined
  const isLoopback = host.startsWith('127.') || host === '::1'
  return isLoopback
    ? 'the loopback interface is down: run `ip link set lo up`'
    : 'no interface has this address'
}

/** Where a server listens; port 0 takes a free one. */
export type Address = Readonly<{ host: string; port: number }>

/** Parses `[ADDR:]PORT`: `9100`, `192.0.2.1:9100`, `[::1]:9100`. Undefined if malformed. */
export function parseAddress(text: string): Address | undefined {
  const [, six, four, digits] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? []
  const host = six ?? four ?? '127.0.0.1'
  const port = Number(digits)
  const version = six === undefined ? 4 : 6
  return isIP(host) === version && port <= 0xffff ? { host, port } : undefined
}

/** Returns the URL of a server, without a path. */
export const urlOf = (host: string, port: number): string =>
  `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`

/** Listens. Returns the URL, without a path. Throws a VnetError if the address cannot be had. */
export async function listen(server: Server, { host, port }: Address): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const fail = ({ errno = 0 }: NodeJS.ErrnoException) =>
      reject(new VnetError(errno, `${host} port ${port}`, bindAdvice(Math.abs(errno), host)))
    server.once('error', fail).listen({ host, port }, resolve)
  })
  return urlOf(host, (server.address() as AddressInfo).port)
}

/** Ends all connections. */
export function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
