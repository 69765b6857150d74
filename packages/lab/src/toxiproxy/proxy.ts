/** ToxicProxy: an address on this machine that leads over the link to its upstream. */
import type dgram from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import net, { type AddressInfo, type LookupFunction, type Socket } from 'node:net'
import { attempt } from 'vnet'
import type { Random } from 'vnet/net'
import { ApiError } from './body.ts'
import { STREAMS, TcpConnection } from './connection.ts'
import { type Endpoint, leadsTo, parseEndpoint, printEndpoint } from './endpoint.ts'
import type { LabProcess, LinkAddress } from './lab-process.ts'
import { listenAt } from './listening.ts'
import type { Names } from './names.ts'
import type { Room } from './room.ts'
import { isStage, isUpstream, type Toxic } from './toxics.ts'
import { UdpRelay } from './udp.ts'

/** What all proxies share. */
export interface ProxyPlace {
  /** Undefined if only toxics of streams are possible. */
  readonly lab: LabProcess | undefined
  readonly random: Random
  /** The connections of all proxies. */
  readonly open: Set<TcpConnection>
  readonly room: Room
  readonly names: Names
  /** The sessions of all UDP proxies. */
  readonly hops: Map<number, number>
}

export type ProxyEnds = Pick<ProxyFields, 'listen' | 'upstream'>

/** A proxy as the API shows it, without its toxics. */
export interface ProxyFields {
  readonly name: string
  readonly listen: string
  readonly upstream: string
  readonly enabled: boolean
  readonly network: string
}

/** Descriptors of a connection over the link, and of one without a link. */
export const LINKED = 4
export const DIRECT = 2
/** Descriptors of a proxy itself: a UDP proxy has a socket on the link, too. */
const OF_PROXY: Readonly<Record<string, number>> = { tcp: 1, udp: 2 }
/** Connections of all proxies together; further ones are closed. */
export const CONNECTIONS_MAX = 20_000

/** Parses `upstream`. Throws an ApiError for text that names no host and port. */
export function upstreamOf(upstream: string): Endpoint {
  const to = attempt(() => parseEndpoint(upstream))
  if (to === undefined || to.port === 0) {
    throw new ApiError(
      `upstream ${upstream}: expected HOST:PORT with the number of a port, of TCP or UDP`,
      400,
    )
  }
  return { ...to, host: to.host || '127.0.0.1' }
}

/** Throws an ApiError if the `addresses` of `upstream` lead to the proxy itself. */
export function checkEnds({ listen, upstream }: ProxyEnds, addresses: readonly string[]): void {
  const { port } = upstreamOf(upstream)
  if (addresses.some(each => leadsTo(listen, each, port))) {
    throw new ApiError(
      `upstream ${upstream}: the proxy would connect to itself, because it listens at ${listen}`,
      400,
    )
  }
}

export class ToxicProxy {
  readonly name: string
  readonly network: string
  listen: string
  upstream: string
  enabled = false
  /** The oldest first. */
  toxics: readonly Toxic[] = []
  /** Bytes of closed connections: from the client, to upstream, from upstream, to the client. */
  readonly traffic = {
    received: { upstream: 0, downstream: 0 },
    sent: { upstream: 0, downstream: 0 },
  }
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
    const toxics = [
      ...this.toxics.filter(isUpstream),
      ...this.toxics.filter(each => !isUpstream(each)),
    ]
    return { name, listen, upstream, enabled, ...(network === 'udp' && { network }), toxics }
  }

  /** Whether it would listen or lead elsewhere. Throws an Error for malformed text. */
  differs({ listen, upstream }: ProxyEnds): boolean {
    const { host, port } = parseEndpoint(listen)
    return this.listen !== printEndpoint(host, port) || this.upstream !== upstream
  }

  /** Starts to listen, unless it does. Rejects with an Error. */
  async start(): Promise<void> {
    if (this.enabled) return
    const { lab, room, names } = this.#place
    const isUdp = this.network === 'udp'
    const { host, port } = parseEndpoint(this.listen, `listen ${this.network}: `)
    if (!room.take(OF_PROXY[this.network] as number)) {
      throw new Error('too many open files: raise ulimit -n')
    }
    this.enabled = true
    try {
      // First, because a client may connect as soon as the proxy listens.
      this.at = await lab?.call('listen', isUdp, net.isIPv6(host) && host !== '::')
      const listening = await listenAt(isUdp, host, port, names)
      const { address, port: taken } = listening.address() as AddressInfo
      this.#stop = () => listening.close()
      // The port may have been chosen only now.
      const to = upstreamOf(this.upstream)
      checkEnds({ listen: printEndpoint(address, taken), upstream: this.upstream }, [to.host])
      await this.#serve(listening)
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
    for (const connection of this.#connections) {
      connection.close()
    }
    await Promise.all([
      stopped,
      this.at && this.#place.lab?.call('unlisten', this.at.port).catch(() => {}),
    ])
    this.at = undefined
    this.#place.room.free(OF_PROXY[this.network] as number)
  }

  /**
   * Gives connections the stages of `toxics`. A changed toxic acts on waiting bytes, too.
   * `isRedrawn`: it draws its connections again.
   */
  sync(changed?: Toxic, isRedrawn = false): void {
    for (const connection of this.#connections) {
      connection.sync(changed, isRedrawn)
    }
  }

  /** Relays what arrives at a socket. */
  async #serve(listening: net.Server | dgram.Socket): Promise<void> {
    if (listening instanceof net.Server) {
      listening.on('error', () => {}).on('connection', socket => this.#accept(socket))
      this.#stop = () => once(listening.close(), 'close')
      return
    }
    this.#stop = () => listening.close()
    const { lab, room, hops } = this.#place
    const at = this.at as LinkAddress
    const bind = async (isServer: boolean) =>
      (await (lab as LabProcess).call('bind', isServer, at))[0]
    const upstream = async () => {
      const [first] = await this.#upstreamAddresses()
      return { ...(first as LookupAddress), port: parseEndpoint(this.upstream).port }
    }
    const relay = new UdpRelay(listening, { at, room, hops, bind, upstream, far: await bind(true) })
    this.#stop = () => relay.close()
  }

  /** Rejects with an Error for an unknown name, and for the address of the proxy itself. */
  async #upstreamAddresses(): Promise<readonly LookupAddress[]> {
    const found = await this.#place.names.find(upstreamOf(this.upstream).host)
    checkEnds(
      this,
      found.map(({ address }) => address),
    )
    return found
  }

  #accept(client: Socket): void {
    const { open, lab, random, room } = this.#place
    const { at, traffic } = this
    const descriptors = lab === undefined ? DIRECT : LINKED
    if (open.size >= CONNECTIONS_MAX || !room.take(descriptors)) {
      client.destroy()
      return
    }
    const upstream = { ...upstreamOf(this.upstream), lookup: this.#lookup }
    const connection = new TcpConnection(client, upstream, {
      random,
      stages: stream =>
        this.toxics.filter(
          each => isUpstream(each) === (stream === STREAMS[0]) && isStage(each.type, !!lab),
        ),
      ...(lab && at && { link: () => lab.call('connect', at) }),
      onClose: (clientEnd, upstreamEnd) => {
        open.delete(connection)
        room.free(descriptors)
        this.#connections.delete(connection)
        traffic.received.upstream += clientEnd.bytesRead
        traffic.sent.upstream += upstreamEnd.bytesWritten
        traffic.received.downstream += upstreamEnd.bytesRead
        traffic.sent.downstream += clientEnd.bytesWritten
      },
    })
    open.add(connection)
    this.#connections.add(connection)
  }

  /** Looks up upstream for node:net. */
  readonly #lookup: LookupFunction = (_, { all = false }, done) => {
    const answer = ([first, ...others]: readonly LookupAddress[]) =>
      all
        ? done(null, [first as LookupAddress, ...others])
        : done(null, first?.address ?? '', first?.family)
    this.#upstreamAddresses().then(answer, error => done(error, ''))
  }
}
