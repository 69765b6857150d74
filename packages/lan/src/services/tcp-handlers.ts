/** Hosts with ports that a driver file serves, and the TCP handlers that a file can name. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { Readable, Transform } from 'node:stream'
import { formatAddress } from 'vnet'
import type { Turns, Work } from 'vnet/kit/base'
import type { HostDefinition, HostHandlers, SegmentHost, SmallService } from '../machines/host.ts'
import { CHARGEN_PERIOD, chargenCharacter, daytimeText } from '../machines/udp.ts'

/** The prefix of an IPv4 address on a socket for both families. */
export const MAPPED = /^::ffff:(?=[\d.]+$)/

/**
 * Serves one connection to `host`; the handler owns the socket. An exception of the handler, or of
 * its promise, is logged and ends the connection; an exception of a listener of the socket ends the
 * program, as everywhere in Node. A connection that is silent for a minute is closed, unless the
 * handler sets another time, or none with `socket.setTimeout(0)`.
 */
export type TcpHandler = (socket: Socket, host: SegmentHost) => unknown

/**
 * The handlers of a host of a driver file. TCP needs a kernel; without one all ports are closed.
 */
export interface LanHandlers extends HostHandlers {
  readonly tcp?: Readonly<Record<number, TcpHandler | SmallService>> | undefined
}

/** A host of a driver file, or a range of hosts. */
export interface LanHost extends HostDefinition {
  /** This many hosts, with consecutive addresses and no `mac`; `name` has one %d. */
  readonly count?: number | undefined
  readonly on?: LanHandlers | undefined
}

/** A host of a driver file: `host({ ip: '198.18.0.7', on: { udp: { 53: answer } } })`. */
export const host = (definition: LanHost): LanHost => definition

const PATTERN = Buffer.from(Array.from({ length: CHARGEN_PERIOD }, (_, i) => chargenCharacter(i)))

/** RFC 862, 863, 867, 864. With `turns`, echo uses the time of work without rights. */
export const TCP_SERVICES: Readonly<
  Record<SmallService, (socket: Socket, turns?: TimeForWork) => unknown>
> = {
  echo: (socket, turns) =>
    turns === undefined ? socket.pipe(socket) : replyPaced(socket, turns, chunk => [chunk]),
  discard: socket => socket.resume().on('end', () => socket.end()),
  daytime: socket => socket.resume().end(daytimeText(Date.now())),
  // Until the client closes: the end of its data does not end the pattern.
  chargen: socket => Readable.from(pattern()).pipe(socket.resume()),
}

/** The handler of a port in a host's definition, or undefined for an invalid value. */
export function handlerOf(definition: unknown, turns?: TimeForWork): TcpHandler | undefined {
  if (typeof definition === 'function') return definition as TcpHandler
  if (typeof definition !== 'string' || !Object.hasOwn(TCP_SERVICES, definition)) return undefined
  return socket => TCP_SERVICES[definition as SmallService](socket, turns)
}

/** The client's address. A link-local one of another namespace has no name here (ENXIO). */
export function remoteOf(socket: Socket): string {
  try {
    return (socket.remoteAddress ?? '').replace(MAPPED, '')
  } catch {
    return 'a link-local address'
  }
}

function* pattern(): Generator<Buffer> {
  for (;;) {
    yield PATTERN
  }
}

/** Milliseconds for the headers of a request, from its connection or the previous request on. */
const HEADERS_MS = 10_000

/** Answers every HTTP request with `body`, by default the host's name or address. */
export function http(body?: string, headersMs = HEADERS_MS): TcpHandler {
  const clients = new WeakMap<Socket, ReturnType<typeof httpClient>>()
  const server = createServer((request, response) => {
    const client = clients.get(request.socket)
    client?.gotHeaders()
    let unfinished = 2
    const finish = () => {
      unfinished--
      if (unfinished === 0) {
        client?.waitForHeaders(headersMs)
      }
    }
    request.resume().on('end', finish)
    response.on('finish', finish)
    response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(client?.text)
  })
  return (socket, { name, ip, ip6 }) => {
    const text = body ?? `${name ?? formatAddress((ip[0] ?? ip6[0]) as Uint8Array)}\n`
    const client = httpClient(socket, text)
    clients.set(socket, client)
    client.waitForHeaders(headersMs)
    // The server sets its own timeout on the socket.
    server.timeout = socket.timeout ?? 0
    server.emit('connection', socket)
  }
}

/** Limits the time for headers; Node's headersTimeout works only on a server that listens. */
function httpClient(socket: Socket, text: string) {
  let timer: NodeJS.Timeout | undefined
  const gotHeaders = () => clearTimeout(timer)
  const waitForHeaders = (ms: number) => {
    if (!socket.destroyed) {
      timer = setTimeout(() => socket.destroy(), ms).unref()
    }
  }
  socket.on('close', gotHeaders)
  return { text, gotHeaders, waitForHeaders }
}

/** A reply that must wait for longer than the next turn. */
export const LATER = undefined
/** Milliseconds until a LATER reply is tried again. */
const LATER_MS = 100

/** The turns of work without rights: a service may use them to reply in steps. */
export type TimeForWork = Pick<Turns, 'add' | 'delete'>

type Reply = (chunk: Buffer) => Iterable<Buffer | typeof LATER>

/**
 * The replies of a TCP service, in the time that Turns grants to work without rights. All sockets
 * are one share: a client may have any number of addresses, and other work must have its turn.
 */
class Paced extends Transform implements Work {
  readonly privileged = false
  readonly share = 'tcp'
  readonly #turns: TimeForWork
  readonly #reply: Reply
  #replies: Iterator<Buffer | typeof LATER> | undefined
  #timer: NodeJS.Timeout | undefined
  #done: (() => void) | undefined

  constructor(turns: TimeForWork, reply: Reply) {
    super()
    this.#turns = turns
    this.#reply = reply
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#replies = this.#reply(chunk)[Symbol.iterator]()
    this.#done = done
    this.#turns.add(this)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#turns.delete(this)
    super._destroy(error, done)
  }

  step(): boolean {
    if (this.#replies === undefined) return false
    const { done, value } = this.#replies.next()
    if (done !== true) {
      if (value === LATER) {
        this.#timer = setTimeout(() => this.#turns.add(this), LATER_MS).unref()
        return false
      }
      if (value.length > 0) {
        this.push(value)
      }
      return true
    }
    const finish = this.#done
    this.#replies = undefined
    this.#done = undefined
    finish?.()
    // The next chunk may have arrived meanwhile.
    return this.#replies !== undefined
  }

  wait(): void {}
}

/**
 * Replies to the data of a socket, and returns the socket. `reply` yields the replies to a chunk,
 * one a step; an empty one is not sent. After LATER, the next one is requested LATER_MS later. The
 * socket is not read while replies are pending.
 */
export function replyPaced(socket: Socket, turns: TimeForWork, reply: Reply): Socket {
  const paced = new Paced(turns, reply)
  socket.on('close', () => paced.destroy())
  return socket.pipe(paced).pipe(socket)
}
