/**
 * Dumps on their way to clients. A client that takes its parts gets them at once; one that does not is asked again for a while, and then
 * loses the rest. Each part is made when there is room for it, so a client that never reads costs one part of memory.
 */
import { EAGAIN } from '../core/errno.ts'

/** Parts sent in one turn of the event loop, so that a long dump does not keep the frames waiting. */
const PARTS_A_TURN = 4
/** A client without room is asked again after this time, this often. */
const RETRY_MS = 5
const RETRIES = 200
/** Clients at once; the next is refused. */
const DUMPS = 64

/** The parts of a dump: each is valid until the next is asked for, and what it returns is the last. */
export type Parts = Iterator<Uint8Array, Uint8Array>

interface Dump {
  readonly parts: Parts
  /** Made, and not yet sent. */
  next: IteratorResult<Uint8Array, Uint8Array> | undefined
  retries: number
}

export class Dumps {
  readonly #send: (port: number, octets: Uint8Array) => number
  /** By the port of the client: one at a time each. */
  readonly #dumps = new Map<number, Dump>()

  /** `send` answers the octets sent, or -errno; it never waits. */
  constructor(send: (port: number, octets: Uint8Array) => number) {
    this.#send = send
  }

  /** Sends the parts in order. False when the client has a dump under way, or too many others have. */
  begin(port: number, parts: Parts): boolean {
    if (this.#dumps.has(port) || this.#dumps.size >= DUMPS) return false
    const dump = { parts, next: undefined, retries: 0 }
    this.#dumps.set(port, dump)
    this.#go(port, dump)
    return true
  }

  /** Ends all. */
  close(): void {
    this.#dumps.clear()
  }

  #go(port: number, dump: Dump): void {
    for (let n = 0; n < PARTS_A_TURN; n++) {
      dump.next ??= dump.parts.next()
      const sent = this.#send(port, dump.next.value)
      if (sent === -EAGAIN && dump.retries < RETRIES) {
        dump.retries++
        this.#later(port, dump, RETRY_MS)
        return
      }
      // At its end, or the client is gone or does not read.
      if (dump.next.done || sent < 0) {
        this.#dumps.delete(port)
        return
      }
      dump.next = undefined
      dump.retries = 0
    }
    this.#later(port, dump, 0)
  }

  #later(port: number, dump: Dump, ms: number): void {
    const timer = setTimeout(() => {
      if (this.#dumps.get(port) === dump) this.#go(port, dump)
    }, ms)
    timer.unref()
  }
}
