/**
 * What code of a host sees of the network's names: dns.lookup, which node:net and dgram use, too,
 * dns.resolve4 and resolve6, and of node:os the name and the interfaces of the machine.
 */
import { AsyncResource } from 'node:async_hooks'
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { promisify } from 'node:util'
import { ENETDOWN } from 'vnet'
import type { HostAddress } from '../model/place.ts'
import { type Code, opener, state } from './code.ts'

/** Node's request of getaddrinfo(3). */
interface LookupRequest {
  getAsyncId(): number
  callback?: (error: Error | null, ...rest: unknown[]) => void
  reject?: (error: Error | null, ...rest: unknown[]) => void
  oncomplete(error: number | null, addresses?: readonly string[]): void
}

type GetAddrInfo = (
  request: LookupRequest,
  name: string,
  family: 0 | 4 | 6,
  hints: number,
  order: number,
) => number

/** Node's request of a resolver. An error is a text of c-ares. */
interface QueryRequest {
  getAsyncId(): number
  oncomplete(error: string | null, addresses?: readonly string[], ttls?: readonly number[]): void
}
type Query = (this: object, request: QueryRequest, name: string) => number

interface Cares {
  getaddrinfo: GetAddrInfo
  getnameinfo: (...args: readonly unknown[]) => number
  readonly ChannelWrap: {
    readonly prototype: Record<string, Query> & {
      getServers(): (string | number)[][]
      setServers(
        servers: readonly (readonly [family: number, address: string, port: number])[],
      ): number
    }
  }
  readonly DNS_ORDER_IPV4_FIRST?: number
  readonly DNS_ORDER_IPV6_FIRST?: number
}

// EAI_NONAME and EAI_AGAIN of libuv.
const NO_NAME = -3008
const NO_REPLY = -3001

/**
 * Replaces the lookups of Node: code of a host gets the addresses that its host finds. All other
 * code gets Node's own. Call it once in a process.
 */
export function patchNames(): void {
  const { binding } = process as unknown as { binding(name: string): Cares }
  const cares = binding.call(process, 'cares_wrap')
  const nodes = cares.getaddrinfo
  cares.getaddrinfo = (request, name, family, hints, order) => {
    const code = opener()
    if (code?.host === undefined) {
      return nodes.call(cares, withHint(request, hintFor(name)), name, family, hints, order)
    }
    const sixFirst = order === cares.DNS_ORDER_IPV6_FIRST ? 6 : undefined
    const first = order === cares.DNS_ORDER_IPV4_FIRST ? 4 : sixFirst
    if (code.host.isClosed) return -ENETDOWN
    const found = code.host.lookup(name, family)
    answer(request, code, found, (error, places) => {
      const ordered = [...places].sort(
        (a, b) => Number(b.family === first) - Number(a.family === first),
      )
      if (error !== null && error.errno === undefined) {
        withHint(request, error.message)
      }
      request.oncomplete(error && (error.errno ?? NO_NAME), ordered.map(addressOf))
    })
    return 0
  }
  const { prototype } = cares.ChannelWrap
  const { setServers } = prototype
  prototype.setServers = function (servers) {
    const code = opener()
    const own = servers.map(([, address, port]) => [address, port] as const)
    if (code?.host !== undefined) {
      state.resolvers.set(this, (state.resolvers.get(this) ?? new WeakMap()).set(code.host, own))
    }
    // The sockets of c-ares are those of the thread.
    return code?.host === undefined || code === state.rest ? setServers.call(this, servers) : 0
  }
  const { getServers, getnameinfo } = { ...cares, getServers: prototype.getServers }
  prototype.getServers = function () {
    const host = opener()?.host
    const own = host && state.resolvers.get(this)?.get(host)
    return own?.map(each => [...each]) ?? getServers.call(this)
  }
  cares.getnameinfo = (...args) =>
    opener()?.host === undefined ? getnameinfo.call(cares, ...args) : NO_NAME
  for (const name of Object.getOwnPropertyNames(prototype).filter(each =>
    /^(query|getHostByAddr)/.test(each),
  )) {
    patchQuery(prototype, name, QUERIES[name])
  }
  // They hold these functions of c-ares by name.
  Object.assign(dns.promises, {
    lookup: promisify(dns.lookup),
    lookupService: promisify(dns.lookupService),
  })
  const { hostname, networkInterfaces } = os
  Object.assign(os, {
    hostname: () => opener()?.host?.name || hostname(),
    networkInterfaces: () => {
      const host = opener()?.host
      if (host === undefined) return networkInterfaces()
      return host.isClosed ? {} : host.interfaces(networkInterfaces)
    },
  })
  syncBuiltinESMExports()
}

/** The queries that hosts answer. Others find nothing there. */
const QUERIES: Readonly<Record<string, 4 | 6>> = { queryA: 4, queryAaaa: 6 }

function patchQuery(
  prototype: Record<string, Query>,
  query: string,
  family: 4 | 6 | undefined,
): void {
  const nodes = prototype[query]
  if (nodes === undefined) return
  prototype[query] = function (request, name) {
    const code = opener()
    const servers = code?.host && state.resolvers.get(this)?.get(code.host)
    if (code?.host === undefined || (servers && code === state.rest)) {
      return nodes.call(this, request, name)
    }
    const found =
      family === undefined ? Promise.resolve([]) : code.host.lookup(name, family, servers)
    answer(request, code, found, (error, places) => {
      const nothing = family === undefined && servers !== undefined ? 'ENOTIMP' : 'ENODATA'
      const failure = error?.errno === NO_REPLY ? 'ETIMEOUT' : 'ENOTFOUND'
      const reason = error === null ? nothing : failure
      const problem = error === null && places.length > 0 ? null : reason
      const ttls = places.map(() => 0)
      request.oncomplete(problem, places.map(addressOf), ttls)
    })
    return 0
  }
}

const addressOf = ({ address }: HostAddress) => address

type Complete = (
  error: (Error & { readonly errno?: number }) | null,
  places: readonly HostAddress[],
) => void

function answer(
  request: { getAsyncId(): number },
  code: Code,
  found: Promise<readonly HostAddress[]>,
  complete: Complete,
): void {
  const resource = new AsyncResource('LabLookup')
  state.onRequestEnd?.(request.getAsyncId())
  const done: Complete = (...args) => code.soon(resource, () => complete(...args))
  found.then(
    places => done(null, places),
    error => done(error as Error, []),
  )
}

/** How code reaches a name that is a host's. */
function hintFor(name: string): string | undefined {
  const isHost = [...state.hosts].some(host => host.name.toLowerCase() === name.toLowerCase())
  return isHost
    ? `${name} is a host of a lab: call this by host.run(), or use host.bind()`
    : undefined
}

/** Adds a hint to the error of a request. */
function withHint(request: LookupRequest, hint: string | undefined): LookupRequest {
  for (const key of hint === undefined ? [] : (['callback', 'reject'] as const)) {
    const nodes = request[key]
    if (nodes === undefined) continue
    request[key] = (error, ...rest) => {
      if (error !== null) {
        error.message += `: ${hint}`
      }
      nodes.call(request, error, ...rest)
    }
  }
  return request
}
