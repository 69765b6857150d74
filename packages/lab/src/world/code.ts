/**
 * The code of hosts: what Node opens while code of a host runs is the host's. Code belongs to a
 * host by its async context: the function of host.run, and everything that it calls or awaits.
 */
import { AsyncLocalStorage, type AsyncResource } from 'node:async_hooks'
import type dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import type os from 'node:os'
import type { Worker, WorkerOptions } from 'node:worker_threads'
import { UsageError } from 'vnet'
import {
  checkPort,
  type HostAddress,
  type NameServer,
  type StreamServer,
  shown,
} from '../model/index.ts'
import type { Closable } from './open-sockets.ts'

/** A method of a native object of Node. It returns 0 or a negative errno. */
export type NativeCall = (...args: unknown[]) => number

/** A place where a server listens, as Node found it; all addresses without one. */
export type ListenPlace = Readonly<{
  address: string | undefined
  port: number
  ipv6Only: boolean
}>

/** What Node's native objects start: `args` has the name of the program first. */
export interface NativeProgram {
  readonly file: string
  readonly args: readonly string[]
  readonly envPairs?: readonly string[]
  readonly cwd?: string
  readonly stdio: readonly { readonly type: string; readonly fd?: number }[]
}

/** A dispatcher of undici. */
export interface Pool {
  destroy(error?: Error): Promise<void>
}

/**
 * A host, as its world offers it to the parts of Node that open something. A call by code of the
 * host reaches the method for it before Node acts. All methods run in the thread of that code.
 */
export interface CodeHost {
  readonly name: string
  /** Adds a socket that its code opens, with its name, or a server, without one. */
  readonly onOpen: (socket: Closable, name?: string) => void
  /** Prepares a socket that is about to connect. Returns its options. */
  connects(socket: net.Socket, options: object, code: Code): object
  /** Prepares a server that is about to listen. Returns its handle, unless Node makes it. */
  listens(server: net.Server, place: ListenPlace, code: Code): object | undefined
  /** Prepares a UDP socket that is about to be bound. */
  binds(socket: dgram.Socket, code: Code): void
  /** Calls a method of Node that makes a socket of the kernel. */
  call(method: NativeCall, self: object, args: readonly unknown[]): number
  /** Returns what Node starts in place of a program: in the host. Throws if it has no programs. */
  program(options: NativeProgram): NativeProgram
  /** Returns the arguments of Worker for a thread of the host. Throws if it has no threads. */
  worker(file: string | URL, options: WorkerOptions): [file: URL, options: WorkerOptions]
  /** Adds a thread of the host. */
  readonly onWorker: (worker: Worker, file: URL) => void
  /** Whether its lab has ended. */
  readonly isClosed: boolean
  /** Pools that end with it: requests that wait for a connection fail then. */
  readonly pools: Set<Pool>
  /** Same as os.networkInterfaces, which is `nodes`. */
  interfaces(nodes: typeof os.networkInterfaces): ReturnType<typeof os.networkInterfaces>
  /**
   * Finds the addresses of a name, from `servers` if some are given. Rejects with an error that has
   * the `errno` of libuv.
   */
  lookup(
    name: string,
    family: 0 | 4 | 6,
    servers?: readonly NameServer[],
  ): Promise<readonly HostAddress[]>
}

/** What runs on a host until its end or its crash. */
export interface Code {
  /** Different for all code of the process. After a crash, a host has other code. */
  readonly id: number
  readonly host: CodeHost | undefined
  /** Whether its host has crashed. The host then does not close the sockets that it opens. */
  readonly isDead: boolean
  /** Delivers an event to the code. `resource` has its async context. */
  soon(resource: AsyncResource, fn: () => void): void
}

/** A call such as host.connect, for which Node makes the socket before it returns. */
export interface Opening {
  readonly code: Code
  /** Where a server listens, in place of what Node found. */
  readonly address?: string
  /** Set to the server of node:net that listens. */
  accepting?: net.Server
}

interface State {
  /** Undefined until some code belongs to a host, because it makes promises slower. */
  storage: AsyncLocalStorage<Code> | undefined
  opening: Opening | undefined
  /** Whether Node asks for the host of the code. */
  isPatched: boolean
  /** Whose all other code is: that of a worker thread of a host. */
  rest: Code | undefined
  /** Gives each host a dispatcher of undici, once that is loaded. */
  divide?: () => void
  /** Set by virtual time, which waits for requests to the thread pool until they have ended. */
  onRequestEnd?: (asyncId: number) => void
  /** The hosts of native objects, which code elsewhere may use. */
  readonly owners: WeakMap<object, CodeHost>
  /** Servers and sockets with the code that their events are of, until they are of no host's. */
  readonly emitters: WeakMap<NodeJS.EventEmitter, Code | undefined>
  /** The servers that code of hosts has set for resolvers. */
  readonly resolvers: WeakMap<object, WeakMap<CodeHost, readonly NameServer[]>>
  /** The hosts with code that has used a connection of another host. */
  readonly shared: WeakSet<CodeHost>
  /** The files of addons that code of hosts has loaded. */
  readonly addons: Set<string>
  /** The hosts of labs that have not ended, and the number of all code. */
  readonly hosts: Set<AnyHost>
  made: number
}

/** On globalThis, because the module may be loaded twice. */
const KEY = Symbol.for('vnet.code')
const holder = globalThis as { [KEY]?: State }
holder[KEY] ??= {
  storage: undefined,
  opening: undefined,
  isPatched: false,
  rest: undefined,
  owners: new WeakMap(),
  emitters: new WeakMap(),
  resolvers: new WeakMap(),
  shared: new WeakSet(),
  addons: new Set(),
  hosts: new Set(),
  made: 0,
}
export const state: State = holder[KEY]

/** What hosts of both worlds have in common. */
export abstract class AnyHost {
  readonly name: string
  readonly pools = new Set<Pool>()
  readonly onOpen: CodeHost['onOpen']
  readonly onWorker: CodeHost['onWorker']
  readonly lookup: CodeHost['lookup']

  constructor({
    name,
    onOpen,
    onWorker,
    lookup,
  }: Pick<CodeHost, 'name' | 'onOpen' | 'onWorker' | 'lookup'>) {
    this.name = name
    this.onOpen = onOpen
    this.onWorker = onWorker
    this.lookup = lookup
    state.hosts.add(this)
  }

  get isClosed(): boolean {
    return !state.hosts.has(this)
  }

  end(): void {
    state.hosts.delete(this)
    const error = new Error(
      `host ${this.name}: the lab has ended during a request: is there an await before the call?`,
    )
    for (const pool of this.pools) {
      pool.destroy(error).catch(() => {})
    }
  }
}

/** Returns the code that runs now, or of which the call is that opens something. */
export function opener(): Code | undefined {
  return state.opening === undefined
    ? (state.storage?.getStore() ?? state.rest)
    : state.opening.code
}

/** Calls `fn` as code of a host. */
export function enter<T>(code: Code, fn: () => T): T {
  state.storage ??= new AsyncLocalStorage()
  state.divide?.()
  return state.storage.run(code, fn)
}

/** Calls `fn` as code of no host: what vnet itself starts for code of one. */
export const outside = <T>(fn: () => T): T =>
  state.storage === undefined ? fn() : state.storage.exit(fn)

/** Calls `fn`, which opens a socket before it returns. */
export function open<T>(opening: Opening, fn: () => T): T {
  const before = state.opening
  state.opening = opening
  try {
    return fn()
  } finally {
    state.opening = before
  }
}

/**
 * Makes a server listen on every address, or on `host`. Returns its port; `port` 0 takes a free
 * one. The given server may wrap a server of node:net (as in ssh2). Rejects with a UsageError if it
 * does not, or if an argument is wrong.
 */
export async function listen(
  code: Code,
  server: StreamServer,
  port: number,
  host: string | undefined,
): Promise<number> {
  checkListen(port, host)
  const listening = listeningOf(server)
  const opening: Opening = { code, ...(host !== undefined && { address: host }) }
  // Without a host, Node listens before it returns. Otherwise a cluster's primary process may.
  open(opening, () => server.listen({ port, exclusive: true }))
  if (opening.accepting === undefined) {
    throw new UsageError('the listen() of this server is not that of a node:net server')
  }
  await listening
  return (server.address() as net.AddressInfo).port
}

/** Binds a UDP socket that is not bound yet to every address of its family, or to `host`. */
export async function bindUdp(
  code: Code,
  socket: dgram.Socket,
  port: number,
  host: string | undefined,
): Promise<number> {
  checkListen(port, host)
  const listening = listeningOf(socket)
  open({ code }, () =>
    socket.bind({ port, exclusive: true, ...(host !== undefined && { address: host }) }),
  )
  await listening
  return socket.address().port
}

function checkListen(port: number, host: string | undefined): void {
  checkPort(port)
  if (net.isIP(host ?? '::') === 0) {
    throw new UsageError(`${shown(host)} is not an IP address to listen on`)
  }
}

/** Settles when a socket listens, and rejects if it reports an error. */
function listeningOf(socket: NodeJS.EventEmitter): Promise<unknown> {
  const listening = once(socket, 'listening')
  // If its listen() throws, nothing waits for this promise. It may reject later.
  listening.catch(() => {})
  return listening
}
