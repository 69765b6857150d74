/** Node's TCP and UDP sockets in a namespace of a test, on descriptors that were opened there. */

import { createHash, randomBytes } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import {
  AF_INET,
  AF_INET6,
  int32,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '#src/linux/uapi.ts'
import { parseAddress } from '#src/packet/address.ts'
import type { Netns } from './netns.ts'

const SO_REUSEADDR = 2
const native = loadNative()

/** A sockaddr_in or sockaddr_in6 of include/uapi/linux/in.h, in6.h. */
export function sockaddr(address: string, port: number): Uint8Array {
  const bytes = parseAddress(address)
  if (bytes === undefined) throw new TypeError(`not an address: ${address}`)
  const octets = new Uint8Array(bytes.length === 4 ? 16 : 28)
  const view = new DataView(octets.buffer)
  view.setUint16(0, bytes.length === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  octets.set(bytes, bytes.length === 4 ? 4 : 8)
  return octets
}

/** Opens and binds a socket in a namespace. The caller closes it. */
export function boundSocket(netns: Netns, type: number, address: string, port: number): number {
  const family = address.includes(':') ? AF_INET6 : AF_INET
  const fd = check(native.socket(family, type | SOCK_NONBLOCK, 0, netns.fd), 'socket')
  native.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1))
  check(native.bind(fd, sockaddr(address, port)), `bind ${address}`)
  return fd
}

/** Like boundSocket, for Node, which closes it: the addon must not take its number for its own. */
export function boundForNode(netns: Netns, type: number, address: string, port: number): number {
  const fd = boundSocket(netns, type, address, port)
  check(native.release(fd), 'release')
  return fd
}

/** A listening TCP socket. */
export async function tcpListen(netns: Netns, address: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true })
  const listening = once(server, 'listening')
  server.listen({ fd: boundForNode(netns, SOCK_STREAM, address, port) })
  await listening
  return server
}

/** A TCP connection from `from` to a listener. */
export async function tcpConnect(
  netns: Netns,
  from: string,
  to: string,
  port: number,
): Promise<Socket> {
  const fd = boundForNode(netns, SOCK_STREAM, from, 0)
  // Not read before it is connected.
  const options = { fd, manualStart: true, readable: true, writable: true, allowHalfOpen: true }
  const socket = new Socket(options)
  socket.connect({ host: to, port })
  await once(socket, 'connect')
  return socket
}

/** A UDP socket. */
export async function udpSocket(netns: Netns, address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  // A socket given as a descriptor listens before bind returns.
  const listening = once(socket, 'listening')
  socket.bind({ fd: boundForNode(netns, SOCK_DGRAM, address, port) })
  await listening
  return socket
}

export interface End {
  readonly netns: Netns
  /** Its own address. */
  readonly address: string
  /** Its address as seen from the other end. */
  readonly reachedAt: string
}

/**
 * Sends `octets` random bytes in both directions of one TCP connection simultaneously. Returns the
 * hashes of the bytes that each end sent and received. Rejects if the connection fails.
 */
export async function tcpExchange(
  client: End,
  server: End,
  octets: number,
  port = 5001,
): Promise<Exchange> {
  const listener = await tcpListen(server.netns, server.address, port)
  try {
    const accepted = once(listener, 'connection') as Promise<[Socket]>
    const near = await tcpConnect(client.netns, client.address, server.reachedAt, port)
    const [far] = await accepted
    const peer = far.remoteAddress
    const [a, b] = [randomBytes(octets), randomBytes(octets)]
    const received = Promise.all([hashOfAll(far), hashOfAll(near)])
    near.end(a)
    far.end(b)
    return { peer, sent: [hash(a), hash(b)], received: await received }
  } finally {
    await new Promise(resolve => listener.close(resolve))
  }
}

export interface Exchange {
  /** The client's address as the listener saw it. */
  readonly peer: string | undefined
  readonly sent: readonly [string, string]
  readonly received: readonly [string, string]
}

function hash(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex')
}

/** Without `for await`, which ends early when the socket is destroyed with bytes left to read. */
function hashOfAll(socket: Socket): Promise<string> {
  const sum = createHash('sha256')
  return new Promise((resolve, reject) => {
    socket.on('data', chunk => sum.update(chunk)).on('end', () => resolve(sum.digest('hex')))
    socket.on('error', reject).on('close', () => reject(new Error('closed before its end')))
  })
}
