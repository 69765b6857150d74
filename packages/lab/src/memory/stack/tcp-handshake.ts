/** When a SYN or SYN-ACK is sent again, and how long connecting may take. */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'
import type { TcpOptions } from './tcp-options.ts'

export class Handshake {
  /** How often the SYN or SYN-ACK was sent again because of its timeout. */
  repeats = 0
  readonly #options: Required<TcpOptions>
  #startedAt = 0
  #isSyn = true

  constructor(options: Required<TcpOptions>) {
    this.#options = options
  }

  /** The first SYN is sent, or the first SYN-ACK. */
  start(now: number, isSyn: boolean): void {
    this.#startedAt = now
    this.#isSyn = isSyn
    this.repeats = 0
  }

  /** Nanoseconds until the next repetition. */
  get delay(): number {
    const linear = this.#isSyn ? this.#options.synLinearTimeouts : 0
    return NSEC_PER_SEC * 2 ** Math.max(this.repeats - linear, 0)
  }

  /** Whether to give up. Linear repetitions of a SYN do not extend the time of the others. */
  isExpired(now: number): boolean {
    const { synRetries, synLinearTimeouts, synAckRetries } = this.#options
    if (!this.#isSyn) return this.repeats >= synAckRetries
    const limit = (2 ** (synRetries + 1) - 1) * NSEC_PER_SEC
    return this.repeats >= synRetries + synLinearTimeouts || now - this.#startedAt >= limit
  }

  /** Returns the measured round-trip time; -1 after a repetition. */
  roundTrip(now: number): number {
    return this.repeats === 0 ? now - this.#startedAt : -1
  }
}
