/**
 * Pools of connections that all code of a process shares. With code of hosts, the agents of
 * node:http keep connections by host, too, and fetch has a dispatcher for each host.
 */
import http from 'node:http'
import type { ConnectionOptions } from 'node:tls'
import { UsageError } from 'vnet'
import { anyOf, checkForms, type Forms, OBJECT } from '../model/options.ts'
import { type Code, enter, opener, outside, type Pool, state } from './code.ts'

interface Dispatcher extends Pool {
  dispatch(options: object, handler: object): boolean
}

interface DispatcherClass {
  new (options: unknown): Dispatcher
  readonly name: string
  readonly prototype: Dispatcher
}

/** Where undici has the dispatcher of fetch: up to 6, and later. */
const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map(name =>
  Symbol.for(name),
)
const NODES = DISPATCHERS[Number.parseInt(process.versions.undici ?? '', 10) < 7 ? 0 : 1] as symbol
const CODE = Symbol('code')
const DIVIDED = Symbol('divided')
interface Coded {
  [CODE]?: Code | undefined
}
const owner = globalThis as unknown as Record<symbol, Dispatcher | undefined>

/**
 * Replaces the pools of node:http and of fetch, so that hosts share no connections. Call it once in
 * a process.
 */
export function patchPools(): void {
  const { prototype } = http.Agent
  const nodes = prototype.getName
  prototype.getName = function (options: http.ClientRequestArgs & Coded = {}) {
    // Asked again when the connection is free, by other code.
    const code = CODE in options ? options[CODE] : opener()
    if (Object.isExtensible(options)) {
      options[CODE] = code
    }
    return nodes.call(this, options as never) + (code?.host === undefined ? '' : `:${code.id}`)
  }
  const creating = prototype as unknown as {
    createSocket(request: object, options: Coded, done: unknown): void
  }
  const { createSocket } = creating
  // Code of another host may have ended the connection for which a request has waited.
  creating.createSocket = function (request, options, done) {
    const code = CODE in options ? options[CODE] : opener()
    const create = () => createSocket.call(this, request, options, done)
    return code === undefined ? outside(create) : enter(code, create)
  }
  const { fetch } = globalThis
  const value: typeof fetch = (...args) => {
    if (opener() !== undefined) {
      // Node loads its dispatcher with the first request, and this one needs no network.
      if (owner[NODES] === undefined) {
        fetch('data:,').catch(() => {})
      }
      divideDispatchers()
    }
    return fetch(...args)
  }
  Object.defineProperty(globalThis, 'fetch', { value, configurable: true, writable: true })
  state.divide = divideDispatchers
}

/** Makes a dispatcher for fetch. Throws a UsageError if the program has replaced that of Node. */
function dispatcherOf(options: object): Dispatcher {
  if (owner[NODES] === undefined) {
    fetch('data:,').catch(() => {})
  }
  const { constructor: Agent } = Object.getPrototypeOf(owner[NODES]) as {
    readonly constructor: DispatcherClass
  }
  if (Agent.name !== 'Agent') {
    throw new UsageError(`fetch with tls needs an Agent of undici, not a ${Agent.name}`)
  }
  return made(Agent, options)
}

/** Makes a dispatcher, which ends with the host of the code. */
function made(Agent: DispatcherClass, options: unknown): Dispatcher {
  const dispatcher = new Agent(options)
  opener()?.host?.pools.add(dispatcher)
  return dispatcher
}

/** Gives each host a dispatcher of its own. Those of other classes are left as they are. */
function divideDispatchers(): void {
  for (const key of DISPATCHERS) {
    const shared = owner[key]
    if (shared === undefined || DIVIDED in shared) continue
    const { constructor: Agent, dispatch } = shared as Dispatcher & {
      readonly constructor: DispatcherClass
    }
    if (Agent.name !== 'Agent' || dispatch !== Agent.prototype.dispatch) continue
    const options = Object.getOwnPropertySymbols(shared).find(
      ({ description }) => description === 'options',
    )
    const own = new WeakMap<Code, Dispatcher>()
    const current = () => {
      const code = opener()
      if (code?.host === undefined) return shared
      const found =
        (code.host.isClosed ? undefined : own.get(code)) ??
        made(Agent, options && Reflect.get(shared, options))
      own.set(code, found)
      return found
    }
    owner[key] = new Proxy(shared, {
      has: (target, name) => name === DIVIDED || name in target,
      get(_, name) {
        const dispatcher = current()
        const found: unknown = Reflect.get(dispatcher, name)
        return typeof found === 'function' ? found.bind(dispatcher) : found
      },
    })
  }
}

/** The options of host.fetch: the options of fetch(), and `tls`. */
export interface LabRequestInit extends RequestInit {
  /** For https: `ca`, `rejectUnauthorized`, `servername` and other options of tls.connect. */
  readonly tls?: ConnectionOptions
}

/** The options of fetch(), which checks their values. */
const OPTIONS: Forms<
  Omit<LabRequestInit, 'dispatcher'> & {
    readonly cache?: string
    readonly duplex?: string
    readonly priority?: string
  }
> = {
  ...anyOf(
    'method',
    'headers',
    'body',
    'redirect',
    'signal',
    'duplex',
    'referrer',
    'referrerPolicy',
    'mode',
  ),
  ...anyOf('credentials', 'cache', 'integrity', 'keepalive', 'window', 'priority'),
  tls: OBJECT,
}

/** The requests of host.fetch. Those with options of TLS have a pool for each of these. */
export class Requests {
  #pools = new WeakMap<ConnectionOptions, Dispatcher>()

  /** Runs as code of the host. */
  async fetch(url: string | URL, given: LabRequestInit): Promise<Response> {
    checkForms('fetch', given, OPTIONS)
    const { tls, ...init } = given
    if (tls === undefined) return fetch(url, init)
    const dispatcher = this.#pools.get(tls) ?? dispatcherOf({ connect: tls })
    this.#pools.set(tls, dispatcher)
    return fetch(url, { ...init, dispatcher } as RequestInit)
  }

  /** Opens new connections for later requests. */
  forget(): void {
    this.#pools = new WeakMap()
  }
}
