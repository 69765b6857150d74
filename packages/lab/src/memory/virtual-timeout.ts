/**
 * Time-outs of Node's sockets in virtual time. Node arms timers of its own for setTimeout() of a
 * socket, which the world does not replace. Here Node checks the arguments and adds the listener as
 * ever. Then a timer of the global setTimeout takes the place of Node's timer, and Node refreshes
 * it at each activity.
 */
import type { EventEmitter } from 'node:events'
import { TLSSocket } from 'node:tls'
import { symbolOf } from './native-stream.ts'

/** What net.Socket and tls.TLSSocket have in common. */
interface TimedStream extends EventEmitter {
  readonly destroyed: boolean
  readonly timeout?: number | undefined
  _onTimeout(): void
}

type SetTimeout<T> = (this: T, ms: number, callback?: () => void) => T

/** Sockets in memory. */
const virtual = new WeakSet<object>()

/** A TLSSocket, with the handle and the socket below it. */
type Layer = { readonly _handle?: { readonly _parentWrap?: object | null } | null }

/** Gives a socket, and TLS over it, time-outs of the world. */
export function addVirtual(socket: object): void {
  virtual.add(socket)
  if (!Object.hasOwn(TLSSocket.prototype, 'setTimeout')) bridgeTls()
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
    if (!stream.destroyed) stream._onTimeout()
  }, stream.timeout)
  owner[key].unref()
  return stream
}

export function clearVirtualTimeout(stream: object): void {
  const owner = stream as Record<symbol, NodeJS.Timeout | null>
  const key = symbolOf(stream, 'timeout')
  clearTimeout(owner[key] ?? undefined)
}

/**
 * Makes time-outs of TLS sockets over sockets in memory virtual, handshakeTimeout included. Other
 * TLS sockets remain as they are.
 */
function bridgeTls(): void {
  const { prototype } = TLSSocket
  const nodes = prototype.setTimeout as unknown as SetTimeout<TLSSocket & TimedStream>
  const value = function (this: TLSSocket & TimedStream, ms: number, callback?: () => void): TLSSocket {
    return isOverVirtual(this) ? setVirtualTimeout(this, nodes, ms, callback) : nodes.call(this, ms, callback)
  }
  Object.defineProperty(prototype, 'setTimeout', { value, configurable: true, writable: true })
}

function isOverVirtual(socket: object): boolean {
  const below = (socket as Layer)._handle?._parentWrap
  return below != null && (virtual.has(below) || isOverVirtual(below))
}
