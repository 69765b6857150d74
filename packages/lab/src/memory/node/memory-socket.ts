/**
 * MemorySocket: a net.Socket over a TCP in memory. It is Node's own class with another handle, so
 * that the order of its events, its errors and its properties are Node's.
 *
 * Only three things differ. Bytes go to the connection without Node's C++ parts, which cannot
 * finish a write in the same call; sockets of the system can. Time-outs are in the world's time. A
 * socket tries one address of a name, because Node's timers for the next address are real.
 */
import net from 'node:net'
import type { Tcp } from '@vnet/inet/internal/tcp/tcp'
import { symbolOf } from '../../world/dgram-state.ts'
import { Boot } from '../time/boot.ts'
import type { NativeTcp } from './native-stream.ts'
import { callError } from './node-address.ts'
import { TcpHandle } from './tcp-handle.ts'
import { addVirtual, clearVirtualTimeout, setVirtualTimeout, topOf } from './virtual-timeout.ts'

/** What net.Socket has without being documented. */
interface Internals {
  _handle: NativeTcp | null
  _reset(): net.Socket
  _unrefTimer(): void
  _onTimeout(): void
  _writeGeneric(isMany: boolean, data: unknown, encoding: string, done: Done): void
}

type Done = (error?: Error | null) => void

/** One of the chunks that Node writes together. */
interface Written {
  readonly chunk: string | Uint8Array
  readonly encoding: BufferEncoding
}

const internals = net.Socket.prototype as unknown as Internals
const { _normalizeArgs: normalize } = net as unknown as {
  /** Returns the options of connect() and its callback, in an array that connect() takes. */
  _normalizeArgs(args: readonly unknown[]): unknown[]
}
/** Before Node 22, a write that destroy() cancels has no error. */
const CANCELS_WITH_ERROR = Number.parseInt(process.versions.node, 10) >= 22
/** The method that gives a destroyed socket a new handle. */
const REINITIALIZE = symbolOf(net.Socket.prototype, 'kReinitializeHandle')

interface MemorySocketOptions extends net.SocketConstructorOpts {
  /** The handle of an accepted connection. */
  readonly handle?: TcpHandle
  readonly boot?: Boot
  readonly pauseOnCreate?: boolean
}

export class MemorySocket extends net.Socket {
  declare readonly _handle: NativeTcp | null
  declare _unrefTimer: () => void
  /** Bytes that were written before the connection was open. */
  declare _pendingData: unknown
  readonly #tcp: Tcp
  readonly #boot: Boot
  #handle: TcpHandle
  /** The bytes that waited to be written when the time-out was last due. */
  #queued = 0

  constructor(
    tcp: Tcp,
    { boot = new Boot(), handle = new TcpHandle(tcp, boot), ...options }: MemorySocketOptions = {},
  ) {
    super({ manualStart: !handle.isConnected, ...options, handle: handle.native } as net.SocketConstructorOpts)
    this.#tcp = tcp
    this.#boot = boot
    this.#handle = handle
    this.#use(handle)
    addVirtual(this)
  }

  override connect(...args: unknown[]): this {
    if (this.destroyed) this.#reopen()
    // net.connect() gives such an array already.
    const list: unknown[] = Array.isArray(args[0]) ? args[0] : normalize(args)
    list[0] = { ...(list[0] as object), autoSelectFamily: false }
    return super.connect(list as never)
  }

  override setTimeout(ms: number, callback?: () => void): this {
    return setVirtualTimeout(this as never, net.Socket.prototype.setTimeout as never, ms, callback)
  }

  override resetAndDestroy(): this {
    if (this._handle === null) return super.resetAndDestroy()
    const reset = () => void internals._reset.call(this as never)
    if (this.connecting) this.once('connect', reset)
    else reset()
    return this
  }

  override _destroy(error: Error | null, callback: Done): void {
    clearVirtualTimeout(this)
    super._destroy(error, callback)
  }

  _onTimeout(): void {
    this.#boot.pass(() => this.#onTimeout())
  }

  /** A time-out is due. Like Node, it waits as long as written bytes leave. */
  #onTimeout(): void {
    const queued = this._handle?.writeQueueSize ?? 0
    const isMoving = this.#queued > 0 && queued !== this.#queued
    this.#queued = queued
    if (isMoving) this._unrefTimer()
    else this.emit('timeout')
  }

  _writeGeneric(isMany: boolean, data: unknown, encoding: BufferEncoding, done: Done): void {
    if (this.connecting || this._handle === null) {
      internals._writeGeneric.call(this as never, isMany, data, encoding, done)
      return
    }
    this._pendingData = null
    this._unrefTimer()
    const written = isMany ? (data as readonly Written[]) : [{ chunk: data as Written['chunk'], encoding }]
    const finish = (status: number) => {
      this.#queued = 0
      if (status === 0 && !this.destroyed) this._unrefTimer()
      const isSilent = this.destroyed && !CANCELS_WITH_ERROR
      done(status < 0 && !isSilent ? callError('write', -status) : null)
    }
    const chunks = written.map(bytesOf)
    const status = this.#handle.write(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks), finish)
    if (status <= 0) finish(status)
    else this.#queued = this._handle.writeQueueSize
  }

  /** After destroy(), connect() of Node would make a handle of the system. */
  #reopen(): void {
    this.#handle = new TcpHandle(this.#tcp, this.#boot)
    this.#use(this.#handle)
    Object.assign(this, { _peername: null })
    const reinitialize = (net.Socket.prototype as unknown as Record<symbol, (handle: NativeTcp) => void>)[REINITIALIZE]
    reinitialize?.call(this, this.#handle.native)
  }

  #use(handle: TcpHandle): void {
    handle.onReadError = errno => topOf(this).destroy(callError('read', errno))
  }
}

function bytesOf({ chunk, encoding }: Written): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
}

/**
 * Returns a socket that connects to an address. If it cannot, it emits the error in a later tick,
 * like net.connect.
 */
export function connectInMemory(
  tcp: Tcp,
  address: string,
  port: number,
  family: 4 | 6,
  boot = new Boot(),
): MemorySocket {
  return new MemorySocket(tcp, { boot }).connect({ host: address, port, family })
}
