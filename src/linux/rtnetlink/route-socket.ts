/**
 * RouteSocket: synchronous rtnetlink requests. The kernel handles a request inside send(2) and has
 * queued the reply when that returns, so nothing waits or polls. A socket keeps its namespace
 * alive: open it in the namespace of the interface, use it, close it.
 */
import { fstatSync } from 'node:fs'
import { type Call, EBADF, EBADMSG, EMSGSIZE, EPERM, VnetError } from '../../base/errno.ts'
import * as netlink from '../../netlink/index.ts'
import { check, closeFd, closing, type Native, sendAside } from '../index.ts'
import * as uapi from '../uapi.ts'

/**
 * The usual reply fits. The buffer grows up to the maximum: all names that an interface may have
 * take 70 KB. It is small because every socket has one, which lives until it is garbage-collected.
 */
const RECEIVE_BYTES = 8 << 10
const RECEIVE_BYTES_MAX = 1 << 20
/** The buffer for reading only the length of a datagram. */
const NOTHING = new Uint8Array(0)
/** Attempts at a dump that changes interrupt: a busy system may never stop changing. */
const DUMP_ATTEMPTS = 8
/**
 * The requests that may be about another namespace than the socket's. RTM_NEWLINK is not one of
 * them: it looks up the interface in the socket's own namespace, and the id is where to move it
 * (do_setlink, net/core/rtnetlink.c).
 */
const TARGETED = [uapi.RTM_GETLINK, uapi.RTM_GETADDR]

/** One request: its type, a description for errors, and a function that writes its payload. */
export interface RouteRequest {
  /** RTM_* */
  readonly type: number
  /** NLM_F_CREATE and so on; REQUEST, ACK and DUMP are set as needed. */
  readonly flags?: number
  /** For errors: `RTM_NEWADDR 198.18.0.1/24 on vnet0`. Called only if the request fails. */
  readonly what: () => string | Call
  readonly write: (builder: netlink.MessageBuilder) => void
}

/** Gets each message of a reply, for the time of the call. Returns false to read no more. */
type OnReply = (bytes: Uint8Array, message: netlink.Message) => unknown

/** How much of the replies to a request has arrived. */
interface Progress {
  /** False if a change interrupted the dump. */
  isConsistent: boolean
  /** True once the caller wants to read no more. */
  isEnough: boolean
  /** The acknowledgement or the end of the dump. */
  end: netlink.Ack | undefined
}

export class RouteSocket implements Disposable {
  /** The id of the namespace that requests are about; undefined for the socket's own. */
  readonly target: number | undefined
  readonly #native: Native
  readonly #fd: number
  readonly #builder = new netlink.MessageBuilder()
  #into = new Uint8Array(RECEIVE_BYTES)
  readonly #meta = new Int32Array(3)
  #seq = 0
  #open = true

  private constructor(
    native: Native,
    nsfd: number,
    target?: number,
    protocol = uapi.NETLINK_ROUTE,
  ) {
    this.target = target
    this.#native = native
    const what = protocol === uapi.NETLINK_ROUTE ? 'NETLINK_ROUTE' : 'NETLINK_SOCK_DIAG'
    this.#fd = check(
      native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, protocol, nsfd),
      `socket(AF_NETLINK, ${what})`,
    )
    // Each option improves error messages. An old kernel may lack it.
    for (const option of [
      uapi.NETLINK_EXT_ACK,
      uapi.NETLINK_CAP_ACK,
      uapi.NETLINK_GET_STRICT_CHK,
    ]) {
      native.setsockopt(this.#fd, uapi.SOL_NETLINK, option, uapi.int32(1))
    }
  }

  /** Opens a socket in the network namespace that `nsfd` refers to; -1 is our own. */
  static open(native: Native, nsfd = -1): RouteSocket {
    return new RouteSocket(native, nsfd)
  }

  /** Same as open, for requests about sockets: sock-diag.ts. */
  static openDiag(native: Native, nsfd: number): RouteSocket {
    return new RouteSocket(native, nsfd, undefined, uapi.NETLINK_SOCK_DIAG)
  }

  /**
   * Opens a socket in our own namespace that reads the links and addresses of another one, by its
   * id (IFLA_TARGET_NETNSID). That takes CAP_NET_ADMIN, while entering a namespace takes
   * CAP_SYS_ADMIN. All other requests fail with EPERM and are not sent.
   */
  static openFor(native: Native, nsid: number): RouteSocket {
    return new RouteSocket(native, -1, nsid)
  }

  /**
   * Sends a request and calls `onReply` with each message before the acknowledgement. Throws a
   * VnetError: the kernel's error with the kernel's message, or EBADMSG if the reply is malformed.
   */
  request(request: RouteRequest, onReply: OnReply = () => {}): void {
    this.#send(request, netlink.NLM_F_ACK)
    this.#receive(request, onReply)
  }

  /** Like request(), for one that takes milliseconds. Make no other until the promise settles. */
  async requestAside(request: RouteRequest): Promise<void> {
    await sendAside(this.#native, this.#fd, this.#message(request, netlink.NLM_F_ACK), request.what)
    this.#receive(request, () => {})
  }

  /**
   * Sends a request for a dump and returns the results of `decode` for its messages, without
   * undefined. Skips malformed messages: each describes one object, which may be of no interest.
   * Returns the first `most` without reading the rest, after which the socket cannot be used:
   * others can make the list of such a dump as long, and change it as often, as they like.
   */
  dump<T>(
    request: RouteRequest,
    decode: (bytes: Uint8Array, message: netlink.Message) => T | undefined,
    most = Number.POSITIVE_INFINITY,
  ): T[] {
    for (let attempt = 1; ; attempt++) {
      const found: T[] = []
      this.#send(request, netlink.NLM_F_DUMP)
      const consistent = this.#receive(request, (bytes, message) => {
        const item = netlink.parsed(() => decode(bytes, message))
        if (item !== undefined && found.length < most) {
          found.push(item)
        }
        return found.length < most
      })
      if (consistent || found.length === most || attempt === DUMP_ATTEMPTS) return found
    }
  }

  /** Whether `nsfd` refers to the namespace that the socket is in. */
  isIn(nsfd: number): boolean {
    return closing(
      this.#native,
      check(this.#native.ioctl(this.#fd, uapi.SIOCGSKNS, 0), 'SIOCGSKNS'),
      own => {
        const [one, other] = [fstatSync(own), fstatSync(nsfd)]
        return one.ino === other.ino && one.dev === other.dev
      },
    )
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    closeFd(this.#native, this.#fd)
  }

  readonly [Symbol.dispose] = (): void => this.close()

  #send(request: RouteRequest, mode: number): void {
    const sent = this.#native.send(this.#fd, this.#message(request, mode), uapi.MSG_DONTWAIT)
    if (sent < 0) throw new VnetError(-sent, request.what())
  }

  #message({ type, flags = 0, what, write }: RouteRequest, mode: number): Uint8Array {
    if (!this.#open) throw new VnetError(EBADF, what())
    if (this.target !== undefined && !TARGETED.includes(type)) throw new VnetError(EPERM, what())
    this.#seq = (this.#seq + 1) >>> 0
    this.#builder.reset().message(type, netlink.NLM_F_REQUEST | mode | flags, this.#seq)
    write(this.#builder)
    return this.#builder.bytes
  }

  /** Reads to the acknowledgement or end of dump. Returns false if changes interrupted it. */
  #receive({ what }: RouteRequest, onReply: OnReply): boolean {
    const progress: Progress = { isConsistent: true, isEnough: false, end: undefined }
    for (;;) {
      const length = this.#readDatagram(what)
      try {
        this.#handle(length, progress, onReply)
      } catch (error) {
        throw error instanceof netlink.NetlinkParseError
          ? new VnetError(EBADMSG, what(), error.message)
          : error
      }
      const { end } = progress
      if (end !== undefined) {
        if (end.error < 0) throw new VnetError(-end.error, what(), end.message?.replace(/\.$/, ''))
        return progress.isConsistent
      }
      if (progress.isEnough) {
        this.close()
        return false
      }
    }
  }

  /** Reads a datagram of the kernel into the buffer, and returns its length. */
  #readDatagram(what: RouteRequest['what']): number {
    for (;;) {
      this.#makeRoom()
      const length = this.#native.recvmsg(this.#fd, this.#into, uapi.MSG_DONTWAIT, this.#meta)
      if (length < 0) throw new VnetError(-length, what())
      const [sender, , flags] = this.#meta
      if ((flags & uapi.MSG_TRUNC) !== 0) throw new VnetError(EMSGSIZE, what())
      if (sender === 0) return length
    }
  }

  /** Passes on the replies in the first `length` bytes of the buffer, and notes the progress. */
  #handle(length: number, progress: Progress, onReply: OnReply): void {
    for (const message of netlink.messages(this.#into, 0, length)) {
      // Skips replies to an earlier request that ended because its callback threw.
      if (message.seq !== this.#seq) continue
      if ((message.flags & netlink.NLM_F_DUMP_INTR) !== 0) {
        progress.isConsistent = false
      }
      if (message.type === netlink.NLMSG_ERROR || message.type === netlink.NLMSG_DONE) {
        progress.end = netlink.parseAck(this.#into, message)
      } else if (onReply(this.#into, message) === false) {
        progress.isEnough = true
      }
    }
  }

  /** Grows the buffer to the length of the next datagram. */
  #makeRoom(): void {
    const length = this.#native.recvmsg(
      this.#fd,
      NOTHING,
      uapi.MSG_DONTWAIT | uapi.MSG_PEEK | uapi.MSG_TRUNC,
      this.#meta,
    )
    if (length > this.#into.length) {
      this.#into = new Uint8Array(Math.min(length, RECEIVE_BYTES_MAX))
    }
  }
}
