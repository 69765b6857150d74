/** Who sent what a program receives: of what was put into its socket, the kernel, whose port is 0. All else the kernel receives. */
import { EFAULT } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import { MSG_DONTWAIT, MSG_TRUNC, sockaddrNl } from '../../kernel/uapi.ts'
import { getU32, putU32 } from '../../netlink/index.ts'
import type { Injection } from './injection.ts'
import { finishMsghdr, msghdr, type Span, span } from './program-memory.ts'
import type { Supervision } from './supervisor.ts'

const MSG_PEEK = 2
const RECEIVE_MAX = 65536
const SOCKADDR_NL_LEN = 12

/** What a call gets of a datagram. */
interface Told {
  readonly namelen: number
  /** MSG_* */
  readonly flags: number
}

/** Where a call wants a datagram, and its sender's address. */
interface Into {
  readonly spans: readonly Span[]
  readonly name: Span
  /** Writes what else it is told; 0 or -errno. */
  finish(told: Told): number
}

export class Reception {
  readonly #supervision: Supervision
  readonly #injection: Injection
  readonly #into = new Uint8Array(RECEIVE_MAX)
  readonly #meta = new Int32Array(3)

  constructor(supervision: Supervision, injection: Injection) {
    this.#supervision = supervision
    this.#injection = injection
  }

  recvmsg(notification: Notification): void {
    const { processes } = this.#supervision
    const [pid, address] = [notification.pid, notification.address(1)]
    this.#receive(notification, notification.int(2), () => {
      const header = msghdr(processes, pid, address)
      return header && { ...header, finish: told => finishMsghdr(processes, pid, address, told) }
    })
  }

  recvfrom(notification: Notification): void {
    const { processes, listener } = this.#supervision
    const { pid } = notification
    const [address, lengthAt] = [notification.address(4), notification.address(5)]
    // recv(2), which tells nobody.
    if (address === 0n) {
      listener.proceed(notification)
      return
    }
    this.#receive(notification, notification.int(3), () => {
      const length = new Uint8Array(4)
      if (processes.read(pid, lengthAt, length) < 0) return undefined
      return {
        spans: [span(notification.address(1), notification.address(2))],
        name: { address, length: getU32(length, 0) },
        finish({ namelen }) {
          putU32(length, 0, namelen)
          return processes.write(pid, lengthAt, length)
        },
      }
    })
  }

  #receive(notification: Notification, flags: number, into: () => Into | undefined): void {
    const { listener, processes } = this.#supervision
    const receive = (fd: number) => this.#take(notification, fd, flags, into)
    const received = this.#injection.isUsed
      ? processes.withDescriptor(notification.pid, notification.int(0), receive)
      : undefined
    if (received === undefined) listener.proceed(notification)
    else listener.answer(notification, received)
  }

  /** What the call answers; undefined when the kernel is to do it. */
  #take(notification: Notification, fd: number, flags: number, into: () => Into | undefined): number | undefined {
    const { native, processes, listener } = this.#supervision
    const { pid } = notification
    const netns = processes.namespaceOf(fd)
    const length = native.recvmsg(fd, this.#into, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, this.#meta)
    if (netns === undefined || length < 0 || !this.#injection.isOurs(netns, this.#meta[0] >>> 0)) return undefined
    const where = into()
    if (where === undefined || !listener.isWaiting(notification)) return undefined
    const { name, spans } = where
    let copied = 0
    for (const { address, length: room } of spans) {
      const part = this.#into.subarray(copied, Math.min(length, copied + room))
      if (processes.write(pid, address, part) < 0) return -EFAULT
      copied += part.length
    }
    const wantsName = name.address !== 0n
    const sender = sockaddrNl().subarray(0, Math.min(SOCKADDR_NL_LEN, name.length))
    if (wantsName && processes.write(pid, name.address, sender) < 0) return -EFAULT
    const told = { namelen: wantsName ? SOCKADDR_NL_LEN : name.length, flags: copied < length ? MSG_TRUNC : 0 }
    if (where.finish(told) < 0) return -EFAULT
    if ((flags & MSG_PEEK) === 0) native.recvmsg(fd, this.#into, MSG_DONTWAIT, this.#meta)
    return (flags & MSG_TRUNC) === 0 ? copied : length
  }
}
