/**
 * TcpServices: the TCP ports of the simulated hosts, served by sockets of the kernel: its stack has
 * IPv6 and segmentation offload. A socket belongs to the host that has its local address.
 */
import { createServer, type Server, type Socket } from 'node:net'
import {
  allocEtherdevMqs,
  devOpen,
  ethTypeTrans,
  IFF_NOARP,
  NETDEV_TX_OK,
  NETIF_F_ALL_TAP,
  type NetDevice,
  netifRx,
  parseAddress,
  type SkBuff,
} from 'vnet'
import { messageOrDescription } from 'vnet/kit/base'
import type { Native } from 'vnet/kit/linux'
import { LOGLEVEL_WARNING, Log, Net, registerNetdev } from 'vnet/net'
import type { Hosts } from '../machines/hosts.ts'
import type { Services } from '../machines/state.ts'
import { PrivateNetns } from './private-netns.ts'
import { handlerOf, MAPPED, remoteOf } from './tcp-handlers.ts'

/** Unaccepted connections per port. Node accepts all of them in one go while frames wait. */
const BACKLOG = 16

/** Drops segments until the sockets are open; clients send them again. */
const OPENING: Services = { address: new Uint8Array(6), receive: skb => skb.free() }

/**
 * The sockets of all hosts of a segment, in a namespace of their own. Its owner calls serve() after
 * each change of the hosts, and disposes of it, which closes all connections.
 */
export class TcpServices implements AsyncDisposable {
  readonly #net: Net
  /** Settles once ports are served, or after a failure, which is logged and closes all ports. */
  readonly opened: Promise<void>
  readonly #servers = new Map<number, Server>()
  readonly #connections = new Connections()
  #hosts: Hosts | undefined
  #namespace: Awaited<ReturnType<typeof openSocketNamespace>> | undefined
  #station: Services | undefined = OPENING

  constructor(native: Native, net: Net) {
    this.#net = net
    this.opened = this.#open(native).catch(error => {
      net.log.warn(`no TCP on the hosts: ${messageOrDescription(error)}`)
      return this.#close()
    })
  }

  /** Serves the open ports of `hosts`, and only these from now on. Connections remain open. */
  serve(hosts: Hosts): void {
    this.#hosts = hosts
    this.#listen()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened
    await this.#close()
  }

  async #open(native: Native): Promise<void> {
    this.#namespace = await openSocketNamespace(native, this.#net, skb => {
      if (this.#hosts === undefined) {
        skb.drop()
      } else {
        this.#hosts.fromServices(skb)
      }
    })
    this.#station = this.#namespace.station
    this.#listen()
  }

  async #close(): Promise<void> {
    const namespace = this.#namespace
    this.#namespace = undefined
    this.#station = undefined
    if (this.#hosts !== undefined) {
      this.#hosts.services = undefined
    }
    const closed = [...this.#servers.values()].map(
      server => new Promise(resolve => server.close(resolve)),
    )
    this.#connections.destroyAll()
    await Promise.all(closed)
    await namespace?.close()
  }

  #listen(): void {
    const [hosts, namespace] = [this.#hosts, this.#namespace]
    if (hosts === undefined) return
    hosts.services = this.#station
    if (namespace === undefined) return
    for (const port of hosts.table.tcpPorts) {
      if (this.#servers.has(port)) continue
      const server = createServer({ allowHalfOpen: true }, socket => this.#connected(socket))
      const failed = (error: unknown) =>
        this.#net.log.err(`tcp port ${port}: ${messageOrDescription(error)}`)
      server.on('error', failed)
      try {
        // Ports of the segment keep the process alive, a server alone does not.
        this.#servers.set(
          port,
          server.listen({ fd: namespace.bind(port), backlog: BACKLOG }).unref(),
        )
      } catch (error) {
        failed(error)
      }
    }
  }

  #connected(socket: Socket): void {
    const { localAddress = '', localPort = 0 } = socket
    if (!this.#connections.admit(socket, localAddress, remoteOf(socket))) {
      if (this.#hosts !== undefined) {
        this.#hosts.counters.refused++
      }
      return
    }
    const address = parseAddress(localAddress.replace(MAPPED, ''))
    const hosts = this.#hosts
    const host = address && hosts?.byAddress(address)
    const serve =
      host && handlerOf(hosts?.table.kind(host.index).tcp.get(localPort), this.#net.turns)
    if (hosts === undefined || host === undefined || serve === undefined) {
      socket.destroy()
      return
    }
    hosts.handlers.call(host.index, `tcp ${localPort}`, async () => {
      try {
        await serve(socket, host)
      } catch (error) {
        socket.destroy()
        throw error
      }
    })
  }
}

/** `idle` is the time in ms without a byte in either direction. */
export const LIMITS = { all: 4096, ofHost: 1024, ofClient: 512, idle: 60_000 }

/** Limits the open TCP connections to all hosts, to one host and from one client, and silence. */
export class Connections {
  readonly #limits: typeof LIMITS
  readonly #sockets = new Set<Socket>()
  readonly #ofHost = new Map<string, number>()
  readonly #ofClient = new Map<string, number>()

  constructor(limits = LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#sockets.size
  }

  /**
   * Admits a connection from address `client` to address `host` and returns true. It is closed once
   * it is idle for too long; its handler may set another time. Above a limit, destroys it and
   * returns false.
   */
  admit(socket: Socket, host: string, client: string): boolean {
    // A client may reset its connection.
    socket.on('error', () => socket.destroy())
    const { all, ofHost, ofClient, idle } = this.#limits
    const counts = [
      [this.#ofHost, host, ofHost] as const,
      [this.#ofClient, client, ofClient] as const,
    ]
    if (this.size >= all || counts.some(([open, key, limit]) => (open.get(key) ?? 0) >= limit)) {
      socket.destroy()
      return false
    }
    this.#sockets.add(socket)
    for (const [open, key] of counts) {
      open.set(key, (open.get(key) ?? 0) + 1)
    }
    socket.setTimeout(idle, () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const [open, key] of counts) {
        const left = (open.get(key) ?? 0) - 1
        if (left > 0) {
          open.set(key, left)
        } else {
          open.delete(key)
        }
      }
    })
    return true
  }

  destroyAll(): void {
    for (const socket of this.#sockets) {
      socket.destroy()
    }
  }
}

/**
 * Opens the namespace of the hosts' sockets; its interface is a station of the segment. `receive`
 * takes over the sockets' frames. The caller calls `close`. Rejects with a VnetError EPERM without
 * CAP_SYS_ADMIN; nothing is left open then.
 */
async function openSocketNamespace(native: Native, net: Net, receive: (skb: SkBuff) => void) {
  const netns = new PrivateNetns(native)
  const dev = createDevice(receive)
  let registered: AsyncDisposable | undefined
  async function close(): Promise<void> {
    await registered?.[Symbol.asyncDispose]()
    netns[Symbol.dispose]()
  }
  try {
    registered = await registerNetdev(dev, privateNet(net), { netns: netns.path })
    await devOpen(dev)
    netns.receiveAll(dev.name)
  } catch (error) {
    await close()
    throw error
  }
  const station: Services = {
    address: dev.devAddr,
    receive(skb: SkBuff) {
      skb.dev = dev
      ethTypeTrans(skb, dev)
      netifRx(skb)
    },
  }
  const bind = (port: number): number => netns.bind(port)
  return { station, bind, close }
}

/** As in the kernel, a namespace has its own Net: commands and notifiers of `net` do not see it. */
function privateNet({ platform, clock, pool, random, log }: Net): Net {
  const warnings = new Log(LOGLEVEL_WARNING, (_, text) => log.warn(text))
  return new Net({ platform, clock, pool, random, log: warnings })
}

function createDevice(receive: (skb: SkBuff) => void): NetDevice {
  const dev: NetDevice = allocEtherdevMqs<unknown>({
    name: 'services',
    priv: undefined,
  })
  dev.features = NETIF_F_ALL_TAP
  dev.flags |= IFF_NOARP
  dev.netdevOps = {
    ndoStartXmit(skb) {
      receive(skb)
      return NETDEV_TX_OK
    },
  }
  return dev
}
