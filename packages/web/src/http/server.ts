/** An HTTP server of vnet. Every local user can connect, so no client holds resources for long. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hostName, isForeign } from 'vnet/kit/base'
import { CONNECTIONS_MAX, Connections, isAddressOrLocalhost } from 'vnet/kit/machine'
import { type Address, close, listen } from './address.ts'
import { type Access, type Proof, ServerToken } from './token.ts'

/** Connections that are kept for clients that have shown the token. The oldest others leave. */
const KEPT = 64
/** Time for the headers, and for the whole of a request, in milliseconds. */
const HEADERS_MS = 5000
const REQUEST_MS = 10_000
/** Milliseconds of silence that close a connection. Node doubles them for a partly read reply. */
const SILENCE_MS = 30_000
const REQUESTS_A_CONNECTION = 100

/** Where a server listens, under which names, and for which users. */
export interface HttpOptions {
  readonly address: Address
  /** Names of the server, besides its addresses and `localhost`. */
  readonly hosts?: readonly string[] | undefined
  readonly access: Access
}

/** A listening server. Disposing of it closes all connections. */
export interface HttpServer extends AsyncDisposable {
  /** Without a path. */
  readonly url: string
}

/** A request that passed the guard. */
export interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly query: URLSearchParams
  readonly proof: Proof
  readonly token: ServerToken
}

/** Listens. A `reply` that rejects ends its connection. */
export async function serveHttp(
  { address, hosts = [], access }: HttpOptions,
  reply: (asked: Asked) => Promise<void>,
): Promise<HttpServer> {
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: HEADERS_MS,
  }
  const server = createServer(limits)
  server.maxRequestsPerSocket = REQUESTS_A_CONNECTION
  server.timeout = SILENCE_MS
  const connections = new Connections(server, CONNECTIONS_MAX - KEPT)
  const busy = new WeakSet<Socket>()
  const url = await listen(server, address)
  const token = new ServerToken(access.tokenFor(url))
  const names = hosts.map(name => name.toLowerCase())
  server.on('request', (request, response) => {
    if (!begin(busy, request.socket, response)) return
    const asked = askedOf(request, response, names, token)
    if (asked?.proof === 'right') {
      connections.keep(request.socket)
    }
    Promise.resolve(asked && reply(asked)).catch((error: NodeJS.ErrnoException) => {
      response.destroy()
      // A request must not end the server, but a defect must not be silent.
      if (error.code !== 'ECONNRESET') {
        process.emitWarning(error)
      }
    })
  })
  return { url, [Symbol.asyncDispose]: () => close(server) }
}

/** Returns undefined if the request was refused. */
function askedOf(
  request: IncomingMessage,
  response: ServerResponse,
  hosts: readonly string[],
  token: ServerToken,
): Asked | void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    response.setHeader(name, value)
  }
  const refusal = refusalOf(request, hosts)
  if (refusal !== undefined) return refuse(response, refusal.status, refusal.text)
  const [path = '', search = ''] = (request.url ?? '').split('?', 2)
  const query = new URLSearchParams(search)
  return { request, response, path, query, token, proof: token.proofOf(query, request.headers) }
}

/** Whether a request may be served; refuses it otherwise. `isPublic`: the token is not needed. */
export function isAllowed({ response, proof }: Asked, isPublic: boolean): boolean {
  if (proof === 'wrong') {
    refuse(response, 403, 'wrong token')
  } else if (proof === 'missing' && !isPublic) {
    refuse(response, 401, 'this needs the token', { 'www-authenticate': 'Bearer' })
  } else {
    return true
  }
  return false
}

/** Ends the connection too: the rest of the request is not read. */
export function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'text/plain', connection: 'close', ...headers })
    .end(`${text}\n`)
}

/** Ends a connection with an unread reply and returns false: many replies would fill memory. */
function begin(busy: WeakSet<Socket>, socket: Socket, response: ServerResponse): boolean {
  if (busy.has(socket)) {
    socket.destroy()
    return false
  }
  busy.add(socket)
  response.once('close', () => busy.delete(socket))
  return true
}

/** Headers of each reply. The live page needs nothing but the files of its server. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/**
 * Returns why a request is refused, whatever its path; undefined if it is not. `hosts` are names
 * for this server. A stranger's web page, open in the user's browser, can send requests here, too.
 * Its requests have a Host that DNS resolves to this server, or another origin (Origin,
 * Sec-Fetch-Site).
 */
function refusalOf({ url = '', headers }: IncomingMessage, hosts: readonly string[]) {
  if (
    !isAddressOrLocalhost(headers.host) &&
    !hosts.includes(hostName(headers.host).toLowerCase())
  ) {
    const text =
      'wrong Host: use the address, localhost, or a name given by --host of vnet web and vnet metrics'
    return { status: 403, text }
  }
  if (isForeign(headers)) return { status: 403, text: 'this request is from another origin' }
  // A proxy's form, `GET http://other/ HTTP/1.1`, would carry another host.
  if (!url.startsWith('/')) return { status: 400, text: 'the request names no path' }
  return undefined
}
