/**
 * TCP of the simulated hosts: real sockets of the kernel's, in a network namespace of the program's own where every address is
 * local, behind an interface of ours that is a station of the segment. Whether a port of a host is open the segment decides, by
 * the host's definition; here only come connections to open ones, and each knows by its local address whose it is.
 *
 * The TCP stacks that there are for Node have neither IPv6 nor segmentation offload; the kernel's has both.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { allocEtherdevMqs } from '../core/alloc.ts'
import { VnetError } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import { IFF_NOARP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from '../core/if.ts'
import { LOGLEVEL_WARNING, Log } from '../core/log.ts'
import { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { ethTypeTrans, netifRx } from '../core/netif.ts'
import { devOpen, registerNetdev } from '../core/register.ts'
import { parseAddress } from '../header/ip-address.ts'
import type { Native } from '../kernel/native.ts'
import { PrivateNetns } from '../kernel/private-netns.ts'
import type { Hosts } from '../segment/hosts.ts'
import type { Services } from '../segment/services.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { Connections } from './connections.ts'
import { handlerOf } from './small-services.ts'

/** What a socket for both families puts before an IPv4 address. */
const MAPPED = /^::ffff:(?=[\d.]+$)/

/** Connections that wait to be accepted: Node accepts all that wait in one go, and frames wait meanwhile. */
const BACKLOG = 16

/** Nobody answers until all is open: clients ask again. */
const OPENING: Services = { address: new Uint8Array(6), receive: skb => skb.free() }

/** Where it cannot be opened (a namespace takes CAP_SYS_ADMIN), which is logged, all ports are closed. */
export class TcpServices implements AsyncDisposable {
  readonly #native: Native
  readonly #net: Net
  /** Settles when all is open, or could not be opened. */
  readonly opened: Promise<void>
  readonly #servers = new Map<number, Server>()
  readonly #connections = new Connections()
  readonly #undo: (() => unknown)[] = []
  #hosts: Hosts | undefined
  /** There once it is open. */
  #netns: PrivateNetns | undefined
  #station: Services | undefined = OPENING

  constructor(native: Native, net: Net) {
    this.#native = native
    this.#net = net
    this.opened = this.#open().catch(error => {
      net.log.warn(`no TCP on the hosts: ${messageOf(error)}`)
      return this.#close()
    })
  }

  /** From here on serves these hosts, with the ports that they have now, and no others. Connections stay. */
  serve(hosts: Hosts): void {
    this.#hosts = hosts
    this.#listen()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened
    await this.#close()
  }

  async #open(): Promise<void> {
    const netns = new PrivateNetns(this.#native)
    this.#undo.push(() => netns[Symbol.dispose]())
    const dev = servicesDevice(skb => (this.#hosts === undefined ? skb.drop() : this.#hosts.fromServices(skb)))
    // On a Net of its own, so that nobody is told of the interface.
    const { host, clock, pool, random, log } = this.#net
    const quiet = new Log(LOGLEVEL_WARNING, (_, text) => log.warn(text))
    const registered = await registerNetdev(dev, new Net({ host, clock, pool, random, log: quiet }), {
      netns: netns.path,
    })
    this.#undo.push(() => registered[Symbol.asyncDispose]())
    await devOpen(dev)
    netns.receiveAll(dev.name)
    this.#netns = netns
    this.#station = stationOf(dev)
    this.#listen()
  }

  async #close(): Promise<void> {
    this.#netns = undefined
    this.#station = undefined
    if (this.#hosts !== undefined) this.#hosts.services = undefined
    const closed = [...this.#servers.values()].map(server => new Promise(resolve => server.close(resolve)))
    this.#connections.destroyAll()
    await Promise.all(closed)
    for (const back of this.#undo.splice(0).reverse()) await back()
  }

  #listen(): void {
    const [hosts, netns] = [this.#hosts, this.#netns]
    if (hosts === undefined) return
    hosts.services = this.#station
    if (netns === undefined) return
    for (const port of hosts.tcpPorts) {
      if (this.#servers.has(port)) continue
      const server = createServer({ allowHalfOpen: true }, socket => this.#connected(socket))
      const failed = (error: unknown) => this.#net.log.err(`tcp port ${port}: ${messageOf(error)}`)
      server.on('error', failed)
      try {
        // A port of the segment keeps the process alive; this alone does not.
        this.#servers.set(port, server.listen({ fd: netns.bind(port), backlog: BACKLOG }).unref())
      } catch (error) {
        failed(error)
      }
    }
  }

  #connected(socket: Socket): void {
    const { localAddress = '', localPort = 0 } = socket
    if (!this.#connections.admit(socket, localAddress, remoteOf(socket))) {
      if (this.#hosts !== undefined) this.#hosts.counters.refused++
      return
    }
    const address = parseAddress(localAddress.replace(MAPPED, ''))
    const hosts = this.#hosts
    const host = address && hosts?.byAddress(address)
    const serve = host && handlerOf(hosts?.table.kind(host.index).tcp.get(localPort))
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

/** The client's address. A link-local one of another namespace cannot be told (ENXIO). */
export function remoteOf(socket: Socket): string {
  try {
    return (socket.remoteAddress ?? '').replace(MAPPED, '')
  } catch {
    return 'a link-local address'
  }
}

function messageOf(error: unknown): string {
  return error instanceof VnetError ? error.message : describeException(error)
}

function servicesDevice(send: (skb: SkBuff) => void): NetDevice {
  return allocEtherdevMqs<unknown>({
    name: 'services',
    priv: undefined,
    setup(dev) {
      dev.features = NETIF_F_ALL_TAP
      dev.flags |= IFF_NOARP
      dev.netdevOps = {
        ndoStartXmit(skb) {
          send(skb)
          return NETDEV_TX_OK
        },
      }
    },
  })
}

function stationOf(dev: NetDevice): Services {
  return {
    address: dev.devAddr,
    receive(skb) {
      skb.dev = dev
      ethTypeTrans(skb, dev)
      netifRx(skb)
    },
  }
}
