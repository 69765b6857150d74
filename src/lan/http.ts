/** HTTP on a host's port: every request gets the same response. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { formatAddress } from '../header/ip-address.ts'
import type { TcpHandler } from './host.ts'

/**
 * What a client may take for the headers of a request, from its connection or the end of the
 * request before on, ms.
 */
const HEADERS_MS = 10_000

/** Answers every request with `body`; without one, with the host's name, or its address. */
export function http(body?: string, headersMs = HEADERS_MS): TcpHandler {
  const clients = new WeakMap<Socket, Client>()
  const server = createServer((request, response) => {
    const client = clients.get(request.socket)
    client?.gotHeaders()
    let left = 2
    const over = () => {
      left--
      if (left === 0) client?.waitForHeaders(headersMs)
    }
    request.resume().on('end', over)
    response.on('finish', over)
    response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(client?.text)
  })
  return (socket, { name, ip, ip6 }) => {
    const text = body ?? `${name ?? formatAddress((ip[0] ?? ip6[0]) as Uint8Array)}\n`
    const client = new Client(socket, text)
    clients.set(socket, client)
    client.waitForHeaders(headersMs)
    // It takes the socket's timeout for its own.
    server.timeout = socket.timeout ?? 0
    server.emit('connection', socket)
  }
}

/** Node's own timeouts (headersTimeout and the like) work on a server that listens only. */
class Client {
  readonly text: string
  readonly #socket: Socket
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Socket, text: string) {
    this.text = text
    this.#socket = socket
    socket.on('close', () => this.gotHeaders())
  }

  waitForHeaders(ms: number): void {
    if (!this.#socket.destroyed) this.#timer = setTimeout(() => this.#socket.destroy(), ms).unref()
  }

  gotHeaders(): void {
    clearTimeout(this.#timer)
  }
}
