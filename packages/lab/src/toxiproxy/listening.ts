/** Sockets of this machine at which proxies listen. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { printEndpoint } from './endpoint.ts'
import type { Names } from './names.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  EACCES: 'bind: permission denied',
}

/** Returns a socket that listens. Rejects with an Error as Go words it. */
export async function listenAt(
  isUdp: boolean,
  host: string,
  port: number,
  names: Names,
): Promise<net.Server | dgram.Socket> {
  try {
    const [found] = host === '' ? [] : await names.find(host)
    const address = found?.address ?? '::'
    return await (isUdp ? bindUdp(address, port) : listenTcp(address, port))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new Error(
      `listen ${isUdp ? 'udp' : 'tcp'} ${printEndpoint(host, port)}: ${REASONS[code] ?? message}`,
    )
  }
}

/** At `::` and 0.0.0.0 it listens on both families, where the machine has both. */
async function listenTcp(host: string, port: number): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  server.listen({ port, backlog: 4096, ...(host !== '::' && host !== '0.0.0.0' && { host }) })
  await once(server, 'listening')
  return server
}

async function bindUdp(address: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4')
  socket.bind({ port, address })
  await once(socket, 'listening').catch(error => {
    socket.close()
    throw error
  })
  return socket
}
