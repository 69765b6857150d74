/**
 * Divides the time that requests may take. Frames come first: requests get about 200 us of each
 * turn of the event loop. If that was too little, and frames came before the next turn, a pause
 * follows. The users take turns, one step each, and so do the connections of a user, so that no
 * user waits for the many requests of another.
 */

/** Nanoseconds for requests in one turn of the event loop. */
export const TURN_NS = 200_000
/**
 * Milliseconds of a pause. With it, requests get about a sixth of the time while frames are busy.
 */
export const PAUSE_MS = 1

export interface Work {
  /** Work of the same number shares one share of the time. */
  readonly share: number
  /** Does one small part; returns whether there is more to do now. */
  step(): boolean
  /** Called if there is more to do, but no time left in this turn. */
  wait(): void
}

/** Runs a function in the next turn of the event loop, or later. Each returns how to cancel it. */
export interface Schedule {
  soon(fn: () => void): () => void
  later(fn: () => void, ms: number): () => void
}

export class Turns {
  readonly #now: () => number
  readonly #frames: () => number
  readonly #schedule: Schedule
  /** The work to do, by its share; the next in turn is the first. */
  readonly #shares = new Map<number, Set<Work>>()
  /** Cancels the next turn, if one is scheduled. */
  #cancel: (() => void) | undefined
  #pausing = false
  /** The number of frames at the end of the last turn, if that was too short for all work. */
  #full: number | undefined

  /** `now` is a clock in nanoseconds; `frames` returns a number that changes with every frame. */
  constructor(now: () => number, frames: () => number, schedule: Schedule = nodeSchedule) {
    this.#now = now
    this.#frames = frames
    this.#schedule = schedule
  }

  /** Adds work that has something to do. Harmless if it was added already. */
  add(work: Work): void {
    const peers = this.#shares.get(work.share)
    if (peers === undefined) this.#shares.set(work.share, new Set([work]))
    else peers.add(work)
    if (this.#full !== undefined || this.#pausing) work.wait()
    this.#cancel ??= this.#schedule.soon(() => this.run())
  }

  delete(work: Work): void {
    const peers = this.#shares.get(work.share)
    if (peers?.delete(work) && peers.size === 0) this.#shares.delete(work.share)
  }

  /** Works until the time is over, at least one step; or pauses. */
  run(): void {
    this.#callOff()
    this.#pausing = this.#full !== undefined && this.#full !== this.#frames()
    this.#full = undefined
    if (!this.#pausing) {
      const until = this.#now() + TURN_NS
      do {
        if (!this.#step()) return
      } while (this.#now() < until)
      if (this.#shares.size === 0) return
      this.#full = this.#frames()
      for (const peers of this.#shares.values()) for (const work of peers) work.wait()
    }
    // A step may have added something.
    this.#callOff()
    this.#cancel = this.#pausing
      ? this.#schedule.later(() => this.run(), PAUSE_MS)
      : this.#schedule.soon(() => this.run())
  }

  close(): void {
    this.#callOff()
    this.#shares.clear()
  }

  #callOff(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Does one step of the next in turn; returns false if there is nothing to do. */
  #step(): boolean {
    const [next] = this.#shares
    if (next === undefined) return false
    const [share, peers] = next
    const [work] = peers as Set<Work>
    // Moved to the end of both queues before it runs, since it may add or delete itself or others.
    this.#shares.delete(share)
    this.#shares.set(share, peers)
    peers.delete(work as Work)
    peers.add(work as Work)
    if (!(work as Work).step()) this.delete(work as Work)
    return true
  }
}

const nodeSchedule: Schedule = {
  soon(fn) {
    const immediate = setImmediate(fn)
    return () => clearImmediate(immediate)
  },
  later(fn, ms) {
    const timer = setTimeout(fn, ms).unref()
    return () => clearTimeout(timer)
  },
}
