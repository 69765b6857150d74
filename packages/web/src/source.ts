/** The server-sent events of a page, and the sources of messages for pages that show the same. */
import type { ServerResponse } from 'node:http'
import { explain, VnetError } from 'vnet'
import type { FeedMessage } from './feed-types.ts'

/** Bytes that may wait for a page. */
export const WAITING_MAX = 1 << 20
/** Milliseconds without a read after which a page is disconnected to free its slot. */
const STUCK_MS = 60_000

/** A message in the form that is sent, written once for all pages. */
export interface Packed {
  readonly type: FeedMessage['type']
  /** The device that it is about; '' if it is about all. */
  readonly id: string
  readonly text: string
  /** The text for a page with the token, if it differs. */
  readonly secret?: string
  /** Messages that are kept for later pages are numbered, ascending. */
  readonly number?: number
}

/** Messages about a moment: a later one does not replace them. */
const PASSING: ReadonlySet<FeedMessage['type']> = new Set(['event', 'frames', 'flights', 'dhcp'])

/** Writes a message once for all pages. `secret` is what pages with the token get instead. */
export function pack(message: FeedMessage, secret?: FeedMessage): Packed {
  const text = JSON.stringify(message)
  const id = 'id' in message ? message.id : ''
  return {
    type: message.type,
    id,
    text,
    ...(secret !== undefined && { secret: JSON.stringify(secret) }),
  }
}

/** The feed of a page. A slow page loses all messages but the latest states. */
export class Feed {
  readonly hasToken: boolean
  readonly #response: ServerResponse
  /** The latest messages that the page had no room for, by type and device. */
  readonly #waiting = new Map<string, Packed>()
  #lostEvents = 0
  /** Bytes of a replay that the page has not read yet: they take no room from other messages. */
  #replayed = 0
  #stuck: NodeJS.Timeout | undefined

  constructor(response: ServerResponse, hasToken: boolean) {
    this.#response = response
    this.hasToken = hasToken
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    // The page connects again one second after the server has gone.
    response.write('retry: 1000\n\n')
    response.on('drain', () => this.#drained())
    response.on('close', () => clearTimeout(this.#stuck))
  }

  /** Sends what the page has missed, however long. Called before the first message. */
  replay(messages: Iterable<Packed>): void {
    let text = ''
    for (const message of messages) {
      text += this.#textOf(message)
    }
    if (text === '') return
    this.#replayed = Buffer.byteLength(text)
    this.#response.write(text)
  }

  /** Sends a message, or keeps it if it reports a state. Returns false if it is lost. */
  send(message: Packed): boolean {
    if (this.#response.writableLength <= WAITING_MAX + this.#replayed) {
      this.#write(message)
      return true
    }
    this.#stuck ??= setTimeout(() => this.#response.destroy(), STUCK_MS).unref()
    if (!PASSING.has(message.type)) {
      this.#waiting.set(`${message.type} ${message.id}`, message)
    } else if (message.type === 'event') {
      this.#lostEvents++
    }
    return !PASSING.has(message.type)
  }

  #write(message: Packed): void {
    this.#response.write(this.#textOf(message))
  }

  #textOf({ text, secret, number }: Packed): string {
    const id = number === undefined ? '' : `id: ${number}\n`
    return `${id}data: ${this.hasToken ? (secret ?? text) : text}\n\n`
  }

  #drained(): void {
    clearTimeout(this.#stuck)
    this.#stuck = undefined
    this.#replayed = 0
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    const lost = this.#lostEvents
    this.#lostEvents = 0
    if (lost > 0) {
      this.#write(pack({ type: 'problem', text: `${lost} events were lost: not read in time` }))
    }
    for (const message of waiting) {
      this.#write(message)
    }
  }
}

export const RECENT_MS = 600_000
/** Bytes that are kept at most: ten minutes of 100 devices. */
export const RECENT_MAX = 16 << 20

/** Bytes of the first ring. */
const RING_MIN = 1 << 18

/** A kept message, whose text is at `from`, and whose secret text, if any, is behind it. */
interface Kept extends Pick<Packed, 'type' | 'id'> {
  readonly number: number
  /** When it was kept, in ms of performance.now(). */
  readonly at: number
  readonly from: number
  readonly textEnd: number
  readonly end: number
}

/**
 * The messages of the last ten minutes, for pages that are reloaded, or opened later. Their texts
 * are in one ring of bytes: as strings they would become garbage of the oldest kind at the rate at
 * which they are kept, and the heap would grow to twice its size between two collections.
 */
export class Recent {
  readonly #max: number
  /** Oldest first. */
  #kept = new Set<Kept>()
  /** At most twice as long as what was kept at once. */
  #ring = Buffer.alloc(0)
  /** Where the next message is written. */
  #next = 0
  /** The latest number. It ascends across restarts, below a thousand kept messages a second. */
  #number = Date.now()

  /** `max` is the bytes that are kept at most. */
  constructor(max = RECENT_MAX) {
    this.#max = max
  }

  /** Keeps a message, unless it is longer than all that may be kept. Returns it with its number. */
  add(message: Packed): Packed {
    const { type, id, text, secret = '' } = message
    const number = ++this.#number
    const at = performance.now()
    this.#forget(kept => at - kept.at > RECENT_MS)
    const textLength = Buffer.byteLength(text)
    const length = textLength + Buffer.byteLength(secret)
    if (length <= this.#max) {
      const from = this.#makeRoom(length)
      const textEnd = from + textLength
      this.#ring.write(text, from)
      this.#ring.write(secret, textEnd)
      this.#next = from + length
      this.#kept.add({ type, id, number, at, from, textEnd, end: this.#next })
    }
    return { ...message, number }
  }

  clear(): void {
    this.#kept.clear()
    this.#ring = Buffer.alloc(0)
    this.#next = 0
  }

  /** The messages after a number, oldest first. Messages about the wire of `id` have their own. */
  *after(number: number, id: string, wireNumber: number): Generator<Packed> {
    for (const kept of this.#kept) {
      const isWire = kept.type === 'wire'
      if (kept.number > (isWire ? wireNumber : number) && (!isWire || kept.id === id)) {
        yield this.#read(kept)
      }
    }
  }

  /**
   * Returns where so many bytes may be written. Messages there are forgotten if the ring is as long
   * as it may be.
   */
  #makeRoom(length: number): number {
    while (this.#ring.length < this.#max) {
      const [oldest] = this.#kept
      const isFree = oldest === undefined || !this.#isInTheWay(oldest, length)
      if (length <= this.#ring.length && isFree) break
      this.#grow()
    }
    this.#forget(kept => this.#isInTheWay(kept, length))
    return this.#isAtEnd(length) ? 0 : this.#next
  }

  /** Whether the bytes do not fit behind the latest message, and so are written at the start. */
  #isAtEnd(length: number): boolean {
    return this.#next + length > this.#ring.length
  }

  /** Whether bytes that are written next meet a message, or overtake it. */
  #isInTheWay({ from }: Kept, length: number): boolean {
    const next = this.#next
    if (this.#isAtEnd(length)) return from >= next || from < length
    return from >= next && from < next + length
  }

  /** Moves all messages to the start of a ring of twice the length. */
  #grow(): void {
    const longer = Math.max(RING_MIN, 2 * this.#ring.length)
    const ring = Buffer.allocUnsafeSlow(Math.min(this.#max, longer))
    const moved = new Set<Kept>()
    let at = 0
    for (const kept of this.#kept) {
      const { from, textEnd, end } = kept
      this.#ring.copy(ring, at, from, end)
      moved.add({ ...kept, from: at, textEnd: at + textEnd - from, end: at + end - from })
      at += end - from
    }
    this.#kept = moved
    this.#ring = ring
    this.#next = at
  }

  /** Forgets the oldest messages, up to the first that is to be kept. */
  #forget(isPast: (kept: Kept) => boolean): void {
    for (const kept of this.#kept) {
      if (!isPast(kept)) break
      this.#kept.delete(kept)
    }
  }

  #read({ type, id, number, from, textEnd, end }: Kept): Packed {
    const ring = this.#ring
    return {
      type,
      id,
      number,
      text: ring.toString('utf8', from, textEnd),
      ...(end > textEnd && { secret: ring.toString('utf8', textEnd, end) }),
    }
  }
}

type Listener = Pick<Feed, 'send'>

/**
 * A source of messages of one type, shared by the pages that show the same. It works only while it
 * has pages.
 */
export interface Source {
  /** The page gets the messages from now on, first the latest. Harmless if it does already. */
  add(feed: Feed): void
  /** The page gets no more messages. The source stops reading without pages. */
  delete(feed: Feed): void
  /** Something has changed: reads soon. */
  soon(): void
}

/** The least time in ms from one reading to the next, however often the data changes. */
const SHORTEST_MS = 100

/** Failures that are not reported to pages, since `hello` carries their consequence. */
export const QUIET: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENODEV',
  'ECANCELED',
  'EBADF',
  'ETIMEDOUT',
])

/** How often a source is read, and what becomes of its messages. */
export interface PollOptions {
  /** Milliseconds from one reading to the next. */
  readonly interval: number
  /** A message is sent only if it differs from the one before. */
  readonly isState?: boolean
  /** Numbers and keeps the messages for later pages. */
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
      if (this.#last !== undefined) {
        feed.send(this.#last)
      }
      return
    }
    this.#last = undefined
    this.soon()
  }

  delete(feed: Listener): void {
    this.#feeds.delete(feed)
    if (this.#feeds.size === 0) {
      clearTimeout(this.#timer)
    }
  }

  soon(): void {
    if (this.#feeds.size === 0) return
    this.#isAsked = true
    if (!this.#isReading) {
      this.#schedule()
    }
  }

  #schedule(): void {
    const due = this.#isAsked
      ? this.#begun + SHORTEST_MS
      : nextMoment(this.#begun, this.#options.interval)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => void this.#round(),
      Math.max(0, Math.ceil(due - performance.now())),
    )
  }

  async #round(): Promise<void> {
    this.#isAsked = false
    this.#isReading = true
    this.#begun = performance.now()
    const message = await this.#attempt()
    this.#isReading = false
    if (message !== undefined) {
      this.#send(message)
    }
    if (this.#feeds.size > 0) {
      this.#schedule()
    }
  }

  #send(message: Packed): void {
    const { text, secret } = this.#last ?? {}
    if (this.#options.isState && text === message.text && secret === message.secret) return
    this.#last = this.#options.recent?.add(message) ?? message
    for (const feed of this.#feeds) {
      feed.send(this.#last)
    }
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
      for (const feed of this.#feeds) {
        feed.send(problem)
      }
    }
  }
}

/** Returns the next multiple, a quarter interval away or more: all sources share one wake-up. */
const nextMoment = (begun: number, interval: number): number =>
  (Math.floor(begun / interval + 0.25) + 1) * interval
