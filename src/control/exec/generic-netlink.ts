/**
 * Generic netlink sockets of a program. Each is a real one of the kernel's, but at a number by which the filter knows it, so that what
 * is sent on it can be looked at: a datagram for vnet_nl, or nlctrl's question for it, is answered by the driver, all others are the
 * kernel's. Replies are queued (replies.ts) before the sending call returns, so that whatever waits for them finds them.
 */
import { EBADF, ECONNREFUSED } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import { isGeneric } from '../../kernel/socket-identity.ts'
import { AF_NETLINK, NETLINK_GENERIC, SOCK_CLOEXEC } from '../../kernel/uapi.ts'
import { type Addressee, addresseeOf, vnetFor } from './addressee.ts'
import { openerAs } from './credentials.ts'
import { Membership } from './membership.ts'
import {
  gathered,
  iovecs,
  isToKernel,
  MMSGHDR_LEN,
  mmsghdrs,
  msghdr,
  putLength,
  type Span,
  span,
} from './program-memory.ts'
import { boundPortOf, inodeOf } from './program-socket.ts'
import { Reception } from './reception.ts'
import { Relay } from './relay.ts'
import { Replies } from './replies.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Supervision } from './supervisor.ts'

/** More than a request has; a longer datagram is the kernel's. */
const SEND_MAX = 65536

/** A datagram that is sent: where it lies, and whom it is for, when that is said. */
interface Datagram {
  readonly spans: readonly Span[]
  readonly name?: Span
}

interface Taken {
  /** Ours, of the program's socket. */
  readonly fd: number
  /** Inode of its network namespace. */
  readonly netns: number
  readonly octets: Uint8Array
  readonly to: Addressee
}

/** Told what the call answers: octets, or -errno; undefined when the kernel is to do it. */
type Done = (result: number | undefined) => void

export class GenericNetlink {
  readonly #supervision: Supervision
  readonly #numbers: { readonly first: number; readonly last: number }
  readonly #subscriptions: Subscriptions
  readonly #relay: Relay
  readonly #membership: Membership
  readonly #reception: Reception

  constructor(supervision: Supervision, numbers: { readonly first: number; readonly last: number }) {
    this.#supervision = supervision
    this.#numbers = numbers
    const replies = new Replies(supervision.native)
    this.#subscriptions = new Subscriptions(supervision, replies)
    this.#relay = new Relay(supervision, replies, this.#subscriptions)
    this.#membership = new Membership(supervision, this.#subscriptions)
    this.#reception = new Reception(supervision, replies)
  }

  close(): void {
    this.#subscriptions.close()
    this.#reception.close()
  }

  /** socket(AF_NETLINK, type, NETLINK_GENERIC). When there is no number to give, the program's socket is one like any other. */
  socket(notification: Notification): void {
    const { native, listener, processes } = this.#supervision
    const { pid } = notification
    const type = notification.int(1)
    const number = this.#freeNumber(pid)
    const opener = openerAs(native, processes, pid)
    const open = (nsfd: number) => opener?.(AF_NETLINK, type, NETLINK_GENERIC, nsfd) ?? -EBADF
    const fd = number === undefined ? -EBADF : (processes.inNamespaceOf(pid, open) ?? -EBADF)
    if (number === undefined || fd < 0) {
      listener.proceed(notification)
      return
    }
    const waiting = listener.isWaiting(notification)
    const cloexec = (type & SOCK_CLOEXEC) !== 0
    // Refused past the program's limit of descriptors.
    if (!waiting || listener.answerDescriptor(notification, fd, number, cloexec) < 0) listener.proceed(notification)
    native.close(fd)
  }

  sendto(notification: Notification): void {
    const name = { address: notification.address(4), length: notification.int(5) }
    this.#send(notification, { spans: [span(notification.address(1), notification.address(2))], name })
  }

  write(notification: Notification): void {
    this.#send(notification, { spans: [span(notification.address(1), notification.address(2))] })
  }

  writev(notification: Notification): void {
    const { processes } = this.#supervision
    const spans = iovecs(processes, notification.pid, notification.address(1), notification.address(2))
    this.#send(notification, spans && { spans })
  }

  sendmsg(notification: Notification): void {
    this.#send(notification, msghdr(this.#supervision.processes, notification.pid, notification.address(1)))
  }

  /** Those that are ours are sent, up to the first that is not: the caller sends the others by another call. */
  sendmmsg(notification: Notification): void {
    const { processes, listener } = this.#supervision
    const [pid, address] = [notification.pid, notification.address(1)]
    const all = mmsghdrs(processes, pid, address, notification.int(2)) ?? []
    const sent = (i: number) => (result: number | undefined) => {
      if (result === undefined || result < 0) {
        this.#answer(notification, i === 0 ? result : i)
        return
      }
      const at = address + BigInt(MMSGHDR_LEN * i)
      const isStill = () => listener.isWaiting(notification)
      const told = processes.inMemoryOf(pid, isStill, () => putLength(processes, at, result)) ?? 0
      if (told < 0) {
        listener.answer(notification, told)
        return
      }
      const next = this.#taken(notification, all[i + 1])
      if (next === undefined) listener.answer(notification, i + 1)
      else this.#relayed(notification, next, sent(i + 1))
    }
    this.#exchange(notification, all[0], sent(0))
  }

  get reception(): Reception {
    return this.#reception
  }

  setsockopt(notification: Notification): void {
    this.#membership.setsockopt(notification)
  }

  #freeNumber(pid: number): number | undefined {
    for (let number = this.#numbers.first; number <= this.#numbers.last; number++) {
      if (this.#supervision.processes.isFree(pid, number)) return number
    }
    return undefined
  }

  #send(notification: Notification, datagram: Datagram | undefined): void {
    this.#exchange(notification, datagram, result => this.#answer(notification, result))
  }

  #answer(notification: Notification, result: number | undefined): void {
    const { listener } = this.#supervision
    if (result === undefined) listener.proceed(notification)
    else listener.answer(notification, result)
  }

  #exchange(notification: Notification, datagram: Datagram | undefined, done: Done): void {
    const taken = this.#taken(notification, datagram)
    if (taken === undefined) done(undefined)
    else this.#relayed(notification, taken, done)
  }

  /** A datagram that is not the kernel's as a whole, and its socket, of which we hold a descriptor now; else undefined. */
  #taken(notification: Notification, datagram: Datagram | undefined): Taken | undefined {
    const { native, listener, processes } = this.#supervision
    const { pid } = notification
    const octets = datagram && gathered(processes, pid, datagram.spans, SEND_MAX)
    const to = octets === undefined ? 'kernel' : addresseeOf(octets)
    if (octets === undefined || to === 'kernel' || !isToKernel(processes, pid, datagram?.name)) return undefined
    const fd = processes.descriptor(pid, notification.int(0))
    if (fd < 0) return undefined
    const netns = isGeneric(native, fd) ? processes.namespaceOf(fd) : undefined
    if (netns !== undefined && listener.isWaiting(notification)) return { fd, netns, octets, to }
    native.close(fd)
    return undefined
  }

  /** Has it answered by a driver, if there is one, and closes our descriptor. */
  #relayed(notification: Notification, { fd, netns, octets, to }: Taken, done: Done): void {
    const { native, processes, vnets } = this.#supervision
    const { pid } = notification
    const end: Done = result => {
      native.close(fd)
      done(result)
    }
    // Until one is there: those that are gone are not found again.
    const ask = () => {
      const vnet = vnetFor(vnets.serving(netns), netns, octets)
      const port = vnet && boundPortOf(native, fd, processes.identity(pid)?.tgid ?? 0)
      if (vnet === undefined || port === undefined) {
        end(undefined)
        return
      }
      const socket = { fd, port, netns, inode: inodeOf(fd) }
      const sent = { notification, pid, number: notification.int(0), socket, octets, to }
      this.#relay.send(vnet, sent, result => (result === -ECONNREFUSED ? ask() : end(result)))
    }
    ask()
  }
}
