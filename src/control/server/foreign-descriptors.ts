/**
 * Descriptors that clients pass to a server (SCM_RIGHTS), on kernels that cannot refuse them.
 * Closing one may take as long as its sender likes: a socket with SO_LINGER, a file of a FUSE file
 * system. So they are received, and closed on separate threads. Each connection is closed in the
 * same way, because descriptors may wait in it.
 */

import { EAGAIN, EPROTO } from '../../base/errno.ts'
import { closeAside } from '../../linux/aside.ts'
import type { Native } from '../../linux/native.ts'

/** SCM_MAX_FD: descriptors in one message at most. */
const MESSAGE_DESCRIPTORS = 253
/** The most descriptors that are being closed. Beyond it, nothing is accepted or received. */
const CLOSING = 256

/**
 * Returns the system calls for the connections of a server. A connection that carries a descriptor
 * fails with EPROTO.
 */
export function withoutDescriptors(native: Native): Native {
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
