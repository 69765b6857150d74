/**
 * seccomp's user notifications: system calls of other processes that wait here to be answered. One comes at a time and waits
 * until it is answered, passed on to the kernel, or its process is gone; several may wait at once, answered in any order.
 * include/uapi/linux/seccomp.h.
 */
import { ENOENT } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native, Poller } from './native.ts'
import { startPoller } from './poller.ts'

const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100
const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101
const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102
const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103
const SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x40082104
/** The answerer runs where the asker did: four times faster. Linux 6.6. */
const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1
const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
const SECCOMP_ADDFD_FLAG_SETFD = 1
const SECCOMP_ADDFD_FLAG_SEND = 2
/** struct seccomp_notif: id, pid, flags, then struct seccomp_data: nr, arch, instruction pointer, six arguments. */
const NOTIF_LEN = 80
const PID_AT = 8
const NR_AT = 16
const ARGS_AT = 32
const ID_LEN = 8
const RESP_LEN = 24
const POLLHUP = 0x10
const O_CLOEXEC = 0x80000

/** A system call that waits for its answer. */
export class Notification {
  readonly bytes = new Uint8Array(NOTIF_LEN)
  readonly #view = new DataView(this.bytes.buffer)

  /** The thread that made it. */
  get pid(): number {
    return this.#view.getUint32(PID_AT, true)
  }

  /** Number of the system call. */
  get nr(): number {
    return this.#view.getInt32(NR_AT, true)
  }

  /** Argument i as an address or a length. */
  address(i: number): bigint {
    return this.#view.getBigUint64(ARGS_AT + 8 * i, true)
  }

  /** Argument i as an int, whose upper half means nothing. */
  int(i: number): number {
    return this.#view.getInt32(ARGS_AT + 8 * i, true)
  }

  get id(): Uint8Array {
    return this.bytes.subarray(0, ID_LEN)
  }
}

export class NotificationListener {
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #resp = new Uint8Array(RESP_LEN)
  #open = true

  /**
   * Takes the notification descriptor over and tells of each system call. It keeps the process alive, and closes by itself
   * when the last process that has the filter is gone.
   */
  constructor(native: Native, fd: number, onNotification: (notification: Notification) => void) {
    this.#native = native
    this.#fd = fd
    // An older kernel is only slower.
    native.ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
    this.#poller = startPoller(native, fd, () => {
      const notification = this.#receive()
      if (notification !== undefined) onNotification(notification)
    })
  }

  /** Whether its process still waits: if not, its number may be another's by now. */
  isWaiting(notification: Notification): boolean {
    return this.#ioctl(SECCOMP_IOCTL_NOTIF_ID_VALID, notification.id) >= 0
  }

  /** Answers with the call's result: 0 or more, or -errno. Harmless when nobody waits any more. */
  answer({ id }: Notification, result: number): void {
    const error = result < 0
    this.#send(id, error ? 0 : result, error ? result : 0, 0)
  }

  /** Lets the kernel do the call, as if nobody had been asked. */
  proceed({ id }: Notification): void {
    this.#send(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE)
  }

  /** Answers with our descriptor `fd` as number `newfd` of that process, which it may be inherited from: newfd, or -errno. */
  answerDescriptor({ id }: Notification, fd: number, newfd: number, cloexec: boolean): number {
    const addfd = new Uint8Array(RESP_LEN)
    const view = new DataView(addfd.buffer)
    addfd.set(id)
    view.setUint32(8, SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, true)
    view.setUint32(12, fd, true)
    view.setUint32(16, newfd, true)
    view.setUint32(20, cloexec ? O_CLOEXEC : 0, true)
    return this.#ioctl(SECCOMP_IOCTL_NOTIF_ADDFD, addfd)
  }

  /** Whoever waits, and calls later, gets ENOSYS. Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poller.close()
    check(this.#native.close(this.#fd), 'close(seccomp)')
  }

  #receive(): Notification | undefined {
    const notification = new Notification()
    const result = this.#ioctl(SECCOMP_IOCTL_NOTIF_RECV, notification.bytes)
    if (result >= 0) return notification
    // It was killed between the two; or all are gone, which is reported for ever.
    if (result !== -ENOENT || (this.#native.poll(this.#fd) & POLLHUP) !== 0) this.close()
    else this.#poller.start()
    return undefined
  }

  #send(id: Uint8Array, value: number, error: number, flags: number): void {
    const view = new DataView(this.#resp.buffer)
    this.#resp.set(id)
    // An int, whose sign fills the upper half.
    view.setInt32(8, value, true)
    view.setInt32(12, 0, true)
    view.setInt32(16, error, true)
    view.setUint32(20, flags, true)
    this.#ioctl(SECCOMP_IOCTL_NOTIF_SEND, this.#resp)
  }

  #ioctl(request: number, octets: Uint8Array): number {
    return this.#open ? this.#native.ioctl(this.#fd, request, octets) : -ENOENT
  }
}
