/**
 * Sockets of another network namespace for this process: the kernel makes each in its namespace,
 * and Node takes over the descriptor.
 */
import type dgram from 'node:dgram'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import net from 'node:net'
import { EAFNOSUPPORT } from 'vnet/internal/base/errno'
import { UsageError } from 'vnet/internal/base/usage-error'
import { check, closingOnError } from 'vnet/internal/linux/errno'
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  int32,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddrInet,
} from 'vnet/internal/linux/uapi'
import { parseAddress } from 'vnet/internal/packet/address'
import { IPV4_ALEN } from 'vnet/internal/packet/ipv4'
import { shown } from '../model/options.ts'
import { checkPort, checkZone, type HostAddress, type SocketPlace, type StreamServer } from '../model/place.ts'
import { dgramState } from '../world/dgram-state.ts'
import { hideZones, refuseZones } from './zones.ts'

/** The maximum number of waiting connections, like node:net. */
const BACKLOG = 511
const SOCKADDR_IN6 = 28
/** include/uapi/linux/in.h */
const [IPPROTO_IP, IP_TRANSPARENT] = [0, 19]

interface BindOptions {
  readonly type: number
  readonly port: number
  /** An address; undefined for all of IPv6 and IPv4. */
  readonly host: string | undefined
  readonly ipv6Only?: boolean | undefined
  readonly reuseAddr?: boolean | undefined
}

/** Published by Server.listen of node:net, before it returns. */
const LISTEN = 'tracing:net.server.listen:asyncStart'

/**
 * Makes a server listen on every address, or on `host`. Returns its port (0 takes a free one), and
 * the node:net server that accepts. The given server may wrap that server (as in ssh2).
 */
export async function listen(
  place: SocketPlace,
  server: StreamServer,
  port: number,
  host: string | undefined,
): Promise<{ readonly port: number; readonly accepting: StreamServer }> {
  const { native } = place
  const fd = bound(place, { type: SOCK_STREAM, port, host, reuseAddr: true })
  closingOnError(native, [fd], () => check(native.listen(fd, BACKLOG), `listen on port ${port}`))
  const listening = listeningOf(server)
  let accepting = server
  const onListen = (message: unknown) => {
    accepting = (message as { server: StreamServer }).server
  }
  subscribe(LISTEN, onListen)
  try {
    closingOnError(native, [fd], () => server.listen({ fd }))
  } finally {
    unsubscribe(LISTEN, onListen)
  }
  native.release(fd)
  accepting.prependListener('connection', hideZones)
  await listening
  return { port: portOf(server.address()), accepting }
}

/**
 * Binds a UDP socket that is not bound yet, like listen. Returns its port. Zones are refused, and
 * removed from the senders' addresses: Node takes their interfaces from the machine.
 */
export async function bindUdp(
  place: SocketPlace,
  socket: dgram.Socket,
  port: number,
  host: string | undefined,
): Promise<number> {
  const { native } = place
  const { handle, ipv6Only, reuseAddr } = dgramState(socket)
  const any = isUdp6(socket) ? '::' : '0.0.0.0'
  const fd = bound(place, { type: SOCK_DGRAM, port, host: host ?? any, ipv6Only, reuseAddr })
  const listening = listeningOf(socket)
  closingOnError(native, [fd], () => {
    // Otherwise Node asks the primary process of a cluster for the descriptor.
    socket.bind({ fd, exclusive: true })
    // libuv has set it.
    if (reuseAddr !== true) check(native.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(0)), 'SO_REUSEADDR')
  })
  native.release(fd)
  if (handle !== null && isUdp6(socket)) refuseZones(handle)
  await listening
  return portOf(socket.address())
}

export function connecting(place: SocketPlace, { address, family }: HostAddress, port: number): net.Socket {
  const { native } = place
  const fd = tcpSocket(place, family)
  const socket = closingOnError(native, [fd], () => new net.Socket({ fd, readable: true, writable: true }))
  native.release(fd)
  // Without autoSelectFamily Node does not try sockets of its own, which are not of the namespace.
  socket.connect({ host: address, port, family, autoSelectFamily: false } as net.TcpNetConnectOpts)
  return socket
}

/** A socket of Node with its handle, which can take over a descriptor that is not connected yet. */
type WithHandle = net.Socket & { readonly _handle: { open(fd: number): number } | null }

/** Same as connecting, to the address that `resolve` finds for a name. */
export function connectingTo(
  place: SocketPlace,
  name: string,
  port: number,
  resolve: () => Promise<HostAddress>,
): net.Socket {
  const { native } = place
  const socket = new net.Socket() as WithHandle
  const found = ({ address, family }: HostAddress) => {
    // Null if the socket is destroyed.
    const handle = socket._handle
    if (handle === null) return { address, family }
    const fd = tcpSocket(place, family)
    closingOnError(native, [fd], () => check(handle.open(fd), 'socket'))
    native.release(fd)
    return { address, family }
  }
  const lookup: net.LookupFunction = (_name, _options, callback) => {
    const done = ({ address, family }: HostAddress) => callback(null, address, family)
    void resolve()
      .then(found)
      .then(done, error => callback(error, '', 4))
  }
  socket.connect({ host: name, port, lookup, autoSelectFamily: false } as net.TcpNetConnectOpts)
  return socket
}

/** Returns the descriptor of a TCP socket in the namespace. */
function tcpSocket({ native, nsfd }: SocketPlace, family: 4 | 6): number {
  return check(native.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, nsfd), 'socket')
}

/**
 * Returns a listening TCP socket, for the caller, that no server accepts from, and its port. It
 * takes connections to addresses of other machines (IP_TRANSPARENT).
 */
export function transparentListener(place: SocketPlace): { readonly fd: number; readonly port: number } {
  const { native } = place
  const fd = bound(place, { type: SOCK_STREAM, port: 0, host: undefined })
  return closingOnError(native, [fd], () => {
    // An IPv6 socket takes it for both.
    check(native.setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, int32(1)), 'IP_TRANSPARENT')
    check(native.listen(fd, BACKLOG), 'listen')
    const address = new Uint8Array(SOCKADDR_IN6)
    check(native.getsockname(fd, address), 'getsockname')
    // struct sockaddr_in and sockaddr_in6 have it at the same place.
    return { fd, port: new DataView(address.buffer).getUint16(2) }
  })
}

/** Settles when a socket listens, and rejects if it reports an error. */
function listeningOf(socket: NodeJS.EventEmitter): Promise<unknown> {
  const listening = once(socket, 'listening')
  // If its listen() throws, nothing waits for this promise. It may reject later.
  listening.catch(() => {})
  return listening
}

function isUdp6({ type }: dgram.Socket & { type?: string }): boolean {
  return type === 'udp6'
}

function portOf(address: unknown): number {
  return (address as net.AddressInfo).port
}

function bound({ native, nsfd }: SocketPlace, options: BindOptions): number {
  const { type, port, host, ipv6Only = false, reuseAddr = false } = options
  checkPort(port)
  const address = addressToListen(host ?? '::')
  const what = `bind ${host ?? '*'} port ${port}`
  const isV6 = address.length !== IPV4_ALEN
  const fd = native.socket(isV6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0, nsfd)
  if (fd === -EAFNOSUPPORT && host === undefined) return bound({ native, nsfd }, { ...options, host: '0.0.0.0' })
  check(fd, what)
  return closingOnError(native, [fd], () => {
    if (reuseAddr) check(native.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1)), what)
    if (isV6) check(native.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(ipv6Only ? 1 : 0)), what)
    check(native.bind(fd, sockaddrInet(address, port)), what)
    return fd
  })
}

function addressToListen(host: string): Uint8Array {
  if (typeof host === 'string') checkZone('listen', host)
  const ip = typeof host === 'string' ? parseAddress(host) : undefined
  if (ip === undefined) throw new UsageError(`${shown(host)} is not an IP address to listen on`)
  return ip
}
