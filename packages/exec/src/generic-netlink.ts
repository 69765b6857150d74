/**
 * Generic netlink sockets of a program. Each is a socket of the kernel at a descriptor number that
 * the filter traps, so that the supervisor receives the datagrams sent on it. A vnet replies to
 * datagrams for vnet_nl and to queries for it to nlctrl; all others go to the kernel. Replies are
 * queued (replies.ts) before the sending call returns.
 */
import { EBADF, ECONNREFUSED } from 'vnet'
import { closeFd, closeFds, closing, closingOnError } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { addresseeOf, vnetFor } from './addressee.ts'
import { isGeneric } from './generic-socket.ts'
import {
  gathered,
  iovecs,
  isToKernel,
  type MemorySpan,
  MMSGHDR_LEN,
  mmsghdrs,
  msghdr,
  putLength,
  span,
} from './program-memory.ts'
import { boundPortOf, inodeOf, openerAs } from './program-socket.ts'
import type { Relay, RelayDone, Sent } from './relay.ts'
import type { Notification } from './seccomp.ts'
import type { Supervision } from './supervision.ts'

/** The descriptor numbers of a program's generic netlink sockets: still valid for select(2). */
export const FIRST_DESCRIPTOR = 960
export const LAST_DESCRIPTOR = 1023
/** Longer than any request; the kernel gets longer datagrams. */
const SEND_MAX = 65536

type Datagram = Readonly<{ spans: readonly MemorySpan[]; name?: MemorySpan }>

/**
 * The handlers of socket(2) and of the calls that send. The kernel runs calls that concern no vnet.
 */
export class GenericNetlink {
  readonly #supervision: Supervision
  readonly #relay: Relay

  constructor(supervision: Supervision, relay: Relay) {
    this.#supervision = supervision
    this.#relay = relay
  }

  /** socket(2) for NETLINK_GENERIC. Without a free number the kernel makes an untrapped socket. */
  socket(notification: Notification): void {
    const { native, listener, processes } = this.#supervision
    const { pid } = notification
    const type = notification.int(1)
    const number = this.#freeNumber(pid)
    const opener = openerAs(native, processes, pid)
    const open = (nsfd: number) =>
      opener?.(uapi.AF_NETLINK, type, uapi.NETLINK_GENERIC, nsfd) ?? -EBADF
    const fd = number === undefined ? -EBADF : (processes.inNamespaceOf(pid, open) ?? -EBADF)
    if (number === undefined || fd < 0) {
      listener.proceed(notification)
      return
    }
    closing(native, fd, () => {
      const waiting = listener.isWaiting(notification)
      const cloexec = (type & uapi.SOCK_CLOEXEC) !== 0
      // Fails beyond the program's limit of descriptors.
      if (!waiting || listener.answerDescriptor(notification, fd, number, cloexec) < 0) {
        listener.proceed(notification)
      }
    })
  }

  sendto(call: Notification): void {
    const name = { address: call.address(4), length: call.int(5) }
    this.#send(call, { spans: [span(call.address(1), call.address(2))], name })
  }

  write(call: Notification): void {
    this.#send(call, { spans: [span(call.address(1), call.address(2))] })
  }

  writev(call: Notification): void {
    const spans = iovecs(this.#supervision.processes, call.pid, call.address(1), call.address(2))
    this.#send(call, spans && { spans })
  }

  sendmsg(call: Notification): void {
    this.#send(call, msghdr(this.#supervision.processes, call.pid, call.address(1)))
  }

  /** Sends datagrams up to the first for the kernel; the program's next call sends the others. */
  sendmmsg(notification: Notification): void {
    const { processes, listener } = this.#supervision
    const [pid, address] = [notification.pid, notification.address(1)]
    const all = mmsghdrs(processes, pid, address, notification.int(2)) ?? []
    const isStill = () => listener.isWaiting(notification)
    const send = (i: number): void =>
      this.#exchange(notification, all[i], result => {
        if (result === undefined || result < 0) {
          listener.answer(notification, i === 0 ? result : i)
          return
        }
        const at = address + BigInt(MMSGHDR_LEN * i)
        const written =
          processes.inMemoryOf(pid, isStill, () => putLength(processes, at, result)) ?? 0
        if (written < 0) {
          listener.answer(notification, written)
        } else {
          send(i + 1)
        }
      })
    send(0)
  }

  #freeNumber(pid: number): number | undefined {
    for (let number = FIRST_DESCRIPTOR; number <= LAST_DESCRIPTOR; number++) {
      if (this.#supervision.processes.isFree(pid, number)) return number
    }
    return undefined
  }

  #send(notification: Notification, datagram: Datagram | undefined): void {
    this.#exchange(notification, datagram, result =>
      this.#supervision.listener.answer(notification, result),
    )
  }

  /** Sends a datagram to a vnet, if it is for one and a vnet runs. */
  #exchange(notification: Notification, datagram: Datagram | undefined, done: RelayDone): void {
    const { native, vnets } = this.#supervision
    const sent = this.#taken(notification, datagram)
    if (sent === undefined) {
      done(undefined)
      return
    }
    const { fd, netns } = sent.socket
    const open = [fd]
    const end: RelayDone = result => {
      closeFds(native, open.splice(0))
      done(result)
    }
    // Tries the next vnet after one that has ended; ended vnets are not found again.
    const attempt = () => {
      const vnet = vnetFor(vnets.serving(netns), netns, sent.octets)
      if (vnet === undefined) {
        end(undefined)
      } else {
        this.#relay(vnet, sent, result => (result === -ECONNREFUSED ? attempt() : end(result)))
      }
    }
    closingOnError(native, open, attempt)
  }

  /** Reads a datagram and duplicates its socket; undefined if it is for the kernel alone. */
  #taken(notification: Notification, datagram: Datagram | undefined): Sent | undefined {
    const { native, listener, processes } = this.#supervision
    const { pid } = notification
    const octets = datagram && gathered(processes, pid, datagram.spans, SEND_MAX)
    const to = octets === undefined ? 'kernel' : addresseeOf(octets)
    if (octets === undefined || to === 'kernel' || !isToKernel(processes, pid, datagram?.name)) {
      return undefined
    }
    const fd = processes.descriptor(pid, notification.int(0))
    if (fd < 0) return undefined
    const sent = closingOnError(native, [fd], (): Sent | undefined => {
      const netns = isGeneric(native, fd) ? processes.namespaceOf(fd) : undefined
      // Binds only the socket of a thread that waits: its number may be another socket's by now.
      const isTaken = netns !== undefined && listener.isWaiting(notification)
      const port = isTaken ? boundPortOf(native, fd, processes.identity(pid)?.tgid ?? 0) : undefined
      if (!isTaken || port === undefined) return undefined
      return { notification, socket: { fd, port, netns, inode: inodeOf(fd) }, octets, to }
    })
    if (sent === undefined) {
      closeFd(native, fd)
    }
    return sent
  }
}
