/**
 * Pools of connections that all code of a process shares. With code of hosts, the agents of
 * node:http keep connections by host, too, and fetch has a dispatcher for each host.
 */
import http from 'node:http'
import { type CodeHost, opener, state } from './code.ts'

interface Dispatcher {
  dispatch(options: object, handler: object): boolean
}

type DispatcherClass = { new (options: unknown): Dispatcher; readonly name: string; readonly prototype: Dispatcher }

/** Where undici has the dispatcher of fetch: Node up to 22, and later or of npm. */
const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map(name => Symbol.for(name))
const HOST = Symbol('host')
const DIVIDED = Symbol('divided')

export function patchPools(): void {
  const { prototype } = http.Agent
  const nodes = prototype.getName
  prototype.getName = function (options: http.ClientRequestArgs & { [HOST]?: CodeHost | undefined } = {}) {
    // Asked again when the connection is free, by other code.
    if (!(HOST in options)) options[HOST] = opener()?.host
    const { [HOST]: host } = options
    return nodes.call(this, options as never) + (host === undefined ? '' : `:${host.id}`)
  }
  const { fetch } = globalThis
  const value: typeof fetch = (...args) => {
    if (opener() !== undefined) {
      // Node loads its dispatcher with the first request, and this one needs no network.
      if (DISPATCHERS.every(key => owner[key] === undefined)) fetch('data:,').catch(() => {})
      divideDispatchers()
    }
    return fetch(...args)
  }
  Object.defineProperty(globalThis, 'fetch', { value, configurable: true, writable: true })
  state.divide = divideDispatchers
}

const owner = globalThis as unknown as Record<symbol, Dispatcher | undefined>

/** Gives each host a dispatcher of its own. Other classes than that of Node's are left as they are. */
function divideDispatchers(): void {
  for (const key of DISPATCHERS) {
    const shared = owner[key]
    if (shared === undefined || DIVIDED in shared) continue
    const { constructor: Agent, dispatch } = shared as Dispatcher & { readonly constructor: DispatcherClass }
    if (Agent.name !== 'Agent' || dispatch !== Agent.prototype.dispatch) continue
    const options = Object.getOwnPropertySymbols(shared).find(({ description }) => description === 'options')
    const own = new WeakMap<CodeHost, Dispatcher>()
    const current = () => {
      const host = opener()?.host
      if (host === undefined) return shared
      const found = own.get(host) ?? new Agent(options && Reflect.get(shared, options))
      own.set(host, found)
      return found
    }
    const forwarding = new Proxy(shared, {
      has: (target, name) => name === DIVIDED || name in target,
      get(_, name) {
        const dispatcher = current()
        const found: unknown = Reflect.get(dispatcher, name)
        return typeof found === 'function' ? found.bind(dispatcher) : found
      },
    })
    owner[key] = forwarding
  }
}
