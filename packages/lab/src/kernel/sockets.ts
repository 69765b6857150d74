/**
 * Sockets of another network namespace for this process: the thread enters the namespace while Node
 * makes each one.
 */
import { AsyncResource } from 'node:async_hooks'
import type dgram from 'node:dgram'
import net from 'node:net'
import os from 'node:os'
import { EAFNOSUPPORT, UsageError } from 'vnet'
import { check, closingOnError } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import type { SocketPlace } from '../model/place.ts'
import { AnyHost, type Code, type CodeHost, type NativeCall, state } from '../world/code.ts'
import { type DgramHandle, dgramState } from '../world/dgram-state.ts'
import type { HostParts } from '../world/host-stack.ts'
import { patchNode } from '../world/node-sockets.ts'

/** Not that of fake timers. */
const later = setImmediate
/** The maximum number of waiting connections, like node:net. */
const BACKLOG = 511
const SOCKADDR_IN6 = 28

// include/uapi/linux/in.h
const IPPROTO_IP = 0
const IP_TRANSPARENT = 19

/** Node's time for an address of a name, and the longest that it takes. In milliseconds. */
const ATTEMPT = net.getDefaultAutoSelectFamilyAttemptTimeout()
const NO_LIMIT = 2 ** 31 - 1

/**
 * How long code of a host tries an address before the next one: until it fails, or else a busy
 * thread would choose the family. Returns undefined for the time that the program has set.
 */
function attemptTimeout(): number | undefined {
  return net.getDefaultAutoSelectFamilyAttemptTimeout() === ATTEMPT ? NO_LIMIT : undefined
}

type KernelCodeParts = Pick<HostParts, 'name' | 'onOpen' | 'onWorker' | 'lookup' | 'worker'> &
  Pick<CodeHost, 'program'>

/** Code whose sockets are in a network namespace. */
export class KernelCode extends AnyHost implements Code, CodeHost {
  readonly id = ++state.made
  readonly host = this
  readonly isDead = false
  readonly program: CodeHost['program']
  readonly worker: CodeHost['worker']
  readonly #place: SocketPlace

  constructor(place: SocketPlace, parts: KernelCodeParts) {
    super(parts)
    this.#place = place
    this.program = parts.program
    this.worker = parts.worker
  }

  soon(...[resource, fn]: Parameters<Code['soon']>): void {
    later(() => resource.runInAsyncScope(fn))
  }

  connects(_socket: net.Socket, options: net.TcpNetConnectOpts): object {
    const { lookup, autoSelectFamilyAttemptTimeout = attemptTimeout() } = options
    const patient =
      autoSelectFamilyAttemptTimeout === undefined ? {} : { autoSelectFamilyAttemptTimeout }
    // A cache may answer in other code, where Node then tries the second address.
    const own: typeof lookup = (name, all, done) => lookup?.(name, all, AsyncResource.bind(done))
    return { ...options, ...patient, ...(lookup !== undefined && { lookup: own }) }
  }

  listens(): undefined {}

  binds(socket: dgram.Socket): void {
    const { handle } = dgramState(socket)
    if (handle === null) return
    state.owners.set(handle, this)
    // For udp6 Node copies them when it makes the handle, maybe before the first code of a host.
    if (Object.hasOwn(handle, 'bind')) {
      Object.assign(handle, { bind: handle.bind6, connect: handle.connect6 })
    }
    // Node then has set what it calls for a datagram.
    socket.prependOnceListener('listening', () => useZones(handle, this))
  }

  interfaces(
    nodes: () => ReturnType<typeof os.networkInterfaces>,
  ): ReturnType<typeof os.networkInterfaces> {
    const { native, nsfd } = this.#place
    return native.callIn(nsfd, nodes, os, []) as ReturnType<typeof nodes>
  }

  call(method: NativeCall, self: object, args: readonly unknown[]): number {
    const { native, nsfd } = this.#place
    return native.callIn(nsfd, method as never, self, args) as number
  }
}

/**
 * Returns a listening TCP socket from which no server accepts, and its port. The caller closes it.
 * It takes connections to addresses of other machines (IP_TRANSPARENT).
 */
export function transparentListener(place: SocketPlace): {
  readonly fd: number
  readonly port: number
} {
  const { native } = place
  const fd = tcpSocket(place)
  return closingOnError(native, [fd], () => {
    // An IPv6 socket takes it for both.
    check(native.setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, uapi.int32(1)), 'IP_TRANSPARENT')
    check(native.listen(fd, BACKLOG), 'listen')
    const address = new Uint8Array(SOCKADDR_IN6)
    check(native.getsockname(fd, address), 'getsockname')
    // struct sockaddr_in and sockaddr_in6 have it at the same place.
    return { fd, port: new DataView(address.buffer).getUint16(2) }
  })
}

/** Returns the descriptor of a TCP socket for IPv6 and IPv4, or for IPv4 without IPv6. */
function tcpSocket({ native, nsfd }: SocketPlace): number {
  const made = (family: number) =>
    native.socket(family, uapi.SOCK_STREAM | uapi.SOCK_NONBLOCK, 0, nsfd)
  const fd = made(uapi.AF_INET6)
  return check(fd === -EAFNOSUPPORT ? made(uapi.AF_INET) : fd, 'socket')
}

/** Returns code in a namespace. By default, no name is known there. */
export function codeIn(
  place: SocketPlace,
  lookup: CodeHost['lookup'] = async () => [],
  name = '',
): Code {
  patchNode()
  const worker: CodeHost['worker'] = (file, options) => [file as URL, options]
  return new KernelCode(place, {
    name,
    onOpen: () => {},
    onWorker: () => {},
    lookup,
    program: options => options,
    worker,
  })
}

/**
 * Makes a UDP socket send to zones of its host, such as `fe80::1%server`, and removes the zones of
 * senders, for which Node would take the interfaces of the process.
 */
function useZones(handle: DgramHandle, host: CodeHost): void {
  const { onmessage, onerror, send6 } = handle
  if (send6 === undefined) return
  handle.send6 = function (this: object, ...args: unknown[]) {
    const hasZone = args.some(each => typeof each === 'string' && each.includes('%'))
    return hasZone ? host.call(send6, this, args) : send6.apply(this, args)
  }
  handle.onmessage = (length, own, data, from) => {
    if (from?.address !== undefined) {
      from.address = from.address.replace(/%.*/, '')
    }
    onmessage(length, own, data, from)
  }
  // The machine may have no interface with the number of the host's.
  handle.onerror = (length, own, error) => {
    const isZone = error.syscall === 'uv_if_indextoiid'
    const text =
      'a datagram from a link-local address is lost: only a program on the host can receive it here'
    onerror(length, own, isZone ? new UsageError(text) : error)
  }
}
