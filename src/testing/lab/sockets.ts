/**
 * Sockets of another network namespace for this process: the kernel makes each in its namespace, and
 * Node takes over the descriptor.
 */
import dgram from 'node:dgram'
import net from 'node:net'
import { check, closingOnError } from '../../linux/errno.ts'
import type { Native } from '../../linux/native.ts'
import { AF_INET, AF_INET6, int32, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from '../../linux/uapi.ts'
import { EAFNOSUPPORT } from '../../netdev/errno.ts'
import { parseAddress } from '../../packet/address.ts'

// include/uapi/asm-generic/socket.h, linux/in.h, linux/net.h
const SO_REUSEADDR = 2
const SOCK_DGRAM = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const BACKLOG = 511

/** An address of any host, and how to reach it from a namespace. */
export interface Place {
  readonly address: string
  readonly family: 4 | 6
}

/** Something of Node's that listens: a server of net, http, tls, http2 ... */
export interface Listening {
  listen(options: { fd: number }): unknown
  once(event: 'listening' | 'error', fn: (error?: Error) => void): unknown
  removeListener(event: 'listening' | 'error', fn: (error?: Error) => void): unknown
  address(): unknown
}

/** Has a server of this process listen in the namespace. Returns its port. */
export async function listen(
  native: Native,
  nsfd: number,
  server: Listening,
  port: number,
  host?: string,
): Promise<number> {
  const fd = boundSocket(native, nsfd, SOCK_STREAM, port, host)
  closingOnError(native, [fd], () => check(native.listen(fd, BACKLOG), `listen on port ${port}`))
  await new Promise<void>((resolve, reject) => {
    const failed = (error?: Error) => {
      server.removeListener('listening', listening)
      reject(error)
    }
    const listening = () => {
      server.removeListener('error', failed)
      resolve()
    }
    server.once('listening', listening)
    server.once('error', failed)
    server.listen({ fd })
  })
  const address = server.address()
  return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : port
}

/** Returns a socket that is connecting from the namespace; `options` as net.connect has them. */
export function connecting(
  native: Native,
  nsfd: number,
  { address, family }: Place,
  port: number,
  options: net.SocketConstructorOpts = {},
): net.Socket {
  const fd = check(native.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, nsfd), 'socket')
  const socket = closingOnError(native, [fd], () => new net.Socket({ ...options, fd, readable: true, writable: true }))
  // Without this Node may try several sockets, which are not of the namespace.
  socket.connect({ host: address, port, family, autoSelectFamily: false } as net.TcpNetConnectOpts)
  return socket
}

/** Returns a UDP socket of the namespace, bound to a port: 0 takes a free one. */
export async function udpSocket(
  native: Native,
  nsfd: number,
  options: dgram.SocketOptions,
  { port = 0, host }: { readonly port?: number; readonly host?: string | undefined },
): Promise<dgram.Socket> {
  const isV6 = options.type === 'udp6'
  const fd = boundSocket(native, nsfd, SOCK_DGRAM, port, host ?? (isV6 ? '::' : '0.0.0.0'), options)
  const socket = dgram.createSocket(options)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ fd }, () => {
        socket.removeListener('error', reject)
        resolve()
      })
    })
    return socket
  } catch (error) {
    native.close(fd)
    throw error
  }
}

/** Returns a descriptor bound to a port of `host`, or of every address, IPv4 too. */
function boundSocket(
  native: Native,
  nsfd: number,
  type: number,
  port: number,
  host: string | undefined,
  {
    ipv6Only = false,
    reuseAddr = type === SOCK_STREAM,
  }: { ipv6Only?: boolean | undefined; reuseAddr?: boolean | undefined } = {},
): number {
  const address = sockaddr(host ?? '::', port)
  const what = `bind ${host ?? '*'} port ${port}`
  const domain = address[0] as number
  const fd = native.socket(domain, type | SOCK_NONBLOCK, 0, nsfd)
  // A kernel without IPv6.
  if (fd === -EAFNOSUPPORT && host === undefined) return boundSocket(native, nsfd, type, port, '0.0.0.0', { reuseAddr })
  check(fd, what)
  return closingOnError(native, [fd], () => {
    if (reuseAddr) check(native.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1)), what)
    if (domain === AF_INET6) check(native.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(ipv6Only ? 1 : 0)), what)
    check(native.bind(fd, address), what)
    return fd
  })
}

/** A struct sockaddr_in or sockaddr_in6 (include/uapi/linux/in.h, in6.h). */
function sockaddr(host: string, port: number): Uint8Array {
  const ip = parseAddress(host)
  if (ip === undefined) throw new TypeError(`${host}: not an IP address`)
  const isV4 = ip.length === 4
  const bytes = new Uint8Array(isV4 ? 16 : 28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, isV4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(ip, isV4 ? 4 : 8)
  return bytes
}
