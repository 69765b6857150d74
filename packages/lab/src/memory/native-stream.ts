/**
 * Parts of Node that it does not export: JSStream, the handle by which Node's C++ parts (TLS, HTTP
 * parser, HTTP/2) read and write a stream of JavaScript, and symbols of properties.
 */
import { Duplex } from 'node:stream'
import tls from 'node:tls'

/** WriteWrap and ShutdownWrap of Node. */
export type NativeRequest = object

/** The part of JSStream that is used here. The properties after `emitEOF` are called by Node. */
export interface NativeStream {
  readonly isStreamBase: boolean
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

type NativeStreamClass = new () => NativeStream

/** A TLSSocket with its handle, which wraps the JSStream of a Duplex. */
type Wrapping = tls.TLSSocket & {
  readonly _handle?: { readonly _parent?: { readonly constructor: NativeStreamClass } }
}

/** Node does not export JSStream. It makes one for TLS over a Duplex. */
const found: { JSStream?: NativeStreamClass } = {}

export function newNativeStream(): NativeStream {
  found.JSStream ??= findClass()
  return new found.JSStream()
}

function findClass(): NativeStreamClass {
  const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  // With a list of authorities, even an empty one, Node does not load its own, which takes longer.
  const secureContext = tls.createSecureContext({ ca: [] })
  const socket = new tls.TLSSocket(duplex, { secureContext }) as Wrapping
  const JSStream = socket._handle?._parent?.constructor
  socket.destroy()
  if (typeof JSStream?.prototype.readBuffer === 'function') return JSStream
  throw new Error(`this version of Node, ${process.version}, has no JSStream, which world: 'memory' needs`)
}

/** Returns the symbol with this description among the property keys of an object of Node. */
export function symbolOf(owner: object, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(owner).find(each => each.description === description)
  if (symbol !== undefined) return symbol
  throw new Error(`this version of Node, ${process.version}, has no ${description}, which world: 'memory' needs`)
}
