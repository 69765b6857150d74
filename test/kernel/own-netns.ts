/**
 * Network namespaces of a test's own, and a Native whose home one of them is: what is opened "here" is opened there, so
 * that a test neither sees nor touches what else goes on in the machine.
 */
import { execFileSync } from 'node:child_process'
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
  /** Closes the descriptor, which would keep the namespace alive. */
  release(): void
}

export class OwnNetns {
  readonly native = loadNative()
  readonly #made: Netns[] = []
  readonly #fds = new Set<number>()
  #counter = 0

  add(): Netns {
    const name = `vnet-nl-${process.pid}-${this.#counter++}`
    execFileSync('ip', ['netns', 'add', name])
    const fd = this.own(this.native.open(`/run/netns/${name}`, O_RDONLY, -1))
    const netns: Netns = {
      name,
      fd,
      ip: args => execFileSync('ip', ['-n', name, ...args.split(' ')], { encoding: 'utf8', stdio: 'pipe' }),
      exec: command =>
        execFileSync('ip', ['netns', 'exec', name, ...command.split(' ')], { encoding: 'utf8', stdio: 'pipe' }),
      release: () => this.close(fd),
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
    for (const fd of [...this.#fds]) this.close(fd)
    for (const { name } of this.#made.splice(0)) {
      try {
        execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' })
      } catch {
        // removed by the test
      }
    }
  }
}
