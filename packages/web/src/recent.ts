/** The messages of the last ten minutes, for pages that are reloaded, or opened later. */
import type { Packed } from './feed.ts'

export const RECENT_MS = 600_000
/** Characters that are kept at most: ten minutes of 100 devices. */
export const RECENT_MAX = 16 << 20

interface Kept {
  readonly at: number
  readonly message: Packed
}

export class Recent {
  readonly #kept = new Set<Kept>()
  /**
   * The number of the latest message. It ascends even if the server restarts, as long as fewer than
   * a thousand messages a second are kept.
   */
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

  /**
   * The messages after a number, oldest first: those about all devices, and those about the wire of
   * `id`, which have a number of their own.
   */
  *after(number: number, id: string, wireNumber: number): Generator<Packed> {
    for (const { message } of this.#kept) {
      const isWire = message.type === 'wire'
      if (message.number! > (isWire ? wireNumber : number) && (!isWire || message.id === id)) yield message
    }
  }
}
