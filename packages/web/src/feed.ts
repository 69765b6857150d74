/** The server-sent events of a page. A slow page loses all messages but the latest states. */
import type { ServerResponse } from 'node:http'
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

export function pack(message: FeedMessage, secret?: FeedMessage): Packed {
  const text = JSON.stringify(message)
  const id = 'id' in message ? message.id : ''
  return { type: message.type, id, text, ...(secret !== undefined && { secret: JSON.stringify(secret) }) }
}

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
    for (const message of messages) text += this.#textOf(message)
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
    if (!PASSING.has(message.type)) this.#waiting.set(`${message.type} ${message.id}`, message)
    else if (message.type === 'event') this.#lostEvents++
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
    if (lost > 0) this.#write(pack({ type: 'problem', text: `${lost} events were lost: not read in time` }))
    for (const message of waiting) this.#write(message)
  }
}

export const RECENT_MS = 600_000
/** Characters that are kept at most: ten minutes of 100 devices. */
export const RECENT_MAX = 16 << 20

/** The messages of the last ten minutes, for pages that are reloaded, or opened later. */
export class Recent {
  readonly #kept = new Set<{ readonly at: number; readonly message: Packed }>()
  /** The latest number. It ascends across restarts, below a thousand kept messages a second. */
  #number = Date.now()
  #length = 0

  /** Keeps a message. Returns it with its number. */
  add(message: Packed): Packed {
    const numbered = { ...message, number: ++this.#number }
    this.#kept.add({ at: performance.now(), message: numbered })
    this.#length += message.text.length
    for (const kept of this.#kept) {
      if (this.#length <= RECENT_MAX && performance.now() - kept.at <= RECENT_MS) break
      this.#kept.delete(kept)
      this.#length -= kept.message.text.length
    }
    return numbered
  }

  clear(): void {
    this.#kept.clear()
    this.#length = 0
  }

  /** The messages after a number, oldest first. Messages about the wire of `id` have their own. */
  *after(number: number, id: string, wireNumber: number): Generator<Packed> {
    for (const { message } of this.#kept) {
      const isWire = message.type === 'wire'
      if (message.number! > (isWire ? wireNumber : number) && (!isWire || message.id === id)) yield message
    }
  }
}
