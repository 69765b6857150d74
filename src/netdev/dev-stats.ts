/**
 * A device's statistics since it was made or last reset. The kernel's counters, and what a driver
 * adds, cannot be set to zero: what they were at the reset is subtracted.
 */
import type { Counters } from './counters.ts'
import type { Port } from './port.ts'
import { LINK_STATS64_LENGTH } from './stats.ts'

/** What the statistics need of their device. */
interface StatsOwner {
  readonly counters: Counters
  readonly tx: readonly { requeues: number; transTimeout: number }[]
  readonly port: Port | undefined
  /** Adds what only the driver knows (ndoGetStats64). */
  addDriverStats(stats: Float64Array): void
}

export class DevStats {
  readonly #dev: StatsOwner
  #kernelBefore: Float64Array | undefined
  #driverBefore: Float64Array | undefined
  /** True after a reset, until the kernel's counters are read. */
  #kernelIsStale = false

  constructor(dev: StatsOwner) {
    this.#dev = dev
  }

  /** Returns a row of LinkStats64, all queues and what the driver adds. Owned by the caller. */
  get(): Float64Array {
    const stats = this.#dev.counters.sum()
    this.#dev.addDriverStats(stats)
    return less(stats, this.#driverBefore)
  }

  /**
   * Returns what the kernel counted; undefined if it keeps no counters or the interface is gone.
   * Owned by the caller.
   */
  kernel(): Float64Array | undefined {
    this.#readKernel()
    const stats = this.#dev.port?.kernelStats()
    return stats && less(stats, this.#kernelBefore)
  }

  /**
   * Sets all statistics to zero. The kernel's counters are read in a microtask, so that the
   * requester gets its reply first, but before the next frame changes them.
   */
  reset(): void {
    const { counters, tx } = this.#dev
    counters.reset()
    for (const txq of tx) txq.requeues = txq.transTimeout = 0
    this.#kernelIsStale = true
    queueMicrotask(() => this.#readKernel())
    const driver = new Float64Array(LINK_STATS64_LENGTH)
    this.#dev.addDriverStats(driver)
    this.#driverBefore = driver
  }

  #readKernel(): void {
    if (!this.#kernelIsStale) return
    this.#kernelIsStale = false
    this.#kernelBefore = this.#dev.port?.kernelStats()
  }
}

function less(stats: Float64Array, before: Float64Array | undefined): Float64Array {
  if (before !== undefined) for (let i = 0; i < stats.length; i++) stats[i] = stats[i] - before[i]
  return stats
}
