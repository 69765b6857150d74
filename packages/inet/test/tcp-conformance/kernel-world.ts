/** A World on the Linux kernel. Each has a peer address of its own, so many can run at a time. */
import { setTimeout } from 'node:timers/promises'
import type { Sent, World } from '@vnet/conform'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { check } from '#src/linux/errno.ts'
import { AF_INET, AF_INET6, SOCK_NONBLOCK, SOCK_STREAM, sockaddrInet } from '#src/linux/uapi.ts'
import { IPPROTO_TCP } from '#src/packet/ipv4.ts'
import { get16 } from '#src/packet/octets.ts'
import { Calls } from './calls.ts'
import type { KernelHost } from './kernel-host.ts'
import { KernelSocket } from './kernel-socket.ts'
import type { Sockets, TestListener, TestSocket } from './sockets.ts'

const EINPROGRESS = 115

export class KernelWorld implements World {
  /** Timers of the kernel end with a jiffy, of up to 10 ms. A busy machine may be very late. */
  readonly tolerance = {
    early: 11 * NSEC_PER_MSEC,
    late: 20 * NSEC_PER_SEC,
    grace: 50 * NSEC_PER_MSEC,
  }
  readonly host: World['host']
  readonly peer: World['peer']
  readonly port = 40_000
  readonly sockets: Sockets = {
    connect: (port, to) => this.#connect(port, to),
    listen: backlog => this.#listen(backlog),
  }
  readonly program = new Calls(this, this.sockets)
  readonly #host: KernelHost
  readonly #sent: Sent[] = []
  readonly #sockets: KernelSocket[] = []
  #wake = (): void => {}

  constructor(host: KernelHost, family: 4 | 6, hasFastTimers: boolean) {
    this.#host = host
    const ends = host.attach(family, hasFastTimers, sent => {
      this.#sent.push(sent)
      this.#wake()
    })
    this.host = ends.host
    this.peer = ends.peer
  }

  now(): number {
    return this.#host.now()
  }

  async sleepUntil(moment: number): Promise<void> {
    while (this.now() < moment) {
      await setTimeout(Math.ceil((moment - this.now()) / NSEC_PER_MSEC))
    }
  }

  inject(frame: Uint8Array): void {
    this.#host.inject(frame)
  }

  async next(until: number): Promise<Sent | undefined> {
    this.#host.receive()
    if (this.#sent.length === 0) {
      const cancel = new AbortController()
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      const waited = setTimeout(
        Math.max(0, (until - this.now()) / NSEC_PER_MSEC),
        undefined,
        cancel,
      )
      await Promise.race([woken, waited])
      cancel.abort()
      waited.catch(() => {})
      this.#host.receive()
    }
    return this.#sent.shift()
  }

  /** Returns the frames that the host has sent until now. */
  sentNow(): Sent[] {
    this.#host.receive()
    return this.#sent.splice(0)
  }

  #connect(port: number, to: 'peer' | 'own'): TestSocket {
    const { native } = this.#host
    const fd = this.#socket()
    const result = native.connect(
      fd,
      sockaddrInet(this[to === 'own' ? 'host' : 'peer'].ip as Uint8Array, port),
    )
    return this.#adopt(fd, result === -EINPROGRESS ? 0 : result)
  }

  #listen(backlog: number): TestListener {
    const { native } = this.#host
    const fd = this.#socket()
    check(native.bind(fd, sockaddrInet(this.host.ip as Uint8Array, 0)), 'bind')
    check(native.listen(fd, backlog), 'listen')
    const name = new Uint8Array(28)
    check(native.getsockname(fd, name), 'getsockname')
    const socket = this.#adopt(fd, 0)
    return {
      port: get16(name, 2),
      accept: async () => this.#adopt(await socket.accept(), 0),
      hasConnection: () => socket.isReadable(),
      close: () => socket.close(),
    }
  }

  close(): void {
    for (const socket of this.#sockets) {
      socket.end()
    }
  }

  #socket(): number {
    const { native, netns } = this.#host
    const family = this.host.ip?.length === 4 ? AF_INET : AF_INET6
    return check(
      native.socket(family, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP, netns.fd),
      'socket',
    )
  }

  #adopt(fd: number, error: number): KernelSocket {
    const socket = new KernelSocket(this.#host.native, fd, error)
    this.#sockets.push(socket)
    return socket
  }
}
