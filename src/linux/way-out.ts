/**
 * The way out of a network namespace: pasta(1) of the package passt, which gives the namespace the
 * addresses of the machine, and makes the connections that leave it with sockets of the machine.
 * It runs outside the namespaces of an ordinary user, so it is started, as a process that waits for
 * its namespace, before vnet enters them.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { attempt, ENETUNREACH, VnetError } from '../base/errno.ts'
import type { Native } from './native.ts'
import { waitingForWayOut } from './rootless.ts'
import { getRoutes, RouteSocket } from './rtnetlink.ts'

/** The interface of a namespace to the machine's network. */
export const OUTSIDE = 'pasta0'

/** The DNS server in namespaces with a way out, which passes queries to the machine's server. */
export const RESOLVER = '198.19.255.53'

/**
 * Set to the id of this process, its descriptor for the process that waits, and the user namespace
 * in which that one was started.
 */
const WAITING = 'VNET_WAY_OUT'

/** A network namespace: a descriptor of it, or -1 for this process's own. */
interface Place {
  readonly native: Native
  readonly nsfd: number
}

/**
 * Starts the process that waits for a namespace, before this process enters namespaces of its own.
 * Returns the descriptors that must remain open. Aside, it is no child of this process, which may
 * become another program. Throws a VnetError without pasta.
 */
export function prepareWayOut({ isAside = false } = {}): readonly number[] {
  pastaPath()
  const fd = startWaiting(isAside)
  process.env[WAITING] = `${process.pid} ${fd} ${userNamespace()}`
  return [fd]
}

/** Returns the descriptor that this process has prepared, and not used; undefined without one. */
export function preparedWayOut(): number | undefined {
  return prepared()?.fd
}

function prepared(): { readonly fd: number; readonly isOutside: boolean } | undefined {
  const [pid, fd, user] = (process.env[WAITING] ?? '').split(' ')
  return pid === String(process.pid) ? { fd: Number(fd), isOutside: user !== userNamespace() } : undefined
}

const userNamespace = () => readlinkSync('/proc/self/ns/user')

export class WayOut {
  /** The families of addresses that the machine has a default route for. */
  readonly families: readonly (4 | 16)[]
  /** The connection ends when all copies of this descriptor are closed. */
  readonly fd: number

  private constructor(families: readonly (4 | 16)[], fd: number) {
    this.families = families
    this.fd = fd
  }

  /**
   * Connects a namespace. These TCP ports of the machine lead to it. `directory`, which the machine
   * has too, is for files. Rejects with a VnetError if pasta is missing, or fails.
   */
  static async open(place: Place, directory: string, ports: readonly number[] = []): Promise<WayOut> {
    const pasta = pastaPath()
    const waiting = prepared()
    if (waiting === undefined && familiesOf({ ...place, nsfd: -1 }).length === 0) throw noWayOut(NO_ROUTE)
    delete process.env[WAITING]
    const fd = waiting === undefined ? startWaiting() : reopened(waiting.fd)
    try {
      const [ready, log, mounted] = ['ready', 'log', 'netns'].map(name => join(directory, `way-out.${name}`)) as [
        string,
        string,
        string,
      ]
      for (const file of [ready, log, mounted]) writeFileSync(file, '', { mode: 0o600 })
      const netns = `/proc/${process.pid}/${place.nsfd < 0 ? 'ns/net' : `fd/${place.nsfd}`}`
      // The rights of its own user namespace are all that pasta needs there. Otherwise it gives up
      // the right to open a file of another process, so the file is mounted before.
      const target = waiting?.isOutside
        ? (['-', '-', ['--userns', `/proc/${process.pid}/ns/user`, '--netns', netns]] as const)
        : ([netns, mounted, ['--runas', '0', '--netns-only', '--netns', mounted]] as const)
      const [from, to, where] = target
      const words = [from, to, log, pasta, ...where, ...OPTIONS, '--tcp-ports', ports.join(',') || 'none', '-P', ready]
      const changes = watch(directory)
      try {
        writeSync(fd, `${words.join('\n')}\n\n`)
        while (readFileSync(ready, 'latin1') === '') {
          const text = readFileSync(log, 'latin1')
          if (/^ended$/m.test(text)) throw noWayOut(`no way to the Internet: ${reasonIn(text)}`)
          await once(changes, 'change')
        }
      } finally {
        changes.close()
      }
      return new WayOut(familiesOf(place), fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Ends the connection. */
  close(): void {
    closeSync(this.fd)
  }
}

const NO_ROUTE =
  'no way to the Internet: this network namespace has no default route (in vnet rootless, it has one with --internet)'

const noWayOut = (reason: string) => new VnetError(ENETUNREACH, ['pasta', ''], reason)

/** Nothing of the machine is reachable that is not on its network, and no port of the lab. */
const OPTIONS = [
  ...['--foreground', '--quiet', '--no-netns-quit', '--config-net', '--no-map-gw', '--ns-ifname', OUTSIDE],
  ...['--tcp-ns', 'none', '--udp-ns', 'none', '--udp-ports', 'none', '--dns-forward', RESOLVER],
]

/** Returns another descriptor of the same file, which programs do not inherit. */
function reopened(fd: number): number {
  const own = openSync(`/proc/self/fd/${fd}`, constants.O_RDWR)
  closeSync(fd)
  return own
}

/** Returns a descriptor: the process reads a request from it, and ends when it is closed. */
function startWaiting(isAside = false): number {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-way-out-'))
  try {
    const path = join(directory, 'request')
    spawnSync('mkfifo', ['-m', '600', path])
    const [fd, input] = [constants.O_RDWR, constants.O_RDONLY].map(flags => openSync(path, flags)) as [number, number]
    const [program, ...args] = waitingForWayOut(isAside)
    const stdio = [input, 'ignore', 'ignore'] as const
    if (isAside) spawnSync(program, args, { stdio: [...stdio] })
    else spawn(program, args, { stdio: [...stdio] }).unref()
    closeSync(input)
    return fd
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns the path of pasta. Throws a VnetError if it is not installed. */
function pastaPath(): string {
  const paths = (process.env.PATH ?? '').split(delimiter).map(directory => join(directory, 'pasta'))
  const found = paths.find(path => attempt(() => accessSync(path, constants.X_OK) ?? true))
  if (found !== undefined) return found
  throw noWayOut('the way to the Internet is pasta, which is not installed: sudo apt-get install passt')
}

/** Returns the last error in the output of pasta, which also complains of a missing syslog. */
function reasonIn(log: string): string {
  const lines = log.split('\n').filter(line => line !== '' && !/syslog|^ended$/.test(line))
  return lines.at(-1) ?? 'pasta has ended'
}

function familiesOf({ native, nsfd }: Place): (4 | 16)[] {
  using sock = RouteSocket.open(native, nsfd)
  const routes = getRoutes(sock).filter(({ prefixLen, via }) => prefixLen === 0 && via !== undefined)
  return ([4, 16] as const).filter(family => routes.some(({ dst }) => dst.length === family))
}
