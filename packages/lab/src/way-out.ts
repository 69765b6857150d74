/**
 * The way out of a lab: pasta(1) of the package passt, which gives a network namespace the
 * addresses of the machine, and makes the connections that leave it with sockets of the machine.
 * It runs outside the namespaces of an ordinary user's lab, so it is started, as a process that
 * waits for its namespace, before vnet enters them.
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
  rmSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { waitingForWayOut } from 'vnet/internal/linux/rootless'
import { getRoutes, RouteSocket } from 'vnet/internal/linux/rtnetlink'
import { LabUnavailableError } from './rights.ts'
import type { SocketPlace } from './sockets.ts'
import { OUTSIDE, RESOLVER } from './subnet.ts'

/** Set to the process id and a descriptor of the process that waits. */
const WAITING = 'VNET_WAY_OUT'

/**
 * Starts the process that waits for a namespace, before this process enters namespaces of its own.
 * Returns the descriptors that must remain open. Throws a LabUnavailableError without pasta.
 */
export function prepareWayOut(): readonly number[] {
  pastaPath()
  const fd = startWaiting()
  process.env[WAITING] = `${process.pid} ${fd}`
  return [fd]
}

export class WayOut {
  /** The families of addresses that the machine has a default route for. */
  readonly families: readonly (4 | 16)[]
  readonly #fd: number

  private constructor(families: readonly (4 | 16)[], fd: number) {
    this.families = families
    this.#fd = fd
  }

  /**
   * Connects a namespace. These TCP ports of the machine lead to it. `directory` is for files.
   * Rejects with a LabUnavailableError if pasta is missing, or fails.
   */
  static async open(place: SocketPlace, directory: string, ports: readonly number[]): Promise<WayOut> {
    const pasta = pastaPath()
    const [pid, prepared] = (process.env[WAITING] ?? '').split(' ').map(Number)
    const isPrepared = pid === process.pid && prepared !== undefined
    if (isPrepared) delete process.env[WAITING]
    const fd = isPrepared ? reopened(prepared) : startWaiting()
    try {
      const [ready, log, mounted] = ['ready', 'log', 'netns'].map(name => join(directory, `way-out.${name}`)) as [
        string,
        string,
        string,
      ]
      for (const file of [ready, log, mounted]) writeFileSync(file, '', { mode: 0o600 })
      const netns = `/proc/${process.pid}/fd/${place.nsfd}`
      // The rights of its own user namespace are all that pasta needs there. Otherwise it gives up
      // the right to open a file of another process, so the file is mounted before.
      const target = isPrepared
        ? (['-', '-', ['--userns', `/proc/${process.pid}/ns/user`, '--netns', netns]] as const)
        : ([netns, mounted, ['--runas', '0', '--netns-only', '--netns', mounted]] as const)
      const [from, to, where] = target
      const words = [from, to, log, pasta, ...where, ...OPTIONS, '--tcp-ports', ports.join(',') || 'none', '-P', ready]
      const changes = watch(directory)
      try {
        writeSync(fd, `${words.join('\n')}\n\n`)
        while (readFileSync(ready, 'latin1') === '') {
          const text = readFileSync(log, 'latin1')
          if (/^ended$/m.test(text)) throw new LabUnavailableError(`no way to the Internet: ${reasonIn(text)}`)
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
    closeSync(this.#fd)
  }
}

/** Nothing of the machine is reachable that is not on its network, and no port of the lab. */
const OPTIONS = [
  ...['--foreground', '--quiet', '--config-net', '--no-map-gw', '--ns-ifname', OUTSIDE],
  ...['--tcp-ns', 'none', '--udp-ns', 'none', '--udp-ports', 'none', '--dns-forward', RESOLVER],
]

/** Returns another descriptor of the same file, which programs do not inherit. */
function reopened(fd: number): number {
  const own = openSync(`/proc/self/fd/${fd}`, constants.O_RDWR)
  closeSync(fd)
  return own
}

/** Returns a descriptor: the process reads a request from it, and ends when it is closed. */
function startWaiting(): number {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-way-out-'))
  try {
    const path = join(directory, 'request')
    spawnSync('mkfifo', ['-m', '600', path])
    const [fd, input] = [constants.O_RDWR, constants.O_RDONLY].map(flags => openSync(path, flags)) as [number, number]
    const [program, ...args] = waitingForWayOut()
    spawn(program, args, { stdio: [input, 'ignore', 'ignore'] }).unref()
    closeSync(input)
    return fd
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns the path of pasta. Throws a LabUnavailableError if it is not installed. */
function pastaPath(): string {
  const paths = (process.env.PATH ?? '').split(delimiter).map(directory => join(directory, 'pasta'))
  const found = paths.find(path => attempt(() => accessSync(path, constants.X_OK) ?? true))
  if (found !== undefined) return found
  throw new LabUnavailableError('the way to the Internet is pasta, which is not installed: sudo apt-get install passt')
}

/** Returns the last error in the output of pasta, which also complains of a missing syslog. */
function reasonIn(log: string): string {
  const lines = log.split('\n').filter(line => line !== '' && !/syslog|^ended$/.test(line))
  return lines.at(-1) ?? 'pasta has ended'
}

function familiesOf({ native, nsfd }: SocketPlace): (4 | 16)[] {
  using sock = RouteSocket.open(native, nsfd)
  const routes = getRoutes(sock).filter(({ prefixLen, via }) => prefixLen === 0 && via !== undefined)
  return ([4, 16] as const).filter(family => routes.some(({ dst }) => dst.length === family))
}
