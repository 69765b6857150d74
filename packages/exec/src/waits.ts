/**
 * Receives that wait for a message. If the kernel waited in the program, it would return a
 * placeholder (replies.ts). Instead the supervisor watches its duplicate of the socket and tries
 * again when that is readable. Only a fatal signal wakes a thread with a call that waits here, so
 * the supervisor polls for signals that the thread handles and ends the call like the kernel would.
 */
import { EAGAIN, EINTR, EIO, ENOBUFS } from 'vnet'
import { timerMs } from 'vnet/kit/base'
import { closeFd, closingOnError, type Poller, startPoller } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import type { ThreadStatus } from './other-process.ts'
import type { Notification } from './seccomp.ts'
import type { Supervision } from './supervision.ts'

/** Signals are polled for this often, for LOOKS threads each time. */
const LOOK_MS = 20
const LOOKS = 32
/** Concurrent waiting receives, each with a descriptor; one more fails with ENOBUFS. */
const WAITS_MAX = 1024
/** include/linux/errno.h: restarts a call if SA_RESTART is set. Only while a signal is pending. */
const ERESTARTSYS = 512

/**
 * A receiving call without a message. Waits calls `attempt` when the socket is readable, and
 * `ended` when the call ends without a message; it passes the result of either to the program.
 */
export interface Wait {
  readonly notification: Notification
  /** The supervisor's duplicate of the socket; closed when the wait ends. */
  readonly fd: number
  /** SO_RCVTIMEO in ms; 0 means without a limit. */
  readonly timeoutMs: number
  /** Tries again. Returns the result of the call, or -EAGAIN if no message has arrived. */
  attempt(): number
  /**
   * Returns the result of a call that ends with this -errno. A call that has messages already
   * returns these.
   */
  ended(error: number): number
}

interface Waiting extends Wait {
  readonly poller: Poller
  readonly timer: NodeJS.Timeout | undefined
}

/** The receives of all programs that wait, WAITS_MAX at most. */
export class Waits {
  readonly #supervision: Supervision
  readonly #all = new Set<Waiting>()
  #looking: NodeJS.Timeout | undefined

  constructor(supervision: Supervision) {
    this.#supervision = supervision
  }

  /** Takes over the descriptor of a wait, and replies to its call when the wait ends. */
  add(wait: Wait): void {
    const { fd, timeoutMs } = wait
    if (this.#all.size >= WAITS_MAX) {
      closeFd(this.#supervision.native, fd)
      this.#supervision.listener.answer(wait.notification, wait.ended(-ENOBUFS))
      return
    }
    const poller = this.#watch(fd, () => this.#guarded(waiting, () => this.#readable(waiting)))
    const expired = () => this.#guarded(waiting, () => this.#end(waiting, wait.ended(-EAGAIN)))
    const timer = timeoutMs > 0 ? setTimeout(expired, timerMs(timeoutMs)) : undefined
    const waiting: Waiting = { ...wait, poller, timer }
    this.#all.add(waiting)
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS)
  }

  /** Frees the descriptors of all waits, without a reply to their calls. */
  close(): void {
    for (const waiting of this.#all) {
      this.#forget(waiting)
    }
  }

  #watch(fd: number, onReadable: () => void): Poller {
    const { native } = this.#supervision
    return closingOnError(native, [fd], () => {
      const poller = startPoller(native, fd, onReadable)
      // libuv makes watched descriptors non-blocking, which affects the program's descriptor too.
      native.ioctl(fd, uapi.FIONBIO, new Uint8Array(4))
      poller.unref()
      return poller
    })
  }

  /** An exception here has no caller but the event loop, so it ends the call alone. */
  #guarded(waiting: Waiting, fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#supervision.onDefect(error)
      this.#end(waiting, -EIO)
    }
  }

  #readable(waiting: Waiting): void {
    const result = waiting.attempt()
    if (result !== -EAGAIN) {
      this.#end(waiting, result)
    } else {
      // The poller has stopped after an error condition.
      waiting.poller.start()
    }
  }

  #look(): void {
    for (const waiting of [...this.#all].slice(0, LOOKS)) {
      // Behind all others for the next time.
      this.#all.delete(waiting)
      this.#all.add(waiting)
      this.#guarded(waiting, () => this.#endInterrupted(waiting))
    }
  }

  #endInterrupted(waiting: Waiting): void {
    const { notification, timeoutMs } = waiting
    const { processes, listener } = this.#supervision
    const status = processes.status(notification.pid)
    // A waiting thread sleeps in state S until a signal wakes it, and in state D from then on,
    // because its call was received (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
    const isInterrupted =
      status?.state === 'D' && (hasSignal(status) || processes.isStopping(notification.pid))
    // Checked after the status was read, because the pid may belong to another thread by now.
    if (status === undefined || !listener.isWaiting(notification)) {
      this.#forget(waiting)
    } else if (isInterrupted) {
      // A timeout makes it EINTR, for any handler (signal(7)).
      this.#end(waiting, waiting.ended(timeoutMs > 0 ? -EINTR : -ERESTARTSYS))
    }
  }

  #end(waiting: Waiting, result: number): void {
    if (!this.#forget(waiting)) return
    this.#supervision.listener.answer(waiting.notification, result)
  }

  #forget(waiting: Waiting): boolean {
    if (!this.#all.delete(waiting)) return false
    clearTimeout(waiting.timer)
    waiting.poller.close()
    closeFd(this.#supervision.native, waiting.fd)
    if (this.#all.size === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
    }
    return true
  }
}

const hasSignal = ({ pending, sharedPending, blocked }: ThreadStatus) =>
  ((pending | sharedPending) & ~blocked) !== 0n
