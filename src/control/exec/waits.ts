/**
 * Receives that wait for a message. The kernel must not wait for it in the program, where it would return a placeholder: the
 * supervisor watches its duplicate of the socket and tries again when that is readable. A thread whose call waits here is woken by
 * a fatal signal only, so signals that it is to handle are looked for, and end its call as they end one in the kernel.
 */
import { EAGAIN, EINTR } from '../../core/errno.ts'
import type { Native, Poller } from '../../kernel/native.ts'
import type { OtherProcesses, ThreadStatus } from '../../kernel/other-process.ts'
import { startPoller } from '../../kernel/poller.ts'
import type { Notification, NotificationListener } from '../../kernel/seccomp.ts'

/** How long a signal may wait until it is noticed, where no more threads wait than are looked at each time. */
const LOOK_MS = 20
const LOOKS = 32
/** include/uapi/asm-generic/ioctls.h */
const FIONBIO = 0x5421
/** setTimeout takes no more. */
const TIMEOUT_MAX_MS = 0x7fff_ffff
/** include/linux/errno.h: the call is made again when the handler has SA_RESTART, else it is EINTR. Valid while a signal is pending. */
const ERESTARTSYS = 512

export interface Wait {
  readonly notification: Notification
  /** The supervisor's duplicate of the socket, which the wait closes. */
  readonly fd: number
  /** SO_RCVTIMEO; 0 is for ever. */
  readonly timeoutMs: number
  /** Tries again: the call's result, -EAGAIN when there still is nothing. */
  attempt(): number
  /** What the call returns when it ends before that. */
  ended(error: number): number
}

interface Waiting extends Wait {
  readonly poller: Poller
  readonly timer: NodeJS.Timeout | undefined
}

export class Waits {
  readonly #native: Native
  readonly #listener: NotificationListener
  readonly #processes: OtherProcesses
  readonly #all = new Set<Waiting>()
  #looking: NodeJS.Timeout | undefined

  constructor(native: Native, listener: NotificationListener, processes: OtherProcesses) {
    this.#native = native
    this.#listener = listener
    this.#processes = processes
  }

  add(wait: Wait): void {
    const { fd, timeoutMs } = wait
    const poller = this.#watch(fd, () => this.#readable(waiting))
    const expired = () => this.#end(waiting, wait.ended(-EAGAIN))
    const timer = timeoutMs > 0 ? setTimeout(expired, Math.min(timeoutMs, TIMEOUT_MAX_MS)) : undefined
    const waiting: Waiting = { ...wait, poller, timer }
    this.#all.add(waiting)
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS)
  }

  close(): void {
    for (const waiting of this.#all) this.#forget(waiting)
  }

  #watch(fd: number, onReadable: () => void): Poller {
    try {
      const poller = startPoller(this.#native, fd, onReadable)
      // libuv makes what it watches non-blocking, and the program's descriptor with it.
      this.#native.ioctl(fd, FIONBIO, new Uint8Array(4))
      poller.unref()
      return poller
    } catch (error) {
      this.#native.close(fd)
      throw error
    }
  }

  #readable(waiting: Waiting): void {
    const result = waiting.attempt()
    if (result !== -EAGAIN) this.#end(waiting, result)
    // After an error condition the poller has stopped.
    else waiting.poller.start()
  }

  #look(): void {
    for (const waiting of [...this.#all].slice(0, LOOKS)) {
      // The next time after all others.
      this.#all.delete(waiting)
      this.#all.add(waiting)
      const { notification, timeoutMs } = waiting
      const status = this.#processes.status(notification.pid)
      // The order matters: the number may have been another thread's.
      if (status === undefined || !this.#listener.isWaiting(notification)) {
        this.#forget(waiting)
        continue
      }
      // With a timeout it is EINTR, whatever the handler (signal(7)).
      if (isInterrupted(status)) this.#end(waiting, waiting.ended(timeoutMs > 0 ? -EINTR : -ERESTARTSYS))
    }
  }

  #end(waiting: Waiting, result: number): void {
    if (!this.#forget(waiting)) return
    this.#listener.answer(waiting.notification, result)
  }

  #forget(waiting: Waiting): boolean {
    if (!this.#all.delete(waiting)) return false
    clearTimeout(waiting.timer)
    waiting.poller.close()
    this.#native.close(waiting.fd)
    if (this.#all.size === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
    }
    return true
  }
}

/**
 * Whether a thread that waits for the supervisor was woken by a signal that it is to handle. It sleeps in S until then, and goes on
 * sleeping in D, because the supervisor has its call already (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
 */
function isInterrupted({ state, pending, sharedPending, blocked }: ThreadStatus): boolean {
  return state === 'D' && ((pending | sharedPending) & ~blocked) !== 0n
}
