/**
 * The feed of messages from the server. It is opened again whenever the page looks at something
 * else, and after each failure, at longer and longer intervals.
 */
import type { DeviceId, FeedMessage, Want } from '../feed-types.ts'

/**
 * `live`: messages come. `connecting`: it was just opened. `lost`: the server does not answer.
 * `refused`: it answers with an error, as it does to a wrong token.
 */
export type FeedState = 'connecting' | 'live' | 'lost' | 'refused'

export interface FeedOptions {
  /** The address for what is looked at. */
  readonly address: (device: DeviceId | undefined, wants: readonly Want[]) => string
  readonly receive: (message: FeedMessage) => void
  /** `again` is when the next attempt is made, in milliseconds from now. */
  readonly changed: (state: FeedState, again?: number) => void
}

const SHORTEST_WAIT = 500
const LONGEST_WAIT = 8000
/** Statistics come every second. A feed without any message for this long is opened again. */
const SILENCE = 10_000

/** The wait before attempt `attempt`, counted from 0, in milliseconds. */
export const waitBefore = (attempt: number): number => Math.min(SHORTEST_WAIT * 2 ** attempt, LONGEST_WAIT)

export class Feed {
  readonly #options: FeedOptions
  #source: EventSource | undefined
  #address: string | undefined
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** Looks at a device. Does nothing if it looks at just that already. */
  look(device: DeviceId | undefined, wants: readonly Want[]): void {
    const address = this.#options.address(device, wants)
    if (address === this.#address) return
    this.#address = address
    this.#attempt = 0
    this.#open()
  }

  /** Tries at once. */
  retry(): void {
    this.#attempt = 0
    this.#open()
  }

  #open(): void {
    this.#source?.close()
    clearTimeout(this.#timer)
    if (this.#address === undefined) return
    const source = new EventSource(this.#address)
    this.#source = source
    this.#options.changed('connecting')
    source.onmessage = ({ data }) => {
      this.#attempt = 0
      this.#watch()
      this.#options.changed('live')
      this.#options.receive(JSON.parse(data) as FeedMessage)
    }
    source.onerror = () => this.#failed(source.readyState === EventSource.CLOSED ? 'refused' : 'lost')
    this.#watch()
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#failed('lost'), SILENCE)
  }

  #failed(state: FeedState): void {
    this.#source?.close()
    clearTimeout(this.#timer)
    const wait = waitBefore(this.#attempt++)
    this.#options.changed(state, wait)
    this.#timer = setTimeout(() => this.#open(), wait)
  }
}
