/**
 * The parts of Node that ask for the host of the code which calls them. All packages reach these
 * methods by a prototype, however and whenever they have loaded node:net and the modules on top of
 * it, so nothing depends on the order of imports. They remain replaced until the process ends.
 */
import dgram from 'node:dgram'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { ENETDOWN, VnetError } from 'vnet'
import { type Code, type CodeHost, enter, type NativeCall, opener, state } from './code.ts'
import { dgramState, needed } from './dgram-state.ts'
import { patchNames } from './names.ts'
import { patchPrograms } from './node-programs.ts'
import { patchPools } from './pools.ts'

/** Methods of Node that are not documented. */
const { _normalizeArgs: normalize } = net as unknown as {
  /** Returns the options of connect() and its callback, in an array that connect() takes. */
  _normalizeArgs(args: readonly unknown[]): unknown[]
}
interface Listening extends net.Server {
  _handle: unknown
  _listen2(address: string | null, port: number, family: number, ...rest: ListenRest): void
}

type ListenRest = [backlog: number, fd: number | undefined, flags?: number]

// include/uv.h
const UV_TCP_IPV6ONLY = 1

/** TLS has another handle, over that of TCP. */
type WithHandle = net.Socket & { readonly _handle?: { readonly _parent?: object } | null }

type Writing = net.Socket & { _writeGeneric(...args: never[]): unknown }

type Methods = Record<string, unknown>
/** node's internal bindings, as far as process.binding shows them. */
interface Bindings {
  binding(name: string): Readonly<Record<string, { readonly prototype: Methods }>>
}

/** Makes Node ask for the host of the running code from now on. */
export function patchNode(): void {
  if (state.isPatched) return
  state.isPatched = true
  patchConnect()
  patchListen()
  patchBind()
  patchHandle('tcp_wrap', 'TCP', CALLS, ['listen'])
  patchHandle('udp_wrap', 'UDP', UDP_CALLS, ['send', 'send6'])
  patchInspector()
  patchNames()
  patchPools()
  patchPrograms()
}

function patchConnect(): void {
  const { connect } = net.Socket.prototype
  replace(net.Socket.prototype, 'connect', function (this: net.Socket, ...args: unknown[]) {
    const code = opener()
    // net.connect() gives such an array already.
    const list: unknown[] = Array.isArray(args[0]) ? args[0] : normalize(args)
    const options = list[0] as net.TcpNetConnectOpts & { readonly path?: string }
    if (code?.host?.isClosed === false && !options.path) {
      // The code may have loaded undici since it was entered.
      state.divide?.()
      if (!code.isDead) {
        code.host.onOpen(this, `connection to ${options.host ?? 'localhost'} port ${options.port}`)
      }
      list[0] = code.host.connects(this, options, code)
      connect.call(this, list as never)
      // Node connects it in a later tick.
      const handle = (this as WithHandle)._handle
      if (handle) {
        state.owners.set(handle._parent ?? handle, code.host)
      }
      watchWrites(this as Writing, code.host)
      return this
    }
    return connect.call(this, list as never)
  })
}

/** Warns if code of one host writes to a connection of another, as in a pool of a module. */
function watchWrites(socket: Writing, owner: CodeHost): void {
  const isNew = !state.owners.has(socket)
  state.owners.set(socket, owner)
  if (!isNew) return
  const { _writeGeneric: write } = socket
  replace(socket, '_writeGeneric', function (this: Writing, ...args) {
    const [host, { name }] = [opener()?.host, state.owners.get(socket) as CodeHost]
    if (host !== undefined && host !== state.owners.get(socket) && !state.shared.has(host)) {
      state.shared.add(host)
      console.error(
        `vnet: code of host ${host.name} uses a connection of host ${name}: do they share a pool?`,
      )
    }
    return write.apply(this, args)
  })
}

function patchListen(): void {
  const prototype = net.Server.prototype as Listening
  const listen = prototype._listen2
  replace(
    prototype,
    '_listen2',
    function (
      this: Listening,
      address: string | null,
      port: number,
      family: number,
      ...rest: ListenRest
    ) {
      const code = opener()
      // The family is -1 for a path, and undefined for a descriptor.
      if (code?.host?.isClosed !== false || (family !== 4 && family !== 6)) {
        if (state.emitters.has(this)) {
          state.emitters.set(this, undefined)
        }
        listen.call(this, address, port, family, ...rest)
        return
      }
      const { opening } = state
      if (opening !== undefined) {
        opening.accepting = this
      }
      const own = opening?.address ?? address ?? undefined
      if (!state.emitters.has(this)) {
        // Node makes them outside the async context of the server. A program may give streams.
        this.prependListener('connection', (socket: WithHandle) => {
          const emitter = state.emitters.get(this)
          emitIn(socket, emitter)
          if (socket._handle && emitter?.host) {
            state.owners.set(socket._handle._parent ?? socket._handle, emitter.host)
          }
        })
      }
      emitIn(this, code)
      if (!code.isDead) {
        code.host.onOpen(this)
      }
      const ipv6Only = ((rest[2] ?? 0) & UV_TCP_IPV6ONLY) !== 0
      const handle = code.host.listens(this, { address: own, port, ipv6Only }, code)
      if (handle !== undefined) {
        this._handle = handle
      }
      listen.call(
        this,
        own ?? (handle && '::') ?? null,
        port,
        own === undefined ? 6 : net.isIP(own),
        ...rest,
      )
    },
  )
}

/** Makes the events of an emitter events of code, of which Node emits some outside of it. */
function emitIn(emitter: NodeJS.EventEmitter, code: Code | undefined): void {
  const isNew = !state.emitters.has(emitter)
  state.emitters.set(emitter, code)
  if (!isNew) return
  const emit = emitter.emit.bind(emitter)
  emitter.emit = (...args) => {
    const own = state.emitters.get(emitter)
    return own === undefined || state.storage === undefined || opener() === own
      ? emit(...args)
      : enter(own, () => emit(...args))
  }
}

function patchBind(): void {
  const { bind } = dgram.Socket.prototype
  replace(dgram.Socket.prototype, 'bind', function (this: dgram.Socket, ...args: unknown[]) {
    const code = opener()
    const { fd } = (args[0] ?? {}) as { readonly fd?: number }
    if (fd === undefined && code?.host?.isClosed === false) {
      // Code elsewhere may send to a name.
      const { handle } = dgramState(this)
      const lookup = handle?.lookup
      if (lookup !== undefined) {
        Object.assign(handle as object, {
          lookup: (...to: Parameters<typeof lookup>) => enter(code, () => lookup(...to)),
        })
      }
      if (!code.isDead) {
        code.host.onOpen(this, 'UDP socket')
      }
      emitIn(this, code)
      code.host.binds(this, code)
    }
    return bind.apply(this, args as never)
  })
}

/** Names have zones, which are those of the host. */
const CALLS = ['bind', 'bind6', 'connect', 'connect6', 'getsockname', 'getpeername']
const UDP_CALLS = [
  ...CALLS,
  ...['addMembership', 'dropMembership'],
  ...['addSourceSpecificMembership', 'dropSourceSpecificMembership', 'setMulticastInterface'],
]
/**
 * Makes methods of a native object run on its host, or on the code's host; `making` only where
 * they make the socket, which others have made before.
 */
function patchHandle(
  module: string,
  type: string,
  names: readonly string[],
  making: readonly string[],
): void {
  const { prototype } = needed(
    (process as unknown as Bindings).binding(module)[type],
    `${module}.${type}`,
  )
  for (const name of making) {
    const nodes = needed(prototype[name], `${type}.${name}()`) as NativeCall
    replace(prototype, name, function (this: { readonly fd: number }, ...args: unknown[]) {
      const host = this.fd < 0 ? opener()?.host : undefined
      if (host === undefined) return nodes.apply(this, args)
      state.owners.set(this, host)
      return host.isClosed ? -ENETDOWN : host.call(nodes, this, args)
    })
  }
  for (const name of names) {
    const nodes = needed(prototype[name], `${type}.${name}()`) as NativeCall
    replace(prototype, name, function (this: object, ...args: unknown[]) {
      // Only what makes a socket makes it the host's.
      const isGetter = name.startsWith('get')
      const host = state.owners.get(this) ?? (isGetter ? undefined : opener()?.host)
      if (host === undefined || (isGetter && host.isClosed)) return nodes.apply(this, args)
      state.owners.set(this, host)
      return host.isClosed ? -ENETDOWN : host.call(nodes, this, args)
    })
  }
}

/** The debugger's server is a thread, which starts in the network of the call. */
function patchInspector(): void {
  const modules = [
    process.getBuiltinModule('node:inspector'),
    process.getBuiltinModule('node:inspector/promises'),
  ]
  for (const inspector of modules) {
    const nodes = inspector.open as unknown as NativeCall
    replace(inspector, 'open', (...args: unknown[]) => {
      const host = opener()?.host
      if (host?.isClosed) throw new VnetError(ENETDOWN, 'inspector.open', 'the lab has ended')
      return host === undefined ? nodes(...args) : host.call(nodes, inspector, args)
    })
  }
  syncBuiltinESMExports()
}

function replace(
  owner: object,
  name: string,
  value: (this: never, ...args: never[]) => unknown,
): void {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
}
