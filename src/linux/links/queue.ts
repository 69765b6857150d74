/**
 * LinkQueue: the events of one interface that its port has not reported yet. Whoever administers
 * the namespace of the interface can cause any number of events, so they are reported in the time
 * that Turns grants, in the share of their namespace. Only the last state of the interface counts,
 * and before it the last one of each time that the interface was up, or down, or had another MTU or
 * address: a refused value that is undone and set again is refused again. If a state cannot be
 * read, for example without a free descriptor, the old one remains until the monitor tries again,
 * initially after a second.
 */
import type { Turns, Work } from '../../base/turns.ts'
import { IFF_UP } from '../../netdev/if.ts'
import { sameBytes } from '../../packet/address.ts'
import type { Link } from '../rtnetlink.ts'

/** Milliseconds between two readings of the addresses and groups of an interface. */
export const LISTS_MS = 500
/**
 * The part of all time that readings may take, each with a pause after it. Frames wait while the
 * kernel keeps a reading waiting for its lock (RTNL), which renaming interfaces holds.
 */
export const LISTS_PART = 1 / 200
/** The longest such pause in milliseconds: the process may have been stopped while it read. */
export const LISTS_PAUSE_MAX = 10_000

/** States of an interface that wait to be reported. */
const STATES_MAX = 64

/** A port, as its queue sees it. */
export interface LinkReporter {
  /** Reports the changes in a state of the interface. */
  linkEvent(link: Link): void
  /** Reads the interface again and reports its changes. */
  reread(): void
  /** Reads the addresses and groups again and reports their changes. Returns false if it cannot. */
  reportLists(): boolean
}

export class LinkQueue implements Work {
  readonly privileged = false
  readonly #port: LinkReporter
  readonly #turns: Pick<Turns, 'add' | 'delete'>
  readonly #failed: (error: unknown) => void
  #nsid: number
  /** The last state, and before it the last one before each change that counts (`isOther`). */
  #links: Link[] = []
  #lost = false
  /** Above 0 while the events that arrive may be older than the state that was read. */
  #skips = 0
  /** True if the addresses or groups may have changed since they were read. */
  #listsStale = false
  /** When the lists may be read again, usually and at the earliest: ms of performance.now(). */
  #listsNext = Number.NEGATIVE_INFINITY
  #listsEarliest = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #open = true
  /** True while the port reports, and its listener may request further changes. */
  reporting = false

  /** `failed` gets the errors that the port throws. */
  constructor(
    port: LinkReporter,
    nsid: number,
    turns: Pick<Turns, 'add' | 'delete'>,
    failed: (error: unknown) => void,
  ) {
    this.#port = port
    this.#nsid = nsid
    this.#turns = turns
    this.#failed = failed
  }

  /** The namespace id in the events of the interface. */
  get nsid(): number {
    return this.#nsid
  }

  set nsid(nsid: number) {
    this.#turns.delete(this)
    this.#nsid = nsid
    // Since the move, the old namespace may have given the index to another interface.
    this.#links = []
    this.#schedule()
  }

  get share(): string {
    return `netns ${this.#nsid}`
  }

  /** An event with the state of the interface. */
  link(link: Link): void {
    if (this.#skips > 0) return
    const links = this.#links
    const last = links.at(-1)
    const isNew = last === undefined || isOther(last, link)
    if (isNew && links.length < STATES_MAX) {
      links.push(link)
    } else {
      // Too many: the last change and this one cancel out.
      if (isNew) {
        links.pop()
      }
      links[links.length - 1] = link
    }
    this.#schedule()
  }

  /** The state must be read: an event was lost, or the interface left its namespace. */
  lost(): void {
    this.#lost = true
    this.#links = []
    this.#schedule()
  }

  /**
   * Reads the state now, and again after a call of the returned function: the events until then may
   * be older than the state. Call it when no event is left to read, before anything else is done.
   */
  skip(): () => void {
    if (!this.#open) return () => {}
    this.#skips++
    this.lost()
    this.flush()
    return () => {
      this.#skips--
      if (this.#open) {
        this.lost()
      }
    }
  }

  /** The addresses or groups may have changed. With `now` they are read without LISTS_MS. */
  listsChanged(now = false): void {
    this.#listsStale = true
    if (now) {
      this.#listsNext = this.#listsEarliest
    }
    this.#schedule()
  }

  /** Reports one thing. Never throws. */
  step(): boolean {
    this.reporting = true
    try {
      if (this.#lost) {
        this.#lost = false
        this.#port.reread()
      } else if (this.#links.length > 0) {
        this.#port.linkEvent(this.#links.shift() as Link)
      } else if (this.#areListsDue()) {
        this.#reportLists()
      }
    } catch (error) {
      this.#failed(error)
    } finally {
      this.reporting = false
    }
    return this.#hasMore()
  }

  wait(): void {}

  /** Reports everything immediately, for a change that was requested. Returns whether it did. */
  flush(): boolean {
    if (!this.#lost && this.#links.length === 0 && !this.#listsStale) return false
    while (this.#lost || this.#links.length > 0) {
      this.step()
    }
    if (this.#listsStale) {
      this.#listsNext = Number.NEGATIVE_INFINITY
      this.step()
    }
    this.#turns.delete(this)
    this.#schedule()
    return true
  }

  close(): void {
    this.#open = false
    this.#links = []
    this.#lost = false
    clearTimeout(this.#timer)
    this.#turns.delete(this)
  }

  #reportLists(): void {
    const start = performance.now()
    this.#listsStale = false
    if (!this.#port.reportLists()) {
      this.#listsStale = true
    }
    const took = performance.now() - start
    this.#listsEarliest = start + Math.min(took / LISTS_PART, took + LISTS_PAUSE_MAX)
    this.#listsNext = Math.max(start + LISTS_MS, this.#listsEarliest)
  }

  #areListsDue(): boolean {
    return this.#listsStale && performance.now() >= this.#listsNext
  }

  #hasMore(): boolean {
    if (!this.#open) return false
    if (this.#lost || this.#links.length > 0 || this.#areListsDue()) return true
    if (this.#listsStale && this.#timer === undefined) {
      const ms = this.#listsNext - performance.now()
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#schedule()
      }, ms).unref()
    }
    return false
  }

  #schedule(): void {
    if (this.#hasMore()) {
      this.#turns.add(this)
    }
  }
}

function isOther(a: Link, b: Link): boolean {
  return ((a.flags ^ b.flags) & IFF_UP) !== 0 || a.mtu !== b.mtu || !sameBytes(a.address, b.address)
}
