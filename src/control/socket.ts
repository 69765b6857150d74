/**
 * A NETLINK_USERSOCK socket: datagrams to and from netlink ports of one network namespace, event driven. A port that nobody has is
 * ECONNREFUSED; one whose owner does not read is EAGAIN. Descriptor and watcher are released by `close`.
 */
import { EBADF } from '../core/errno.ts'
import { check } from '../kernel/errno.ts'
import type { Native, Poller } from '../kernel/native.ts'
import { startPoller } from '../kernel/poller.ts'
import {
  AF_NETLINK,
  int32,
  MSG_DONTWAIT,
  NETLINK_USERSOCK,
  SO_PASSCRED,
  SOCK_RAW,
  SOL_SOCKET,
  sockaddrNl,
} from '../kernel/uapi.ts'

/** More than any datagram of the protocol, an attribute of 64 KiB and some more; a longer one is cut, and then not whole. */
const RECEIVE_OCTETS = 128 * 1024

/**
 * Told of a datagram: `length` octets at the beginning of `bytes`, valid during the call, from port `sender` and the user `uid`, as the
 * kernel says (SCM_CREDENTIALS); `pid` is his process, 0 when that is none that we can see.
 */
export type OnDatagram = (bytes: Uint8Array, length: number, sender: number, uid: number, pid: number) => void

export class UserSocket {
  /** Its netlink port. */
  readonly port: number
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #onDatagram: OnDatagram
  readonly #into = new Uint8Array(RECEIVE_OCTETS)
  readonly #meta = new Int32Array(5)
  #open = true

  private constructor(native: Native, fd: number, onDatagram: OnDatagram) {
    this.#native = native
    this.#fd = fd
    this.#onDatagram = onDatagram
    const address = sockaddrNl()
    check(native.getsockname(fd, address), 'getsockname(AF_NETLINK)')
    this.port = new DataView(address.buffer).getUint32(4, true)
    this.#poller = startPoller(native, fd, () => this.#readable())
  }

  /**
   * Opens a socket at home and takes the first of `ports` that is free there; 0 is one that the kernel chooses. It keeps the
   * process alive until `unref`. Throws a VnetError, EADDRINUSE when all are taken.
   */
  static open(native: Native, ports: Iterable<number>, onDatagram: OnDatagram): UserSocket {
    const fd = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1), 'socket(AF_NETLINK, NETLINK_USERSOCK)')
    try {
      check(native.setsockopt(fd, SOL_SOCKET, SO_PASSCRED, int32(1)), 'setsockopt(SO_PASSCRED)')
      let result = 0
      for (const port of ports) {
        result = native.bind(fd, sockaddrNl(port))
        if (result >= 0) break
      }
      check(result, 'bind(NETLINK_USERSOCK)')
      return new UserSocket(native, fd, onDatagram)
    } catch (error) {
      native.close(fd)
      throw error
    }
  }

  /** Sends a datagram, without waiting: the octets sent, or -errno; -EBADF once closed. */
  send(port: number, octets: Uint8Array): number {
    // The number may be another's by then.
    if (!this.#open) return -EBADF
    return this.#native.sendto(this.#fd, octets, MSG_DONTWAIT, sockaddrNl(port))
  }

  /** Sends a datagram to a multicast group, 1 to 32: to all of the namespace that joined it and have room. */
  multicast(group: number, octets: Uint8Array): void {
    // To port 0 as well, which is nobody's: so the answer says nothing.
    if (this.#open) this.#native.sendto(this.#fd, octets, MSG_DONTWAIT, sockaddrNl(0, (1 << (group - 1)) >>> 0))
  }

  /** Tells what is there already, `most` datagrams at most: what is unread when it closes is lost, and its sender not told. */
  drain(most: number): void {
    for (let left = most; left > 0 && this.#read(); left--) {}
  }

  ref(): void {
    this.#poller.ref()
  }

  unref(): void {
    this.#poller.unref()
  }

  /** Idempotent; nothing is told any more, also when called by the listener. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poller.close()
    this.#native.close(this.#fd)
  }

  /** One datagram a turn of the event loop: a flood of them does not keep the frames waiting. */
  #readable(): void {
    try {
      this.#read()
    } finally {
      // After an error condition the watcher has stopped; otherwise this changes nothing.
      if (this.#open) this.#poller.start()
    }
  }

  /** Tells of a datagram that is there already; false when there is none, or an error was waiting instead. */
  #read(): boolean {
    if (!this.#open) return false
    const length = this.#native.recvmsg(this.#fd, this.#into, MSG_DONTWAIT, this.#meta)
    const [sender = 0, , , uid = 0, pid = 0] = this.#meta
    if (length >= 0) this.#onDatagram(this.#into, length, sender >>> 0, uid >>> 0, pid)
    return length >= 0
  }
}
