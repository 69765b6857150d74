/** Messages for pages that show the same: read once for all of them, while a page shows it. */
import { explain, VnetError } from 'vnet/internal/base/errno'
import { type Feed, type Packed, pack, type Recent } from './feed.ts'

type Listener = Pick<Feed, 'send'>

export interface Source {
  /** The page gets the messages from now on, first the latest. Harmless if it does already. */
  add(feed: Feed): void
  delete(feed: Feed): void
  /** Something has changed: reads soon. */
  soon(): void
}

/** The least time in ms from one reading to the next, however often the data changes. */
const SHORTEST_MS = 100

/** Failures that are not reported to pages, since `hello` carries their consequence. */
export const QUIET: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENODEV', 'ECANCELED', 'EBADF', 'ETIMEDOUT'])

export interface PollOptions {
  /** Milliseconds from one reading to the next. */
  readonly interval: number
  /** A message is sent only if it differs from the one before. */
  readonly isState?: boolean
  readonly recent?: Recent
}

/** A source that is read at an interval. */
export class Poll implements Source {
  readonly #read: () => Promise<Packed | undefined>
  readonly #options: PollOptions
  readonly #feeds = new Set<Listener>()
  #last: Packed | undefined
  /** The latest failure, which is reported once, and again to each page that starts to watch. */
  #problem: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the latest reading started. */
  #begun = Number.NEGATIVE_INFINITY
  #isReading = false
  #isAsked = false

  /** `read` returns undefined if there is nothing to send. A VnetError that it throws is sent. */
  constructor(read: () => Promise<Packed | undefined>, options: PollOptions) {
    this.#read = read
    this.#options = options
  }

  add(feed: Listener): void {
    const isFirst = this.#feeds.size === 0
    this.#feeds.add(feed)
    // A page that starts to watch has not received the problem yet.
    this.#problem = undefined
    if (!isFirst) {
      if (this.#last !== undefined) feed.send(this.#last)
      return
    }
    this.#last = undefined
    this.soon()
  }

  delete(feed: Listener): void {
    this.#feeds.delete(feed)
    if (this.#feeds.size === 0) clearTimeout(this.#timer)
  }

  soon(): void {
    if (this.#feeds.size === 0) return
    this.#isAsked = true
    if (!this.#isReading) this.#schedule()
  }

  #schedule(): void {
    const due = this.#isAsked ? this.#begun + SHORTEST_MS : nextMoment(this.#begun, this.#options.interval)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#round(), Math.max(0, Math.ceil(due - performance.now())))
  }

  async #round(): Promise<void> {
    this.#isAsked = false
    this.#isReading = true
    this.#begun = performance.now()
    const message = await this.#attempt()
    this.#isReading = false
    if (message !== undefined) this.#send(message)
    if (this.#feeds.size > 0) this.#schedule()
  }

  #send(message: Packed): void {
    const { text, secret } = this.#last ?? {}
    if (this.#options.isState && text === message.text && secret === message.secret) return
    this.#last = this.#options.recent?.add(message) ?? message
    for (const feed of this.#feeds) feed.send(this.#last)
  }

  async #attempt(): Promise<Packed | undefined> {
    try {
      const message = await this.#read()
      this.#problem = undefined
      return message
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      const text = explain(error)
      // Ended vnets are missing in the next `hello`, which also lists the vnets that do not reply.
      if (QUIET.has(error.code) || text === this.#problem) return
      this.#problem = text
      const problem = pack({ type: 'problem', text })
      for (const feed of this.#feeds) feed.send(problem)
    }
  }
}

/** Returns the next multiple, a quarter interval away or more: all sources share one wake-up. */
function nextMoment(begun: number, interval: number): number {
  return (Math.floor(begun / interval + 0.25) + 1) * interval
}
