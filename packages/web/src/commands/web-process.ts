/**
 * The processes of `--web` and `--metrics`. Each serves one vnet over HTTP, as `vnet web` and `vnet
 * metrics` serve all, and costs the vnet nothing but requests. The vnet makes the sockets in the
 * user's namespaces: before it enters others, and before an interface exists. A process ends with
 * its vnet, however that ends, because its standard input then does. The vnet continues without it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { getPriority, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clock } from 'vnet/internal/base/clock'
import { LimitedLog, type Log } from 'vnet/internal/base/log'
import { UsageError } from 'vnet/internal/base/usage-error'
import type { CommonOptions } from 'vnet/internal/cli/options'
import type { WebUrls } from 'vnet/internal/cli/output'
import type { ChildKind } from 'vnet/internal/control/server/rights'
import { check, closingOnError } from 'vnet/internal/linux/errno'
import type { Native } from 'vnet/internal/linux/native'
import {
  AF_INET,
  AF_INET6,
  int32,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddrInet,
} from 'vnet/internal/linux/uapi'
import { parseAddress as addressBytes } from 'vnet/internal/packet/address'
import { bindAdvice, parseAddress, urlOf } from '../http/address.ts'
import { metricsUrl, ownAccess, pageUrl } from '../http/token.ts'

const KINDS: readonly ChildKind[] = ['web', 'metrics']

/** The default backlog of node:net. */
const BACKLOG = 511
/** The nice value of the processes: requests of strangers must not take the CPU from frames. */
const NICE = 10
/** Milliseconds after which a process that does not end is killed. */
const LIMIT_MS = 1000
/** Set by a process that executes itself again: its id, and the sockets that it keeps. */
const KEPT = 'VNET_WEB_SOCKETS'

const MAIN = fileURLToPath(new URL('./web-process-main.js', import.meta.url))

interface Served {
  readonly kind: ChildKind
  readonly host: string
  readonly port: number
  readonly fd: number
}

export class WebProcesses implements AsyncDisposable {
  /** The kind of server of each process, by its number. */
  readonly kinds = new Map<number, ChildKind>()
  readonly #native: Native
  readonly #served: Served[] = []
  readonly #children = new Map<ChildProcess, Served>()
  #isEnding = false

  /**
   * Makes the sockets that the options request, or takes the sockets that this process made before
   * it executed itself. Throws a UsageError if an address is malformed, a VnetError if it is in
   * use.
   */
  constructor(native: Native, options: Pick<CommonOptions, ChildKind>) {
    this.#native = native
    const [pid, ...kept] = (process.env[KEPT] ?? '').split(' ').map(Number)
    try {
      for (const kind of KINDS) {
        const text = options[kind]
        if (text === undefined) continue
        const fd = pid === process.pid ? kept.shift() : undefined
        this.#served.push(listening(native, kind, text, fd))
      }
    } catch (error) {
      this.#closeSockets()
      throw error
    }
    process.env[KEPT] = [process.pid, ...this.descriptors].join(' ')
  }

  /** The sockets, which are to be kept when the process executes itself. */
  get descriptors(): Int32Array {
    return Int32Array.from(this.#served, ({ fd }) => fd)
  }

  /** Throws a VnetError if no directory can hold the secret of the tokens. */
  get urls(): WebUrls {
    const urls = this.#served.map(({ kind, host, port }) => {
      const withPath = kind === 'web' ? pageUrl : metricsUrl
      return [kind, withPath(urlOf(host, port), ownAccess(kind))]
    })
    return Object.fromEntries(urls) as WebUrls
  }

  /** Starts a process for each socket. Logs its output, and its end. */
  start(log: Log, clock: Clock): void {
    const { [KEPT]: _, NODE_OPTIONS: __, ...env } = process.env
    const limited = new LimitedLog(log, clock)
    for (const served of this.#served.splice(0)) {
      const { kind, host, port, fd } = served
      const args = [MAIN, kind, host, `${port}`, `${process.pid}`]
      const child = spawn(process.execPath, args, { cwd: '/', env, stdio: ['pipe', 'ignore', 'pipe', fd] })
      this.#children.set(child, served)
      if (child.pid !== undefined) {
        this.kinds.set(child.pid, kind)
        // An ordinary user may not give it a higher priority than its own.
        setPriority(child.pid, Math.max(NICE, getPriority()))
      }
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trim().split('\n')) limited.warn(kind, `vnet: --${kind}: ${line}`)
      })
      // It may have ended when its input is closed.
      child.stdin?.on('error', () => {})
      child.once('error', ({ message }) => this.#ended(child, message, log))
      child.once('exit', (status, signal) => this.#ended(child, signal ?? `status ${status}`, log))
      // The interfaces keep this process alive, or not.
      for (const end of [child, child.stdin, child.stderr] as { unref?(): void }[]) end.unref?.()
    }
  }

  /** Ends the processes. Their addresses are free when it settles. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true
    this.#closeSockets()
    const ends = [...this.#children.keys()].map(async child => {
      const kill = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
      child.ref()
      child.stdin?.end()
      await new Promise(resolve => child.once('exit', resolve).once('error', resolve))
      clearTimeout(kill)
    })
    await Promise.all(ends)
  }

  #ended(child: ChildProcess, why: string, log: Log): void {
    const served = this.#children.get(child)
    if (served === undefined) return
    this.#children.delete(child)
    if (child.pid !== undefined) this.kinds.delete(child.pid)
    this.#close(served)
    if (!this.#isEnding) log.err(`vnet: --${served.kind}: its process has ended (${why}); the interfaces go on`)
  }

  #closeSockets(): void {
    for (const served of this.#served.splice(0)) this.#close(served)
  }

  /** Other threads may have a copy of the descriptor, so it is not enough to close it. */
  #close({ fd }: Served): void {
    this.#native.connect(fd, NOWHERE)
    this.#native.close(fd)
  }
}

/** AF_UNSPEC: a socket that listens no longer does (connect(2)). */
const NOWHERE = new Uint8Array(16)

/** Returns a socket that listens; `fd` is one that does already. */
function listening(native: Native, kind: ChildKind, text: string, fd?: number): Served {
  const address = parseAddress(text)
  const bytes = address && addressBytes(address.host)
  if (address === undefined || bytes === undefined) {
    throw new UsageError(`--${kind} ${text}: must be [ADDR:]PORT, such as 8080, 192.0.2.1:8080 or [::1]:8080`)
  }
  const family = bytes.length === 4 ? AF_INET : AF_INET6
  const what = `--${kind} ${text}`
  const made = fd ?? check(native.socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0, -1), what)
  return closingOnError(native, [made], () => {
    if (fd === undefined) {
      check(native.setsockopt(made, SOL_SOCKET, SO_REUSEADDR, int32(1)), what)
      const bound = native.bind(made, sockaddrInet(bytes, address.port))
      check(bound, what, bindAdvice(-bound, address.host))
      check(native.listen(made, BACKLOG), what)
    }
    const name = new Uint8Array(28)
    check(native.getsockname(made, name), what)
    return { kind, host: address.host, port: (name[2] ?? 0) * 256 + (name[3] ?? 0), fd: made }
  })
}
