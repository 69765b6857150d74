/** OfferedWindow: the windows that a peer offers to a host, and bytes beyond them. */
import { NSEC_PER_MSEC } from 'vnet'

/**
 * A closed window is probed after a retransmission timeout (RFC 9293 sec. 3.8.6.1), which no stack
 * has so short.
 */
const PROBE_AFTER = 20 * NSEC_PER_MSEC

/**
 * The window of one direction of a connection. Sequence numbers are relative; times are
 * nanoseconds.
 */
export class OfferedWindow {
  /** The end of the largest window: one that shrinks does not forbid bytes in flight (MAY-7). */
  #edge = 0
  /** Since when the latest window is closed; undefined while it is open. */
  #closedSince: number | undefined

  /** Notes a window of `size` bytes from `ack`. */
  offer(ack: number, size: number, now: number): void {
    this.#edge = Math.max(this.#edge, ack + size)
    this.#closedSince = size > 0 ? undefined : (this.#closedSince ?? now)
  }

  /** Returns what is wrong with bytes that the host sent at a time; undefined if nothing is. */
  problem(sequence: number, length: number, at: number): string | undefined {
    const end = sequence + length
    if (length === 0 || end <= this.#edge) return undefined
    const isProbe = length === 1 && sequence === this.#edge && this.#closedSince !== undefined
    if (isProbe && at - (this.#closedSince as number) >= PROBE_AFTER) return undefined
    return `the host has sent bytes up to ${end}, but the offered window ends at ${this.#edge}`
  }
}
