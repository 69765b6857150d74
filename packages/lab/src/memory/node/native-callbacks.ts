/**
 * Ticks and microtasks between two callbacks of Node's C++ parts. For one read of a real socket
 * there are several callbacks: one for each record of TLS, frame of HTTP/2, and chunk of a request
 * body. After each, Node runs all ticks and microtasks, unless the read is itself inside
 * JavaScript, as it is in memory. Without them `await once(socket, 'data')` would miss the next
 * event. So they run here before each event but the first.
 */
import http from 'node:http'
import http2 from 'node:http2'
import { Duplex, type Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { thread } from '../time/real.ts'
import type { NativeTcp } from './native-stream.ts'

type Push = (this: Readable, chunk: unknown, encoding?: BufferEncoding) => boolean
type IsOver = (owner: object) => boolean

const state = {
  /** Whether C++ delivers received bytes. */
  isReading: false,
  /** Whether code of the program may run inside a callback. */
  isInside: false,
  /** The request that got the last chunk of its body in this read. */
  request: undefined as object | undefined,
}

const { _tickCallback: runTicks } = process as { _tickCallback?(): void }

/** Delivers bytes to the reader of a stream. */
export function readNative(stream: Pick<NativeTcp, 'readBuffer'>, bytes: Uint8Array): void {
  state.isReading = true
  try {
    stream.readBuffer(bytes)
  } finally {
    state.isReading = false
    state.request = undefined
  }
}

/** `isOver` is whether a socket is over one in memory. */
export function patchTlsAndHttp(isOver: IsOver): void {
  patchPush(TLSSocket.prototype, isOver)
  patchPush(http.IncomingMessage.prototype, message =>
    isOfServer(message as http.IncomingMessage, isOver),
  )
}

/** Node's C++ parts read the bodies of a server. Its JavaScript feeds the parser of a client. */
function isOfServer(
  message: http.IncomingMessage & { readonly req?: object },
  isOver: IsOver,
): boolean {
  if (message.req !== undefined || message.socket == null || !isOver(message.socket)) return false
  const { request } = state
  state.request = message
  return request === message
}

/** `isOver` is whether a session is over a socket in memory. */
export function patchHttp2(isOver: IsOver): void {
  patchPush(http2StreamPrototype(), stream => {
    const { session } = stream as http2.Http2Stream
    return session !== undefined && isOver(session)
  })
}

/** Node does not export the class. Those of clients and servers extend it. */
function http2StreamPrototype(): Readable {
  const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const session = http2.connect('http://localhost', { createConnection: () => duplex })
  const stream = session.request().on('error', () => {})
  session.on('error', () => {}).destroy()
  return Object.getPrototypeOf(Object.getPrototypeOf(stream)) as Readable
}

function patchPush(prototype: Readable, isOver: IsOver): void {
  const push = prototype.push as Push
  const value: Push = function (chunk, encoding) {
    if (!state.isReading || state.isInside || chunk === null || !isOver(this)) {
      return push.call(this, chunk, encoding)
    }
    state.isInside = true
    try {
      runBetween()
      return push.call(this, chunk, encoding)
    } finally {
      state.isInside = false
    }
  }
  Object.defineProperty(prototype, 'push', { value, configurable: true, writable: true })
}

function runBetween(): void {
  try {
    runTicks?.()
  } catch (error) {
    // Uncaught, as in Node, but not inside C++.
    thread.setImmediate(() => {
      throw error
    })
  }
}
