/**
 * A platform that costs next to nothing, so that the figure shows the driver and its framework
 * alone: real devices, queues, pool and counters. Like DMA, it puts a frame into memory at no cost
 * to the processor: a slot is filled when it is first used, and keeps the driver's changes. A flip
 * is its own reverse, so the frame remains valid.
 */

import { MemoryPlatform } from '../../dist/bed/index.js'
import { SLOT_LARGE } from '../../dist/skb/pool.js'

/** Nanoseconds from one reading of the clock to the next. */
const STEP = 500

/**
 * A clock of a few alarms that moves a little with every reading, as time does between two frames,
 * so that each frame of a wire is due at its own moment.
 */
export class LeanClock {
  #now = 0
  #alarms = []

  now() {
    this.#now += STEP
    return this.#now
  }

  alarm(fn) {
    const never = Number.POSITIVE_INFINITY
    const alarm = {
      fn,
      due: never,
      at(ns) {
        this.due = ns
      },
      cancel() {
        this.due = never
      },
    }
    this.#alarms.push(alarm)
    return alarm
  }

  /** Rings every alarm that is due within `ns`, each at its moment. */
  advance(ns) {
    const end = this.#now + ns
    for (let alarm = this.#next(end); alarm !== undefined; alarm = this.#next(end)) {
      this.#now = Math.max(this.#now, alarm.due)
      alarm.due = Number.POSITIVE_INFINITY
      alarm.fn()
    }
    this.#now = Math.max(this.#now, end)
  }

  #next(end) {
    let first
    for (const alarm of this.#alarms) {
      if (alarm.due <= end && !(first?.due <= alarm.due)) {
        first = alarm
      }
    }
    return first
  }
}

export class LeanPlatform extends MemoryPlatform {
  async open(spec) {
    const port = await super.open(spec)
    port.queues = port.queues.map(() => new LeanQueue(spec.slots))
    return port
  }
}

export class LeanQueue {
  /** Frames that the kernel has received. */
  taken = 0
  #account
  #offsets = new Int32Array(64)
  /** By slot number. */
  #filled
  #frame
  #left = 0
  #listener
  #paused = true

  constructor(account) {
    this.#account = account
    this.#filled = new Uint8Array(account.pool.large.count)
  }

  /**
   * Sends `frame` a number of times from the kernel. All are read, handled and delivered before it
   * returns.
   */
  send(frame, times) {
    if (this.#frame !== frame) {
      this.#filled.fill(0)
    }
    this.#frame = frame
    this.#left = times
    while (this.#left > 0 && !this.#paused) {
      this.#listener(0)
    }
  }

  read(into, max) {
    const account = this.#account
    const want = Math.min(max, this.#left)
    if (want === 0) return 0
    const n = account.pool.peek(account, want, this.#offsets)
    for (let i = 0; i < n; i++) {
      this.#fill(this.#offsets[i])
      into[i] = account.pool.take(account, this.#frame.length)
    }
    this.#left -= n
    return n
  }

  submit(from) {
    const n = from.length
    for (let i = 0; i < n; i++) {
      from.shift().consume()
    }
    this.taken += n
    return n
  }

  listen(fn) {
    this.#listener = fn
  }

  pause() {
    this.#paused = true
  }

  resume() {
    this.#paused = false
  }

  end() {}

  close() {}

  #fill(offset) {
    const slot = (offset / SLOT_LARGE) | 0
    if (this.#filled[slot] !== 0) return
    this.#filled[slot] = 1
    this.#account.pool.bytes.set(this.#frame, offset)
  }
}
