/**
 * Generic netlink sockets of a program. Each is a real one of the kernel's, but at a number by which the filter knows it, so that what
 * is sent on it can be looked at: a datagram for vnet_nl, or nlctrl's question for it, is answered by the driver, all others are the
 * kernel's. Answers are put into the socket's own queue before the sending call returns, so whoever waits for them, and however,
 * finds them; recvmsg(2) tells that they came from port 0, where the kernel's come from.
 */
import { EADDRINUSE, EBADF, ECONNREFUSED, EFAULT, ENOBUFS } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_GENERIC,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  sockaddrNl,
} from '../../kernel/uapi.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  decodeAttributes,
  GENL_ID_CTRL,
  getU32,
  type Message,
  messages,
  NetlinkParseError,
  NLM_F_DUMP,
  NLMSG_HDRLEN,
  parseGenl,
  policy,
  string,
  u16,
  u32,
} from '../../netlink/index.ts'
import { VNET_ATTR_IFINDEX, VNET_ATTR_IFNAME, VNET_CMD_ECHO, VNET_GENL_ID, VNET_GENL_NAME } from '../family.ts'
import type { Driver } from './drivers.ts'
import { finishMsghdr, iovecs, msghdr, type Span, span } from './program-memory.ts'
import { Relayed } from './relayed.ts'
import type { Supervision } from './supervisor.ts'

const SO_PROTOCOL = 38
const SO_DOMAIN = 39
const MSG_PEEK = 2
const SOCKADDR_NL_LEN = 12
/** More than a request has; a longer datagram is the kernel's. */
const SEND_MAX = 65536
const RECEIVE_MAX = 65536

const familyRequest = policy({ id: u16(CTRL_ATTR_FAMILY_ID), name: string(CTRL_ATTR_FAMILY_NAME) })
const deviceRequest = policy({ ifindex: u32(VNET_ATTR_IFINDEX), ifname: string(VNET_ATTR_IFNAME) })

/** By what answers get into a program's socket. */
interface Injector {
  readonly fd: number
  readonly port: number
}

export class GenericNetlink {
  readonly #supervision: Supervision
  readonly #numbers: { readonly first: number; readonly last: number }
  /** By inode of the namespace. */
  readonly #injectors = new Map<number, Injector>()
  readonly #into = new Uint8Array(RECEIVE_MAX)
  readonly #meta = new Int32Array(3)
  #seq = 0

  constructor(supervision: Supervision, numbers: { readonly first: number; readonly last: number }) {
    this.#supervision = supervision
    this.#numbers = numbers
  }

  close(): void {
    for (const { fd } of this.#injectors.values()) this.#supervision.native.close(fd)
    this.#injectors.clear()
  }

  /** socket(AF_NETLINK, type, NETLINK_GENERIC). When there is no number to give, the program's socket is one like any other. */
  socket(notification: Notification): void {
    const { native, listener, processes } = this.#supervision
    const { pid } = notification
    const type = notification.int(1)
    const number = this.#freeNumber(pid)
    const open = (nsfd: number) => native.socket(AF_NETLINK, type, NETLINK_GENERIC, nsfd)
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

  sendto(notification: Notification): void | Promise<void> {
    const to = { address: notification.address(4), length: notification.int(5) }
    return this.#send(notification, [span(notification.address(1), notification.address(2))], to)
  }

  write(notification: Notification): void | Promise<void> {
    return this.#send(notification, [span(notification.address(1), notification.address(2))])
  }

  writev(notification: Notification): void | Promise<void> {
    const { processes } = this.#supervision
    return this.#send(
      notification,
      iovecs(processes, notification.pid, notification.address(1), notification.address(2)),
    )
  }

  sendmsg(notification: Notification): void | Promise<void> {
    const header = msghdr(this.#supervision.processes, notification.pid, notification.address(1))
    return this.#send(notification, header?.spans, header?.name)
  }

  /** Of what the driver said, the sender is to be the kernel; all else the kernel receives. */
  recvmsg(notification: Notification): void {
    const { listener, processes } = this.#supervision
    const receive = (fd: number) => this.#receive(notification, fd)
    const received =
      this.#injectors.size === 0 ? undefined : processes.withDescriptor(notification.pid, notification.int(0), receive)
    if (received === undefined) listener.proceed(notification)
    else listener.answer(notification, received)
  }

  /** What recvmsg answers; undefined when the kernel is to do it. */
  #receive(notification: Notification, fd: number): number | undefined {
    const { native, processes, listener } = this.#supervision
    const { pid } = notification
    const netns = processes.namespaceOf(fd)
    const injector = netns === undefined ? undefined : this.#injectors.get(netns)
    const length = native.recvmsg(fd, this.#into, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, this.#meta)
    if (injector === undefined || length < 0 || this.#meta[0] >>> 0 !== injector.port) return undefined
    const header = msghdr(processes, pid, notification.address(1))
    if (header === undefined || !listener.isWaiting(notification)) return undefined
    const { name, spans } = header
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
    if (finishMsghdr(processes, pid, notification.address(1), told) < 0) return -EFAULT
    const flags = notification.int(2)
    if ((flags & MSG_PEEK) === 0) native.recvmsg(fd, this.#into, MSG_DONTWAIT, this.#meta)
    return (flags & MSG_TRUNC) === 0 ? copied : length
  }

  #freeNumber(pid: number): number | undefined {
    for (let number = this.#numbers.first; number <= this.#numbers.last; number++) {
      if (this.#supervision.processes.isFree(pid, number)) return number
    }
    return undefined
  }

  #send(notification: Notification, spans: readonly Span[] | undefined, to?: Span): void | Promise<void> {
    const { listener, processes, drivers } = this.#supervision
    const { pid } = notification
    const octets = spans && this.#gather(pid, spans)
    const mine = octets !== undefined && isForUs(octets) && (to === undefined || this.#isKernel(pid, to))
    if (!mine) return listener.proceed(notification)
    const where = (fd: number) => (this.#isGeneric(fd) ? processes.namespaceOf(fd) : undefined)
    const netns = processes.withDescriptor(pid, notification.int(0), where)
    if (netns === undefined || !listener.isWaiting(notification)) return listener.proceed(notification)
    if (drivers.isChanged || (drivers.serving(netns).length === 0 && drivers.isStale)) {
      return drivers.ask().then(() => this.#relay(notification, netns, octets))
    }
    this.#relay(notification, netns, octets)
  }

  #relay(notification: Notification, netns: number, octets: Uint8Array): void {
    const { native, listener, processes, drivers, sockets } = this.#supervision
    const { pid } = notification
    const driver = driverFor(drivers.serving(netns), netns, octets)
    const asker = this.#supervision.askerOf(pid)
    const injector = driver && this.#injector(pid, netns)
    const port = processes.withDescriptor(pid, notification.int(0), fd => this.#portOf(fd, pid))
    if (driver === undefined || asker === null || injector === undefined || port === undefined) {
      listener.proceed(notification)
      return
    }
    const relayed = new Relayed(octets, port, () => {
      this.#seq = (this.#seq + 1) >>> 0
      return this.#seq
    })
    let delivered = 0
    sockets.ask(driver.native, {
      port: driver.port,
      octets: relayed.question,
      asker,
      onDatagram(bytes, length) {
        const answer = relayed.answer(bytes, length)
        // A queue that is full: the program does not read.
        if (answer && native.sendto(injector.fd, answer, MSG_DONTWAIT, sockaddrNl(port)) < 0) delivered = -ENOBUFS
        return relayed.isAnswered
      },
      onEnd(result) {
        if (result === -ECONNREFUSED) {
          // The kernel says that there is no such family.
          drivers.forget()
          listener.proceed(notification)
        } else listener.answer(notification, Math.min(result, delivered) || octets.length)
      },
    })
  }

  #isGeneric(fd: number): boolean {
    const option = (name: number) => {
      const value = new Uint8Array(4)
      return this.#supervision.native.getsockopt(fd, SOL_SOCKET, name, value) < 0 ? -1 : getU32(value, 0)
    }
    return option(SO_DOMAIN) === AF_NETLINK && option(SO_PROTOCOL) === NETLINK_GENERIC
  }

  /** The socket's port. It gets one now if it has none, and the kernel's choice for it would be its process's number. */
  #portOf(fd: number, pid: number): number | undefined {
    const { native, processes } = this.#supervision
    const known = portOf(native, fd)
    if (known !== 0) return known
    const own = processes.identity(pid)?.tgid ?? 0
    if (native.bind(fd, sockaddrNl(own)) === -EADDRINUSE) native.bind(fd, sockaddrNl())
    return portOf(native, fd) || undefined
  }

  /** Undefined for who is not root, who may send to the kernel alone. */
  #injector(pid: number, netns: number): Injector | undefined {
    const known = this.#injectors.get(netns)
    if (known !== undefined) return known
    const { native, processes } = this.#supervision
    const open = (nsfd: number) => native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, nsfd)
    const fd = processes.inNamespaceOf(pid, open) ?? -EBADF
    if (fd < 0) return undefined
    // The thread may have gone elsewhere since it made its socket.
    const port = processes.namespaceOf(fd) === netns && native.bind(fd, sockaddrNl()) >= 0 ? portOf(native, fd) : 0
    if (port === 0 || native.sendto(fd, new Uint8Array(NLMSG_HDRLEN), MSG_DONTWAIT, sockaddrNl(port)) < 0) {
      native.close(fd)
      return undefined
    }
    native.recvmsg(fd, this.#into, MSG_DONTWAIT, this.#meta)
    const injector = { fd, port }
    this.#injectors.set(netns, injector)
    return injector
  }

  /** All octets of a datagram; undefined when they are no message, too many or not there. */
  #gather(pid: number, spans: readonly Span[]): Uint8Array | undefined {
    const length = spans.reduce((n, span) => n + span.length, 0)
    if (length > SEND_MAX || length < NLMSG_HDRLEN) return undefined
    const octets = new Uint8Array(length)
    let at = 0
    for (const { address, length } of spans) {
      if (this.#supervision.processes.read(pid, address, octets.subarray(at, at + length)) < 0) return undefined
      at += length
    }
    return octets
  }

  #isKernel(pid: number, { address, length }: Span): boolean {
    if (address === 0n || length === 0) return true
    const sockaddr = new Uint8Array(SOCKADDR_NL_LEN)
    return (
      length >= SOCKADDR_NL_LEN &&
      this.#supervision.processes.read(pid, address, sockaddr) === 0 &&
      getU32(sockaddr, 4) === 0
    )
  }
}

function portOf(native: Supervision['native'], fd: number): number {
  const address = sockaddrNl()
  return native.getsockname(fd, address) < 0 ? 0 : getU32(address, 4)
}

/** Whether all of a datagram is for vnet_nl, or asks nlctrl for that. */
function isForUs(octets: Uint8Array): boolean {
  try {
    return [...messages(octets)].every(message => message.type === VNET_GENL_ID || asksForUs(octets, message))
  } catch (error) {
    if (error instanceof NetlinkParseError) return false
    throw error
  }
}

function asksForUs(octets: Uint8Array, message: Message): boolean {
  if (message.type !== GENL_ID_CTRL || (message.flags & NLM_F_DUMP) === NLM_F_DUMP) return false
  const { cmd, offset, length } = parseGenl(octets, message)
  if (cmd !== CTRL_CMD_GETFAMILY) return false
  const { id, name } = decodeAttributes(familyRequest, octets, offset, length)
  return name === VNET_GENL_NAME || (name === undefined && id === VNET_GENL_ID)
}

/** Who answers: the vnet of the interface that is named, else the first that is there. */
function driverFor(serving: readonly Driver[], netns: number, octets: Uint8Array): Driver | undefined {
  for (const message of messages(octets)) {
    const { ifindex, ifname } = deviceNamed(octets, message)
    if (ifindex === undefined && ifname === undefined) continue
    const named = serving.find(
      ({ device, netns: where }) =>
        where === netns && (ifindex ?? device.ifindex) === device.ifindex && (ifname ?? device.name) === device.name,
    )
    if (named !== undefined) return named
  }
  return serving[0]
}

function deviceNamed(octets: Uint8Array, message: Message): { readonly ifindex?: number; readonly ifname?: string } {
  if (message.type !== VNET_GENL_ID) return {}
  try {
    const { cmd, offset, length } = parseGenl(octets, message)
    // An echo has attributes of its own.
    return cmd === VNET_CMD_ECHO ? {} : decodeAttributes(deviceRequest, octets, offset, length)
  } catch (error) {
    // The driver says what is wrong with it.
    if (error instanceof NetlinkParseError) return {}
    throw error
  }
}
