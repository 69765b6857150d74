/**
 * LabHost: a host of a lab, with its programs, servers, sockets and requests. It is a network
 * namespace, or a host in memory.
 */
import type { ChildProcess } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net, { type Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import threads, { type Worker, type WorkerOptions } from 'node:worker_threads'
import { attempt, UsageError } from 'vnet'
import { schema } from 'vnet/kit/config'
import { type HostsFile, type LabInterface, withoutPrefix } from '../model/hosts.ts'
import type { HostVerb, PlannedFault } from '../model/index.ts'
import {
  anyOf,
  checkForm,
  checkForms,
  FLAG,
  type Forms,
  SIGNAL,
  SIZE,
  shown,
} from '../model/options.ts'
import { checkPort, type HostAddress, type SocketPlace, type StreamServer } from '../model/place.ts'
import { bindUdp, type CodeHost, listen } from '../world/code.ts'
import type { HostFaults } from '../world/host-faults.ts'
import type {
  ExecOptions,
  ExecResult,
  HostCounters,
  HostPrograms,
  HostStack,
  LabSpawnOptions,
  RunningPrograms,
  Sysctl,
} from '../world/host-stack.ts'
import { startIn } from '../world/lazy.ts'
import { OpenSockets } from '../world/open-sockets.ts'
import { type LabRequestInit, Requests } from '../world/pools.ts'
import { resolve } from '../world/resolver.ts'
import type { LabWorld } from '../world/world.ts'
import type { HostProgram, HostStart } from './host-start.ts'
import { membersOf, promised } from './promised.ts'

/** Returns the name of a host for an error, or what was given in place of one. */
export const nameOf = (given: unknown): string =>
  given instanceof LabHost ? given.name : shown(given)

const SOCKET_OPTIONS: Forms<Omit<dgram.SocketOptions, 'lookup' | 'reusePort'>> = {
  ...anyOf('type', 'recvBufferSize', 'sendBufferSize', 'receiveBlockList', 'sendBlockList'),
  reuseAddr: FLAG,
  ipv6Only: FLAG,
  signal: SIGNAL,
}
const WORKER_OPTIONS: Forms<Omit<WorkerOptions, 'eval'>> = {
  ...anyOf('argv', 'env', 'execArgv', 'name', 'resourceLimits', 'stderr', 'stdin', 'stdout'),
  ...anyOf('trackUnmanagedFds', 'transferList', 'workerData'),
}

/** Node loads its fetch when the name is first used. */
const responseMembers = () => membersOf(Response)

/** The links of the lab, and the parts of the lab that a host uses. */
interface HostLinks {
  readonly lab: {
    readonly world: LabWorld
    readonly hostsFile: HostsFile
    readonly setup: {
      readonly sysctls?: readonly Sysctl[] | undefined
      /** The faults that its hosts must be able to have. */
      readonly hostFaults?: readonly HostVerb[] | undefined
      readonly plan?: readonly Pick<PlannedFault, 'verb'>[] | undefined
      readonly onRefused?: (why: Error) => void
    }
  }
  /** Same as LabHost.switchTo, for the host. */
  switchTo(host: LabHost, uplink: LabHost): void
}

/** Returns what calls of code that a crash has ended return. */
const never = () => new Promise<never>(() => {})

/**
 * A host of a lab, as `lab.hosts` returns it: sockets, servers, programs and workers that a test
 * opens on it are in its network, not in this process's. The lab owns it, and closes all of these
 * at its end; their calls fail from then on. Calls that need what the world of the lab does not
 * have reject with a UsageError, or throw it.
 */
export class LabHost {
  readonly name: string
  /** Oldest first, without the loopback interface. */
  readonly interfaces: readonly LabInterface[] = []
  /** @internal Whether names of IPv4 hosts have addresses of its NAT64 (RFC 6147). */
  hasDns64 = false
  /** @internal Whether it has a route to the machine's network. */
  isOnline = false
  readonly #links: HostLinks
  /** The interfaces that are shut, with the addresses that they have otherwise, by their links. */
  readonly #shut = new Map<number, LabInterface>()
  /** @internal */
  readonly stack: HostStack
  #start: HostStart | undefined
  /** With their files. */
  readonly #workers = new Map<Worker, string>()
  readonly #sockets = new OpenSockets()
  readonly #requests = new Requests()
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(name: string, links: HostLinks, ownSysctls: readonly Sysctl[] = []) {
    const { world, hostsFile, setup } = links.lab
    this.name = name
    this.#links = links
    this.stack = world.makeHost({
      name,
      sysctls: [...(setup.sysctls ?? []), ...ownSysctls],
      verbs: setup.hostFaults,
      endsAtReset: setup.plan?.some(({ verb }) => verb === 'abort') ?? false,
      etc: () => hostsFile.etcOf(this),
      hasOwnSockets: () => this.#sockets.names.length > 0 || this.#runningWorkers.length > 0,
      forgetSockets: () => {
        this.#sockets.forget()
        this.#requests.forget()
      },
      onOpen: (socket, label) => {
        if (label === undefined) {
          this.#sockets.addServer(socket)
        } else {
          this.#sockets.add(socket, () => label)
        }
      },
      lookup: this.#lookup,
      worker: (file, options) => this.#workerOf(file, options),
      onWorker: (worker, url) => this.#onWorker(worker, url),
      refuse: what => this.refuse(what),
      onCrash: () => this.#start?.crash(),
    })
  }

  /** @internal What can happen to it. */
  get faults(): HostFaults {
    return this.stack.faults
  }

  /**
   * Runs a function as the program of the host, and again after each restart of the host. Its
   * `signal` aborts when the host crashes. Settles with the function; if the host crashes
   * meanwhile, with its run after the restart.
   */
  async start(program: HostProgram): Promise<void> {
    this.#check()
    // Loaded at the first use, because few labs need it.
    const release = this.#links.lab.world.time.hold()
    const { HostStart: LoadedHostStart } = await import('./host-start.ts').finally(release)
    this.#start ??= new LoadedHostStart(this)
    return this.#start.start(program)
  }

  /** @internal Turns the host on after a crash. Rejects if a program of `start` does. */
  async restart(): Promise<void> {
    this.faults.restart()
    await this.#start?.restart()
  }

  /** @internal Throws a UsageError in memory. */
  get place(): SocketPlace {
    return this.stack.place ?? this.refuse('its network namespace')
  }

  /** The path of its network namespace for functions of this process: `/proc/self/fd/23`. */
  get path(): string {
    return `/proc/self/fd/${this.place.nsfd}`
  }

  /** The IP addresses of its interfaces, without prefixes, in the interfaces' order. */
  get addresses(): readonly string[] {
    return this.interfaces.flatMap(({ addresses }) => addresses.map(withoutPrefix))
  }

  /**
   * Returns the path by which this process finds the disk of the host's programs, in memory. Files
   * on it remain when they are killed. `size` is 64MiB by default. Programs find it in $VNET_DISK.
   * Call it before the first program starts. Rejects with a UsageError otherwise, and in a world
   * without programs.
   */
  async disk(options: { readonly size?: string } = {}): Promise<string> {
    this.#check()
    checkForms('disk', options, { size: SIZE })
    return this.faults.disk?.(options.size) ?? this.refuse('disk: a program')
  }

  /**
   * Starts a program on the host. In its /etc/hosts it finds the other hosts of the lab. It is
   * killed at the end of the lab, with all that it started, or when this process ends. A program
   * that cannot be executed ends with status 127 or 126, as in a shell. Throws a UsageError for
   * wrong arguments.
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    options: LabSpawnOptions = {},
  ): ChildProcess {
    return this.#startable('spawn').spawn(command, args, options)
  }

  /**
   * Runs a program like spawn, and waits for its end. Returns its output as text, and its status,
   * even if it failed. Rejects with a VnetError if the program cannot be executed: `code` is ENOENT
   * if it does not exist.
   */
  async exec(
    command: string,
    args: readonly string[] = [],
    options: ExecOptions = {},
  ): Promise<ExecResult> {
    return this.#startable('exec').exec(command, args, options)
  }

  /**
   * Returns the path of a program that runs `command` on the host, with the arguments and the
   * descriptors that it is given, as spawn does. Libraries that start a program themselves run it,
   * such as `chromium.launch({ executablePath: client.launcher('/usr/bin/chromium') })`.
   */
  launcher(command: string): string {
    return this.#startable('launcher').launcher(command)
  }

  /**
   * Runs a function as a program of the host, and returns what it returns. Each socket, server,
   * request and look-up that it opens is the host's, as are those of its timers, its promises and
   * the packages that it calls. A returned request or query of a library that starts when it is
   * awaited starts on the host. Throws what the function throws.
   */
  run<T>(fn: () => T): T {
    this.#check()
    return this.#enter(fn)
  }

  #enter<T>(fn: () => T): T {
    return startIn(this.stack.enter(fn), then => this.stack.enter(then))
  }

  /**
   * Returns an object whose methods run on the host, as by `run`: a pool, for example, opens its
   * connections when it is first used, by code elsewhere. A function runs there, too.
   */
  bind<T extends object>(object: T): T {
    this.#check()
    const bound: T = new Proxy(object, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        const { writable, configurable } = Reflect.getOwnPropertyDescriptor(target, key) ?? {
          configurable: true,
        }
        return typeof value === 'function' && (writable || configurable)
          ? onHost(value, target)
          : value
      },
      // With the object as `this`: a setter may set a private field.
      set: (target, key, value) => Reflect.set(target, key, value),
      apply: (fn, self, args) => this.run(() => Reflect.apply(fn as () => unknown, self, args)),
      construct: (Class, args, from) =>
        this.run(() => Reflect.construct(Class as never, args, from)),
    })
    const onHost = (method: object, owner: T) =>
      new Proxy(method, {
        apply: (fn, self, args) => {
          const result: unknown = this.#enter(() =>
            Reflect.apply(fn as () => unknown, self === bound ? owner : self, args),
          )
          return result === owner ? bound : result
        },
      })
    return bound
  }

  /**
   * Makes a server of this process listen on the host: a server of node:net, tls, http, https
   * or http2, or a socket of node:dgram. It listens on every address, or on `host`. Returns the
   * port; 0 takes a free one. The server and its connections are closed at the end of the lab.
   * Rejects with a UsageError for any other object.
   */
  async listen(server: StreamServer | dgram.Socket, port = 0, host?: string): Promise<number> {
    this.#check()
    if (typeof (server as StreamServer | undefined)?.on !== 'function') {
      throw new UsageError(
        `listen(server, port): ${shown(server)} is not a server, such as http.createServer()`,
      )
    }
    if (this.stack.isCallerDead) return never()
    const { code } = this.stack
    return server instanceof dgram.Socket
      ? bindUdp(code, server, port, host)
      : listen(code, server, port, host)
  }

  /** Connects by TCP to an address, or to a host by its name. */
  async connect(port: number, host: string): Promise<Socket> {
    const socket = this.createConnection(port, host)
    // Closed by the lab before it has connected, it would report neither event.
    const closed = new AbortController()
    const close = () => closed.abort(new Error(`the connection to ${host} port ${port} was closed`))
    socket.once('close', close)
    try {
      await once(socket, 'connect', { signal: closed.signal })
    } catch (error) {
      const reason = closed.signal.aborted ? closed.signal.reason : error
      // A stack captured here leads to the line of the test.
      Error.captureStackTrace(reason)
      throw reason
    } finally {
      socket.removeListener('close', close)
    }
    return socket
  }

  /**
   * Returns a socket that connects, like net.createConnection. Throws for an unknown name. With a
   * way to the Internet, the DNS server there is asked for names with a dot, by UDP from the host.
   */
  createConnection(port: number, host: string): Socket {
    this.#check()
    if (typeof host !== 'string') {
      throw new UsageError(`connect(port, host): ${String(host)} is not the name of a host`)
    }
    checkPort(port)
    const name = host.replace(/^\[(.*)\]$/, '$1')
    const { hostsFile } = this.#links.lab
    if (hostsFile.serversFor(this, name) === undefined) {
      this.#find(name)
    }
    const options = { host: name, port, autoSelectFamily: false }
    return this.run(() => net.connect(options as net.TcpNetConnectOpts))
  }

  /**
   * Returns a UDP socket, bound to `port` of every address or of `host`; 0 takes a free one. It
   * sends to addresses, and to hosts by name. Takes the `options` of dgram.createSocket.
   */
  async createSocket(
    type: dgram.SocketType | dgram.SocketOptions,
    port = 0,
    host?: string,
  ): Promise<dgram.Socket> {
    this.#check()
    if (this.stack.isCallerDead) return never()
    const options = typeof type === 'string' ? { type } : type
    checkForms('createSocket', options, SOCKET_OPTIONS)
    return this.#bound(dgram.createSocket(options), port, host)
  }

  /**
   * Returns an agent of node:http that connects from the host.
   */
  agent(options: http.AgentOptions = {}): http.Agent {
    return this.bind(new http.Agent(options))
  }

  /** Same as agent, for node:https. */
  httpsAgent(options: https.AgentOptions = {}): https.Agent {
    return this.bind(new https.Agent(options))
  }

  /** fetch() from the host: `http://server:8080/` leads to the host `server`. */
  fetch(url: string | URL, init: LabRequestInit = {}): Promise<Response> {
    // Before code of the host runs, which would own what Node makes.
    const members = responseMembers()
    return promised(this.#fetch(url, init), `host ${this.name}: fetch()`, members)
  }

  async #fetch(url: string | URL, init: LabRequestInit): Promise<Response> {
    this.#check()
    if (this.stack.isCallerDead) return never()
    const request = () => this.#requests.fetch(url, init)
    try {
      return this.run(request)
    } catch (cause) {
      // While the host is off.
      throw new TypeError('fetch failed', { cause })
    }
  }

  /**
   * Starts a worker thread that runs a JavaScript file. All its sockets are the host's, and it
   * finds the other hosts by name. It is terminated at the end of the lab.
   */
  worker(file: string | URL, options: WorkerOptions = {}): Worker {
    this.#startable('worker')
    checkForms('worker', options, WORKER_OPTIONS)
    return this.run(() => new threads.Worker(file, options))
  }

  #onWorker(worker: Worker, { pathname }: URL): void {
    this.#workers.set(worker, pathname)
    worker.once('exit', () => this.#workers.delete(worker))
  }

  /** The arguments of Worker for code of the host. */
  #workerOf(file: string | URL, options: WorkerOptions): [file: URL, options: WorkerOptions] {
    const programs = this.#startable('a Worker')
    if (options.eval === true) {
      throw new UsageError('a Worker of a host runs a file: it has no option eval')
    }
    const url = typeof file === 'string' ? pathToFileURL(file) : file
    return programs.worker(url, options, this.#links.lab.hostsFile.fileOf(this))
  }

  /** Returns the counters of its network stack, as nstat(8) names them: `TcpRetransSegs`. */
  stats(): HostCounters {
    this.#check()
    return this.stack.counters()
  }

  /**
   * Makes the TCP of the host misbehave toward its peers: `window 0 for 10s`, `segments 1`; ''
   * ends that. The text replaces the one before, also for open connections. Rejects with a
   * UsageError for a wrong text, and for a host in the kernel.
   */
  async misbehave(text: string): Promise<void> {
    this.#check()
    checkForm('misbehave', text, {
      text: "a text such as 'window 0 for 10s'",
      schema: schema.anyText,
    })
    if (this.stack.misbehave === undefined) {
      throw new UsageError(
        `host ${this.name}: its TCP is the kernel's: misbehave needs world: 'memory', or tapHost()`,
      )
    }
    const release = this.#links.lab.world.time.hold()
    await this.stack.misbehave(text).finally(release)
  }

  /**
   * Makes a router the only uplink of the host, like a phone that leaves the wifi: its interfaces
   * to other routers go down and lose their addresses, and all routes lead by this one. Throws a
   * UsageError unless the host has a link to the router.
   */
  async switchTo(uplink: LabHost): Promise<void> {
    this.#check()
    this.#links.switchTo(this, uplink)
  }

  /** @internal Takes the interface of a link down, and its addresses away. */
  shut(link: number): void {
    if (this.#shut.has(link)) return
    this.#change(link, each => {
      this.#shut.set(link, each)
      return { ...each, addresses: [], isShut: true }
    })
  }

  /** @internal Reverses `shut`. Returns whether the interface was shut. */
  open(link: number): boolean {
    const own = this.#shut.get(link)
    if (own === undefined) return false
    this.#shut.delete(link)
    this.#change(link, () => own)
    return true
  }

  #change(link: number, changed: (each: LabInterface) => LabInterface): void {
    const i = this.interfaces.findIndex(candidate => candidate.link === link)
    const each = this.interfaces[i]
    if (each === undefined) return
    const to = changed(each)
    ;(this.interfaces as LabInterface[])[i] = to
    this.stack.changeInterface(each.name, each.addresses, to.isShut !== true, to.addresses)
  }

  /**
   * @internal Sets the hardware address of hosts on an interface. Otherwise the first packets of a
   * run wait for an ARP or NDP reply, and later packets may overtake them.
   */
  addNeighbours(name: string, cidrs: readonly string[], mac: Uint8Array): void {
    this.stack.setNeighbours(name, cidrs, mac)
  }

  /** @internal */
  addInterface(added: LabInterface): void {
    ;(this.interfaces as LabInterface[]).push(added)
  }

  /** @internal Forgets the interfaces of a link. */
  removeLink(link: number): void {
    const { interfaces } = this
    ;(interfaces as LabInterface[]).splice(
      0,
      interfaces.length,
      ...interfaces.filter(each => each.link !== link),
    )
  }

  /** @internal The programs that run in it, unless neither one nor a worker was ever started. */
  get programs(): RunningPrograms | undefined {
    const { programs } = this.stack
    return programs?.hasStarted ? { nsfd: this.place.nsfd, pids: programs.pids } : undefined
  }

  /** @internal Kills the programs of a host that has an init. */
  endInit(): void {
    this.faults.endInit?.()
  }

  /** @internal Ends the workers. Returns a promise for the end of each one. */
  endWorkers(): Promise<unknown>[] {
    return [...this.#workers.keys()].map(worker => worker.terminate())
  }

  get #runningWorkers(): readonly (readonly [Worker, string])[] {
    return [...this.#workers].filter(([{ threadId }]) => threadId !== -1)
  }

  /** @internal What is open on it: `server on port 80 of host a`. */
  get unclosed(): readonly string[] {
    const workers = this.#runningWorkers.map(([, file]) => `worker ${file}`)
    const all = [...(this.stack.programs?.names ?? []), ...workers, ...this.#sockets.names]
    return all.map(each => `${each} of host ${this.name}`)
  }

  /** @internal Ends everything in it except processes that its programs have started. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    // Before its sockets are closed: their code may open others.
    this.stack.end()
    await Promise.all([this.stack.endPrograms(), this.#sockets.close(), ...this.endWorkers()])
    this.stack.close()
  }

  /** Returns the addresses of a name or an address, of one family or any (0). */
  readonly #lookup: CodeHost['lookup'] = async (name, family, given) => {
    const servers = given ?? this.#links.lab.hostsFile.serversFor(this, name)
    if (servers === undefined) return this.#find(name, family === 0 ? undefined : family)
    const socket = dgram.createSocket(net.isIPv6(servers[0]?.[0] ?? '') ? 'udp6' : 'udp4')
    return resolve(await this.#bound(socket), servers, name, family === 0 ? [4, 6] : [family])
  }

  /** Binds a socket and returns it, or closes it. */
  async #bound(socket: dgram.Socket, port = 0, host?: string): Promise<dgram.Socket> {
    try {
      await bindUdp(this.stack.code, socket, port, host)
      return socket
    } catch (error) {
      // The host may have closed it.
      attempt(() => socket.close())
      throw error
    }
  }

  /** Same as HostsFile.find. An address may have a zone. */
  #find(name: string, family?: 4 | 6): readonly [HostAddress, ...HostAddress[]] {
    if (net.isIPv6(name)) return [{ address: name, family: 6 }]
    return this.#links.lab.hostsFile.find(this, name, family)
  }

  /** Throws an Error after the end, and a UsageError in memory: `call` has no kernel there. */
  #startable(call: string): HostPrograms {
    this.#check()
    return this.stack.programs ?? this.refuse(`${call}: a program`)
  }

  /** @internal Reports what a world without a kernel does not have. Throws a UsageError. */
  refuse(what: string): never {
    const refused = new UsageError(`host ${this.name}: ${what} needs world: 'kernel'`)
    this.#links.lab.setup.onRefused?.(refused)
    throw refused
  }

  #check(): void {
    if (this.#closed !== undefined) throw new Error(`host ${this.name}: the lab has ended`)
  }
}
