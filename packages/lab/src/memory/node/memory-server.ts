/** Servers of Node that listen on a TCP in memory. */
import { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import net, { type BlockList } from 'node:net'
import type { TcpConnection, TcpListener } from '@vnet/inet/internal/contract'
import type { Tcp } from '@vnet/inet/internal/tcp/tcp'
import { UsageError } from 'vnet/internal/base/usage-error'
import { checkPort, type StreamServer } from '../../model/place.ts'
import { Boot } from '../time/boot.ts'
import { MemorySocket } from './memory-socket.ts'
import { bindBytes, type NodeAddress, showEndpoint, statusOf } from './node-address.ts'
import { TcpHandle } from './tcp-handle.ts'

/** What net.Server has without being documented. */
interface Accepting extends net.Server {
  _handle: ServerHandle | null
  _connections: number
  readonly allowHalfOpen: boolean
  readonly pauseOnConnect: boolean
  readonly noDelay: boolean
  readonly keepAlive: boolean
  /** In seconds. */
  readonly keepAliveInitialDelay: number
  readonly highWaterMark: number
  readonly blockList?: BlockList
}

/** The method by which listen() makes a server listen. */
type Listen2 = (this: Accepting, address: string | null, port: number, family: number, backlog: number) => void

const internals = net.Server.prototype as unknown as { _listen2: Listen2 }
const accepted = channel('net.server.socket')

/**
 * Makes a server listen on every address, or on `host`. Returns its port (0 takes a free one), and
 * the node:net server that accepts. The given server may wrap that server (as in ssh2).
 */
export async function listenInMemory(
  tcp: Tcp,
  server: StreamServer,
  port: number,
  host: string | undefined,
  boot = new Boot(),
): Promise<{ readonly port: number; readonly accepting: StreamServer }> {
  checkPort(port)
  const family = net.isIP(host ?? '::')
  if (family !== 4 && family !== 6) throw new UsageError(`'${host}' is not an IP address to listen on`)
  const listening = once(server, 'listening')
  // If its listen() throws, nothing waits for this promise. It may reject later.
  listening.catch(() => {})
  let accepting: StreamServer | undefined
  const { _listen2: nodes } = internals
  internals._listen2 = function (_address, _port, _family, backlog) {
    accepting = this
    this._handle = new ServerHandle(tcp, this, { host: host ?? '::', port, family }, boot)
    nodes.call(this, host ?? '::', port, family, backlog)
  }
  try {
    server.listen({ port, exclusive: true } as never)
  } finally {
    internals._listen2 = nodes
  }
  if (accepting === undefined) throw new UsageError('the listen() of this server is not that of a node:net server')
  await listening
  return { port: (server.address() as net.AddressInfo).port, accepting }
}

interface ListenPlace {
  readonly host: string
  readonly port: number
  readonly family: 4 | 6
}

/** The handle of a net.Server: the methods that Node calls. */
class ServerHandle {
  readonly #tcp: Tcp
  readonly #server: Accepting
  readonly #place: ListenPlace
  readonly #boot: Boot
  readonly #resource = new AsyncResource('TCPSERVERWRAP')
  #listener: TcpListener | undefined
  #isClosed = false

  constructor(tcp: Tcp, server: Accepting, place: ListenPlace, boot: Boot) {
    this.#tcp = tcp
    this.#server = server
    this.#place = place
    this.#boot = boot
  }

  /** Returns 0 or a negative errno. */
  listen(backlog: number): number {
    const { host, port, family } = this.#place
    const accept = (connection: TcpConnection) => this.#accept(connection)
    const listener = statusOf(() => this.#tcp.listen({ address: bindBytes(host), family, port }, backlog, accept))
    if (typeof listener === 'number') return listener
    this.#listener = listener
    return 0
  }

  getsockname(out: NodeAddress): number {
    const { host, family } = this.#place
    showEndpoint(out, family, bindBytes(host), this.#listener?.local.port)
    return 0
  }

  close(done: () => void = () => {}): void {
    this.#isClosed = true
    this.#listener?.close()
    this.#boot.soon(this.#resource, done)
  }

  /** Only the timers of the world keep the process alive. */
  ref(): void {}

  unref(): void {}

  hasRef(): boolean {
    return true
  }

  #accept(connection: TcpConnection): void {
    const handle = TcpHandle.accepted(this.#tcp, connection, this.#place.family, this.#boot)
    this.#boot.soon(this.#resource, () => this.#onConnection(handle))
  }

  /** Does what net.Server does with an accepted connection. */
  #onConnection(handle: TcpHandle): void {
    if (this.#isClosed) {
      handle.native.reset()
      return
    }
    const server = this.#server
    const [local, remote]: NodeAddress[] = [{}, {}]
    handle.native.getsockname(local)
    handle.native.getpeername(remote)
    if (isFull(server)) {
      handle.native.close()
      server.emit('drop', { ...named('local', local), ...named('remote', remote) })
      return
    }
    if (server.blockList?.check(remote.address ?? '', remote.family?.toLowerCase() as 'ipv4')) {
      handle.native.close()
      return
    }
    const socket = this.#socketOf(handle)
    server._connections++
    Object.assign(socket, { server, _server: server })
    server.emit('connection', socket)
    if (accepted.hasSubscribers) accepted.publish({ socket })
  }

  #socketOf(handle: TcpHandle): MemorySocket {
    const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay, highWaterMark } = this.#server
    const marks = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark }
    const socket = new MemorySocket(this.#tcp, {
      handle,
      boot: this.#boot,
      allowHalfOpen,
      pauseOnCreate: pauseOnConnect,
      ...marks,
    })
    if (noDelay) socket.setNoDelay(true)
    if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelay * 1000)
    return socket
  }
}

/** Before Node 21, 0 means no limit. */
const HAS_LIMIT_ZERO = Number.parseInt(process.versions.node, 10) >= 21

function isFull({ maxConnections, _connections }: Accepting): boolean {
  if (maxConnections == null || (maxConnections === 0 && !HAS_LIMIT_ZERO)) return false
  return _connections >= maxConnections
}

/** Returns an address as `{ localAddress, localPort, localFamily }`. */
function named(side: string, { address, port, family }: NodeAddress): object {
  return { [`${side}Address`]: address, [`${side}Port`]: port, [`${side}Family`]: family }
}
