/** Servers of Node that listen on a TCP in memory. */
import { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import net, { type BlockList } from 'node:net'
import type { Tcp, TcpConnection, TcpListener } from '@vnet/inet'
import type { ListenPlace } from '../../world/code.ts'
import type { Boot } from '../time/boot.ts'
import { adopt } from './memory-socket.ts'
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

const accepted = channel('net.server.socket')

/** The handle of a net.Server: the methods that Node calls. */
export class ServerHandle {
  readonly #tcp: Tcp
  readonly #server: Accepting
  /** As text. */
  readonly #address: string
  readonly #family: 4 | 6
  readonly #port: number
  readonly #ipv6Only: boolean
  readonly #boot: Boot
  readonly #resource = new AsyncResource('TCPSERVERWRAP')
  #listener: TcpListener | undefined
  #isClosed = false

  constructor(tcp: Tcp, server: net.Server, place: ListenPlace, boot: Boot) {
    const { address = '::', port, ipv6Only } = place
    this.#tcp = tcp
    this.#server = server as Accepting
    this.#address = address
    this.#family = net.isIP(address) as 4 | 6
    this.#port = port
    this.#ipv6Only = ipv6Only
    this.#boot = boot
  }

  /** Returns 0 or a negative errno. */
  listen(backlog: number): number {
    const local = {
      address: bindBytes(this.#address),
      family: this.#family,
      port: this.#port,
      ipv6Only: this.#ipv6Only,
    }
    const accept = (connection: TcpConnection) => this.#accept(connection)
    const listener = statusOf(() => this.#tcp.listen(local, backlog, accept))
    if (typeof listener === 'number') return listener
    this.#listener = listener
    return 0
  }

  getsockname(out: NodeAddress): number {
    showEndpoint(out, this.#family, bindBytes(this.#address), this.#listener?.local.port)
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
    const handle = TcpHandle.accepted(this.#tcp, connection, this.#family, this.#boot)
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
    if (accepted.hasSubscribers) {
      accepted.publish({ socket })
    }
  }

  #socketOf(handle: TcpHandle): net.Socket {
    const {
      allowHalfOpen,
      pauseOnConnect,
      noDelay,
      keepAlive,
      keepAliveInitialDelay,
      highWaterMark,
    } = this.#server
    const marks = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark }
    const options = {
      handle: handle.native,
      allowHalfOpen,
      pauseOnCreate: pauseOnConnect,
      ...marks,
    }
    const socket = new net.Socket(options as net.SocketConstructorOpts)
    adopt(socket, handle, this.#boot)
    if (noDelay) {
      socket.setNoDelay(true)
    }
    if (keepAlive) {
      socket.setKeepAlive(true, keepAliveInitialDelay * 1000)
    }
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
