/**
 * The network stack of a host: a network namespace of the kernel (kernel/kernel-stack.ts), or a
 * host in memory (memory/memory-stack.ts).
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { WorkerOptions } from 'node:worker_threads'
import type { Prefix } from 'vnet'
import type { WayOut } from 'vnet/kit/net'
import type { AccessOptions, HostVerb, SocketPlace } from '../model/index.ts'
import type { NatForward, NatKind } from '../nat/nat-table.ts'
import type { Code, CodeHost } from './code.ts'
import type { HostFaults } from './host-faults.ts'

/** Counters by their names: `TcpRetransSegs`, `UdpInDatagrams`, `IpExtInOctets`. */
export type HostCounters = Readonly<Record<string, number>>

/** A route to a network, by a gateway on a link. */
export type LabRoute = Readonly<{ network: Network; via: Gateway; link: number; dev: string }>

/** The network of a link, or all networks of a family. */
export interface Network {
  readonly prefix: Prefix
  /** As text: `198.18.1.0/24`. */
  readonly text: string
}

/** The address of a router on a link. */
export type Gateway = Readonly<{ address: Uint8Array; text: string }>

/** A setting of a host: `net/ipv4/tcp_rto_min_us` and its value. */
export type Sysctl = readonly [name: string, value: string]

/** The options of node:child_process's spawn. To run a program as another user, run setpriv(1). */
export type LabSpawnOptions = Omit<SpawnOptions, 'uid' | 'gid' | 'shell' | 'argv0'>

/** The options of exec, which returns the output of a program instead of its streams. */
export interface ExecOptions extends Omit<LabSpawnOptions, 'stdio'> {
  /** Written to its standard input; nothing by default. */
  readonly input?: string | Uint8Array
}

/** The output of a program, and how it ended. */
export interface ExecResult {
  /** The exit status; null if a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The programs that run on a host, and its namespace. */
export type RunningPrograms = Readonly<{ nsfd: number; pids: readonly number[] }>

/**
 * The programs of a host in the kernel. Each function throws a UsageError for wrong arguments, or
 * if the program is refused. The programs end with the host at the latest.
 */
export interface HostPrograms {
  /** Whether a program was ever started. */
  readonly hasStarted: boolean
  /** The process ids of the programs that spawn and exec have started and that run. */
  readonly pids: readonly number[]
  /** The programs that run: `program sleep (pid 7)`. */
  readonly names: readonly string[]
  /**
   * Starts a program. The caller owns the child, as with node:child_process. Throws a VnetError if
   * the directory `cwd` does not exist.
   */
  spawn(command: string, args: readonly string[], options: LabSpawnOptions): ChildProcess
  /**
   * Runs a program to its end, and returns its whole output, whatever its status is. Rejects with a
   * VnetError if the program cannot be executed.
   */
  exec(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult>
  /**
   * Writes a script that starts `command` on the host while this process runs, and returns its
   * path. It is removed with the lab.
   */
  launcher(command: string): string
  /**
   * Returns the arguments of Worker for a thread that has the host's sockets. `hosts` is the path
   * of the host's hosts file.
   */
  worker(url: URL, options: WorkerOptions, hosts: string): [file: URL, options: WorkerOptions]
}

/**
 * Parts that a host gives the world for its stack. The stack may call the functions until it is
 * closed.
 */
export interface HostParts extends Pick<CodeHost, 'onOpen' | 'lookup' | 'worker' | 'onWorker'> {
  readonly name: string
  /** Settings that the world does not have are left out. */
  readonly sysctls: readonly Sysctl[]
  /** The faults that it must be able to have; undefined in a lab without faults of hosts. */
  readonly verbs: readonly HostVerb[] | undefined
  /** Whether sockets in memory take some resets for ends: see Boot. */
  readonly endsAtReset?: boolean
  /** Returns the directory of the files that programs see in /etc. */
  readonly etc: () => string
  /** Whether sockets, servers or workers of this process are open on it. */
  readonly hasOwnSockets: () => boolean
  /** Forgets the sockets, which report nothing any more. */
  readonly forgetSockets: () => void
  /** Throws a UsageError about what its world does not have. */
  readonly refuse: (what: string) => never
  /** Is called in a crash: before programs are killed, or as the last code of a boot in memory. */
  readonly onCrash: () => void
}

/**
 * The part of a host that its world makes, in the kernel or in memory. LabHost owns it and calls
 * `end`, then `endPrograms`, and `close` after its sockets and workers have ended. Functions that
 * change the network throw a VnetError if the kernel refuses.
 */
export interface HostStack {
  /** Where drivers make its interfaces: `/proc/self/fd/23`, or a name of the world in memory. */
  readonly path: string
  /** The number by which the worker of its links finds it: the descriptor of its namespace. */
  readonly number: number
  /** The namespace of the kernel; undefined in memory. */
  readonly place: SocketPlace | undefined
  readonly rules: RouterRules
  /** Ways to the machine's network; undefined without a kernel. */
  readonly wayOut: StackWayOut | undefined
  /** The code that runs on the host now. Throws a UsageError while the host is off. */
  readonly code: Code
  /** Undefined without a kernel. */
  readonly programs: HostPrograms | undefined
  /** What can happen to it. */
  readonly faults: HostFaults
  /** Ends the programs, and code that a fault keeps from ending. */
  endPrograms(): Promise<void>
  /** Runs a function as code of the host. */
  enter<T>(fn: () => T): T
  /** Whether the calling code ran on the host before a crash. */
  readonly isCallerDead: boolean
  /** Same as LabHost.misbehave; absent if its segments are the kernel's. */
  misbehave?(text: string): Promise<void>
  counters(): HostCounters
  /** Removes addresses of an interface, takes it up or down, and adds addresses. */
  changeInterface(
    name: string,
    removed: readonly string[],
    isUp: boolean,
    added: readonly string[],
  ): void
  /** Sets the hardware address of hosts on an interface. */
  setNeighbours(name: string, cidrs: readonly string[], mac: Uint8Array): void
  setRoutes(routes: readonly LabRoute[]): void
  /** Leads groups of IPv4 to an interface, unless an older one has them. */
  routeGroups(name: string): void
  /** Its code can open nothing from now on. */
  end(): void
  close(): void
}

/** Ways to the machine's network, for a host in the kernel. */
export interface StackWayOut {
  /**
   * Makes this host such a router. TCP `ports` of the machine lead to the lab, and
   * its loopback's ports in `localhost` are reached from the lab. Rejects with a VnetError.
   */
  open(directory: string, ports: readonly number[], localhost: readonly number[]): Promise<WayOut>
  /** Leads these ports of the host's 127.0.0.1 to the machine's. Throws a VnetError. */
  leadLocalhost(ports: readonly number[]): void
}

/** The interface of a router to the outside. */
export interface Outside {
  readonly name: string
  /** The IPv4 addresses of the router and of the next hop there, as unsigned numbers. */
  readonly address: number
  readonly nextHop: number
}

/**
 * The settings of a router for access networks. kernel/access-rules.ts describes them;
 * memory/memory-rules.ts has the same for a router in memory. They last as long as the host.
 */
export interface RouterRules {
  /** The NAT of vnet that replaces the kernel's in memory; undefined in the kernel. */
  readonly masqueradeKind: NatKind | undefined
  /**
   * Makes the kernel masquerade IPv4 packets that leave by `outside`. In memory it does nothing:
   * the NAT of `masqueradeKind` does that on the cable.
   */
  masquerade(outside: Outside, options: AccessOptions): void
  /**
   * Makes the kernel's NAT forward a port to a host inside, with `hairpin` also for packets from
   * inside. In memory it does nothing: the NAT on the cable forwards.
   */
  forward(outside: Outside, hairpin: boolean, forward: NatForward): void
  /** Drops requests for ports that arrive by the interface outside. */
  refusePortControl(name: string): void
  /** Sets up the firewall of the options between the interface outside and all others. */
  firewall(name: string, options: AccessOptions): void
  /** Leads HTTP requests from inside to `port` of the router, except of accepted hosts. */
  captureHttp(name: string, port: number): void
  /** Returns the addresses that the router reaches by another interface than `name`. */
  reachedInside(name: string, addresses: readonly Uint8Array[]): readonly Uint8Array[]
  /** Lets packets from these addresses pass the captive portal. */
  acceptSource(name: string, addresses: readonly Uint8Array[]): void
  /**
   * Routes packets from inside that are for the NAT's ports outside to the NAT, which turns them
   * back.
   */
  routeHairpin(outside: Outside): void
  /** The same for a forwarded port. */
  routeHairpinPort(outside: Outside, port: number): void
  /** Routes packets for a network to the link outside, where a translator is. */
  routeOutside(name: string, network: Prefix, nextHop: string | undefined): void
  /** Returns the packets that the rules have dropped, from outside and to outside. */
  drops(): { readonly arriving: number; readonly leaving: number }
}
