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

/** How long a signal may wait until it is noticed. */
const LOOK_MS = 20
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
  readonly tgid: number
  /** A signal for the whole process was pending at the last look. */
  wasPending: boolean
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
    const { fd, timeoutMs, notification } = wait
    const poller = this.#watch(fd, () => this.#readable(waiting))
    const expired = () => this.#end(waiting, wait.ended(-EAGAIN))
    const timer = timeoutMs > 0 ? setTimeout(expired, Math.min(timeoutMs, TIMEOUT_MAX_MS)) : undefined
    const tgid = this.#processes.identity(notification.pid)?.tgid ?? notification.pid
    const waiting: Waiting = { ...wait, poller, timer, tgid, wasPending: false }
    this.#all.add(waiting)
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS)
  }

  close(): void {
    for (const waiting of this.#all) this.#forget(waiting)
  }

  #watch(fd: number, onReadable: () => void): Poller {
    try {
      const poller = startPoller(this.#native, fd, onReadable)
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
    for (const waiting of this.#all) {
      const { notification, timeoutMs } = waiting
      const status = this.#processes.status(notification.pid)
      // The order matters: the number may have been another thread's.
      if (status === undefined || !this.#listener.isWaiting(notification)) {
        this.#forget(waiting)
        continue
      }
      const interrupted = this.#interrupted(waiting, status)
      if (interrupted !== 0) this.#end(waiting, waiting.ended(timeoutMs > 0 ? -EINTR : interrupted))
    }
  }

  /** The error of a call that a signal ends, or 0. */
  #interrupted(waiting: Waiting, { threads, pending, sharedPending, blocked }: ThreadStatus): number {
    if ((pending & ~blocked) !== 0n) return -ERESTARTSYS
    const isPending = (sharedPending & ~blocked) !== 0n
    const { tgid, notification, wasPending } = waiting
    waiting.wasPending = isPending
    if (!isPending) return 0
    if (threads === 1) return -ERESTARTSYS
    // A thread that runs handles it at once. What is pending still is for one that waits: the first one if it may handle it.
    if (!wasPending) return 0
    const others = [...this.#all].some(each => each !== waiting && each.tgid === tgid)
    return notification.pid === tgid || !others ? -ERESTARTSYS : -EINTR
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
