/** LabFault: a fault that a test has set. */
import { noteOfFilter } from 'vnet/kit/packet'
import { COUNT, checkForm } from '../model/options.ts'

/**
 * A fault that a test has set in one direction of a link, as `link.ab.fault()` returns it. It lasts
 * until it is removed, or until its link or lab is closed. Its hits can be read at any time, also
 * after that.
 */
export class LabFault implements AsyncDisposable {
  readonly #hits: Int32Array
  readonly #calls: Pick<LabFault, 'hit' | 'remove'>
  readonly #text: string
  #mayMiss = false

  /** @internal `text` describes it: `drop "tcp port 80" nth 1 on a-b, ab`. */
  constructor(hits: SharedArrayBuffer, text: string, calls: Pick<LabFault, 'hit' | 'remove'>) {
    this.#hits = new Int32Array(hits)
    this.#calls = calls
    this.#text = text
  }

  /** The packets that it has hit up to now. */
  get hits(): number {
    return Atomics.load(this.#hits, 0)
  }

  /** Throws an Error, which names the fault, if it has hit no packet up to now. */
  expectHit(): void {
    const { missed } = this
    if (missed !== undefined) throw new Error(missed)
  }

  /** @internal A line if it has hit no packet; undefined if it has, or if the test expects none. */
  get missed(): string | undefined {
    if (this.hits > 0 || this.#mayMiss) return undefined
    const note = noteOfFilter(this.#text)
    return `no packet was hit by ${this.#text}${note === undefined ? '' : `; ${note}`}`
  }

  /** @internal A line if it has hit a packet. The test expects that it hits none. */
  expectMiss(): string | undefined {
    this.#mayMiss = true
    const { hits } = this
    return hits > 0
      ? `${hits} ${hits === 1 ? 'packet was' : 'packets were'} hit by ${this.#text}`
      : undefined
  }

  /**
   * Settles when the fault has hit `n` packets, one by default. Rejects if the fault is removed
   * before, or if its link or lab is closed, and with a UsageError for a wrong `n`. An unhandled
   * rejection is ignored.
   */
  hit(n = 1): Promise<void> {
    try {
      checkForm('hit(n)', n, COUNT)
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.hits >= n) return Promise.resolve()
    const hit = this.#calls.hit(n)
    // A test may end without waiting for it.
    hit.catch(() => {})
    return hit
  }

  /** Removes it from the link. Packets that it holds arrive. Idempotent. */
  remove(): Promise<void> {
    return this.#calls.remove()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove()
  }
}
