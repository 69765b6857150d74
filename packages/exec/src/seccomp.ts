/**
 * seccomp user notifications: system calls of other processes that wait for a result from here. A
 * call waits until it gets a result, is passed on to the kernel, or its process ends. Several calls
 * may wait concurrently, and get their results in any order. include/uapi/linux/seccomp.h.
 */
import { ENOENT } from 'vnet'
import { closeFd, type Native, type Poller, startPoller } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'

/** struct seccomp_notif: id, pid, flags; struct seccomp_data: nr, arch, ip, six arguments. */
const NOTIF_LEN = 80
const PID_AT = 8
const NR_AT = 16
const ARGS_AT = 32
const ID_LEN = 8
const RESP_LEN = 24

/** A system call that waits for its result (struct seccomp_notif). */
export class Notification {
  readonly bytes = new Uint8Array(NOTIF_LEN)

  /**
   * The waiting thread, in our pid namespace. Another thread may get the number once this one has
   * ended: check isWaiting() after reading from it, and before writing to it.
   */
  get pid(): number {
    return netlink.getU32(this.bytes, PID_AT)
  }

  /** The number of the system call (bySyscallNumber). */
  get nr(): number {
    return netlink.getS32(this.bytes, NR_AT)
  }

  /** Argument `i` as an address or a size. */
  address(i: number): bigint {
    return netlink.getU64(this.bytes, ARGS_AT + 8 * i)
  }

  /** Argument `i` as an int. */
  int(i: number): number {
    return netlink.getS32(this.bytes, ARGS_AT + 8 * i)
  }

  /** The kernel's id of the waiting call, 8 bytes. */
  get id(): Uint8Array {
    return this.bytes.subarray(0, ID_LEN)
  }
}

/**
 * The supervisor's end of a seccomp filter. It receives the calls that the filter traps, and ends
 * each with a result. A call that has ended in the meantime is ignored.
 */
export class NotificationListener {
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #resp = new Uint8Array(RESP_LEN)
  #open = true

  /** Takes over the descriptor. Keeps the process alive until no process has the filter. */
  constructor(native: Native, fd: number, onNotification: (notification: Notification) => void) {
    this.#native = native
    this.#fd = fd
    // Optional: an older kernel is only slower.
    native.ioctl(fd, uapi.SECCOMP_IOCTL_NOTIF_SET_FLAGS, uapi.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
    this.#poller = startPoller(native, fd, () => {
      const notification = this.#receive()
      if (notification !== undefined) {
        onNotification(notification)
      }
    })
  }

  /** Whether its thread still waits. If not, the thread's id may already be another's. */
  isWaiting(notification: Notification): boolean {
    return this.#ioctl(uapi.SECCOMP_IOCTL_NOTIF_ID_VALID, notification.id) >= 0
  }

  /** Ends the call, if it waits, with 0 or more, or -errno; undefined lets the kernel run it. */
  answer({ id }: Notification, result: number | undefined): void {
    // A struct seccomp_notif_resp: the value, which is an int, in 64 bits, the error, the flags.
    const [value, error] = [Math.max(result ?? 0, 0), Math.min(result ?? 0, 0)]
    const flags = result === undefined ? uapi.SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0
    this.#write(uapi.SECCOMP_IOCTL_NOTIF_SEND, id, [value, 0, error, flags])
  }

  /** Lets the kernel run the call. */
  proceed(notification: Notification): void {
    this.answer(notification, undefined)
  }

  /** Ends the call with a duplicate of `fd` as that process's `newfd`. Returns newfd or -errno. */
  answerDescriptor({ id }: Notification, fd: number, newfd: number, cloexec: boolean): number {
    const flags = uapi.SECCOMP_ADDFD_FLAG_SETFD | uapi.SECCOMP_ADDFD_FLAG_SEND
    return this.#write(uapi.SECCOMP_IOCTL_NOTIF_ADDFD, id, [
      flags,
      fd,
      newfd,
      cloexec ? uapi.O_CLOEXEC : 0,
    ])
  }

  /** Waiting and later calls fail with ENOSYS. Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poller.close()
    closeFd(this.#native, this.#fd)
  }

  #receive(): Notification | undefined {
    const notification = new Notification()
    const result = this.#ioctl(uapi.SECCOMP_IOCTL_NOTIF_RECV, notification.bytes)
    if (result >= 0) return notification
    // The thread was killed, or all processes have ended, which the kernel keeps reporting.
    if (result !== -ENOENT || (this.#native.poll(this.#fd) & uapi.POLLHUP) !== 0) {
      this.close()
    } else {
      this.#poller.start()
    }
    return undefined
  }

  /** Passes the id of a call and four 32-bit numbers to the kernel. */
  #write(request: number, id: Uint8Array, numbers: readonly number[]): number {
    this.#resp.set(id)
    for (const [i, number] of numbers.entries()) {
      netlink.putU32(this.#resp, ID_LEN + 4 * i, number)
    }
    return this.#ioctl(request, this.#resp)
  }

  #ioctl(request: number, bytes: Uint8Array): number {
    return this.#open ? this.#native.ioctl(this.#fd, request, bytes) : -ENOENT
  }
}
