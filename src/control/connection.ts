/**
 * One end of a Unix stream socket that carries netlink messages, event driven. Whole messages are gathered out of the stream;
 * what is sent waits in a bounded queue while the peer does not read. Descriptor and watcher are released by `close`, and when
 * the connection ends.
 */
import { EAGAIN, EBADF, ECONNRESET, ENAMETOOLONG, EPROTO } from '../core/errno.ts'
import { type Native, type Poller, WATCH_READ, WATCH_WRITE } from '../kernel/native.ts'
import {
  AF_UNIX,
  MSG_DONTWAIT,
  SO_PEERCRED,
  SO_PEERPIDFD,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddrUn,
} from '../kernel/uapi.ts'
import { align4, getU32, NLMSG_HDRLEN } from '../netlink/index.ts'

/** Bytes of a message: an attribute of 64 KiB, and the headers and smaller attributes around it. A longer one ends the connection. */
export const MESSAGE_MAX = 68 * 1024
/** Bytes that wait for a peer which does not read; a message that goes beyond is refused. */
const OUTPUT_MAX = 2 * MESSAGE_MAX
/** Bytes of the input buffer of a connection on which no long message is under way. */
const INPUT_BYTES = 16 * 1024

/** Who is at the other end, as the kernel says: of a client when it connected, of a server when it began to listen. */
export interface Peer {
  readonly uid: number
  readonly gid: number
  /** 0 when it is in a pid namespace that is not visible from here. */
  readonly pid: number
}

/** Another user to connect as: its uid and gid are what the server sees. */
export interface As {
  readonly uid: number
  readonly gid: number
}

export interface ConnectionListener {
  /** Called with each message, header included: `length` bytes at `at`, valid during the call only. */
  onMessage(bytes: Uint8Array, at: number, length: number): void
  /** Called while there is something to read, in place of receive(); without it messages are received as they come. */
  onReadable?(): void
  /** Called when all that was queued has been sent. */
  onDrain?(): void
  /** Called once, unless close() came first: 0 when the peer ended the connection, or the errno of what ended it. */
  onEnd(errno: number): void
}

export class Connection {
  readonly fd: number
  readonly #native: Native
  readonly #poller: Poller
  readonly #listener: ConnectionListener
  /** What has been received and not handed on is from #from up to #until. */
  #input = new Uint8Array(INPUT_BYTES)
  #from = 0
  #until = 0
  /** What waits to be sent; empty for most of the time. */
  readonly #output: Uint8Array[] = []
  #pending = 0
  #watches = true
  #receiving = false
  #open = true

  private constructor(native: Native, fd: number, poller: Poller, listener: ConnectionListener) {
    this.#native = native
    this.fd = fd
    this.#poller = poller
    this.#listener = listener
  }

  /**
   * Connects to a server, as another user if `as` is given (for root). Does not wait: -EAGAIN when the server has not accepted
   * those who came before, -ECONNREFUSED when it has ended, or another -errno. Keeps the process alive until `unref`.
   */
  static connect(
    native: Native,
    path: string,
    listener: ConnectionListener,
    { as }: { readonly as?: As | undefined } = {},
  ): Connection | number {
    const address = sockaddrUn(path)
    if (address === undefined) return -ENAMETOOLONG
    const fd = native.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, -1)
    if (fd < 0) return fd
    const error = as === undefined ? native.connect(fd, address) : native.connectAs(fd, address, as.uid, as.gid)
    if (error >= 0) return Connection.of(native, fd, listener)
    native.close(fd)
    return error
  }

  /** A connection on a non-blocking descriptor, which belongs to it from here on: or -errno, and the descriptor is closed. */
  static of(native: Native, fd: number, listener: ConnectionListener): Connection | number {
    let connection: Connection | undefined
    const poller = native.createPoller(fd, status => connection?.ready(status))
    const error = typeof poller === 'number' ? poller : poller.start()
    if (typeof poller !== 'number' && error >= 0) {
      connection = new Connection(native, fd, poller, listener)
      return connection
    }
    if (typeof poller !== 'number') poller.close()
    native.close(fd)
    return error
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Bytes that are queued because the peer does not read. */
  get pending(): number {
    return this.#pending
  }

  /** Bytes that have been received and not handed on. */
  get buffered(): number {
    return this.#until - this.#from
  }

  /** Undefined once closed. */
  peer(): Peer | undefined {
    return this.#open ? peerOf(this.#native, this.fd) : undefined
  }

  /**
   * Sends messages, or queues what the peer has no room for: 0. Takes nothing and returns -EAGAIN when the queue is full, another
   * -errno when the connection has ended. The last message's padding may be missing.
   */
  send(octets: Uint8Array): number {
    if (!this.#open) return -EBADF
    const whole = padded(octets)
    if (this.pending + whole.length > OUTPUT_MAX) return -EAGAIN
    let sent = 0
    if (this.pending === 0) {
      sent = this.#native.send(this.fd, whole, MSG_DONTWAIT)
      if (sent === whole.length) return 0
      if (sent < 0 && sent !== -EAGAIN) return sent
    }
    this.#queue(whole.slice(Math.max(0, sent)))
    return 0
  }

  /**
   * Receives what is there now, once, and hands on at most `most` whole messages; returns how many. Nothing while a message is
   * being handed on.
   */
  receive(most = Number.POSITIVE_INFINITY): number {
    if (this.#receiving) return 0
    this.#receiving = true
    let count = 0
    try {
      for (let filled = false; this.#open && count < most; ) {
        const length = this.#next()
        if (length > 0) {
          const at = this.#from
          this.#from += align4(length)
          count++
          this.#listener.onMessage(this.#input, at, length)
        } else if (length < 0) {
          this.#end(EPROTO)
        } else if (filled || !this.#fill()) {
          break
        } else filled = true
      }
    } finally {
      this.#receiving = false
    }
    return count
  }

  /** Watches no more for something to read: the peer's messages wait in the socket, and then the peer. */
  pause(): void {
    this.#watches = false
    this.#watch()
  }

  resume(): void {
    this.#watches = true
    this.#watch()
  }

  ref(): void {
    this.#poller.ref()
  }

  unref(): void {
    this.#poller.unref()
  }

  /** Idempotent; the listener is not called any more, also when it is the caller. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#output.length = this.#pending = 0
    this.#poller.close()
    this.#native.close(this.fd)
  }

  /** @internal Called by the poller. */
  ready(status: number): void {
    if (this.pending > 0 && status >= 0) this.#flush()
    if (!this.#open) return
    if (status >= 0) {
      if (!this.#watches) return
      if (this.#listener.onReadable === undefined) this.receive()
      else this.#listener.onReadable()
      return
    }
    // The peer is gone and has not read all. What it sent before is still there.
    if (this.#listener.onReadable === undefined) while (this.receive() > 0) {}
    this.#end(ECONNRESET)
  }

  #end(errno: number): void {
    if (!this.#open) return
    this.close()
    this.#listener.onEnd(errno)
  }

  #watch(): void {
    if (!this.#open) return
    const events = (this.#watches ? WATCH_READ : 0) | (this.pending > 0 ? WATCH_WRITE : 0)
    if (events === 0) {
      this.#poller.stop()
      return
    }
    this.#poller.watch(events)
    this.#poller.start()
  }

  #flush(): void {
    const octets = this.#output.length === 1 ? (this.#output[0] as Uint8Array) : Buffer.concat(this.#output)
    const sent = this.#native.send(this.fd, octets, MSG_DONTWAIT)
    this.#output.length = this.#pending = 0
    if (sent === -EAGAIN) this.#queue(octets)
    // An end is noticed by reading: what the peer sent before it is still there.
    else if (sent >= 0 && sent < octets.length) this.#queue(octets.subarray(sent))
    if (this.pending > 0) return
    this.#watch()
    this.#listener.onDrain?.()
  }

  #queue(octets: Uint8Array): void {
    this.#output.push(octets)
    this.#pending += octets.length
    this.#watch()
  }

  /** Length of the message at #from if all of it is there, 0 if not, -1 if there can be no such message. */
  #next(): number {
    if (this.buffered < NLMSG_HDRLEN) return 0
    const length = getU32(this.#input, this.#from)
    if (length < NLMSG_HDRLEN || length > MESSAGE_MAX) return -1
    return align4(length) > this.buffered ? 0 : length
  }

  /** Receives once; false when there is nothing, or no more. */
  #fill(): boolean {
    this.#makeRoom()
    const received = this.#native.recv(this.fd, this.#input.subarray(this.#until), MSG_DONTWAIT)
    if (received > 0) this.#until += received
    else if (received !== -EAGAIN) this.#end(Math.abs(received))
    return received > 0
  }

  /** Room for all of the message at #from, or for the next if there is none. */
  #makeRoom(): void {
    const { buffered } = this
    // Bounded also where the length is not known to be a good one yet.
    const needed = buffered < 4 ? 0 : align4(Math.min(getU32(this.#input, this.#from), MESSAGE_MAX))
    const size = Math.max(INPUT_BYTES, needed)
    if (size !== this.#input.length) {
      const input = new Uint8Array(size)
      input.set(this.#input.subarray(this.#from, this.#until))
      this.#input = input
    } else if (this.#from > 0) {
      this.#input.copyWithin(0, this.#from, this.#until)
    }
    this.#from = 0
    this.#until = buffered
  }
}

/** Who is at the other end of a connected socket; undefined where the kernel does not say. */
export function peerOf(native: Native, fd: number): Peer | undefined {
  const ucred = new Uint8Array(12)
  if (native.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred) < ucred.length) return undefined
  return { pid: getU32(ucred, 0), uid: getU32(ucred, 4), gid: getU32(ucred, 8) }
}

/** A pidfd of the process at the other end, the caller's to close; -errno, of which ENOPROTOOPT is a kernel before 6.5. */
export function peerPidfd(native: Native, fd: number): number {
  const pidfd = new Uint8Array(4)
  const length = native.getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, pidfd)
  return length < 0 ? length : getU32(pidfd, 0)
}

function padded(octets: Uint8Array): Uint8Array {
  const length = align4(octets.length)
  if (length === octets.length) return octets
  const whole = new Uint8Array(length)
  whole.set(octets)
  return whole
}
