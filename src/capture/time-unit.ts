/**
 * TimeUnit: turns the 64-bit timestamps of a pcapng interface into seconds and nanoseconds.
 * Fractions of a nanosecond are cut off; seconds are exact up to 2^53.
 */
import type { Moment } from './packet.ts'

const NSEC_PER_SEC = 1_000_000_000
const MICROSECONDS = 6
const BINARY = 0x80
/** Finer decimal units, and all binary ones, do not fit the arithmetic of doubles below. */
const FINEST_FAST = 9

export class TimeUnit {
  /** Units per second; 0 for units that take bigints. */
  readonly #perSecond: number
  readonly #nanosecondsPerUnit: number
  readonly #wide: bigint
  readonly #offset: number

  /**
   * `tsresol`: if_tsresol, a negative power of 10, or of 2 if its high bit is set. `tsoffset`:
   * if_tsoffset, seconds to add.
   */
  constructor(tsresol = MICROSECONDS, tsoffset = 0) {
    const isFast = tsresol <= FINEST_FAST
    this.#perSecond = isFast ? 10 ** tsresol : 0
    this.#nanosecondsPerUnit = isFast ? 10 ** (FINEST_FAST - tsresol) : 0
    this.#wide = tsresol & BINARY ? 1n << BigInt(tsresol & ~BINARY) : 10n ** BigInt(tsresol)
    this.#offset = tsoffset
  }

  /** Sets the moment that is high * 2^32 + low units after 1970. */
  set(to: Moment, high: number, low: number): void {
    const unit = this.#perSecond
    if (unit === 0) this.#setWide(to, high, low)
    else {
      // A long division in digits of 16 bits: a rest is less than 2^30, so each step is exact.
      const first = Math.floor(high / unit)
      const middle = (high - first * unit) * 0x10000 + (low >>> 16)
      const second = Math.floor(middle / unit)
      const last = (middle - second * unit) * 0x10000 + (low & 0xffff)
      const third = Math.floor(last / unit)
      to.seconds = (first * 0x10000 + second) * 0x10000 + third + this.#offset
      to.nanoseconds = (last - third * unit) * this.#nanosecondsPerUnit
    }
  }

  #setWide(to: Moment, high: number, low: number): void {
    const units = (BigInt(high) << 32n) | BigInt(low)
    to.seconds = Number(units / this.#wide) + this.#offset
    to.nanoseconds = Number(((units % this.#wide) * BigInt(NSEC_PER_SEC)) / this.#wide)
  }
}
