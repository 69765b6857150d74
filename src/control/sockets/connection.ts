/**
 * One end of a Unix stream socket with netlink messages. Received bytes are gathered into whole
 * messages; a bounded queue holds messages for a slow peer. When the connection ends, from either
 * side, its descriptor is closed.
 */

import { EAGAIN, EBADF, EBUSY, ECONNRESET, ENAMETOOLONG, EPROTO } from '../../base/errno.ts'
import { closeFd } from '../../linux/errno.ts'
import { type Native, type Poller, WATCH_READ, WATCH_WRITE } from '../../linux/native.ts'
import * as uapi from '../../linux/uapi.ts'
import { align4, getU32, NLMSG_HDRLEN } from '../../netlink/index.ts'
import type { Detached } from '../protocol/detached.ts'

/** Bytes of a message at most: an attribute of 64 KiB, and others. More ends the connection. */
export const MESSAGE_MAX = 68 * 1024
/** Bytes at most that wait for a peer that does not read; a message beyond them is refused. */
const OUTPUT_MAX = 2 * MESSAGE_MAX
/** Bytes of the input buffer until a longer message is received. It then remains larger. */
const INPUT_BYTES = 2 * 1024
/** Reads of receiveAll at most: 2 MiB and more, several times what a socket holds by default. */
const READS_MAX = 1024
const NONE = new Uint8Array(0)

/** The process at the other end, from the kernel: when a client connected, or a server listened. */
export interface Peer {
  readonly uid: number
  readonly gid: number
  /** 0 if it is in a pid namespace that is not visible from here. */
  readonly pid: number
}

/** Another user to connect as: the server sees this uid and gid. */
export type As = Pick<Peer, 'uid' | 'gid'>

/**
 * The owner of a Connection, as the Connection calls it. It may send on the connection, pause or
 * close it in each of these calls.
 */
export interface ConnectionListener {
  /** Called with each message, `length` bytes at `at`, valid during the call. */
  onMessage(bytes: Uint8Array, at: number, length: number): void
  /** Called while data can be read. Without it, messages are received as they arrive. */
  onReadable?(): void
  /** Called when the queue of messages to the peer has become empty. */
  onDrain?(): void
  /** Called once, unless close() was called first: 0 if the peer ended it, or an errno. */
  onEnd(errno: number): void
}

export class Connection {
  readonly fd: number
  readonly #native: Native
  readonly #poller: Poller
  readonly #listener: ConnectionListener
  readonly #spares: Uint8Array[]
  /** The bytes from #from up to #until have been received and not handed on. */
  #input: Uint8Array
  #from = 0
  #until = 0
  /** The messages that wait to be sent; mostly empty. */
  readonly #output: Uint8Array[] = []
  #pending = 0
  #watches = true
  #receiving = false
  #open = true

  private constructor(
    native: Native,
    fd: number,
    poller: Poller,
    listener: ConnectionListener,
    spares: Uint8Array[],
    input: Uint8Array,
  ) {
    this.#native = native
    this.fd = fd
    this.#poller = poller
    this.#listener = listener
    this.#spares = spares
    this.#until = input.length
    this.#input = input.length > INPUT_BYTES ? input : (spares.pop() ?? new Uint8Array(INPUT_BYTES))
    if (this.#input !== input) {
      this.#input.set(input)
    }
  }

  /**
   * Connects to a server, as another user if `as` is given, which only root may do. Does not wait:
   * returns -EAGAIN if the server's queue of connections is full, -ECONNREFUSED if the server has
   * ended, or another -errno. The connection keeps the process alive until `unref`.
   */
  static connect(
    native: Native,
    path: string,
    listener: ConnectionListener,
    as?: As,
  ): Connection | number {
    const address = uapi.sockaddrUn(path)
    if (address === undefined) return -ENAMETOOLONG
    const fd = native.socket(uapi.AF_UNIX, uapi.SOCK_STREAM | uapi.SOCK_NONBLOCK, 0, -1)
    if (fd < 0) return fd
    const error =
      as === undefined ? native.connect(fd, address) : native.connectAs(fd, address, as.uid, as.gid)
    if (error >= 0) return Connection.of(native, fd, listener)
    closeFd(native, fd)
    return error
  }

  /**
   * Takes over a non-blocking descriptor; on failure closes it and returns -errno. The connection
   * takes its input buffer from `spares`, if there is one, and returns it there at its end. `input`
   * are bytes that another owner has received already (Detached).
   */
  static of(
    native: Native,
    fd: number,
    listener: ConnectionListener,
    spares: Uint8Array[] = [],
    input: Uint8Array = NONE,
  ): Connection | number {
    let connection: Connection | undefined
    const poller = native.createPoller(fd, status => connection?.ready(status))
    const error = typeof poller === 'number' ? poller : poller.start()
    if (typeof poller !== 'number' && error >= 0) {
      connection = new Connection(native, fd, poller, listener, spares, input)
      return connection
    }
    if (typeof poller !== 'number') {
      poller.close()
    }
    closeFd(native, fd)
    return error
  }

  get isOpen(): boolean {
    return this.#open
  }

  get pending(): number {
    return this.#pending
  }

  get buffered(): number {
    return this.#until - this.#from
  }

  peer(): Peer | undefined {
    return this.#open ? peerOf(this.#native, this.fd) : undefined
  }

  /**
   * Sends messages, or queues what the peer has no room for, and returns 0. Takes nothing and
   * returns -EAGAIN if the queue is full, or another -errno if sending fails. The padding after the
   * last message may be missing. `bytes` may be used again after the call.
   */
  send(bytes: Uint8Array): number {
    if (!this.#open) return -EBADF
    const whole = bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes], align4(bytes.length))
    if (this.pending + whole.length > OUTPUT_MAX) return -EAGAIN
    let sent = 0
    if (this.pending === 0) {
      sent = this.#native.send(this.fd, whole, uapi.MSG_DONTWAIT)
      if (sent === whole.length) return 0
      if (sent < 0 && sent !== -EAGAIN) return sent
    }
    this.#queue(whole.slice(Math.max(0, sent)))
    return 0
  }

  /** Reads once and hands on at most `most` whole messages; returns how many. Not reentrant: 0. */
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
        } else {
          filled = true
        }
      }
    } finally {
      this.#receiving = false
    }
    return count
  }

  /** Receives what has arrived, until `isEnough`; ends even if the peer never stops to send. */
  receiveAll(isEnough: () => boolean): void {
    for (let i = 0; i < READS_MAX && !isEnough(); i++) {
      const { buffered } = this
      // A read may bring only a part of a long message.
      if (this.receive() === 0 && this.buffered === buffered) return
    }
  }

  /** Stops reading: messages wait in the socket; when that is full, the peer waits. */
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

  /** Idempotent. The listener is not called again, even if it is the caller. */
  close(): void {
    if (!this.#open) return
    this.#release()
    closeFd(this.#native, this.fd)
  }

  /** Gives away an open connection: the listener is not called again, and close() does nothing. */
  detach(): Detached {
    const detached = {
      fd: this.fd,
      input: this.#input.slice(this.#from, this.#until),
      output: Buffer.concat(this.#output),
    }
    this.#release()
    return detached
  }

  #release(): void {
    this.#open = false
    this.#output.length = 0
    this.#pending = 0
    this.#poller.close()
    if (this.#input.length === INPUT_BYTES) {
      this.#spares.push(this.#input)
    }
  }

  /** @internal Called by the poller. */
  ready(status: number): void {
    if (this.pending > 0 && status >= 0) {
      this.#flush()
    }
    if (!this.#open) return
    if (status >= 0) {
      if (!this.#watches) return
      if (this.#listener.onReadable === undefined) {
        this.receive()
      } else {
        this.#listener.onReadable()
      }
      return
    }
    // The peer ended without reading everything. Its earlier messages are still in the socket.
    if (this.#listener.onReadable === undefined) {
      this.receiveAll(() => !this.#open)
    }
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
    const bytes =
      this.#output.length === 1 ? (this.#output[0] as Uint8Array) : Buffer.concat(this.#output)
    const sent = this.#native.send(this.fd, bytes, uapi.MSG_DONTWAIT)
    this.#output.length = 0
    this.#pending = 0
    if (sent === -EAGAIN) {
      this.#queue(bytes)
    } else if (sent >= 0 && sent < bytes.length) {
      // The end of the connection is noticed by reading, after the peer's earlier messages.
      this.#queue(bytes.subarray(sent))
    }
    if (this.pending > 0) return
    this.#watch()
    this.#listener.onDrain?.()
  }

  #queue(bytes: Uint8Array): void {
    this.#output.push(bytes)
    this.#pending += bytes.length
    this.#watch()
  }

  /** Length of the message at #from: 0 if it is incomplete, -1 if its length is invalid. */
  #next(): number {
    if (this.buffered < NLMSG_HDRLEN) return 0
    const length = getU32(this.#input, this.#from)
    if (length < NLMSG_HDRLEN || length > MESSAGE_MAX) return -1
    return align4(length) > this.buffered ? 0 : length
  }

  /** Reads the socket once; returns false if it was empty, or if the connection has ended. */
  #fill(): boolean {
    this.#makeRoom()
    const room = this.#until === 0 ? this.#input : this.#input.subarray(this.#until)
    const received = this.#native.recv(this.fd, room, uapi.MSG_DONTWAIT)
    if (received > 0) {
      this.#until += received
    } else if (received !== -EAGAIN) {
      this.#end(Math.abs(received))
    }
    return received > 0
  }

  #makeRoom(): void {
    const { buffered } = this
    // The length is not validated yet, so it is bounded here.
    const needed = buffered < 4 ? 0 : align4(Math.min(getU32(this.#input, this.#from), MESSAGE_MAX))
    if (needed > this.#input.length) {
      const input = new Uint8Array(needed)
      input.set(this.#input.subarray(this.#from, this.#until))
      this.#input = input
    } else if (this.#from > 0) {
      this.#input.copyWithin(0, this.#from, this.#until)
    }
    this.#from = 0
    this.#until = buffered
  }
}

/** Returns the process at the other end of a socket; undefined if it is unknown. */
export function peerOf(native: Native, fd: number): Peer | undefined {
  const ucred = new Uint8Array(12)
  if (native.getsockopt(fd, uapi.SOL_SOCKET, uapi.SO_PEERCRED, ucred) < ucred.length) {
    return undefined
  }
  return { pid: getU32(ucred, 0), uid: getU32(ucred, 4), gid: getU32(ucred, 8) }
}

/** Returns a pidfd of the peer, for the caller to close; -ENOPROTOOPT before Linux 6.5. */
export function peerPidfd(native: Native, fd: number): number {
  const value = new Uint8Array(4)
  const length = native.getsockopt(fd, uapi.SOL_SOCKET, uapi.SO_PEERPIDFD, value)
  if (length < 0) return length
  const pidfd = getU32(value, 0)
  const adopted = native.adopt(pidfd)
  // EBUSY: other code of the program has closed a descriptor of the addon, whose number the kernel
  // has now given to the pidfd. The addon has the number already, so the pidfd is its own. If the
  // former owner closes its number later, it closes the pidfd.
  return adopted < 0 && adopted !== -EBUSY ? adopted : pidfd
}
