/**
 * The network stack of a host: a network namespace of the kernel (kernel-stack.ts), or a host in
 * memory (memory/memory-stack.ts).
 */
import type dgram from 'node:dgram'
import type { Socket } from 'node:net'
import type { Prefix } from 'vnet/internal/packet/address'
import type { AccessOptions } from '../model/access.ts'
import type { HostAddress } from '../model/lookup.ts'
import type { SocketPlace, StreamServer } from '../model/place.ts'
import type { NatForward, NatKind } from '../nat/nat-table.ts'
import type { CrashingHost, HostFaults } from './host-faults.ts'

/**
 * Counters by their names: `TcpRetransSegs`, `UdpInDatagrams`, `IpExtInOctets`, `Ip6OutRequests`.
 */
export type HostCounters = Readonly<Record<string, number>>

/** A route to a network, by a gateway on a link. */
export interface LabRoute {
  readonly network: Network
  readonly via: Gateway
  readonly link: number
  readonly dev: string
}

export interface Network {
  readonly prefix: Prefix
  /** As text: `198.18.1.0/24`. */
  readonly text: string
}

/** The address of a router on a link. */
export interface Gateway {
  readonly address: Uint8Array
  readonly text: string
}

/** A setting of a host: `net/ipv4/tcp_rto_min_us` and its value. */
export type Sysctl = readonly [name: string, value: string]

export interface HostStack {
  /** Where drivers make its interfaces: `/proc/self/fd/23`, or a name of the world in memory. */
  readonly path: string
  /** The number by which the worker of its links finds it: the descriptor of its namespace. */
  readonly number: number
  /** The namespace of the kernel; undefined in memory. */
  readonly place: SocketPlace | undefined
  readonly rules: RouterRules
  /** Same as `listen` of sockets.ts. */
  listen(
    server: StreamServer,
    port: number,
    host: string | undefined,
  ): Promise<{ readonly port: number; readonly accepting: StreamServer }>
  /** Same as `bindUdp` of sockets.ts. */
  bindUdp(socket: dgram.Socket, port: number, host: string | undefined): Promise<number>
  /** Returns a socket that connects to an address. */
  connect(to: HostAddress, port: number): Socket
  /** Same, to the address that `resolve` finds for a name. */
  connectTo(name: string, port: number, resolve: () => Promise<HostAddress>): Socket
  /** Returns the faults of a host in memory; undefined in the kernel. */
  faults(host: CrashingHost): HostFaults | undefined
  /** Runs a function as code of the host. */
  enter<T>(fn: () => T): T
  /** Whether the calling code ran on the host before a crash. */
  readonly isCallerDead: boolean
  counters(): HostCounters
  /** Removes addresses of an interface, takes it up or down, and adds addresses. */
  changeInterface(name: string, removed: readonly string[], isUp: boolean, added: readonly string[]): void
  /** Sets the hardware address of hosts on an interface. */
  setNeighbours(name: string, cidrs: readonly string[], mac: Uint8Array): void
  setRoutes(routes: readonly LabRoute[]): void
  close(): void
}

/** The interface of a router to the outside. */
export interface Outside {
  readonly name: string
  /** The IPv4 addresses of the router and of the next hop there, as unsigned numbers. */
  readonly address: number
  readonly nextHop: number
}

/** The settings of a router for access networks. access-rules.ts describes them. */
export interface RouterRules {
  /** The NAT of vnet that replaces the kernel's in memory; undefined in the kernel. */
  readonly masqueradeKind: NatKind | undefined
  masquerade(outside: Outside, options: AccessOptions): void
  forward(outside: Outside, hairpin: boolean, forward: NatForward): void
  refusePortControl(name: string): void
  firewall(name: string, options: AccessOptions): void
  captureHttp(name: string, port: number): void
  reachedInside(name: string, addresses: readonly Uint8Array[]): readonly Uint8Array[]
  acceptSource(name: string, addresses: readonly Uint8Array[]): void
  routeHairpin(outside: Outside): void
  routeHairpinPort(outside: Outside, port: number): void
  routeOutside(name: string, network: Prefix, nextHop: string | undefined): void
  /** Returns the packets that the rules have dropped, from outside and to outside. */
  drops(): { readonly arriving: number; readonly leaving: number }
}
