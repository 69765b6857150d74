/** LabFault: a fault that a test has set. */
import { COUNT, checkForm } from '../model/options.ts'

export class LabFault implements AsyncDisposable {
  readonly #hits: Int32Array
  readonly #calls: Pick<LabFault, 'hit' | 'remove'>

  /** @internal */
  constructor(hits: SharedArrayBuffer, calls: Pick<LabFault, 'hit' | 'remove'>) {
    this.#hits = new Int32Array(hits)
    this.#calls = calls
  }

  /** The packets that it has hit up to now. */
  get hits(): number {
    return Atomics.load(this.#hits, 0)
  }

  /** Settles when it has hit `n` packets, default 1. Rejects if it, its link or lab ends before. */
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
