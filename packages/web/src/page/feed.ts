/** The feed of the server: opened again for each view, and after failures ever less often. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { FeedMessage } from '../feed-types.ts'

/**
 * `live`: messages arrive. `connecting`: the feed was just opened. `lost`: the server does not
 * reply. `refused`: it replies with an error. `foreign`: it does not have the token of the page.
 */
export type FeedState = 'connecting' | 'live' | FeedFailure
export type FeedFailure = 'lost' | 'refused' | 'foreign'

/** The user of a source. It closes the source after `failed`. */
export interface SourceListener {
  received(data: string): void
  failed(how: FeedFailure): void
}

/** How a feed is opened, and the listeners that it notifies. */
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

/**
 * The feed of one page. It reads one address at a time, from the first look() on, until the page is
 * left.
 */
export class FeedReader {
  readonly #options: FeedOptions
  #source: { close(): void } | undefined
  #address: string | undefined
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

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
    this.#timer = setTimeout(() => this.#open(), wait)
    this.#options.changed(state)
  }
}

/** `#token=T`, and then the place in the page. */
const TOKEN = /^#token=([^#&]*)[#&]?(.*)$/s
const NONCE_BYTES = 24

/**
 * The page's side of the token (http/token.ts). The token follows the # in the address that vnet
 * printed. It is never sent: a stranger may have taken over the port of a server that has ended.
 * Before the page opens a feed, the server proves that it has the token. Requests show a key that
 * only this process of the server accepts.
 */
export class PageSession {
  #token: string | undefined
  #key: string | undefined
  /**
   * The numbers of the last messages that the server keeps for pages that connect again: about all
   * devices, and about the wire of each device, by the addresses that asked for it.
   */
  readonly #last = new Map<string, string>()

  /**
   * Takes the token from the fragment of the page's address and returns the rest for the address,
   * or undefined without a token. Neither the history nor a reload may have the token: a reload
   * might load a stranger's page.
   */
  takeToken(hash: string): string | undefined {
    const [, token, place] = TOKEN.exec(hash) ?? []
    if (token === undefined) return undefined
    this.#token = token
    this.#key = undefined
    return place && `#${place}`
  }

  /** Adds the key to a path with a query. */
  withKey(path: string): string {
    return this.#key === undefined ? path : `${path}&token=${this.#key}`
  }

  /** Opens a source of server-sent events, at a server that has the token of the page. */
  open(path: string, { received, failed }: SourceListener): { close(): void } {
    let source: EventSource | undefined
    let isOpen = true
    void this.#prove().then(failure => {
      if (!isOpen) return
      if (failure !== undefined) return failed(failure)
      const device = new URLSearchParams(path.replace(/^[^?]*/, '')).get('device') ?? ''
      const numbers = [
        ['after', this.#last.get('')] as const,
        ['after-wire', this.#last.get(device || ' ')] as const,
      ]
      const known = numbers.flatMap(([name, number]) =>
        number === undefined ? [] : `&${name}=${number}`,
      )
      source = new EventSource(this.withKey(path + known.join('')))
      source.onmessage = ({ data, lastEventId }) => {
        if (lastEventId) {
          for (const which of ['', device]) {
            this.#last.set(which, lastEventId)
          }
        }
        received(data)
      }
      source.onerror = () => failed(source?.readyState === EventSource.CLOSED ? 'refused' : 'lost')
    })
    return {
      close() {
        isOpen = false
        source?.close()
      },
    }
  }

  /** Asks the server for a proof, and makes the key. A page without a token needs neither. */
  async #prove(): Promise<FeedFailure | undefined> {
    const token = this.#token
    if (token === undefined) return undefined
    const mine = bytesToHex(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
    try {
      const response = await fetch(`/proof?nonce=${mine}`)
      if (!response.ok) return 'foreign'
      const { proof, nonce } = (await response.json()) as { proof?: unknown; nonce?: unknown }
      if (proof !== hmacSha256(token, `vnet server ${mine}`)) return 'foreign'
      if (token === this.#token) {
        this.#key = hmacSha256(token, `vnet page ${nonce}`)
      }
      return undefined
    } catch {
      return 'lost'
    }
  }
}

/** crypto.subtle is only for https and this machine's pages. */
const hmacSha256 = (key: string, text: string): string =>
  bytesToHex(hmac(sha256, utf8ToBytes(key), utf8ToBytes(text)))
