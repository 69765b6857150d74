/**
 * Time-outs of Node's sockets in virtual time. Node arms timers of its own for setTimeout() of a
 * socket, which the world does not replace. Here Node checks the arguments and adds the listener as
 * ever. Then a timer of the global setTimeout takes the place of Node's timer, and Node refreshes
 * it at each activity.
 *
 * This makes virtual: setTimeout() of sockets, TLS sockets and HTTP/2 sessions; handshakeTimeout of
 * tls; of http.Server, `timeout` and keepAliveTimeout; of http.Agent and requests, `timeout`.
 *
 * Timers inside Node that nothing leads to remain real:
 * - http.Server: headersTimeout, requestTimeout and connectionsCheckingInterval, which checks both.
 * - http2: setTimeout() of streams, also of Http2ServerRequest, and unknownProtocolTimeout.
 * - net.connect: autoSelectFamilyAttemptTimeout. Sockets in memory try one address.
 * - dns: the time-outs of its resolvers. dns.lookup runs in the thread pool: give sockets a
 *   `lookup`.
 * - a program that is started: `timeout`.
 * node:dgram has no timers. The timers of undici and of fetch() are in time/fetch-clock.ts.
 */
import type { EventEmitter } from 'node:events'
import net from 'node:net'
import { TLSSocket } from 'node:tls'
import { symbolOf } from '../../world/dgram-state.ts'
import { dateResponses } from './http2-date.ts'
import { patchHttp2, patchTlsAndHttp } from './native-callbacks.ts'
import { nodeClasses } from './native-stream.ts'

/** What net.Socket, tls.TLSSocket and Http2Session have in common. */
interface TimedStream extends EventEmitter {
  readonly destroyed: boolean
  readonly timeout?: number | undefined
  _onTimeout(): void
}

type SetTimeout<T> = (this: T, ms: number, callback?: () => void) => T

/** Sockets in memory, and HTTP/2 sessions over them. */
const virtual = new WeakSet<object>()
/** Prototypes of Node with a virtual setTimeout(). */
const patched = new WeakSet<object>()

/** A TLSSocket, with the handle and the socket below it. */
interface Layer {
  readonly _handle?: { readonly _parentWrap?: object | null } | null
}

/** Gives a socket, and TLS and HTTP/2 over it, time-outs of the world. */
export function addVirtual(socket: object): void {
  virtual.add(socket)
  if (patched.has(TLSSocket.prototype)) return
  makeVirtual(TLSSocket.prototype)
  watchLayers()
  patchTlsAndHttp(isOverVirtual)
  const { sessionKey } = nodeClasses()
  if (sessionKey === undefined) return
  watchSessions(net.Socket.prototype, sessionKey)
}

/** Exchanges the time-out that a socket had before it was one in memory. */
export function renewTimeout(socket: TimedStream, nodes: SetTimeout<TimedStream>): void {
  const armed = (socket as unknown as Record<symbol, object | null>)[symbolOf(socket, 'timeout')]
  if (armed != null) {
    setVirtualTimeout(socket, nodes, socket.timeout ?? 0, undefined)
  }
}

/** Calls `nodes`, Node's setTimeout of the stream, and replaces the timer that it arms. */
export function setVirtualTimeout<T extends TimedStream>(
  stream: T,
  nodes: SetTimeout<T>,
  ms: number,
  callback: (() => void) | undefined,
): T {
  const owner = stream as unknown as Record<symbol, NodeJS.Timeout | null>
  const key = symbolOf(stream, 'timeout')
  const before = owner[key] ?? undefined
  nodes.call(stream, ms, callback)
  clearTimeout(before)
  const armed = owner[key]
  if (armed === before || armed === null || armed === undefined) return stream
  armed.close()
  owner[key] = setTimeout(() => {
    if (!stream.destroyed) {
      stream._onTimeout()
    }
  }, stream.timeout)
  owner[key].unref()
  return stream
}

/** Ends the virtual timeout of a stream, if it has one. */
export function clearVirtualTimeout(stream: object): void {
  const owner = stream as Record<symbol, NodeJS.Timeout | null>
  const key = symbolOf(stream, 'timeout')
  clearTimeout(owner[key] ?? undefined)
}

/** Makes setTimeout() of a class of Node virtual for objects over a socket in memory. */
function makeVirtual(prototype: object): void {
  if (patched.has(prototype)) return
  patched.add(prototype)
  const nodes = (prototype as TimedStream & { setTimeout: SetTimeout<TimedStream> }).setTimeout
  const value = function (this: TimedStream, ms: number, callback?: () => void): TimedStream {
    return isOverVirtual(this)
      ? setVirtualTimeout(this, nodes, ms, callback)
      : nodes.call(this, ms, callback)
  }
  Object.defineProperty(prototype, 'setTimeout', { value, configurable: true, writable: true })
}

function isOverVirtual(socket: object): boolean {
  if (virtual.has(socket)) return true
  const below = (socket as Layer)._handle?._parentWrap
  return below != null && isOverVirtual(below)
}

/** TLS sockets by the sockets below them. */
const above = new WeakMap<object, TLSSocket>()

/** Returns the TLS socket over a socket, to which Node reports its errors, or the socket itself. */
export function topOf(socket: net.Socket): net.Socket {
  const next = above.get(socket)
  return next === undefined || next.destroyed ? socket : topOf(next)
}

function watchLayers(): void {
  const prototype = TLSSocket.prototype as TLSSocket & {
    _init(socket: unknown, below: object | undefined): void
  }
  const nodes = prototype._init
  const value = function (this: TLSSocket, socket: unknown, below: object | undefined): void {
    nodes.call(this, socket, below)
    if (below != null) {
      above.set(below, this)
    }
  }
  Object.defineProperty(prototype, '_init', { value, configurable: true, writable: true })
}

/** Sessions by their sockets. */
const sessions = new WeakMap<object, object>()

/** Makes HTTP/2 sessions virtual when Node binds them to a socket of a class. */
function watchSessions(prototype: object, key: PropertyKey): void {
  Object.defineProperty(prototype, key, {
    get(this: object) {
      return sessions.get(this)
    },
    set(this: object, session: EventEmitter | undefined) {
      if (session === undefined) {
        sessions.delete(this)
      } else {
        sessions.set(this, session)
      }
      if (session === undefined || !isOverVirtual(this)) return
      virtual.add(session)
      // The class is not exported. Sessions of clients and of servers extend it.
      const base = Object.getPrototypeOf(Object.getPrototypeOf(session))
      if (!patched.has(base)) {
        patchHttp2(isOverVirtual)
      }
      makeVirtual(base)
      dateResponses(session)
    },
    configurable: true,
  })
}
