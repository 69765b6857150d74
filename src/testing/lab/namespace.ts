/**
 * LabNamespace: a network namespace of a lab, a host of its own: programs, servers, sockets and
 * requests of it. The namespace has no name outside; a descriptor holds it, so that it ends with the
 * process at the latest.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { SocketType, Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { check } from '../../linux/errno.ts'
import { builtFile, type Native } from '../../linux/native.ts'
import { getLinks, RouteSocket, setLink } from '../../linux/rtnetlink.ts'
import { IFF_UP } from '../../netdev/if.ts'
import { parseAddress } from '../../packet/address.ts'
import type { Hosts } from './hosts.ts'
import { connecting, type Listening, listen, type Place, udpSocket } from './sockets.ts'

/** What a program printed, and how it ended. */
export interface ExecResult {
  /** The exit status; null if a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ExecOptions extends SpawnOptions {
  /** Written to its standard input. */
  readonly input?: string | Uint8Array
}

/** What a namespace needs of its lab. */
export interface NamespaceLab {
  readonly native: Native
  readonly hosts: Hosts
}

/** The launcher finds the namespace at this descriptor of the program. */
const NSFD = 3

export class LabNamespace {
  readonly name: string
  /** The IP addresses of its interfaces, without prefixes, in the order in which they were added. */
  readonly addresses: string[] = []
  readonly #lab: NamespaceLab
  readonly #fd: number
  readonly #children = new Set<ChildProcess>()
  readonly #workers = new Set<Worker>()
  readonly #sockets = new Set<{ close?(): unknown; destroy?(): unknown }>()
  #isClosed = false

  /** @internal */
  constructor(name: string, lab: NamespaceLab) {
    this.name = name
    this.#lab = lab
    const { native } = lab
    this.#fd = check(native.createNetns(), 'unshare(CLONE_NEWNET)')
    using sock = RouteSocket.open(native, this.#fd)
    for (const { ifindex } of getLinks(sock)) setLink(sock, ifindex, { flags: { set: IFF_UP, mask: IFF_UP } })
  }

  /** The namespace as a path, for programs of this process: `/proc/self/fd/23`. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`
  }

  /**
   * Starts a program in the namespace. It finds the other namespaces of the lab by their names, and
   * is killed at the end of the lab, or when the thread that started it ends.
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    { stdio = 'pipe', ...options }: SpawnOptions = {},
  ): ChildProcess {
    this.#check()
    const launcher = builtFile('vnet-within', 'the launcher')
    const streams = typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio]
    if (streams.length > NSFD) throw new TypeError('stdio: a program of a namespace has three streams')
    const words = [String(process.pid), String(NSFD), this.#lab.hosts.fileOf(this), command, ...args]
    const child = spawn(launcher, words, { ...options, stdio: [...streams, this.#fd] as never })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  /** Runs a program in the namespace to its end, and returns what it printed. */
  async exec(
    command: string,
    args: readonly string[] = [],
    { input, ...options }: ExecOptions = {},
  ): Promise<ExecResult> {
    const child = this.spawn(command, args, { ...options, stdio: 'pipe' })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout?.on('data', chunk => out.push(chunk))
    child.stderr?.on('data', chunk => err.push(chunk))
    // The program may end without reading.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    return { status, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
  }

  /**
   * Has a server of this process (node:http, net, tls, http2) listen in the namespace, on every
   * address or on `host`. Returns the port; 0 takes a free one. The server is closed with the lab.
   */
  async listen(server: Listening & { close(): unknown }, port = 0, host?: string): Promise<number> {
    this.#check()
    this.#sockets.add(server)
    return listen(this.#lab.native, this.#fd, server, port, host)
  }

  /** Connects from the namespace to an address, or a namespace by its name. */
  async connect(port: number, host: string): Promise<Socket> {
    const socket = this.connecting(port, host)
    await once(socket, 'connect')
    return socket
  }

  /** Returns a socket that is connecting, as net.connect does. */
  connecting(port: number, host: string): Socket {
    this.#check()
    const socket = connecting(this.#lab.native, this.#fd, this.#placeOf(host), port)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }

  /**
   * Returns a UDP socket of the namespace, bound to `port` (0: a free one). It sends to addresses,
   * and to namespaces by their names.
   */
  async createSocket(type: SocketType, port = 0, host?: string): Promise<UdpSocket> {
    this.#check()
    const family = type === 'udp6' ? 6 : 4
    const options = { type, lookup: this.#lab.hosts.lookupOf(this, family) }
    const socket = await udpSocket(this.#lab.native, this.#fd, options as never, { port, host })
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }

  /** Returns an agent for node:http whose connections begin in the namespace. */
  agent(options?: http.AgentOptions): http.Agent {
    const agent = new http.Agent(options)
    const connect = ({ port, host }: { port?: number | string; host?: string }) =>
      this.connecting(Number(port ?? 80), host ?? 'localhost')
    return Object.assign(agent, { createConnection: connect })
  }

  /** fetch() from the namespace: `http://server:8080/` leads to the namespace `server`. */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    this.#check()
    const { fetch, Agent, buildConnector } = await import('undici')
    const secure = buildConnector({})
    const dispatcher = new Agent({
      connect: (options, callback) => {
        const { hostname, port, protocol } = options
        const socket = this.connecting(Number(port || (protocol === 'https:' ? 443 : 80)), hostname)
        const failed = (error: Error) => callback(error, null)
        socket.once('error', failed)
        socket.once('connect', () => {
          socket.removeListener('error', failed)
          if (protocol === 'https:') secure({ ...options, httpSocket: socket } as never, callback)
          else callback(null, socket)
        })
      },
    })
    return fetch(url, { ...(init as object), dispatcher }) as unknown as Promise<Response>
  }

  /** Starts a worker thread all of whose sockets are of the namespace. Names of the lab are not
   * known to its getaddrinfo: use addresses. */
  worker(file: string | URL, options: WorkerOptions = {}): Worker {
    this.#check()
    const url = typeof file === 'string' ? pathToFileURL(file) : file
    const entry = new URL('./worker-entry.js', builtPlace(import.meta.url))
    const worker = new Worker(entry, {
      ...options,
      workerData: { nsfd: this.#fd, url: url.href, data: options.workerData },
    })
    this.#workers.add(worker)
    worker.once('exit', () => this.#workers.delete(worker))
    return worker
  }

  /** Kills its programs, ends its workers and closes its sockets. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const ended = [...this.#children].map(child => (child.exitCode ?? child.signalCode) === null && once(child, 'exit'))
    for (const child of this.#children) child.kill('SIGKILL')
    for (const socket of this.#sockets) {
      if ('closeAllConnections' in socket) (socket as http.Server).closeAllConnections()
      try {
        if (socket.destroy !== undefined) socket.destroy()
        else socket.close?.()
      } catch {
        // It is closed already.
      }
    }
    await Promise.all([...ended, ...[...this.#workers].map(worker => worker.terminate())])
    this.#lab.native.close(this.#fd)
  }

  #placeOf(host: string): Place {
    const name = host.replace(/^\[(.*)\]$/, '$1')
    const bytes = parseAddress(name)
    if (bytes !== undefined) return { address: name, family: bytes.length === 4 ? 4 : 6 }
    return this.#lab.hosts.find(this, name)
  }

  #check(): void {
    if (this.#isClosed) throw new Error(`the namespace ${this.name} is closed: its lab has ended`)
  }
}

/** Returns where a module is in dist. A worker runs built code only. */
export function builtPlace(url: string): string {
  return url.endsWith('.ts') ? url.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : url
}
