/**
 * Round-trip time and retransmission timeout of a connection: RFC 6298, with Linux's bounds. Linux
 * adds at least 200 ms (tcp_rto_min_us) to the smoothed RTT, and counts in ticks, here of 1 ms.
 */
import { NSEC_PER_MSEC, NSEC_PER_SEC } from 'vnet'

/** Before the first measurement, and after a handshake without one (RFC 6298 sec. 2.1, 5.7). */
const RTO_INITIAL = NSEC_PER_SEC
const RTO_FALLBACK = 3 * NSEC_PER_SEC
export const RTO_MIN = 200 * NSEC_PER_MSEC
export const RTO_MAX = 120 * NSEC_PER_SEC
/** How long a minimum of the RTT counts (tcp_min_rtt_wlen). */
const MIN_RTT_WINDOW = 300 * NSEC_PER_SEC

/** The times of one connection, in ns. Its sender measures, and arms its timers by `timeout`. */
export class Rtt {
  /** Smoothed round-trip time and its variation; 0 before the first sample. */
  smoothed = 0
  #variation = 0
  /** The shortest round-trip time of the last MIN_RTT_WINDOW; Infinity before the first sample. */
  minimum = Number.POSITIVE_INFINITY
  #minimumAt = 0
  /** Timeout without backoff. */
  #base = RTO_INITIAL
  /** How often the timeout is doubled: retransmit.ts counts, and a sample ends it. */
  backoff = 0
  /** The least time by which the timeout exceeds the smoothed round-trip time. */
  readonly least: number

  constructor(least = RTO_MIN) {
    this.least = least
  }

  get timeout(): number {
    return Math.min(this.#base * 2 ** this.backoff, RTO_MAX)
  }

  /** Call it after a handshake that gave no measurement: RFC 6298 sec. 5.7. */
  fallBack(): void {
    this.#base = RTO_FALLBACK
  }

  /** Takes a measurement, which ends a backoff (Karn's algorithm). */
  sample(rtt: number, now: number): void {
    const r = Math.max(rtt, 1)
    if (r <= this.minimum || now - this.#minimumAt > MIN_RTT_WINDOW) {
      this.minimum = r
      this.#minimumAt = now
    }
    if (this.smoothed === 0) {
      this.smoothed = r
      this.#variation = r / 2
    } else {
      this.#variation += (Math.abs(this.smoothed - r) - this.#variation) / 4
      this.smoothed += (r - this.smoothed) / 8
    }
    const exact = this.smoothed + Math.max(4 * this.#variation, this.least)
    this.#base = Math.min(Math.ceil(exact / NSEC_PER_MSEC) * NSEC_PER_MSEC, RTO_MAX)
    this.backoff = 0
  }
}

/**
 * Returns how long, in ns, Linux sends again before it gives up, counted from the first
 * retransmission: the time that `retries` retransmissions take with a first timeout of RTO_MIN. 15
 * take 924.6 s.
 */
export function giveUpTime(retries: number): number {
  const doublings = Math.floor(Math.log2(RTO_MAX / RTO_MIN))
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * RTO_MIN
  return (2 ** (doublings + 1) - 1) * RTO_MIN + (retries - doublings) * RTO_MAX
}
