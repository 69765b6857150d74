/**
 * How datagrams get into a program's socket. The kernel asks CAP_NET_ADMIN for that: we have it when root runs us, and for others
 * the driver does it, which finds the socket by our own descriptor of it (INJECT). They come from a port that is remembered, so
 * that a program can be told that they came from the kernel.
 */
import { EBADF, EPERM, EPROTO } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import type { OtherProcesses } from '../../kernel/other-process.ts'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_GENERIC, SOCK_RAW, sockaddrNl } from '../../kernel/uapi.ts'
import {
  decodeAttributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  parseAck,
  parseGenl,
} from '../../netlink/index.ts'
import {
  injectAnswer,
  VNET_ATTR_INJECT_FD,
  VNET_ATTR_INJECT_MESSAGES,
  VNET_CMD_INJECT,
  VNET_GENL_VERSION,
  VNET_INJECT_MAX,
} from '../family.ts'
import type { DriverSockets } from './driver-socket.ts'
import type { Driver } from './drivers.ts'
import { type ProgramSocket, portOf } from './program-socket.ts'

/** Socket of ours in one network namespace. */
interface Own {
  readonly fd: number
  readonly port: number
}

/** Told 0, or -errno. */
type Done = (result: number) => void

export class Injection {
  readonly #native: Native
  readonly #processes: OtherProcesses
  readonly #sockets: DriverSockets
  /** By inode of the namespace; undefined where the kernel does not let us. */
  readonly #own = new Map<number, Own | undefined>()
  /** Drivers that let datagrams into sockets. */
  readonly #able = new WeakSet<Driver>()
  /** Ports that datagrams of ours came from, by inode of the namespace. */
  readonly #ports = new Map<number, Set<number>>()
  #seq = 0

  constructor(native: Native, processes: OtherProcesses, sockets: DriverSockets) {
    this.#native = native
    this.#processes = processes
    this.#sockets = sockets
  }

  /** Whether a datagram from this port is one of ours. */
  isOurs(netns: number, port: number): boolean {
    return this.#ports.get(netns)?.has(port) ?? false
  }

  /** Whether anything was put anywhere so far. */
  get isUsed(): boolean {
    return this.#ports.size > 0
  }

  /** Finds out, before anything is asked, whether the answers can be put into the socket, which thread `pid` uses. */
  prepare(driver: Driver, socket: ProgramSocket, pid: number, done: Done): void {
    if (this.#ownFor(socket.netns, pid) !== undefined || this.#able.has(driver)) done(0)
    else this.#ask(driver, socket, [undefined], done)
  }

  /** Puts datagrams into it, in order. -EAGAIN where there is no room; those before are there. */
  put(driver: Driver, socket: ProgramSocket, datagrams: readonly Uint8Array[], done: Done): void {
    const own = this.#own.get(socket.netns)
    if (own === undefined) {
      this.#next(driver, socket, batches(datagrams), done)
      return
    }
    const send = (datagram: Uint8Array) => this.#native.sendto(own.fd, datagram, MSG_DONTWAIT, sockaddrNl(socket.port))
    done(datagrams.reduce((result, datagram) => (result < 0 ? result : Math.min(send(datagram), 0)), 0))
  }

  close(): void {
    for (const own of this.#own.values()) if (own !== undefined) this.#native.close(own.fd)
    this.#own.clear()
  }

  #next(driver: Driver, socket: ProgramSocket, batches: readonly (readonly Uint8Array[])[], done: Done): void {
    const [first, ...others] = batches
    if (first === undefined) done(0)
    else
      this.#ask(driver, socket, first, result => {
        if (result < 0) done(result)
        else this.#next(driver, socket, others, done)
      })
  }

  /** Asks the driver to; undefined is no datagram. In our own name: it takes the socket out of this process. */
  #ask(driver: Driver, socket: ProgramSocket, datagrams: readonly (Uint8Array | undefined)[], done: Done): void {
    const request = new MessageBuilder()
    const open = new Set<number>()
    for (const datagram of datagrams) {
      this.#seq = (this.#seq + 1) >>> 0
      open.add(this.#seq)
      request.message(driver.family, NLM_F_REQUEST, this.#seq).payload(genlmsghdr(VNET_CMD_INJECT, VNET_GENL_VERSION))
      request.u32(VNET_ATTR_INJECT_FD, socket.fd)
      if (datagram !== undefined) request.binary(VNET_ATTR_INJECT_MESSAGES, datagram)
    }
    let failed = 0
    this.#sockets.ask(driver.native, {
      port: driver.port,
      octets: request.bytes.slice(),
      asker: undefined,
      onDatagram: (bytes, length) => {
        for (const { seq, port } of answers(bytes, length)) {
          if (!open.delete(seq)) continue
          if (port > 0) this.#remember(socket.netns, port)
          else failed ||= port
        }
        return open.size === 0
      },
      onEnd: result => {
        const end = result || failed
        if (end === 0) this.#able.add(driver)
        done(end)
      },
    })
  }

  #ownFor(netns: number, pid: number): Own | undefined {
    if (this.#own.has(netns)) return this.#own.get(netns)
    const native = this.#native
    const open = (nsfd: number) => native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, nsfd)
    const fd = this.#processes.inNamespaceOf(pid, open) ?? -EBADF
    if (fd < 0) return undefined
    // The thread may have gone elsewhere since it made its socket.
    const isThere = this.#processes.namespaceOf(fd) === netns && native.bind(fd, sockaddrNl()) >= 0
    const port = isThere ? portOf(native, fd) : 0
    const tried = port === 0 ? -EBADF : native.sendto(fd, new Uint8Array(NLMSG_HDRLEN), MSG_DONTWAIT, sockaddrNl(port))
    if (tried < 0) {
      native.close(fd)
      if (tried === -EPERM) this.#own.set(netns, undefined)
      return undefined
    }
    native.recvmsg(fd, new Uint8Array(NLMSG_HDRLEN), MSG_DONTWAIT, new Int32Array(3))
    const own = { fd, port }
    this.#own.set(netns, own)
    this.#remember(netns, port)
    return own
  }

  #remember(netns: number, port: number): void {
    const ports = this.#ports.get(netns) ?? new Set()
    this.#ports.set(netns, ports.add(port))
  }
}

/** As many together as a driver hears of one request. */
function batches(datagrams: readonly Uint8Array[]): Uint8Array[][] {
  const all: Uint8Array[][] = []
  let room = 0
  for (const datagram of datagrams) {
    // With the headers of its request.
    const size = datagram.length + 64
    if (size > room) {
      all.push([])
      room = VNET_INJECT_MAX + 64
    }
    all.at(-1)?.push(datagram)
    room -= size
  }
  return all
}

/** To each INJECT: the port that it came from, or -errno. */
function* answers(bytes: Uint8Array, length: number): Generator<{ readonly seq: number; readonly port: number }> {
  try {
    for (const message of messages(bytes, 0, length)) {
      const { seq, type } = message
      if (type === NLMSG_ERROR) yield { seq, port: parseAck(bytes, message).error || -EPROTO }
      else {
        const { offset, length } = parseGenl(bytes, message)
        yield { seq, port: decodeAttributes(injectAnswer, bytes, offset, length).injectPort }
      }
    }
  } catch (error) {
    if (!(error instanceof NetlinkParseError)) throw error
  }
}
