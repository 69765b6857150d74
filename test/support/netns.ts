/**
 * Network namespaces for a test, and a Native with one of them as its own: without an
 * explicit namespace everything opens there, so a test does not interfere with the rest of the
 * machine.
 *
 * `ip` and `exec` block the event loop. Commands that need a driver of this process use `run`.
 */
import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { check } from '#src/linux/errno.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import { writeSysctl } from '#src/linux/sysctl.ts'
import {
  AF_NETLINK,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  ifreq,
  NETLINK_ROUTE,
  O_RDONLY,
  O_RDWR,
  SOCK_RAW,
  sockaddrNl,
  TUNSETIFF,
} from '#src/linux/uapi.ts'

export interface Netns {
  readonly name: string
  /** A descriptor of the namespace, closed by `remove`, or earlier by `release`. */
  readonly fd: number
  /** Runs `ip -n NAME COMMAND` for one command after the other, and returns their output. */
  ip(...commands: readonly string[]): string
  /** Runs `ip netns exec NAME COMMAND` and returns its output. */
  exec(command: string): string
  /**
   * Runs `ip netns exec NAME COMMAND` to its end without blocking the event loop.
   */
  run(command: string): Promise<Outcome>
  /** Starts the command. `remove` ends it. */
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

/** Collects what a child process writes until it ends, and its status. */
export function outcome(child: Child): Promise<Outcome> {
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', chunk => {
      text[stream] += chunk
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', error =>
      reject(new Error(`${error.message}; so far: ${text.stdout}${text.stderr}`)),
    )
    child.on('close', status => resolve({ status, ...text }))
  })
}

// include/uapi/linux/rtnetlink.h
const RTMGRP_IPV6_ROUTE = 0x400

const OUTPUT = { encoding: 'utf8', stdio: 'pipe' } as const

/** Whether `ip -batch` runs a command: not one with options, and `ip maddr` ends the program. */
const fitsBatch = (command: string) => !/^(-|maddr )/.test(command)

/** Runs commands that fit a batch with one `ip OPTIONS`, up to the first that fails. */
function ipBatch(options: readonly string[], commands: readonly string[]): string {
  const input = commands.map(command => `${command}\n`).join('')
  return execFileSync('ip', [...options, '-batch', '-'], { ...OUTPUT, input })
}

export class OwnNetns implements Disposable {
  readonly native = loadNative()
  readonly #made: Netns[] = []
  readonly #fds = new Set<number>()
  readonly #children = new Set<Child>()
  #counter = 0

  /** Adds a namespace in which the kernel sends nothing by itself. */
  addQuiet(): Netns {
    return this.silence(this.add())
  }

  /** Lets the kernel send nothing by itself in a new namespace, and returns it. */
  silence(netns: Netns): Netns {
    // Without a program, which costs as much as all the rest of a namespace.
    for (const which of ['all', 'default']) {
      writeSysctl(this.native, netns.fd, `net/ipv6/conf/${which}/disable_ipv6`, '1')
    }
    return netns
  }

  add(): Netns {
    return this.addAll(1)[0] as Netns
  }

  /** Adds `count` namespaces with one program. */
  addAll(count: number): Netns[] {
    const names = Array.from({ length: count }, () => this.#freeName())
    ipBatch(
      [],
      names.map(name => `netns add ${name}`),
    )
    return names.map(name => this.#take(name))
  }

  /** Returns a name for a namespace. A killed test of the same pid may have left its names. */
  #freeName(): string {
    for (;;) {
      const name = `vnet-test-${process.pid}-${this.#counter++}`
      if (!existsSync(`/run/netns/${name}`)) return name
    }
  }

  #take(name: string): Netns {
    const fd = this.own(this.native.open(`/run/netns/${name}`, O_RDONLY, -1))
    // On a machine with Docker a new namespace forwards, and so sends frames that no test expects.
    writeSysctl(this.native, fd, 'net/ipv4/ip_forward', '0')
    const netns: Netns = {
      name,
      fd,
      ip: (...commands) =>
        commands.length > 1 && commands.every(fitsBatch)
          ? ipBatch(['-n', name], commands)
          : commands
              .map(command => execFileSync('ip', ['-n', name, ...command.split(' ')], OUTPUT))
              .join(''),
      exec: command => execFileSync('ip', ['netns', 'exec', name, ...command.split(' ')], OUTPUT),
      run: command => outcome(this.#spawn(name, command)),
      spawn: command => this.#spawn(name, command),
      release: () => this.close(fd),
      remove: () => void execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' }),
    }
    this.#made.push(netns)
    return netns
  }

  /**
   * Returns when IPv6 addresses of a namespace have their local routes. A worker of the kernel adds
   * them after the addresses, and the kernel drops packets for an address before.
   */
  waitForLocalRoutes({ fd, ip }: Netns, addresses: readonly string[]): void {
    const { native } = this
    const events = this.own(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, fd))
    check(native.bind(events, sockaddrNl(0, RTMGRP_IPV6_ROUTE)), 'bind')
    const into = new Uint8Array(4096)
    const isLocal = (address: string) =>
      ip('-6 route show table local').includes(`local ${address} `)
    while (!addresses.every(isLocal)) {
      native.recv(events, into, 0)
    }
    this.close(events)
  }

  /** Returns a Native with `netns` as its own namespace. `overrides` replace calls. */
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

  /** Makes a TAP with `queues` queues in `netns`, and returns its descriptors. */
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

  /** Takes over a descriptor: `remove` closes it if the test has not. */
  own(fd: number): number {
    this.#fds.add(check(fd, 'open'))
    return fd
  }

  close(fd: number): void {
    if (this.#fds.delete(fd)) {
      this.native.close(fd)
    }
  }

  /** Removes everything that was made and still exists. */
  remove(): void {
    for (const child of this.#children) {
      child.kill('SIGKILL')
    }
    for (const fd of [...this.#fds]) {
      this.close(fd)
    }
    const commands = this.#made.splice(0).map(({ name }) => `netns del ${name}\n`)
    // It fails if the test has removed one.
    if (commands.length > 0) {
      spawnSync('ip', ['-force', '-batch', '-'], { input: commands.join('') })
    }
  }

  [Symbol.dispose](): void {
    this.remove()
  }

  #spawn(netns: string, command: string | readonly string[]): Child {
    const words = typeof command === 'string' ? command.split(' ') : command
    const child = spawn('ip', ['netns', 'exec', netns, ...words], { stdio: 'pipe' })
    this.#children.add(child)
    child.on('close', () => this.#children.delete(child))
    return child
  }
}

/** Starts a process in the namespace, which lives until the test ends, and returns its id. */
export async function processIn(netns: Netns): Promise<number> {
  const child = netns.spawn(['sh', '-c', 'echo; exec sleep 1000'])
  await new Promise(resolve => child.stdout.once('data', resolve))
  return child.pid as number
}
