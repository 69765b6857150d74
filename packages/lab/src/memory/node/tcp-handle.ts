/**
 * TcpHandle: the handle of a Node socket over a TcpConnection, in place of libuv's. Node's own
 * net.Socket calls it, and TLS, HTTP and HTTP/2 read and write it like a socket of the system.
 *
 * Each event of the connection reaches Node in an immediate of its own, like an event that libuv
 * polls: microtasks and ticks run between two events, and code of the program never runs inside the
 * network stack. After a crash of the host, calls have no effect and never end.
 */
import { AsyncResource } from 'node:async_hooks'
import { isIP } from 'node:net'
import type { Endpoint, Tcp, TcpConnection, TcpEvents } from '@vnet/inet'
import { EADDRNOTAVAIL, EBADF, ECANCELED, EINVAL, NSEC_PER_SEC } from 'vnet'
import type { Boot } from '../time/boot.ts'
import { readNative } from './native-callbacks.ts'
import {
  type ConnectRequest,
  type NativeRequest,
  type NativeTcp,
  nodeClasses,
} from './native-stream.ts'
import {
  addressBytes,
  bindBytes,
  type NodeAddress,
  showEndpoint,
  statusOf,
  zoneOf,
} from './node-address.ts'

/** The most that libuv reads at a time. */
const READ_MAX = 65536
const NOTHING = new Uint8Array(0)

class TcpReader {
  /** Whether `read` may return something: bytes or the end. */
  isReadable = false
  /** Whether everything before the peer's FIN was read. */
  isAtEnd = false
  /** Whether a write has returned the error of the connection. As in Linux, reading then ends. */
  hasFailed = false

  /** Returns the next bytes: empty if nothing has arrived, and at the end. */
  read(connection: TcpConnection | undefined): Uint8Array {
    const chunks: Uint8Array[] = []
    for (let size = 0; size < READ_MAX && !this.isAtEnd; ) {
      const bytes = connection?.read()
      if (bytes === undefined && !this.hasFailed) {
        this.isReadable = false
        break
      }
      this.isAtEnd = bytes === null || bytes === undefined
      chunks.push(bytes ?? NOTHING)
      size += bytes?.length ?? 0
    }
    const bytes = chunks.length > 1 ? Buffer.concat(chunks) : (chunks[0] ?? NOTHING)
    if (bytes.length === 0 && this.isAtEnd) {
      this.isReadable = false
    }
    return bytes
  }
}

// The interval and count of keep-alive probes, in libuv.
const KEEPALIVE_INTERVAL = 1
const KEEPALIVE_PROBES = 10

/** A write that waits for room in the send buffer. */
interface PendingWrite {
  /** The bytes that the send buffer has not taken. */
  rest: Uint8Array
  readonly done: (status: number) => void
}

export class TcpHandle implements TcpEvents {
  readonly native: NativeTcp
  /** Called with the number of an error that ends reading. */
  onReadError: (errno: number) => void = () => {}
  readonly #tcp: Tcp
  readonly #boot: Boot
  readonly #resource = new AsyncResource('TCPWRAP')
  readonly #reader = new TcpReader()
  #connection: TcpConnection | undefined
  #family: 4 | 6 = 4
  /** Undefined before bind and connect. */
  #local: Partial<Endpoint> | undefined
  #connecting: ConnectRequest | undefined
  #isConnected = false
  #isReading = false
  /** Whether the last bytes were read when a reset had arrived, which is then taken for an end. */
  #isHungUp = false
  #isClosed = false
  #isAwake = false
  /** An error that no call has returned yet. */
  #error = 0
  #written = 0
  /** The first fills the send buffer, the others wait for it: HTTP/2 writes beside its socket. */
  readonly #writes: PendingWrite[] = []
  #shutdown: NativeRequest | undefined

  constructor(tcp: Tcp, boot: Boot) {
    this.#tcp = tcp
    this.#boot = boot
    this.native = this.#makeNative()
  }

  /** Returns the handle of an accepted connection. `family` is the listening socket's. */
  static accepted(tcp: Tcp, connection: TcpConnection, family: 4 | 6, boot: Boot): TcpHandle {
    const handle = new TcpHandle(tcp, boot)
    handle.#connection = connection
    handle.#family = family
    handle.#isConnected = true
    handle.#reader.isReadable = true
    connection.events = handle
    return handle
  }

  onConnect(): void {
    this.#isConnected = true
    this.#wake()
  }

  onReadable(): void {
    this.#reader.isReadable = true
    if (this.#isReading) {
      this.#wake()
    }
  }

  onWritable(): void {
    if (this.#writes.length > 0) {
      this.#wake()
    }
  }

  onError(errno: number): void {
    this.#error = errno
    this.#wake()
  }

  /**
   * Writes bytes. Returns 0 if the send buffer has taken all, or a negative errno. Returns 1 if
   * some bytes wait: `done` is then called later with 0 or a negative errno, but never after a
   * crash of the host.
   */
  write(bytes: Uint8Array, done: (status: number) => void): number {
    if (this.#boot.isDead) return 1
    this.#written += bytes.length
    const write = { rest: bytes, done }
    const status = this.#writes.length > 0 ? 1 : this.#flush(write)
    if (status > 0) {
      this.#writes.push(write)
    }
    return status
  }

  #makeNative(): NativeTcp {
    const methods = {
      isClosing: () => this.#isClosed,
      onreadstart: () => this.#startReading(),
      onreadstop: () => this.#stopReading(),
      onwrite: (request: NativeRequest, chunks: readonly Uint8Array[]) =>
        this.#onWrite(request, chunks),
      onshutdown: (request: NativeRequest) => this.#onShutdown(request),
      close: (done?: () => void) => this.#close(done),
      reset: (done?: () => void) => this.#close(done, true),
      bind: (address: string, port: number) => this.#bind(4, address, port),
      bind6: (address: string, port: number) => this.#bind(6, address, port),
      connect: (request: ConnectRequest, address: string, port: number) =>
        this.#connect(4, request, address, port),
      connect6: (request: ConnectRequest, address: string, port: number) =>
        this.#connect(6, request, address, port),
      getsockname: (out: NodeAddress) => this.#show(out, this.#connection?.local ?? this.#local),
      getpeername: (out: NodeAddress) => this.#show(out, this.#connection?.remote),
      setNoDelay: (on: boolean) => this.#setNoDelay(on),
      setKeepAlive: (...args: [on: boolean, idle?: number, interval?: number, probes?: number]) =>
        this.#setKeepAlive(...args),
      // Only the timers of the world keep the process alive.
      ref: () => {},
      unref: () => {},
      hasRef: () => true,
    }
    const { JSStream } = nodeClasses()
    const native = Object.assign(new JSStream(), methods)
    // Node's counter is for what C++ has written.
    Object.defineProperty(native, 'bytesWritten', { get: () => this.#written })
    Object.defineProperty(native, 'writeQueueSize', {
      get: () => this.#writes.reduce((sum, { rest }) => sum + rest.length, 0),
    })
    return native as unknown as NativeTcp
  }

  #bind(family: 4 | 6, address: string, port: number): number {
    if (isIP(address) !== family) return -EINVAL
    const bytes = bindBytes(address)
    if (bytes !== undefined && !this.#tcp.ip.isOwn(bytes)) return -EADDRNOTAVAIL
    this.#family = family
    this.#local = { ...(bytes && { address: bytes }), ...(port > 0 && { port }) }
    return 0
  }

  #connect(family: 4 | 6, request: ConnectRequest, text: string, port: number): number {
    const address = addressBytes(text)
    this.#family = family
    if (address === undefined) return -EINVAL
    if (this.#boot.isDead) return 0
    const local = this.#local ?? {}
    this.#local = local
    const to = { address, port, zone: zoneOf(text) }
    const connection = statusOf(() => this.#tcp.connect(to, this, local))
    if (typeof connection === 'number') return connection
    this.#connection = connection
    this.#connecting = request
    return 0
  }

  #startReading(): number {
    this.#isReading = true
    if (this.#reader.isReadable || this.#error > 0) {
      this.#wake()
    }
    return 0
  }

  #stopReading(): number {
    this.#isReading = false
    this.#isHungUp = false
    return 0
  }

  /** Called by C++, which may not be called in return. */
  #onWrite(request: NativeRequest, chunks: readonly Uint8Array[]): number {
    const finish = (result: number) => this.native.finishWrite(request, result)
    const status = this.write(Buffer.concat(chunks), finish)
    // A write of libuv has ended when the call returns.
    if (status === 0) {
      process.nextTick(finish, 0)
    }
    return Math.min(status, 0)
  }

  /** Like libuv, it shuts down after all ticks and microtasks, before immediates of the program. */
  #onShutdown(request: NativeRequest): number {
    this.#shutdown = request
    queueMicrotask(() =>
      process.nextTick(() => this.#resource.runInAsyncScope(this.#flushShutdown, this)),
    )
    return 0
  }

  #flushShutdown(): void {
    if (this.#shutdown !== undefined && this.#writes.length === 0 && !this.#isClosed) {
      this.#pollShutdown(this.#shutdown)
    }
  }

  #setNoDelay(on: boolean): number {
    this.#connection?.setNoDelay(on)
    return 0
  }

  /** Takes seconds, like setsockopt(2). */
  #setKeepAlive(
    on: boolean,
    idle = 0,
    interval = KEEPALIVE_INTERVAL,
    probes = KEEPALIVE_PROBES,
  ): number {
    // Without a delay, libuv sets only SO_KEEPALIVE.
    if (idle > 0) {
      this.#connection?.setKeepAlive(on, idle * NSEC_PER_SEC, interval * NSEC_PER_SEC, probes)
    } else {
      this.#connection?.setKeepAlive(on)
    }
    return 0
  }

  #show(out: NodeAddress, endpoint: Partial<Endpoint> | undefined): number {
    if (endpoint === undefined) return -EBADF
    showEndpoint(out, this.#family, endpoint.address, endpoint.port)
    return 0
  }

  /** Returns 0. */
  #close(done: () => void = () => {}, isReset = false): number {
    if (!this.#isClosed) {
      if (isReset) {
        this.#connection?.reset()
      } else {
        this.#connection?.close()
      }
    }
    this.#isClosed = true
    this.#isReading = false
    this.#boot.soon(this.#resource, () => this.#finishClose(done))
    return 0
  }

  #finishClose(done: () => void): void {
    const shutdown = this.#shutdown
    this.#shutdown = undefined
    this.#connecting = undefined
    for (const { done: end } of this.#writes.splice(0)) {
      end(-ECANCELED)
    }
    if (shutdown !== undefined) {
      this.native.finishShutdown(shutdown, -ECANCELED)
    }
    done()
  }

  #wake(): void {
    if (this.#isAwake || this.#isClosed) return
    this.#isAwake = true
    this.#boot.soon(this.#resource, this.#poll)
  }

  /** Reports one event to Node. */
  readonly #poll = (): void => {
    this.#isAwake = false
    if (this.#isClosed) return
    if (this.#connecting !== undefined) {
      this.#pollConnect(this.#connecting)
    } else if (this.#isReading && (this.#reader.isReadable || this.#error > 0)) {
      this.#pollRead()
    } else if (this.#writes[0] !== undefined) {
      this.#pollWrite(this.#writes[0])
    } else if (this.#shutdown !== undefined) {
      this.#pollShutdown(this.#shutdown)
    }
  }

  #pollConnect(request: ConnectRequest): void {
    const status = -this.#takeError()
    if (status === 0 && !this.#isConnected) return
    this.#connecting = undefined
    this.#reader.isReadable = true
    request.oncomplete(status, this.native, request, true, true)
  }

  #pollRead(): void {
    const bytes = this.#reader.read(this.#connection)
    // Another event may follow.
    if (
      this.#reader.isReadable ||
      this.#error > 0 ||
      this.#writes.length > 0 ||
      this.#shutdown !== undefined
    ) {
      this.#wake()
    }
    if (bytes.length > 0) {
      // libuv polls both at a time, and then does not read again (uv__stream_io).
      this.#isHungUp = this.#boot.endsAtReset && this.#error > 0 && !this.#reader.isReadable
      readNative(this.native, bytes)
    } else if (this.#reader.isAtEnd) {
      this.native.emitEOF()
    } else if (this.#isHungUp) {
      // The error remains for the next write.
      this.#isReading = false
      this.native.emitEOF()
    } else if (this.#error > 0) {
      this.onReadError(this.#takeError())
    }
  }

  #pollWrite(write: PendingWrite): void {
    const status = this.#flush(write)
    if (status > 0) return
    this.#writes.shift()
    this.#wake()
    write.done(status)
  }

  /** Fills the send buffer. Returns 0 after the last byte, 1 before it, or a negative errno. */
  #flush(write: PendingWrite): number {
    if (this.#error > 0) {
      this.#reader.isReadable = true
      this.#reader.hasFailed = true
      if (this.#isReading) {
        this.#wake()
      }
      return -this.#takeError()
    }
    const taken = this.#connection?.write(write.rest) ?? -EINVAL
    if (taken < 0) return taken
    write.rest = write.rest.subarray(taken)
    return write.rest.length > 0 ? 1 : 0
  }

  #pollShutdown(request: NativeRequest): void {
    this.#shutdown = undefined
    this.#connection?.shutdown()
    this.native.finishShutdown(request, 0)
  }

  #takeError(): number {
    const errno = this.#error
    this.#error = 0
    return errno
  }
}
