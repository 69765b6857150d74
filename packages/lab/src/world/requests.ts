/** HTTP requests from a host. */
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type * as Undici from 'undici'
import type { Agent, buildConnector, FormData as UndiciForm } from 'undici'
import { UsageError } from 'vnet/internal/base/usage-error'
import { HTTP_PORT, HTTPS_PORT } from '../model/firewall.ts'
import { anyOf, checkForms, type Forms, OBJECT } from '../model/options.ts'

export interface LabRequestInit extends RequestInit {
  /** For https: `ca`, `rejectUnauthorized`, `servername` and other options of tls.connect. */
  readonly tls?: ConnectionOptions
}

/** The options of fetch(), which checks their values. */
const OPTIONS: Forms<
  Omit<LabRequestInit, 'dispatcher'> & { readonly cache?: string; readonly duplex?: string; readonly priority?: string }
> = {
  ...anyOf('method', 'headers', 'body', 'redirect', 'signal', 'duplex', 'referrer', 'referrerPolicy', 'mode'),
  ...anyOf('credentials', 'cache', 'integrity', 'keepalive', 'window', 'priority'),
  tls: OBJECT,
}

/** Options of net.connect which the host decides on. */
const NOT_CARRIED = 'family hints lookup localAddress localPort socketPath autoSelectFamily blockList'.split(' ')
/** More of them for an agent. A request has an agent instead. */
const OF_AGENT = ['createConnection', 'signal']

/** Throws a UsageError for an option that a connection of a host does not have. */
function checkCarried(what: string, options: object, more: readonly string[] = []): void {
  const given = options as Readonly<Record<string, unknown>>
  const name = [...NOT_CARRIED, ...more].find(each => given[each])
  if (name === undefined) return
  throw new UsageError(`${what}: connections of a host do not have the option ${name}: leave it out`)
}

/** Returns a socket that connects. Throws if the host does not exist. */
type Connect = (port: number, host: string) => Socket

/** The parts of undici for requests. Its caches, mocks and web sockets take as long to load. */
const UNDICI = ['index-fetch.js', 'lib/dispatcher/agent.js', 'lib/core/connect.js'].map(file => `undici/${file}`)

async function loadUndici(): Promise<Pick<typeof Undici, 'fetch' | 'FormData' | 'Agent' | 'buildConnector'>> {
  const [parts, { default: Agent }, { default: buildConnector }] = await Promise.all(UNDICI.map(file => import(file)))
  return { fetch: parts.fetch, FormData: parts.FormData, Agent, buildConnector }
}

/** The key of the agent of requests without options of TLS. */
const PLAIN: ConnectionOptions = {}

export class Requests {
  readonly #connect: Connect
  readonly #hold: () => () => void
  /** Agents by TLS options. They keep connections open for the next request. */
  readonly #agents = new Map<ConnectionOptions, Agent>()

  /** `hold` stops the time of the lab's world until the returned function is called. */
  constructor(connect: Connect, hold: () => () => void) {
    this.#connect = connect
    this.#hold = hold
  }

  /** Same as LabHost.agent. */
  agent(options: http.AgentOptions): http.Agent {
    checkCarried('agent', options, OF_AGENT)
    const createConnection = (request: http.ClientRequestArgs) => withOptions(this.#for('agent', request), request)
    return Object.assign(new http.Agent(options), { createConnection })
  }

  /** Same as LabHost.httpsAgent. */
  httpsAgent(options: https.AgentOptions): https.Agent {
    checkCarried('httpsAgent', options, OF_AGENT)
    const agent = new https.Agent(options)
    const secure = agent.createConnection.bind(agent) as (options: object) => Socket
    const createConnection = (request: http.ClientRequestArgs) =>
      withOptions(secure({ ...request, socket: this.#for('httpsAgent', request) }), request)
    return Object.assign(agent, { createConnection })
  }

  /** Returns a connection for a request of an agent. */
  #for(agent: string, request: http.ClientRequestArgs): Socket {
    checkCarried(agent, request)
    return this.#connect(Number(request.port), request.host ?? 'localhost')
  }

  async fetch(url: string | URL, given: LabRequestInit): Promise<Response> {
    checkForms('fetch', given, OPTIONS)
    const { tls = PLAIN, ...init } = given
    checkCarried('fetch: tls', tls)
    // Loaded at the first use, because loading takes longer than the first request.
    const release = this.#hold()
    const { fetch, Agent, buildConnector, FormData } = await loadUndici().finally(release)
    let agent = this.#agents.get(tls)
    if (agent === undefined) {
      agent = new Agent({ connect: this.#connector(buildConnector(tls as buildConnector.BuildOptions)) })
      this.#agents.set(tls, agent)
    }
    const { body } = init
    // It sends only its own FormData as a form.
    const form = body instanceof globalThis.FormData ? { body: copied(body, new FormData()) } : {}
    return fetch(url, { ...(init as object), ...form, dispatcher: agent }) as unknown as Promise<Response>
  }

  /** Opens new connections for later requests. */
  forget(): void {
    this.#agents.clear()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(agent => agent.destroy()))
    this.#agents.clear()
  }

  #connector(secure: buildConnector.connector): buildConnector.connector {
    return (options, callback) => {
      const { hostname, port, protocol } = options
      const isSecure = protocol === 'https:'
      const failed = (error: Error) => callback(error, null)
      try {
        const socket = this.#connect(Number(port || (isSecure ? HTTPS_PORT : HTTP_PORT)), hostname)
        socket.setNoDelay(true)
        socket.once('error', failed)
        socket.once('connect', () => {
          socket.removeListener('error', failed)
          if (isSecure) secure({ ...options, httpSocket: socket }, callback)
          else callback(null, socket)
        })
      } catch (error) {
        failed(error as Error)
      }
    }
  }
}

/** Sets the options of a request that its connection has. */
function withOptions(
  socket: Socket,
  { timeout, noDelay = false }: http.ClientRequestArgs & { noDelay?: boolean },
): Socket {
  if (timeout) socket.setTimeout(timeout)
  return socket.setNoDelay(noDelay)
}

function copied(from: FormData, to: UndiciForm): UndiciForm {
  for (const [name, value] of from) {
    if (typeof value === 'string') to.append(name, value)
    else to.append(name, value, value.name)
  }
  return to
}
