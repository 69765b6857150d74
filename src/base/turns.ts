/**
 * Turns grants time for work that others cause: requests, captures, events of namespaces, services
 * for the segment. Frames come first. All such work of a vnet goes through the Turns of its Net, so
 * that several floods together get no more time than one.
 *
 * How to use it: make the work an object that implements Work, and call `add(work)` when it has
 * something to do, for example when its descriptor is readable. Turns then calls `step()` until it
 * returns false. While no time is left, Turns calls `wait()`: stop watching the descriptor there.
 * Otherwise the unread descriptor wakes the event loop over and over. Turns calls `step()` later
 * without another `add()`. Watch the descriptor again when a step finds nothing more to do.
 *
 * Work is done in turns of TURN_NS, at most one per turn of the event loop. A turn that leaves work
 * undone is followed by a pause in proportion to its time, so a long step causes a long pause.
 *
 * Work without rights has one account for all, charged with the time that steps really take: 10 ms
 * of each 50 ms. It is also charged for turns that are not full, so that many clients with one
 * request each get no more. Work of root and the owner has no such limit. A turn in which the
 * process was stopped is charged with CHARGE_NS_MAX.
 *
 * Shares take turns, one step each, and so does the work within a share.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC, NSEC_PER_SEC } from './clock.ts'

/** Nanoseconds of a turn. */
export const TURN_NS = 200_000
/** The most nanoseconds charged for a turn: in a longer one the process or machine was stopped. */
const CHARGE_NS_MAX = 100 * NSEC_PER_MSEC
/** Nanoseconds of a turn that `addNow` takes: usually, and once a second. */
const URGENT_NS = 500_000
const URGENT_NS_MAX = 5 * NSEC_PER_MSEC
/** Steps of such a turn, even if they take longer: an event is read and reported in one turn. */
const URGENT_STEPS = 4

/**
 * Work that others cause, as Turns calls it. Turns keeps a reference from `add` until `step`
 * returns false or `delete` is called.
 */
export interface Work {
  /** Whose work it is: equal shares have one part of the time. A uid, or a text: `netns 5`. */
  readonly share: number | string
  /** True for work of root and of the owner of the vnet, which has its own account. */
  readonly privileged: boolean
  /**
   * Does one small part, of some tens of microseconds, and returns whether more remains to do now.
   * Must not throw. It may add and delete work, including itself.
   */
  step(): boolean
  /** Called, once or more, when work waits but no time is left: step() follows later. */
  wait(): void
}

/** The time for work: a part of all time, and nanoseconds in a burst after a quiet period. */
type Grant = Readonly<{ part: number; burst: number }>

/** For all work without rights together. */
export const STRANGERS: Grant = { part: 0.2, burst: 10 * NSEC_PER_MSEC }
/** Only the pause after a full turn limits root: it takes as long as the turn did. */
const OWNERS: Grant = { part: 0.5, burst: Number.POSITIVE_INFINITY }

/** Runs a function in the next turn of the event loop. Browsers have no setImmediate. */
export function inNextTurn(fn: () => void): void {
  if (globalThis.setImmediate === undefined) {
    setTimeout(fn)
  } else {
    setImmediate(fn)
  }
}

export class Turns {
  readonly #strangers: Account
  readonly #owners: Account

  /** `soon` runs a function in the next turn of the event loop. */
  constructor(clock: Clock, soon: (fn: () => void) => void = inNextTurn) {
    this.#strangers = new Account(clock, soon, STRANGERS)
    this.#owners = new Account(clock, soon, OWNERS)
  }

  /** Adds work that has something to do. Harmless if it was added already. */
  add(work: Work): void {
    this.#accountOf(work).add(work)
  }

  /** Like `add`, but takes an urgent turn now: for work that must take effect before frames. */
  addNow(work: Work): void {
    this.#accountOf(work).addNow(work)
  }

  /** Removes work: no step follows until it is added again. Harmless if it was not added. */
  delete(work: Work): void {
    this.#accountOf(work).delete(work)
  }

  #accountOf({ privileged }: Work): Account {
    return privileged ? this.#owners : this.#strangers
  }
}

/** The work of one share. Arrays with the index of the next: a Map makes garbage in each step. */
interface Share {
  readonly name: Work['share']
  readonly works: Work[]
  next: number
}

class Account {
  readonly #clock: Clock
  readonly #soon: (fn: () => void) => void
  readonly #grant: Grant
  readonly #alarm: Alarm
  readonly #shares: Share[] = []
  /** The index of the share with the next turn. */
  #next = 0
  /** The time in nanoseconds at which the account will have earned all the time it took. */
  #earned = Number.NEGATIVE_INFINITY
  /** True while a turn runs or is scheduled: soon, or after a pause. */
  #active = false
  #pausing = false
  /** The time in nanoseconds at which the last turn of URGENT_NS_MAX started. */
  #urgent = Number.NEGATIVE_INFINITY
  readonly #run = (): void => this.#turn()

  constructor(clock: Clock, soon: (fn: () => void) => void, grant: Grant) {
    this.#clock = clock
    this.#soon = soon
    this.#grant = grant
    this.#alarm = clock.alarm(this.#run)
  }

  add(work: Work): void {
    this.#insert(work)
    if (!this.#active) {
      this.#comeSoon()
    }
  }

  addNow(work: Work): void {
    this.#insert(work)
    if (this.#active) return
    this.#active = true
    const now = this.#clock.now()
    const isRare = now - this.#urgent > NSEC_PER_SEC
    if (isRare) {
      this.#urgent = now
    }
    this.#turn(isRare ? URGENT_NS_MAX : URGENT_NS, URGENT_STEPS)
  }

  #insert(work: Work): void {
    const share = this.#shares.find(each => each.name === work.share)
    if (share === undefined) {
      // Before the next, it is the last in turn.
      this.#shares.splice(this.#next, 0, { name: work.share, works: [work], next: 0 })
      this.#next++
    } else if (!share.works.includes(work)) {
      share.works.splice(share.next, 0, work)
      share.next++
    }
    if (this.#pausing) {
      work.wait()
    }
  }

  delete(work: Work): void {
    const at = this.#shares.findIndex(each => each.name === work.share)
    const share = this.#shares[at]
    const index = share?.works.indexOf(work) ?? -1
    if (share === undefined || index < 0) return
    share.works.splice(index, 1)
    if (index < share.next) {
      share.next--
    }
    if (share.works.length > 0) return
    this.#shares.splice(at, 1)
    if (at < this.#next) {
      this.#next--
    }
  }

  #comeSoon(): void {
    this.#active = true
    this.#soon(this.#run)
  }

  /** Takes a turn of `most` ns, but at least of `least` steps. */
  #turn(most = TURN_NS, least = 1): void {
    this.#pausing = false
    const start = this.#clock.now()
    let now = start
    try {
      for (let steps = 0; (steps < least || now - start < most) && this.#step(); steps++) {
        now = this.#clock.now()
      }
    } finally {
      // Also after an exception, which would otherwise stop the turns of all work.
      this.#active = false
      this.#charge(start, now)
    }
  }

  /** Charges a turn from `start` to `end`, and schedules the next one. */
  #charge(start: number, end: number): void {
    const { part, burst } = this.#grant
    const ns = Math.min(end - start, CHARGE_NS_MAX)
    const from = end - ns
    this.#earned = Math.max(this.#earned, from) + ns / part
    const isFull = this.#shares.length > 0
    const next = Math.max(isFull ? from + ns / part : 0, this.#earned - burst / part)
    if (next > end) {
      this.#active = true
      this.#pausing = true
      this.#alarm.at(next)
      for (const { works } of this.#shares) {
        for (const work of works) {
          work.wait()
        }
      }
    } else if (isFull) {
      this.#comeSoon()
    }
  }

  /** Does one step of the next work; returns false if no work waits. */
  #step(): boolean {
    if (this.#shares.length === 0) return false
    if (this.#next >= this.#shares.length) {
      this.#next = 0
    }
    const share = this.#shares[this.#next++]
    if (share.next >= share.works.length) {
      share.next = 0
    }
    const work = share.works[share.next++]
    // Both are the last in turn before it runs, since it may add or delete itself or others.
    if (!work.step()) {
      this.delete(work)
    }
    return true
  }
}
