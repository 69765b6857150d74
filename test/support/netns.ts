/**
 * Network namespaces of a test's own, and a Native whose home one of them is: what is opened "here" is opened there, so
 * that a test neither sees nor touches what else goes on in the machine.
 *
 * `ip` and `exec` wait for a command without the event loop; what needs a driver of this process to go on uses `run`.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { check } from '../../src/kernel/errno.ts'
import { loadNative, type Native } from '../../src/kernel/native.ts'
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, ifreq, O_RDONLY, O_RDWR, TUNSETIFF } from '../../src/kernel/uapi.ts'

export interface Netns {
  readonly name: string
  /** A descriptor of it; closed by `remove`, or earlier by `release`. */
  readonly fd: number
  /** `ip -n NAME ARGS`, its output. */
  ip(args: string): string
  /** `ip netns exec NAME COMMAND`, its output. */
  exec(command: string): string
  /** Runs `ip netns exec NAME COMMAND` to its end, with the event loop going on. */
  run(command: string): Promise<Outcome>
  /** Starts it. Ended by `remove`, if not before. */
  spawn(command: string | readonly string[]): Child
  /** Closes the descriptor, which would keep the namespace alive. */
  release(): void
  /** `ip netns del NAME`. */
  remove(): void
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** How a command ended. */
export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What a child writes until it ends, and its status. */
export function outcome(child: Child): Promise<Outcome> {
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', chunk => {
      text[stream] += chunk
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', status => resolve({ status, ...text }))
  })
}

export class OwnNetns {
  readonly native = loadNative()
  readonly #made: Netns[] = []
  readonly #fds = new Set<number>()
  readonly #children = new Set<Child>()
  #counter = 0

  /** One whose host sends nothing by itself. */
  addQuiet(): Netns {
    const netns = this.add()
    netns.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1')
    return netns
  }

  add(): Netns {
    const name = `vnet-test-${process.pid}-${this.#counter++}`
    execFileSync('ip', ['netns', 'add', name])
    const fd = this.own(this.native.open(`/run/netns/${name}`, O_RDONLY, -1))
    const netns: Netns = {
      name,
      fd,
      ip: args => execFileSync('ip', ['-n', name, ...args.split(' ')], { encoding: 'utf8', stdio: 'pipe' }),
      exec: command =>
        execFileSync('ip', ['netns', 'exec', name, ...command.split(' ')], { encoding: 'utf8', stdio: 'pipe' }),
      run: command => outcome(this.#spawn(name, command)),
      spawn: command => this.#spawn(name, command),
      release: () => this.close(fd),
      remove: () => void execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' }),
    }
    this.#made.push(netns)
    return netns
  }

  /** A Native at home in `netns`; `overrides` stand for calls that answer otherwise. */
  at(netns: Netns, overrides: Partial<Native> = {}): Native {
    const { native } = this
    const here = (nsfd: number) => (nsfd === -1 ? netns.fd : nsfd)
    return {
      ...native,
      open: (path, flags, nsfd) => native.open(path, flags, here(nsfd)),
      socket: (domain, type, protocol, nsfd) => native.socket(domain, type, protocol, here(nsfd)),
      ...overrides,
    }
  }

  /** A TAP in `netns` with as many queues; its descriptors. */
  tap(netns: Netns, name: string, queues = 1): number[] {
    const fds: number[] = []
    for (let i = 0; i < queues; i++) {
      const fd = this.own(this.native.open('/dev/net/tun', O_RDWR, netns.fd))
      const flags = IFF_TAP | IFF_NO_PI | (queues > 1 ? IFF_MULTI_QUEUE : 0)
      check(this.native.ioctl(fd, TUNSETIFF, ifreq(name, flags)), `TUNSETIFF ${name}`)
      fds.push(fd)
    }
    return fds
  }

  /** Takes a descriptor over: `remove` closes it if nobody has. */
  own(fd: number): number {
    this.#fds.add(check(fd, 'open'))
    return fd
  }

  close(fd: number): void {
    if (this.#fds.delete(fd)) this.native.close(fd)
  }

  /** Removes everything that was made, what a test has removed itself included. */
  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    for (const fd of [...this.#fds]) this.close(fd)
    for (const netns of this.#made.splice(0)) {
      try {
        netns.remove()
      } catch {
        // removed by the test
      }
    }
  }

  #spawn(netns: string, command: string | readonly string[]): Child {
    const words = typeof command === 'string' ? command.split(' ') : command
    const child = spawn('ip', ['netns', 'exec', netns, ...words], { stdio: 'pipe' })
    this.#children.add(child)
    child.on('close', () => this.#children.delete(child))
    return child
  }
}
