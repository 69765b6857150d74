/**
 * A Unix stream socket that listens at a path. Its owner accepts the connections one by one, and so
 * limits their number. `close` removes the file if that is still its own.
 */
import { chmodSync, lstatSync } from 'node:fs'
import { attempt, EAGAIN, ENAMETOOLONG, EPROTO } from '../../base/errno.ts'
import { closeAside } from '../../linux/aside.ts'
import { check, closeFd, closingOnError, startPoller } from '../../linux/errno.ts'
import type { Native, Poller } from '../../linux/native.ts'
import {
  AF_UNIX,
  int32,
  SO_PASSRIGHTS,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddrUn,
} from '../../linux/uapi.ts'
import { removeQuietly } from '../sockets/directory.ts'

/** Connections at most that wait. They are accepted in order: one user could delay the others. */
const BACKLOG = 64

export class ListeningSocket {
  readonly path: string
  /** The system calls for its connections. */
  readonly calls: Native
  /** True if the kernel refuses descriptors of clients. */
  readonly isRefusing: boolean
  readonly fd: number
  /** Reports that a client waits, while it is started. */
  readonly poller: Poller
  #inode = 0
  #open = true

  /** Creates the file and listens; calls `onReadable` while a client waits. Throws an Error. */
  constructor(native: Native, path: string, mode: number, onReadable: () => void) {
    const address = sockaddrUn(path)
    this.path = path
    if (address === undefined) {
      check(-ENAMETOOLONG, path, 'a Unix socket’s path has at most 107 bytes')
    }
    this.fd = check(native.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, -1), 'socket(AF_UNIX)')
    // A client that passes a descriptor gets EPERM. The connections inherit it.
    this.isRefusing = native.setsockopt(this.fd, SOL_SOCKET, SO_PASSRIGHTS, int32(0)) >= 0
    this.calls = connectionCalls(native, this.isRefusing)
    this.poller = closingOnError(native, [this.fd], () => {
      check(native.bind(this.fd, address as Uint8Array), ['bind', path])
      try {
        this.#inode = lstatSync(path).ino
        // The umask reduces the mode of a new file. Nobody can connect before it listens.
        chmodSync(path, mode)
        check(native.listen(this.fd, BACKLOG), ['listen', path])
        return startPoller(native, this.fd, onReadable)
      } catch (error) {
        removeQuietly(path)
        throw error
      }
    })
  }

  /** Returns a non-blocking descriptor of the next connection, or -EAGAIN, or another -errno. */
  accept(): number {
    return this.#open ? this.calls.accept(this.fd) : -EAGAIN
  }

  /** Idempotent. Clients that were not accepted yet are disconnected. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.poller.close()
    // Descriptors may wait in the connections that were not accepted.
    closeFd(this.calls, this.fd)
    // If the file remains, a client that finds it gets ECONNREFUSED.
    if (attempt(() => lstatSync(this.path).ino) === this.#inode) {
      removeQuietly(this.path)
    }
  }
}

/** The listening socket, as far as clients are accepted. */
export type Accepting = Pick<ListeningSocket, 'accept' | 'poller' | 'calls'>

/** Accepts clients at a descriptor of a socket that another thread or process has made. */
export function acceptingAt(
  native: Native,
  fd: number,
  isRefusing: boolean,
  onReadable: () => void,
): Accepting {
  const calls = connectionCalls(native, isRefusing)
  return { calls, accept: () => calls.accept(fd), poller: startPoller(native, fd, onReadable) }
}

/** Returns the system calls for connections of a socket that refuses descriptors, or does not. */
function connectionCalls(native: Native, isRefusing: boolean): Native {
  return isRefusing ? native : withoutDescriptors(native)
}

/** SCM_MAX_FD: descriptors in one message at most. */
export const MESSAGE_DESCRIPTORS = 253
/** The most descriptors that are being closed. Beyond it, nothing is accepted or received. */
const CLOSING = 256

/**
 * Returns the system calls for a server's connections on kernels that cannot refuse descriptors
 * (SCM_RIGHTS). A connection that carries one fails with EPROTO. Closing a received descriptor may
 * take as long as its sender likes (SO_LINGER, FUSE), and so may closing a connection that still
 * holds one: both are closed on separate threads.
 */
function withoutDescriptors(native: Native): Native {
  const found = new Int32Array(MESSAGE_DESCRIPTORS)
  let closing = 0
  function close(fds: Int32Array): void {
    closing += fds.length
    void closeAside(native, [...fds]).then(() => {
      closing -= fds.length
    })
  }
  return {
    ...native,
    accept: fd => (closing < CLOSING ? native.accept(fd) : -EAGAIN),
    recv(fd, into, flags) {
      if (closing >= CLOSING) return -EAGAIN
      const length = native.recvDescriptors(fd, into, flags, found)
      const count = found.indexOf(-1)
      if (count === 0) return length
      close(found.slice(0, count < 0 ? found.length : count))
      return -EPROTO
    },
    close(fd) {
      close(Int32Array.of(fd))
      return 0
    },
  }
}
