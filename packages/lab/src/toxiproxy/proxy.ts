/** ToxicProxy: an address on this machine that leads over the link to its upstream. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { attempt } from 'vnet/internal/base/errno'
import type { Random } from 'vnet/internal/base/random'
import { STREAMS, TcpConnection } from './connection.ts'
import type { LabProcess, LinkAddress } from './lab-process.ts'
import { isStage, isUpstream, type Toxic } from './toxics.ts'
import { familyOf, UdpRelay } from './udp.ts'

/** What all proxies share. */
export interface ProxyPlace {
  /** Undefined if only toxics of streams are possible. */
  readonly lab: LabProcess | undefined
  readonly random: Random
  /** The connections of all proxies. */
  readonly open: Set<TcpConnection>
  /** Whether there may be one more. */
  hasRoom(): boolean
}

export interface ProxyFields {
  readonly name: string
  readonly listen: string
  readonly upstream: string
  readonly enabled: boolean
  readonly network: string
}

/** Parses `localhost:80`, `[::1]:80`, `:80`. Throws an Error for malformed text, as Go words it. */
function parseEndpoint(text: string, prefix = ''): { readonly host: string; readonly port: number } {
  const [, six, four = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d*)$/.exec(text || ':0') ?? []
  if (digits === undefined) throw new Error(`${prefix}address ${text}: missing port in address`)
  if (Number(digits) > 0xffff) throw new Error(`${prefix}address ${digits}: invalid port`)
  return { host: (six ?? four).replace(/^localhost$/, '127.0.0.1'), port: Number(digits) }
}

const printEndpoint = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`

export class ToxicProxy {
  readonly name: string
  readonly network: string
  listen: string
  upstream: string
  enabled = false
  /** The oldest first. */
  toxics: readonly Toxic[] = []
  /** Bytes of closed connections: from the client, to upstream, from upstream, to the client. */
  readonly traffic = { received: { upstream: 0, downstream: 0 }, sent: { upstream: 0, downstream: 0 } }
  /** Where its packets are, while it is enabled. */
  at: LinkAddress | undefined
  readonly #place: ProxyPlace
  readonly #connections = new Set<TcpConnection>()
  #stop: (() => unknown) | undefined

  constructor(place: ProxyPlace, { name, listen, upstream, network }: ProxyFields) {
    this.#place = place
    this.name = name
    this.listen = listen
    this.upstream = upstream
    this.network = network
  }

  /** As the API shows it: toxics upstream come before those downstream. */
  toJSON() {
    const { name, listen, upstream, enabled, network } = this
    const toxics = [...this.toxics.filter(isUpstream), ...this.toxics.filter(each => !isUpstream(each))]
    return { name, listen, upstream, enabled, ...(network === 'udp' && { network }), toxics }
  }

  /** Whether it would listen or lead elsewhere. Throws an Error for malformed text. */
  differs({ listen, upstream }: Pick<ProxyFields, 'listen' | 'upstream'>): boolean {
    const { host, port } = parseEndpoint(listen)
    return this.listen !== printEndpoint(host, port) || this.upstream !== upstream
  }

  /** Starts to listen, unless it does. Rejects with an Error. */
  async start(): Promise<void> {
    if (this.enabled) return
    const { lab } = this.#place
    const isUdp = this.network === 'udp'
    const { host, port } = parseEndpoint(this.listen, `listen ${this.network}: `)
    this.enabled = true
    try {
      // First, because a client may connect as soon as the proxy listens.
      this.at = await lab?.call('listen', isUdp, net.isIPv6(host) && host !== '::')
      const listening = await (isUdp ? bindUdp(host, port) : listenTcp(host, port)).catch(error => {
        const reason = REASONS[error.code as string] ?? error.message
        throw new Error(`listen ${this.network} ${printEndpoint(host, port)}: ${reason}`)
      })
      const { address, port: taken } = listening.address() as AddressInfo
      if (listening instanceof net.Server) {
        listening.on('error', () => {}).on('connection', socket => this.#accept(socket))
        this.#stop = () => once(listening.close(), 'close')
      } else {
        this.#stop = () => listening.close()
        const at = this.at as LinkAddress
        const bind = async (isServer: boolean) => (await (lab as LabProcess).call('bind', isServer, at))[0]
        const upstream = parseEndpoint(this.upstream)
        const relay = new UdpRelay(listening, { upstream, at, bind, far: await bind(true) })
        this.#stop = () => relay.close()
      }
      this.listen = printEndpoint(address, taken)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Stops to listen, and closes all connections. */
  async stop(): Promise<void> {
    if (!this.enabled) return
    this.enabled = false
    const stopped = this.#stop?.()
    this.#stop = undefined
    for (const connection of this.#connections) connection.close()
    await Promise.all([stopped, this.at && this.#place.lab?.call('unlisten', this.at.port).catch(() => {})])
    this.at = undefined
  }

  /**
   * Gives connections the stages of `toxics`. A changed toxic acts on waiting bytes, too.
   * `isRedrawn`: it draws its connections again.
   */
  sync(changed?: Toxic, isRedrawn = false): void {
    for (const connection of this.#connections) connection.sync(changed, isRedrawn)
  }

  #accept(client: Socket): void {
    const { open, lab, random, hasRoom } = this.#place
    const { at, traffic } = this
    const upstream = attempt(() => parseEndpoint(this.upstream))
    if (upstream === undefined || !hasRoom()) return void client.destroy()
    const connection = new TcpConnection(client, upstream, {
      random,
      stages: stream =>
        this.toxics.filter(each => isUpstream(each) === (stream === STREAMS[0]) && isStage(each.type, !!lab)),
      ...(lab && at && { link: () => lab.call('connect', at) }),
      onClose: (client, upstream) => {
        open.delete(connection)
        this.#connections.delete(connection)
        traffic.received.upstream += client.bytesRead
        traffic.sent.upstream += upstream.bytesWritten
        traffic.received.downstream += upstream.bytesRead
        traffic.sent.downstream += client.bytesWritten
      },
    })
    open.add(connection)
    this.#connections.add(connection)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  EACCES: 'bind: permission denied',
}

/** Without a host it listens on both families, where the machine has both. */
async function listenTcp(host: string, port: number): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  server.listen({ port, backlog: 4096, ...(host !== '' && host !== '0.0.0.0' && { host }) })
  await once(server, 'listening')
  return server
}

async function bindUdp(host: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket(host === '' ? 'udp6' : await familyOf(host))
  socket.bind({ port, address: host || '::' })
  await once(socket, 'listening').catch(error => {
    socket.close()
    throw error
  })
  return socket
}
