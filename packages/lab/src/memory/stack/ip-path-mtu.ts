/** PathMtu: the MTUs of paths that routers have reported (RFC 1191, RFC 8201). */
import type { Clock } from 'vnet/internal/base/clock'
import { type AddressKey, addressKey, IPV6_MIN_MTU } from './ip-version.ts'

/** mtu_expires and min_pmtu of Linux. */
const [EXPIRES_NS, MIN_PMTU] = [600e9, 552]
/** The most paths that are known. The oldest report makes room for a new one. */
const PATHS_MAX = 1024

interface Known {
  readonly mtu: number
  readonly until: number
  /** Packets may be fragmented although they should not: the reported MTU is too small. */
  readonly isLocked: boolean
}

export class PathMtu {
  readonly #clock: Clock
  readonly #known = new Map<AddressKey, Known>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns the MTU to an address over an interface with the MTU `link`. */
  to(address: Uint8Array, link: number): number {
    const known = this.#find(address)
    return known === undefined || known.mtu > link ? link : known.mtu
  }

  isLocked(address: Uint8Array): boolean {
    return this.#find(address)?.isLocked === true
  }

  /**
   * Keeps a reported MTU, if it is smaller than `current`. Returns false for one that no packet of
   * `length` bytes can have caused.
   */
  report(address: Uint8Array, mtu: number, length: number, current: number): boolean {
    const isV4 = address.length === 4
    if (mtu >= length || (!isV4 && mtu < IPV6_MIN_MTU)) return false
    if (mtu >= current) return true
    const isLocked = isV4 && mtu < MIN_PMTU
    const key = addressKey(address, 0, address.length)
    this.#known.delete(key)
    const [oldest] = this.#known.keys()
    if (this.#known.size === PATHS_MAX && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, {
      mtu: isLocked ? Math.min(MIN_PMTU, current) : mtu,
      until: this.#clock.now() + EXPIRES_NS,
      isLocked,
    })
    return true
  }

  #find(address: Uint8Array): Known | undefined {
    if (this.#known.size === 0) return undefined
    const key = addressKey(address, 0, address.length)
    const known = this.#known.get(key)
    if (known === undefined || known.until > this.#clock.now()) return known
    this.#known.delete(key)
    return undefined
  }
}
