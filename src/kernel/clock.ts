/**
 * Real time: one timerfd and one poller for all alarms of a thread. An alarm rings at its moment or up to a loop turn
 * later, never earlier; arming it allocates nothing, and makes a system call only when it becomes the first to ring.
 */
import type { Alarm, Clock } from '../core/clock.ts'
import { type HeapItem, MomentHeap } from '../core/moment-heap.ts'
import { check } from './errno.ts'
import type { Native, Poller } from './native.ts'
import { startPoller } from './poller.ts'

interface HeapAlarm extends Alarm, HeapItem {
  readonly fn: () => void
}

export class TimerfdClock implements Clock, AsyncDisposable {
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #alarms = new MomentHeap<HeapAlarm>()
  /** What the timerfd is set to; Infinity when it will not expire. */
  #armed = Number.POSITIVE_INFINITY
  #closed = false

  /** Throws a VnetError when no descriptor is left. Does not keep the process alive. */
  constructor(native: Native) {
    this.#native = native
    this.#fd = check(native.timerfdCreate(), 'timerfd_create')
    try {
      this.#poller = startPoller(native, this.#fd, status => this.#onReadable(status))
    } catch (error) {
      native.close(this.#fd)
      throw error
    }
    this.#poller.unref()
  }

  /** CLOCK_MONOTONIC in ns, which is what the timerfd counts in. */
  now(): number {
    return this.#native.monotonic()
  }

  /** On a closed clock an alarm can be armed but never rings. */
  alarm(fn: () => void): Alarm {
    const alarm: HeapAlarm = {
      fn,
      index: -1,
      at: ns => {
        if (this.#closed) return
        this.#alarms.set(alarm, ns)
        // A timerfd that expires too early costs one empty wake-up; one moved at every re-arming, a call each time.
        if (ns < this.#armed) this.#arm(ns)
      },
      cancel: () => this.#alarms.remove(alarm),
    }
    return alarm
  }

  /** Idempotent; no alarm rings any more and no descriptor is left. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#alarms.clear()
    this.#poller.close()
    this.#native.close(this.#fd)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #onReadable(status: number): void {
    check(status, 'poll timerfd')
    if (this.#native.timerfdRead(this.#fd) < 0) return
    const now = this.now()
    this.#armed = Number.POSITIVE_INFINITY
    try {
      // At most as many as there are, or an alarm that arms itself for the past would keep the loop to itself.
      for (let left = this.#alarms.size; left > 0 && this.#alarms.first <= now; left--) this.#alarms.shift()?.fn()
    } finally {
      // Also when an alarm threw: the others are not lost.
      if (!this.#closed && this.#alarms.size > 0 && this.#alarms.first < this.#armed) this.#arm(this.#alarms.first)
    }
  }

  #arm(ns: number): void {
    // 0 would disarm; anything past expires at once. What is too far off for a whole number is looked at again then.
    const at = Math.min(Math.max(1, Math.ceil(ns)), Number.MAX_SAFE_INTEGER)
    check(this.#native.timerfdSettime(this.#fd, at), 'timerfd_settime')
    this.#armed = ns
  }
}
