/**
 * Sockets of node:net over a TCP in memory. Each is Node's own object, of whatever class, with
 * another handle, so that the order of its events, its errors and its properties are Node's.
 *
 * Only three things differ. Bytes go to the connection without Node's C++ parts, which cannot
 * finish a write in the same call; sockets of the system can. Time-outs are in the world's time. A
 * socket tries one address of a name, because Node's timers for the next address are real.
 */
import net from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Tcp } from '@vnet/inet'
import { symbolOf } from '../../world/dgram-state.ts'
import type { Boot } from '../time/boot.ts'
import type { NativeTcp } from './native-stream.ts'
import { callError } from './node-address.ts'
import { TcpHandle } from './tcp-handle.ts'
import {
  addVirtual,
  clearVirtualTimeout,
  renewTimeout,
  setVirtualTimeout,
  topOf,
} from './virtual-timeout.ts'

/** What net.Socket has without being documented. */
interface Internals {
  _handle: NativeTcp | null
  _pendingData: unknown
  _reset(): net.Socket
  _unrefTimer(): void
  _onTimeout(): void
  _destroy(error: Error | null, done: Done): void
  _writeGeneric(isMany: boolean, data: unknown, encoding: string, done: Done): void
  readonly [REINITIALIZE]: (handle: NativeTcp) => void
}

type Done = (error?: Error | null) => void
type Adopted = net.Socket & Internals

/** One of the chunks that Node writes together. */
type Written = Readonly<{ chunk: string | Uint8Array; encoding: BufferEncoding }>

const nodes = net.Socket.prototype as Adopted & Record<symbol, (handle: NativeTcp) => void>
/** Before Node 22, a write that destroy() cancels has no error. */
const CANCELS_WITH_ERROR = Number.parseInt(process.versions.node, 10) >= 22
/** The method that gives a socket a new handle. */
const REINITIALIZE = symbolOf(nodes, 'kReinitializeHandle')

interface State {
  handle: TcpHandle
  boot: Boot
  /** The bytes that waited to be written when the time-out was last due. */
  queued: number
}

const states = new WeakMap<object, State>()
const stateOf = (socket: object) => states.get(socket) as State

/** Gives a socket a handle in memory, and what differs. `handle` is already its handle, or not. */
export function adopt(socket: net.Socket, handle: TcpHandle, boot: Boot): void {
  handle.onReadError = errno => topOf(socket).destroy(callError('read', errno))
  const isNew = !states.has(socket)
  states.set(socket, { handle, boot, queued: 0 })
  if (isNew) {
    Object.defineProperties(socket, socket instanceof TLSSocket ? ofTls : ofNet)
  }
  addVirtual(socket)
  if (isNew) {
    renewTimeout(socket as never, nodes.setTimeout as never)
  }
}

/** What a socket has in place of Node's methods. */
const methods = {
  _destroy(this: Adopted, error: Error | null, done: Done): void {
    clearVirtualTimeout(this)
    Object.getPrototypeOf(this)._destroy.call(this, error, done)
  },

  _onTimeout(this: Adopted): void {
    stateOf(this).boot.pass(() => onTimeout(this))
  },

  setTimeout(this: Adopted, ms: number, callback?: () => void): net.Socket {
    return setVirtualTimeout(this as never, nodes.setTimeout as never, ms, callback)
  },

  resetAndDestroy(this: Adopted): net.Socket {
    if (this._handle === null) return nodes.resetAndDestroy.call(this)
    const reset = () => void nodes._reset.call(this)
    if (this.connecting) {
      this.once('connect', reset)
    } else {
      reset()
    }
    return this
  },

  _writeGeneric(
    this: Adopted,
    isMany: boolean,
    data: unknown,
    encoding: BufferEncoding,
    done: Done,
  ): void {
    // It may have connected elsewhere since.
    if (this.connecting || this._handle !== stateOf(this).handle.native) {
      nodes._writeGeneric.call(this, isMany, data, encoding, done)
      return
    }
    const state = stateOf(this)
    this._pendingData = null
    this._unrefTimer()
    const written = isMany
      ? (data as readonly Written[])
      : [{ chunk: data as Written['chunk'], encoding }]
    const finish = (result: number) => {
      state.queued = 0
      if (result === 0 && !this.destroyed) {
        this._unrefTimer()
      }
      const isSilent = this.destroyed && !CANCELS_WITH_ERROR
      done(result < 0 && !isSilent ? callError('write', -result) : null)
    }
    const chunks = written.map(({ chunk, encoding: own }) =>
      typeof chunk === 'string' ? Buffer.from(chunk, own) : chunk,
    )
    const status = state.handle.write(
      chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks),
      finish,
    )
    if (status <= 0) {
      finish(status)
    } else {
      state.queued = this._handle.writeQueueSize
    }
  },
}

const hidden = (each: Partial<typeof methods>) =>
  Object.fromEntries(
    Object.entries(each).map(([name, value]) => [
      name,
      { value, configurable: true, writable: true },
    ]),
  )
const { _destroy, _onTimeout } = methods
const ofNet = hidden(methods)
const ofTls = hidden({ _destroy, _onTimeout })

/** A time-out is due. Like Node, it waits as long as written bytes leave. */
function onTimeout(socket: Adopted): void {
  const state = stateOf(socket)
  const queued = socket._handle?.writeQueueSize ?? 0
  const isMoving = state.queued > 0 && queued !== state.queued
  state.queued = queued
  if (isMoving) {
    socket._unrefTimer()
  } else {
    socket.emit('timeout')
  }
}

/**
 * Gives a socket that is about to connect a handle in memory. Returns the options for Node, by
 * which the socket tries one address only.
 */
export function connectInMemory(socket: net.Socket, options: object, tcp: Tcp, boot: Boot): object {
  const own = socket as Adopted
  const handle = new TcpHandle(tcp, boot)
  // Node reports the connection to the owner of this handle, which TLS wraps in another one.
  if (own instanceof TLSSocket && own._handle !== null) {
    Object.assign(handle.native, { [symbolOf(own._handle, 'owner_symbol')]: own })
  }
  if (own.destroyed) {
    Object.assign(own, { _peername: null })
  }
  adopt(own, handle, boot)
  own[REINITIALIZE](handle.native)
  return { ...options, autoSelectFamily: false }
}
