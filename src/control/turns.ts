/**
 * Divides the time that requests may take. Frames come first: a turn of the event loop has about 200 us for requests. If that
 * was too little, and frames came before the next turn, there is a pause. What time there is goes round the users, one step
 * each, and among a user's own connections likewise, so that nobody waits for the many requests of another.
 */

/** Time for requests in one turn of the event loop, ns. */
export const TURN_NS = 200_000
/** While there are frames requests get about a sixth of the time, by pauses of this length, ms. */
export const PAUSE_MS = 1

export interface Work {
  /** Work with the same number shares one share of the time. */
  readonly share: number
  /** Does one small part; returns whether there is more to do at once. */
  step(): boolean
  /** Called when there is more to do, and no time in this turn. */
  wait(): void
}

/** When to go on: in the next turn of the event loop, or after a while. Each returns how to call that off. */
export interface Schedule {
  soon(fn: () => void): () => void
  later(fn: () => void, ms: number): () => void
}

export class Turns {
  readonly #now: () => number
  readonly #frames: () => number
  readonly #schedule: Schedule
  /** Those that have something to do, by their share; the one that comes next is the first. */
  readonly #shares = new Map<number, Set<Work>>()
  /** Calls off the next turn, if there is to be one. */
  #cancel: (() => void) | undefined
  #pausing = false
  /** How many frames there had been when the last turn ended, if it was too short for all. */
  #full: number | undefined

  /** `now` is a clock in ns; `frames` returns a number that changes with every frame that comes. */
  constructor(now: () => number, frames: () => number, schedule: Schedule = nodeSchedule) {
    this.#now = now
    this.#frames = frames
    this.#schedule = schedule
  }

  /** It has something to do. Harmless when that is known. */
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

  /** Does what there is time for, and at least one step; or pauses. */
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

  /** A step of whose turn it is; false when there is nothing to do. */
  #step(): boolean {
    const [next] = this.#shares
    if (next === undefined) return false
    const [share, peers] = next
    const [work] = peers as Set<Work>
    // To the end of both queues before it runs: it may add or delete itself or others.
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
