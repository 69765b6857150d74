/** The feed of the server: opened again for each view, and after failures ever less often. */
import type { FeedMessage } from '../feed-types.ts'

/**
 * `live`: messages arrive. `connecting`: it was just opened. `lost`: the server does not reply.
 * `refused`: it replies with an error. `foreign`: it does not have the token of the page.
 */
export type FeedState = 'connecting' | 'live' | FeedFailure
export type FeedFailure = 'lost' | 'refused' | 'foreign'

export interface SourceListener {
  received(data: string): void
  failed(how: FeedFailure): void
}

export interface FeedOptions {
  /** Opens a source of server-sent events. */
  readonly open: (address: string, listener: SourceListener) => { close(): void }
  readonly receive: (message: FeedMessage) => void
  readonly changed: (state: FeedState) => void
}

/** The first wait before another attempt, which doubles, and the longest, in milliseconds. */
const SHORTEST_WAIT = 500
const LONGEST_WAIT = 8000
/** Milliseconds without a message, which arrives every second, after which it is opened again. */
const SILENCE = 10_000

export class FeedReader {
  readonly #options: FeedOptions
  #source: { close(): void } | undefined
  #address: string | undefined
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the feed that has failed is opened again, in milliseconds since 1970. */
  retryAt = 0

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** Opens the feed at an address. Does nothing if it is open there, or about to be. */
  look(address: string): void {
    if (address === this.#address) return
    this.#address = address
    this.again()
  }

  /** Opens the feed again, if it is open. */
  again(): void {
    this.#attempt = 0
    this.#open()
  }

  #open(): void {
    this.#source?.close()
    clearTimeout(this.#timer)
    if (this.#address === undefined) return
    this.#options.changed('connecting')
    const isCurrent = () => source === this.#source
    const source = this.#options.open(this.#address, {
      received: data => isCurrent() && this.#received(JSON.parse(data) as FeedMessage),
      failed: how => isCurrent() && this.#failed(how),
    })
    this.#source = source
    this.#watch()
  }

  #received(message: FeedMessage): void {
    this.#attempt = 0
    this.#watch()
    this.#options.changed('live')
    this.#options.receive(message)
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#failed('lost'), SILENCE)
  }

  #failed(state: FeedFailure): void {
    this.#source?.close()
    this.#source = undefined
    clearTimeout(this.#timer)
    const wait = Math.min(SHORTEST_WAIT * 2 ** this.#attempt++, LONGEST_WAIT)
    this.retryAt = Date.now() + wait
    this.#timer = setTimeout(() => this.#open(), wait)
    this.#options.changed(state)
  }
}
