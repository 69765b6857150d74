/**
 * Parts of Node that it does not export: JSStream, the handle by which Node's C++ parts (TLS, HTTP
 * parser, HTTP/2) read and write a stream of JavaScript, and symbols of properties.
 */
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { NodeAddress } from './node-address.ts'

/** WriteWrap and ShutdownWrap of Node. */
export type NativeRequest = object

/** The part of JSStream that is used here. The properties after `emitEOF` are called by Node. */
interface NativeStream {
  /** Delivers bytes to the reader of the stream, in this call. */
  readBuffer(bytes: Uint8Array): void
  emitEOF(): void
  finishWrite(request: NativeRequest, status: number): void
  finishShutdown(request: NativeRequest, status: number): void
  isClosing(): boolean
  /** Returns 0. */
  onreadstart(): number
  onreadstop(): number
  /** Return 0, or a negative errno. The request is finished later, never in this call. */
  onwrite(request: NativeRequest, chunks: readonly Uint8Array[]): number
  onshutdown(request: NativeRequest): number
}

/** TCPConnectWrap of Node. */
export interface ConnectRequest {
  oncomplete(
    status: number,
    handle: NativeStream,
    request: this,
    readable: boolean,
    writable: boolean,
  ): void
}

/** Methods of a TCP handle that Node calls, too. */
export interface NativeTcp extends NativeStream {
  readonly bytesWritten: number
  /** Bytes that Node has written and the send buffer has not taken. */
  readonly writeQueueSize: number
  close(done?: () => void): void
  reset(done?: () => void): void
  getsockname(out: NodeAddress): number
  getpeername(out: NodeAddress): number
}

type NativeStreamClass = new () => NativeStream

/** A TLSSocket with its handle, which wraps a JSStream and its JSStreamSocket. */
interface Wrapping {
  readonly _handle?: {
    readonly _parent?: { readonly constructor: NativeStreamClass }
    readonly _parentWrap?: object
  }
}

interface Classes {
  readonly JSStream: NativeStreamClass
  /**
   * The key under which a socket has its HTTP/2 session: kBoundSession. Up to Node 26 it is the
   * text 'undefined', because the module of the symbol does not export it.
   */
  readonly sessionKey: PropertyKey | undefined
}

/** Node exports none of these. It makes them for TLS over a Duplex. */
const found: { classes?: Classes } = {}

export function nodeClasses(): Classes {
  found.classes ??= findClasses()
  return found.classes
}

function findClasses(): Classes {
  const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  // With a list of authorities, even an empty one, Node does not load its own, which takes longer.
  const secureContext = tls.createSecureContext({ ca: [] })
  const socket = new tls.TLSSocket(duplex, { secureContext })
  const { _parent, _parentWrap } = (socket as Wrapping)._handle ?? {}
  const JSStream = _parent?.constructor
  socket.destroy()
  if (_parentWrap !== undefined && typeof JSStream?.prototype.readBuffer === 'function') {
    const keys = Reflect.ownKeys(Object.getPrototypeOf(_parentWrap))
    return {
      JSStream,
      sessionKey: keys.find(key => key === 'undefined' || nameOf(key) === 'kBoundSession'),
    }
  }
  throw new Error(
    `this version of Node, ${process.version}, has no JSStream, which world: 'memory' needs`,
  )
}

const nameOf = (key: string | symbol): string | undefined =>
  typeof key === 'symbol' ? key.description : key
