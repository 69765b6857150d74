/**
 * A device's statistics since it was made or last reset. What is not ours to set to zero, the host's counters and what a driver adds,
 * is told less what it was at the reset.
 */
import { refuseAnswer } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import { LINK_STATS64_LENGTH } from './stats.ts'

export class DevStats {
  readonly #dev: NetDevice
  #hostBefore: Float64Array | undefined
  #driverBefore: Float64Array | undefined
  /** Reset, and the host not asked yet. */
  #hostIsStale = false

  constructor(dev: NetDevice) {
    this.#dev = dev
  }

  /** A row of LinkStats64 summed over all queues, with what the driver adds. Owned by the caller. */
  get(): Float64Array {
    const stats = this.#dev.counters.sum()
    this.#addDriver(stats)
    return less(stats, this.#driverBefore)
  }

  /** What the host counted; undefined when it keeps no counters or the interface is gone. Owned by the caller. */
  host(): Float64Array | undefined {
    this.#askHost()
    const stats = this.#dev.port?.hostStats()
    return stats && less(stats, this.#hostBefore)
  }

  /**
   * All begin anew. The host counts what we read and write, so it is asked only when whoever wants the reset has his answer: before
   * the next frame.
   */
  reset(): void {
    const { counters, tx } = this.#dev
    counters.reset()
    for (const txq of tx) txq.requeues = txq.transTimeout = 0
    this.#hostIsStale = true
    queueMicrotask(() => this.#askHost())
    const driver = new Float64Array(LINK_STATS64_LENGTH)
    this.#addDriver(driver)
    this.#driverBefore = driver
  }

  #askHost(): void {
    if (!this.#hostIsStale) return
    this.#hostIsStale = false
    this.#hostBefore = this.#dev.port?.hostStats()
  }

  #addDriver(stats: Float64Array): void {
    const dev = this.#dev
    try {
      const answer: unknown = dev.netdevOps.ndoGetStats64?.(dev, stats)
      if (answer instanceof Promise) refuseAnswer(dev, 'ndoGetStats64', answer, 'nothing')
    } catch (error) {
      dev.logException('ndoGetStats64', error)
    }
  }
}

function less(stats: Float64Array, before: Float64Array | undefined): Float64Array {
  if (before !== undefined) for (let i = 0; i < stats.length; i++) stats[i] = stats[i] - before[i]
  return stats
}
