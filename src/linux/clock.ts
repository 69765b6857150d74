/**
 * The clocks of real time. TimerfdClock has one timerfd and one poller for all alarms of a thread.
 * Its alarms ring at their time or up to one turn of the event loop later, never earlier. Arming
 * one allocates nothing, and makes a system call only if it is the next to ring.
 */
import { type Alarm, type Clock, type HeapItem, MomentHeap, NSEC_PER_MSEC } from '../base/index.ts'
import type { Moment } from '../capture/packet.ts'
import { check, closeFd, closingOnError, startPoller } from './errno.ts'
import type { Addon, Native, Poller } from './native.ts'

/** The time of the wall clock, to some microseconds. */
export function wallTime(): Moment {
  const ms = Date.now()
  // Finer, but off from the clock by all clock adjustments since the process started.
  const fine = performance.timeOrigin + performance.now()
  const into = Math.min(Math.max(0, fine - ms), 0.999)
  return { seconds: Math.floor(ms / 1000), nanoseconds: Math.floor(((ms % 1000) + into) * 1e6) }
}

/** Real time by timers of the event loop, for work that may be a millisecond off. */
export const eventLoopClock: Clock = {
  now: () => performance.now() * NSEC_PER_MSEC,
  alarm(fn) {
    let timer: NodeJS.Timeout | undefined
    return {
      at(ns) {
        clearTimeout(timer)
        timer = setTimeout(fn, Math.max(0, ns / NSEC_PER_MSEC - performance.now())).unref()
      },
      cancel: () => clearTimeout(timer),
    }
  },
}

interface HeapAlarm extends Alarm, HeapItem {
  readonly fn: () => void
}

/**
 * The clock of a program on Linux (CLOCK_MONOTONIC), with all its alarms on one timerfd. The
 * program disposes of it at the end, after which no alarm rings. It does not keep the process
 * alive.
 */
export class TimerfdClock implements Clock, AsyncDisposable {
  /** A wake-up by a timer takes 10 to 20 us of CPU time. */
  readonly slack = 50_000
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #alarms = new MomentHeap<HeapAlarm>()
  /** When the timerfd expires, in ns; Infinity if it is disarmed. */
  #armed = Number.POSITIVE_INFINITY
  #closed = false

  /** Throws a VnetError if no descriptor is left. Does not keep the process alive. */
  constructor(addon: Native | Addon) {
    const native = addon as Native
    this.#native = native
    this.#fd = check(native.timerfdCreate(), 'timerfd_create')
    this.#poller = closingOnError(native, [this.#fd], () =>
      startPoller(native, this.#fd, status => this.#onReadable(status)),
    )
    this.#poller.unref()
  }

  /** CLOCK_MONOTONIC in ns, as the timerfd uses it. */
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
        // An early expiry costs one empty wake-up, but to move the timerfd costs a call each time.
        if (ns < this.#armed) {
          this.#arm(ns)
        }
      },
      cancel: () => this.#alarms.remove(alarm),
    }
    return alarm
  }

  /** Idempotent. No alarm rings after it, and no descriptor is left. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#alarms.clear()
    this.#poller.close()
    closeFd(this.#native, this.#fd)
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
      // At most the present number of alarms: one that arms itself for the past must not spin.
      for (let left = this.#alarms.size; left > 0 && this.#alarms.first <= now; left--) {
        this.#alarms.shift()?.fn()
      }
    } finally {
      // Even if an alarm threw, so that the others still ring.
      if (!this.#closed && this.#alarms.size > 0 && this.#alarms.first < this.#armed) {
        this.#arm(this.#alarms.first)
      }
    }
  }

  #arm(ns: number): void {
    // 0 would disarm it. A past time expires immediately, one too large for an integer early.
    const at = Math.min(Math.max(1, Math.ceil(ns)), Number.MAX_SAFE_INTEGER)
    check(this.#native.timerfdSettime(this.#fd, at), 'timerfd_settime')
    this.#armed = ns
  }
}
