/** The HTTP API: the endpoints of toxiproxy 2.12, and /vnet. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { attempt } from 'vnet'
import { hostName, isForeign } from 'vnet/kit/base'
import { isAddressOrLocalhost } from 'vnet/kit/machine'
import { Turns } from './api-turns.ts'
import { ApiError, listOf } from './body.ts'
import { type Measures, metricsText } from './metrics.ts'
import type { Proxies } from './proxies.ts'
import type { ToxicProxy } from './proxy.ts'

/** The version of toxiproxy that has this API. */
const VERSION = '2.12.0'

/** Milliseconds for a whole request, and of silence. */
const REQUEST_MS = 15_000
const SILENCE_MS = 60_000

/** Options of the API's server. */
export interface ApiOptions {
  /** Names of the server in requests, besides addresses and names without a dot. */
  readonly hosts: readonly string[]
  readonly measures: Measures
  /** Returns what `/version` and `/vnet` say of this vnet. */
  vnet(): Promise<object>
  /** Called with each reply. */
  log(line: string): void
}

interface Reply {
  readonly status: number
  readonly text?: string
  readonly type?: string
}

/** `names` are the names of the proxy and the toxic in the path. */
type Handler = (body: string, ...names: string[]) => Reply | Promise<Reply>
/** A request's method, or several, and its path. */
type Route = readonly [methods: string, path: RegExp, handler: Handler]

/**
 * Returns the server of the API, which the caller makes listen and closes. It refuses requests of
 * browsers, of other origins, and with another name of the server, so that no web page reaches it.
 */
export function apiServer(proxies: Proxies, options: ApiOptions): Server {
  const routes = routesOf(proxies, options)

  async function replyTo(request: IncomingMessage): Promise<Reply> {
    const { headers, method = '', url = '' } = request
    if (headers['user-agent']?.startsWith('Mozilla/')) return plain(403, 'User agent not allowed')
    if (!isOwnName(headers.host, options.hosts)) {
      throw new ApiError(
        'wrong Host: use the address, localhost, or a name given by --allow-host',
        403,
      )
    }
    if (isForeign(headers)) throw new ApiError('this request is from another origin', 403)
    const path = url.split('?')[0] as string
    // A name may have a slash, as %2F.
    const there = routes.filter(([, each]) => each.test(path))
    const [, pattern, handler] =
      there.find(([methods]) => methods.split(' ').includes(method)) ?? []
    const names = attempt(() =>
      (pattern?.exec(path) ?? [decodeURIComponent(path)]).slice(1).map(decodeURIComponent),
    )
    if (names === undefined) return plain(400, '400 Bad Request')
    if (handler !== undefined) {
      return handler(method === 'GET' ? '' : await turns.bodyOf(request), ...names)
    }
    if (there.length > 0) return { status: 405 }
    return plain(404, '404 page not found')
  }

  const limits = {
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: SILENCE_MS,
  }
  const server = createServer(limits, (request, response) =>
    turns.take(request, response, async () => {
      const { status, text = '', type } = await replyTo(request).catch(errorReply)
      options.log(`${request.method} ${request.url} ${status}`)
      response.setHeader('x-content-type-options', 'nosniff')
      response.setHeader('x-toxiproxy-request-id', randomBytes(10).toString('hex'))
      if (type !== undefined) {
        response.setHeader('content-type', type)
      }
      if (!request.complete) {
        response.setHeader('connection', 'close')
      }
      response.statusCode = status
      return text
    }),
  )
  const turns = new Turns(server)
  return server
}

function routesOf(proxies: Proxies, { measures, vnet }: ApiOptions): readonly Route[] {
  const done: Reply = { status: 204 }
  const metrics: Handler = () => ({
    status: 200,
    text: metricsText(proxies, measures),
    type: METRICS_TYPE,
  })
  const [all, one] = [/^\/proxies$/, /^\/proxies\/([^/]+)$/]
  const [toxics, toxic] = [/^\/proxies\/([^/]+)\/toxics$/, /^\/proxies\/([^/]+)\/toxics\/([^/]+)$/]
  return [
    ['GET', all, () => ({ status: 200, text: mapOf(proxies.all), type: JSON_TYPE })],
    ['POST', all, async body => json(201, await proxies.create(body))],
    ['GET', one, (_, name = '') => json(200, proxies.get(name))],
    ['POST PATCH', one, async (body, name = '') => json(200, await proxies.update(name, body))],
    ['DELETE', one, (_, name = '') => proxies.remove(name).then(() => done)],
    ['GET', toxics, (_, name = '') => json(200, proxies.get(name).toJSON().toxics)],
    ['POST', toxics, async (body, name = '') => json(200, await proxies.addToxic(name, body))],
    ['GET', toxic, (_, name = '', which = '') => json(200, proxies.toxic(name, which))],
    [
      'POST PATCH',
      toxic,
      async (body, name = '', which = '') =>
        json(200, await proxies.updateToxic(name, which, body)),
    ],
    [
      'DELETE',
      toxic,
      (_, name = '', which = '') => proxies.removeToxic(name, which).then(() => done),
    ],
    ['POST', /^\/populate$/, body => populate(proxies, body)],
    ['POST', /^\/reset$/, () => proxies.reset().then(() => done)],
    [
      'GET',
      /^\/version$/,
      async () => ({
        ...json(200, { version: VERSION, vnet: await vnet() }),
        type: `${JSON_TYPE};charset=utf-8`,
      }),
    ],
    ['GET', /^\/vnet$/, async () => json(200, { ...(await vnet()), ...proxies.state })],
    ...(measures.proxies || measures.runtime ? [['GET', /^\/metrics$/, metrics] as const] : []),
  ]
}

async function populate(proxies: Proxies, body: string): Promise<Reply> {
  const made: ToxicProxy[] = []
  const making = async () => proxies.populate(listOf(body), made)
  const failure = await making().then(() => undefined, asApiError)
  const error = failure && { error: failure.message, status: failure.status }
  return json(failure?.status ?? 201, { ...error, proxies: made.length > 0 ? made : null })
}

const JSON_TYPE = 'application/json'
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const json = (status: number, value: unknown): Reply => ({
  status,
  text: JSON.stringify(value),
  type: JSON_TYPE,
})
const plain = (status: number, line: string): Reply => ({
  status,
  text: `${line}\n`,
  type: 'text/plain; charset=utf-8',
})

/** A name such as `7` or `__proto__` keeps its place. */
const mapOf = (all: readonly ToxicProxy[]) =>
  `{${all.map(proxy => `${JSON.stringify(proxy.name)}:${JSON.stringify(proxy)}`).join(',')}}`

const asApiError = (error: unknown) =>
  error instanceof ApiError ? error : new ApiError((error as Error).message, 500)

/** Go's http.Error calls the JSON of an error plain text, and ends it with a line feed. */
function errorReply(error: unknown): Reply {
  const { message, status } = asApiError(error)
  return plain(status, JSON.stringify({ error: message, status }))
}

/** DNS leads no web page of a stranger to an address, or to a name without a dot. */
function isOwnName(header: string | undefined, hosts: readonly string[]): boolean {
  const name = hostName(header).toLowerCase()
  return isAddressOrLocalhost(header) || !name.includes('.') || hosts.includes(name)
}
