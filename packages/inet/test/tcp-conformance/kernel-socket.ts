/** A TCP socket of the kernel, of which a conformance case makes each call itself. */
import { Socket } from 'node:net'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { check, startPoller } from '#src/linux/errno.ts'
import { type Native, WATCH_READ, WATCH_WRITE } from '#src/linux/native.ts'
import { int32, SOL_SOCKET } from '#src/linux/uapi.ts'
import { IPPROTO_TCP } from '#src/packet/ipv4.ts'
import type { TestSocket } from './sockets.ts'

const EAGAIN = 11
/** How long an awaited event may take on a busy machine, in milliseconds. */
const LIMIT_MS = 20_000
// include/uapi/asm-generic/socket.h, include/uapi/linux/tcp.h
const [SO_ERROR, SO_KEEPALIVE, SO_LINGER] = [4, 9, 13]
const [TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_INFO] = [1, 4, 5, 6, 11]
/** enum of include/net/tcp_states.h, as ss(8) writes it. */
const STATES = [
  ...[
    '',
    'ESTAB',
    'SYN-SENT',
    'SYN-RECV',
    'FIN-WAIT-1',
    'FIN-WAIT-2',
    'TIME-WAIT',
    'UNCONN',
    'CLOSE-WAIT',
  ],
  ...['LAST-ACK', 'LISTEN', 'CLOSING', 'NEW-SYN-RECV'],
]

export class KernelSocket implements TestSocket {
  readonly #native: Native
  readonly #fd: number
  /** The error of connect(2). */
  #failed: number
  #isOpen = true

  constructor(native: Native, fd: number, failed: number) {
    this.#native = native
    this.#fd = fd
    this.#failed = failed
  }

  connected(): Promise<number> {
    return this.#until(WATCH_WRITE, () => {
      const error = this.#error()
      if (error !== 0) return error
      return this.state() === 'SYN-SENT' || this.state() === 'SYN-RECV' ? undefined : 0
    })
  }

  error(): Promise<number> {
    return this.#until(WATCH_READ, () => this.#error() || undefined)
  }

  accept(): Promise<number> {
    return this.#until(WATCH_READ, () => {
      const fd = this.#native.accept(this.#fd)
      return fd === -EAGAIN ? undefined : check(fd, 'accept')
    })
  }

  write(bytes: Uint8Array): number {
    const result = this.#native.send(this.#fd, bytes, 0)
    return result === -EAGAIN ? 0 : result
  }

  writable(): Promise<void> {
    let isPolled = false
    return this.#until(WATCH_WRITE, () => {
      if (isPolled) return null
      isPolled = true
      return undefined
    }).then(() => {})
  }

  read(length: number): Promise<Uint8Array | null | number> {
    const into = new Uint8Array(length)
    return this.#until(WATCH_READ, () => {
      const result = this.#native.recv(this.#fd, into, 0)
      if (result === -EAGAIN) return undefined
      return result <= 0 ? result || null : into.subarray(0, result)
    })
  }

  isReadable(): boolean {
    return this.#native.poll(this.#fd) !== 0
  }

  /** The addon has no shutdown(2): Node calls it, on a duplicate of the descriptor. */
  async shutdown(): Promise<void> {
    const self = check(this.#native.pidfdOpen(process.pid, 0), 'pidfd_open')
    const fd = check(this.#native.pidfdGetfd(self, this.#fd), 'pidfd_getfd')
    this.#native.close(self)
    this.#native.release(fd)
    const socket = new Socket({ fd, readable: false, writable: true })
    await new Promise<void>((resolve, reject) => socket.on('error', reject).end(resolve))
    socket.destroy()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#native.close(this.#fd)
  }

  reset(): void {
    const linger = new Uint8Array(8)
    linger[0] = 1
    check(this.#native.setsockopt(this.#fd, SOL_SOCKET, SO_LINGER, linger), 'SO_LINGER')
    this.close()
  }

  /** Ends it after the case. */
  end(): void {
    if (this.#isOpen) {
      this.reset()
    }
  }

  setNoDelay(on: boolean): void {
    this.#set(TCP_NODELAY, on ? 1 : 0)
  }

  setKeepAlive(idle: number, interval: number, probes: number): void {
    this.#set(TCP_KEEPIDLE, idle / NSEC_PER_SEC)
    this.#set(TCP_KEEPINTVL, interval / NSEC_PER_SEC)
    this.#set(TCP_KEEPCNT, probes)
    check(this.#native.setsockopt(this.#fd, SOL_SOCKET, SO_KEEPALIVE, int32(1)), 'SO_KEEPALIVE')
  }

  state(): string {
    const info = new Uint8Array(1)
    check(this.#native.getsockopt(this.#fd, IPPROTO_TCP, TCP_INFO, info), 'TCP_INFO')
    return STATES[info[0] ?? 0] ?? ''
  }

  #set(name: number, value: number): void {
    check(this.#native.setsockopt(this.#fd, IPPROTO_TCP, name, int32(value)), 'setsockopt')
  }

  /** Returns the pending error, which it clears, or 0. */
  #error(): number {
    const into = new Uint8Array(4)
    const failed = this.#failed
    this.#failed = 0
    check(this.#native.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, into), 'SO_ERROR')
    return failed || -new DataView(into.buffer).getInt32(0, true)
  }

  /** Returns the first result of `fn` that is defined; calls it again when an event happens. */
  async #until<T>(events: number, fn: () => T | undefined): Promise<T> {
    const result = fn()
    if (result !== undefined) return result
    return new Promise<T>((resolve, reject) => {
      const end = (settle: () => void): void => {
        poller.close()
        clearTimeout(timer)
        settle()
      }
      const poller = startPoller(this.#native, this.#fd, () => {
        try {
          const found = fn()
          if (found !== undefined) {
            end(() => resolve(found))
          } else {
            poller.start()
          }
        } catch (error) {
          end(() => reject(error as Error))
        }
      })
      poller.watch(events)
      const timer = setTimeout(() => end(() => reject(new Error('it has not happened'))), LIMIT_MS)
    })
  }
}
