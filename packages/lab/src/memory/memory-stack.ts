/** MemoryStack: the network stack of a host in memory. */
import type dgram from 'node:dgram'
import type net from 'node:net'
import type { Socket } from 'node:net'
import type os from 'node:os'
import { InetHost, type IpStack, type StackInterface, type TcpOptions } from '@vnet/inet'
import { COUNTERS } from '@vnet/inet/kit'
import {
  type Clock,
  ETH_ALEN,
  formatAddress,
  formatMac,
  ipv4,
  type Prefix,
  parseAddress,
  parsePrefix,
  UsageError,
} from 'vnet'
import { networkOf } from 'vnet/kit/packet'
import type { Random } from 'vnet/net'
import { withoutPrefix } from '../model/hosts.ts'
import type { Endpoint } from '../model/verbs.ts'
import {
  AnyHost,
  type Code,
  type CodeHost,
  enter,
  type ListenPlace,
  type NativeProgram,
} from '../world/code.ts'
import type { HostFaults } from '../world/host-faults.ts'
import type {
  HostCounters,
  HostParts,
  HostStack,
  LabRoute,
  RouterRules,
} from '../world/host-stack.ts'
import { patchNode } from '../world/node-sockets.ts'
import { MemoryRules } from './memory-rules.ts'
import type { Rewriter } from './misbehave/rewriter.ts'
import { ServerHandle } from './node/memory-server.ts'
import { connectInMemory } from './node/memory-socket.ts'
import { addressBytes } from './node/node-address.ts'
import { takeOver } from './node/udp-handle.ts'
import { Boot, currentBoot, useBoots } from './time/boot.ts'

/** The settings of the kernel that a host in memory has too. */
const FORWARDING = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding']
/** In microseconds. */
const RTO_MIN = 'net/ipv4/tcp_rto_min_us'
const NSEC_PER_USEC = 1000

/** The loopback interface, as the kernel shows it. */
const LOOPBACK = {
  name: 'lo',
  mac: new Uint8Array(ETH_ALEN),
  addresses: ['127.0.0.1/8', '::1/128'].map(text => parsePrefix(text) as Prefix),
}

/**
 * Its faults reach the code of the host's boot: programs of host.start, and code that its sockets
 * call. Code that neither has called, such as the body of a test, keeps its timers and its clock;
 * its sockets belong to the host like others.
 */
export class MemoryStack extends AnyHost implements HostStack, HostFaults, CodeHost {
  readonly place = undefined
  readonly programs = undefined
  readonly number: number
  readonly rules: RouterRules
  readonly wayOut = undefined
  readonly ip: IpStack
  /** Changes its segments where they leave; undefined if it does not misbehave. */
  rewriter: Rewriter | undefined
  readonly #inet: InetHost
  readonly #parts: HostParts
  #boot: Boot

  /** `limits` are its TCP's limits for peers outside the lab. */
  constructor(
    number: number,
    clock: Clock,
    random: Random,
    parts: HostParts,
    limits: Partial<TcpOptions> = {},
  ) {
    super(parts)
    this.number = number
    this.#parts = parts
    this.#boot = this.#nextBoot()
    const settings = new Map(parts.sysctls)
    const rtoMin = settings.get(RTO_MIN)
    const tcp = rtoMin === undefined ? {} : { rtoMin: Number(rtoMin) * NSEC_PER_USEC }
    this.#inet = new InetHost({ clock, random, tcp: { ...tcp, ...limits } })
    this.ip = this.#inet.ip
    this.ip.forwarding = FORWARDING.some(name => settings.get(name) === '1')
    this.rules = new MemoryRules(this.ip)
    if (parts.verbs !== undefined) {
      useBoots()
    }
  }

  get path(): string {
    return `memory/${this.number}`
  }

  get code(): Boot {
    return this.#callers()
  }

  async misbehave(text: string): Promise<void> {
    // Loaded on demand, because few hosts do.
    const { readMisbehaviour } = await import('./misbehave/parse.ts')
    this.rewriter = readMisbehaviour(text, this.ip)
  }

  counters(): HostCounters {
    const counted = this.ip.counters()
    return Object.fromEntries(COUNTERS.map(name => [name, counted[name] ?? 0]))
  }

  changeInterface(
    name: string,
    removed: readonly string[],
    isUp: boolean,
    added: readonly string[],
  ): void {
    const dev = this.#find(name)
    if (dev === undefined) return
    for (const cidr of removed) {
      dev.removeAddress(cidr)
    }
    if (!isUp) {
      this.ip.removeRoutesOf(dev)
    }
    dev.setUp(isUp)
    for (const cidr of added) {
      dev.addAddress(cidr)
    }
  }

  setNeighbours(name: string, cidrs: readonly string[], mac: Uint8Array): void {
    const dev = this.#find(name)
    for (const cidr of cidrs) {
      dev?.setNeighbour(parseAddress(withoutPrefix(cidr)) as Uint8Array, mac)
    }
  }

  setRoutes(routes: readonly LabRoute[]): void {
    for (const { network, via, dev: name } of routes) {
      const dev = this.#find(name)
      if (dev !== undefined) {
        this.ip.addRoute({ prefix: network.prefix, via: via.address, dev })
      }
    }
  }

  /** Routes of interfaces go with them, so one setting is enough. */
  routeGroups(): void {
    this.ip.routes.leadsGroups = true
    this.ip.routes.changed()
  }

  /** Makes code belong to the host. */
  get faults(): HostFaults {
    useBoots()
    return this
  }

  /** Ends the code of a paused host, so that none of it runs while the lab closes. */
  async endPrograms(): Promise<void> {
    if (this.#boot.isPaused && !this.#boot.isDead) {
      this.#end()
    }
  }

  enter<T>(fn: () => T): T {
    useBoots()
    patchNode()
    return enter(this.code, fn)
  }

  connects(socket: Socket, options: object, code: Code): object {
    return connectInMemory(socket, options, this.#inet.tcp, code as Boot)
  }

  listens(server: net.Server, place: ListenPlace, code: Code): object {
    return new ServerHandle(this.#inet.tcp, server, place, code as Boot)
  }

  binds(socket: dgram.Socket, code: Code): void {
    takeOver(this.#inet.udp, socket, code as Boot)
  }

  call(): never {
    return this.#parts.refuse('a socket of the kernel')
  }

  program({ args }: NativeProgram): never {
    return this.#parts.refuse(`${args[0]}: a program`)
  }

  worker(): never {
    return this.#parts.refuse('a Worker')
  }

  interfaces(): ReturnType<typeof os.networkInterfaces> {
    const shown = [LOOPBACK, ...this.ip.interfaces].map(({ name, mac, addresses }) => {
      const own = addresses.map(({ bytes, prefixLen }) => {
        const address = formatAddress(bytes)
        const netmask = formatAddress(
          networkOf({ bytes: new Uint8Array(bytes.length).fill(0xff), prefixLen }),
        )
        const common = {
          address,
          netmask,
          mac: formatMac(mac),
          internal: name === 'lo',
          cidr: `${address}/${prefixLen}`,
        }
        const family =
          bytes.length === ipv4.IPV4_ALEN ? { family: 'IPv4' } : { family: 'IPv6', scopeid: 0 }
        return { ...family, ...common } as os.NetworkInterfaceInfo
      })
      return [name, own] as const
    })
    return Object.fromEntries(shown)
  }

  get isCallerDead(): boolean {
    const boot = currentBoot()
    return boot?.host === this && boot.isDead
  }

  /** Holds socket events, timers and immediates. The network stack still acknowledges. */
  pause(): void {
    this.#boot.pause()
  }

  resume(): void {
    this.#boot.resume()
  }

  /** Removes all sockets and timers of the boot, silently; its own promises never settle. */
  crash(): void {
    const boot = this.#boot
    if (boot.isDead) return
    this.#end()
    boot.enter(this.#parts.onCrash)
  }

  /** Starts the next boot after a crash. The clock remains as wrong as it was. */
  restart(): void {
    if (!this.#boot.isDead) return
    const { clockOffset } = this.#boot
    this.#boot = Object.assign(this.#nextBoot(), { clockOffset })
  }

  /** Does nothing if the connection has ended. A later segment of the other end gets a reset. */
  forget(local: Endpoint, remote: Endpoint): void {
    this.#inet.tcp.abort(inBytes(local), inBytes(remote))
  }

  setClock(offset: number): void {
    this.#boot.clockOffset = offset
  }

  setFull(isFull: boolean): void {
    if (!isFull) return
    throw new UsageError(
      'programs in memory write to the disk of this machine: explore in the kernel',
    )
  }

  #nextBoot(): Boot {
    return new Boot(this, this.#parts.endsAtReset)
  }

  /** Ends the boot and all sockets, without a packet or an event. */
  #end(): void {
    this.#boot.die()
    this.rewriter = undefined
    this.#inet.crash()
    this.#parts.forgetSockets()
  }

  /** Returns the boot of a new socket. Throws a UsageError while the host is off. */
  #callers(): Boot {
    patchNode()
    const boot = currentBoot()
    if (boot?.host === this) return boot
    if (this.#boot.isDead) {
      throw new UsageError('the host has crashed: sockets open after a restart')
    }
    return this.#boot
  }

  close(): void {
    this.#inet.close()
  }

  #find(name: string): StackInterface | undefined {
    return this.ip.interfaces.find(dev => dev.name === name)
  }
}

function inBytes({ address, port }: Endpoint) {
  const bytes = addressBytes(address)
  if (bytes === undefined) throw new UsageError(`${address} is not an IP address`)
  return { address: bytes, port }
}
