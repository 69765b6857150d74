/**
 * The way out of a network namespace: pasta(1) of the package passt, which gives the namespace the
 * addresses of the machine, and makes the connections that leave it with sockets of the machine.
 * It runs outside the namespaces of an ordinary user, so it is started, as a process that waits for
 * its namespace, before vnet enters them.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync, watch, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { attempt, ENETUNREACH, EPIPE, VnetError } from '../base/errno.ts'
import { parseAddress } from '../packet/address.ts'
import { check, closeFd, closing, closingOnError } from './errno.ts'
import { writeFile } from './files.ts'
import type { Native } from './native.ts'
import { findProgram } from './programs.ts'
import { PASTA_MISSING, pastaLacks } from './requirements.ts'
import { waitingForWayOut } from './rootless.ts'
import { getRoutes, RouteSocket } from './rtnetlink.ts'
import * as uapi from './uapi.ts'

/**
 * The DNS servers in namespaces with a way out. They pass queries to the machine's first server of
 * their address family.
 */
const RESOLVER = '198.19.255.53'
const RESOLVER_6 = '2001:db8:0:ffff::53'

/**
 * The environment variable that is set to the id of this process, its descriptor for the waiting
 * process, and the user namespace and the user id with which the waiting process was started.
 */
const WAITING = 'VNET_WAY_OUT'

/** Milliseconds between two looks at whether the process that waits was killed. */
const ALIVE_MS = 100

/** A network namespace: a descriptor of it, or -1 for this process's own. */
type Place = Readonly<{ native: Native; nsfd: number }>

/** TCP connections of a namespace, which do not use pasta (native/rootless/tcp-out.h). */
interface TcpOut {
  /** Descriptors. */
  readonly gate: number
  readonly listener: number
  /** Ports of the machine's loopback to which MACHINE leads. */
  readonly localhost: readonly number[]
}

interface Prepared {
  readonly fd: number
  readonly isOutside: boolean
  readonly isRoot: boolean
}

function readPrepared(): Prepared | undefined {
  const [pid, fd, user, uid] = (process.env[WAITING] ?? '').split(' ')
  return pid === String(process.pid)
    ? { fd: Number(fd), isOutside: user !== userNamespace(), isRoot: uid === '0' }
    : undefined
}

const userNamespace = () => readlinkSync('/proc/self/ns/user')

/** Returns the options by which pasta finds the namespaces. `mounted` is a file for the second. */
function namespaceOptions(
  waiting: Prepared | undefined,
  netns: string,
  mounted: string,
): readonly string[] {
  // Root's pasta would become another user.
  const asRoot = (waiting?.isRoot ?? true) ? ['--runas', '0'] : []
  // The rights of its own user namespace are all that pasta needs there. Otherwise it gives up
  // the right to open a file of another process, so the file is mounted before.
  if (!waiting?.isOutside) return [...asRoot, '--netns-only', '--netns', mounted]
  return [...asRoot, '--userns', `/proc/${process.pid}/ns/user`, '--netns', netns]
}

/** Throws a VnetError with the reason in the log if pasta has ended. */
function refuseEnded(native: Native, fd: number, log: string): void {
  const isGone = (native.poll(fd) & uapi.POLLHUP) !== 0
  const text = readFileSync(log, 'latin1')
  if (isGone || /^ended$/m.test(text)) {
    throw noWayOut(`no way to the Internet: ${reasonIn(text)}`)
  }
}

/** The way out of one namespace; its owner closes it. Static members hold for all namespaces. */
export class WayOut {
  /** The interface of a namespace to the machine's network. */
  static readonly INTERFACE = 'pasta0'
  /** The machine's loopback, from a namespace (native/rootless/tcp-out.h). */
  static readonly MACHINE = '198.19.255.55'

  /** The families of addresses that the machine has a default route for. */
  readonly families: readonly (4 | 16)[]
  /** The connection ends when all copies of this descriptor are closed. */
  readonly fd: number

  readonly #native: Native
  readonly #log: string

  private constructor(native: Native, families: readonly (4 | 16)[], fd: number, log: string) {
    this.#native = native
    this.#log = log
    this.families = families
    this.fd = fd
  }

  /**
   * Starts the process that waits for a namespace, before this process enters namespaces of its
   * own. Returns the descriptors that must remain open. Aside, it is not a child of this process,
   * which may become another program. Throws a VnetError without pasta.
   */
  static prepare(native: Native, { isAside = false } = {}): readonly number[] {
    pastaPath()
    const fd = startWaiting(native, isAside)
    process.env[WAITING] = `${process.pid} ${fd} ${userNamespace()} ${process.geteuid?.()}`
    return [fd]
  }

  /** Returns the descriptor that this process has prepared, and not used; undefined without one. */
  static prepared(): number | undefined {
    return readPrepared()?.fd
  }

  /**
   * Connects a namespace. These TCP ports of the machine lead to it. `directory`, which the machine
   * has too, is for files. `tcp` remains the caller's. Rejects with a VnetError if pasta is
   * missing, or fails.
   */
  static async open(
    place: Place,
    directory: string,
    ports: readonly number[] = [],
    tcp?: TcpOut,
  ): Promise<WayOut> {
    const { native } = place
    const pasta = pastaPath()
    const waiting = readPrepared()
    if (waiting === undefined && familiesOf({ ...place, nsfd: -1 }).length === 0) {
      throw noWayOut(NO_ROUTE)
    }
    const taken = waiting === undefined ? await WayOut.takenPort(ports) : undefined
    if (taken !== undefined) throw noWayOut(`forward of port ${taken}: the port is in use`)
    delete process.env[WAITING]
    const fd = waiting?.fd ?? startWaiting(native)
    if (waiting !== undefined) {
      check(native.adopt(fd), `descriptor ${fd}`)
    }
    // Programs do not inherit it.
    native.ioctl(fd, uapi.FIOCLEX, 0)
    return closingOnError(native, [fd], async () => {
      const [ready, log, mounted] = ['ready', 'log', 'netns'].map(name =>
        join(directory, `way-out.${name}`),
      ) as [string, string, string]
      for (const file of [ready, mounted]) {
        writeFileSync(file, '', { mode: 0o600 })
      }
      // A full disk would take an empty file, and not the reason why pasta ends.
      writeFile(log, '\n', { mode: 0o600 })
      const netns = `/proc/${process.pid}/${place.nsfd < 0 ? 'ns/net' : `fd/${place.nsfd}`}`
      const words = [
        ...(waiting?.isOutside ? ['-', '-'] : [netns, mounted]),
        log,
        tcp?.localhost.join(',') ?? '',
        nameserversOfMachine()[0] ?? '',
        pasta,
        ...namespaceOptions(waiting, netns, mounted),
        ...OPTIONS,
        ...WayOut.forwardedServers().flatMap(({ inside }) => ['--dns-forward', inside]),
        '--tcp-ports',
        ports.join(',') || 'none',
        '-P',
        ready,
      ]
      const changes = watch(directory)
      try {
        const request = Buffer.from(words.map(word => `${word}\n`).join(''))
        const sent =
          tcp === undefined
            ? native.send(fd, request, 0)
            : native.sendDescriptors(fd, request, 0, Int32Array.of(tcp.gate, tcp.listener))
        // If the process was killed, the log is empty.
        if (sent !== -EPIPE) {
          check(sent, 'send a request')
        }
        while (readFileSync(ready, 'latin1') === '') {
          refuseEnded(native, fd, log)
          await once(changes, 'change', { signal: AbortSignal.timeout(ALIVE_MS) }).catch(() => {})
        }
      } finally {
        changes.close()
      }
      return new WayOut(native, familiesOf(place), fd, log)
    })
  }

  /**
   * Returns the first TCP port that is in use on an address of this network namespace. It looks at
   * both families, because pasta is content if it gets the port on one of them.
   */
  static async takenPort(ports: readonly number[]): Promise<number | undefined> {
    for (const port of ports) {
      for (const host of ['0.0.0.0', '::']) {
        const server = createServer()
        try {
          server.listen({ port, host, ipv6Only: true })
          await once(server, 'listening')
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return port
        } finally {
          // Otherwise it has nothing to close.
          if (server.listening) {
            await once(server.close(), 'close')
          }
        }
      }
    }
    return undefined
  }

  /** Returns the machine's first DNS server of each family, and its address in a namespace. */
  static forwardedServers(): { readonly own: string; readonly inside: string }[] {
    const firsts = [false, true].flatMap(
      isV6 => nameserversOfMachine().find(each => each.includes(':') === isV6) ?? [],
    )
    return firsts.map(own => ({ own, inside: own.includes(':') ? RESOLVER_6 : RESOLVER }))
  }

  /** Returns the DNS servers in a namespace, from where loopback leads nowhere. */
  static nameservers(): string[] {
    const forwarded = WayOut.forwardedServers()
    const servers = nameserversOfMachine().map(
      text => forwarded.find(({ own }) => own === text)?.inside ?? text,
    )
    const reached = new Set(servers.filter(text => !/^127\.|^::1$/.test(text)))
    return reached.size > 0 ? [...reached] : [RESOLVER]
  }

  /** Returns the text of resolv.conf(5) in a namespace, with the other lines of the machine's. */
  static resolvConf(): string {
    const others =
      resolvConfOfMachine().match(/^[ \t]*(search|domain|options|sortlist)[ \t].*$/gm) ?? []
    return [...WayOut.nameservers().map(server => `nameserver ${server}`), ...others]
      .map(line => `${line}\n`)
      .join('')
  }

  /** The SYNs of TCP connections that were dropped because there were too many connections. */
  get refused(): number {
    const lines = (attempt(() => readFileSync(this.#log, 'latin1')) ?? '').match(/^refused \d+$/gm)
    return Number(lines?.at(-1)?.split(' ')[1] ?? 0)
  }

  /** Ends the connection. */
  close(): void {
    closeFd(this.#native, this.fd)
  }
}

const NO_ROUTE =
  'no way to the Internet: this network namespace has no default route (in vnet rootless, it has one with --internet)'

const noWayOut = (reason: string) => new VnetError(ENETUNREACH, ['pasta', ''], reason)

/** Nothing of the machine is reachable that is not on its network, and no port of the lab. */
const OPTIONS = [
  ...[
    '--foreground',
    '--quiet',
    '--no-netns-quit',
    '--config-net',
    '--no-map-gw',
    '--ns-ifname',
    WayOut.INTERFACE,
  ],
  ...['--tcp-ns', 'none', '--udp-ns', 'none', '--udp-ports', 'none'],
]

/**
 * Starts the process that reads one request from the other end of the returned socket. It ends when
 * all copies of the returned descriptor are closed.
 */
function startWaiting(native: Native, isAside = false): number {
  const pair = new Int32Array(2)
  check(native.socketpair(uapi.SOCK_SEQPACKET, pair), 'socketpair')
  const [fd, input] = pair as unknown as [number, number]
  const start = () => {
    const [program, ...args] = waitingForWayOut(isAside)
    const stdio = [input, 'ignore', 'ignore'] as const
    if (isAside) {
      spawnSync(program, args, { stdio: [...stdio] })
    } else {
      // If it does not start, the request finds the socket closed.
      spawn(program, args, { stdio: [...stdio] })
        .on('error', () => {})
        .unref()
    }
  }
  closingOnError(native, [fd], () => closing(native, input, start))
  return fd
}

/** Returns the path of pasta. Throws a VnetError if it is not installed. */
function pastaPath(): string {
  const found = findProgram('pasta')
  if (found !== undefined) return found
  throw noWayOut(PASTA_MISSING)
}

/** Returns the last error in the output of pasta, which also complains of a missing syslog. */
function reasonIn(log: string): string {
  const lines = log
    .split('\n')
    .filter(line => line !== '' && !/syslog|^ended$|^refused /.test(line))
  const [, option] = /unrecognized option '(--[\w-]+)/.exec(log) ?? []
  if (option !== undefined) return pastaLacks(option)
  const reason = lines.at(-1) ?? 'pasta has ended'
  return /sandbox/.test(reason)
    ? `${reason}: in Docker, run it with --security-opt seccomp=unconfined`
    : reason
}

const resolvConfOfMachine = () => attempt(() => readFileSync('/etc/resolv.conf', 'latin1')) ?? ''

/** Returns the addresses of the machine's DNS servers. */
function nameserversOfMachine(): string[] {
  const text = resolvConfOfMachine()
  const found = Array.from(
    text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm),
    ([, address]) => address as string,
  )
  return found.filter(address => parseAddress(address) !== undefined)
}

function familiesOf({ native, nsfd }: Place): (4 | 16)[] {
  using sock = RouteSocket.open(native, nsfd)
  const routes = getRoutes(sock).filter(
    ({ prefixLen, via }) => prefixLen === 0 && via !== undefined,
  )
  return ([4, 16] as const).filter(family => routes.some(({ dst }) => dst.length === family))
}
