/**
 * GET_RUNTIME: the resources that the program uses. The delay of the event loop and garbage
 * collection are watched only while clients request them, because watching costs time.
 */
import {
  type Histogram,
  type IntervalHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks'
import { NSEC_PER_MSEC } from '../../base/clock.ts'
import type { SkBuffPool } from '../../skb/pool.ts'

/** Milliseconds without a request after which watching stops. Prometheus scrapes once a minute. */
const WATCH_MS = 90_000
/** A timer this long, again and again, shows the delay of the loop. */
const RESOLUTION_MS = 20

/** Names by the `kind` of a GC entry: enum GCType of V8. A mark-compact of young objects is 2. */
const GC_KINDS: Readonly<Record<number, string>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weakcb',
}

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } }

export class Runtime implements Disposable {
  readonly #pool: Pick<SkBuffPool, 'out' | 'large' | 'small'>
  /** Their numbers and total times in ns. */
  readonly #pauses = new Map<string, { readonly count: number; readonly time: number }>()
  #watched: { readonly delay: IntervalHistogram; readonly pauses: PerformanceObserver } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Pick<SkBuffPool, 'out' | 'large' | 'small'>) {
    this.#pool = pool
  }

  get isWatched(): boolean {
    return this.#watched !== undefined
  }

  /** Returns the values, and watches from now on. The delay is that since the last call. */
  read() {
    const delay = this.#watched?.delay
    // Undefined if the timer has not expired since.
    const loopDelay =
      delay && delay.count > 0 ? delayOf(delay, RESOLUTION_MS * NSEC_PER_MSEC) : undefined
    delay?.reset()
    this.#watched ??= this.#watch()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this[Symbol.dispose](), WATCH_MS).unref()
    const { active, idle } = performance.eventLoopUtilization()
    const { rss: resident, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
    const cpu = process.cpuUsage()
    return {
      loopActive: Math.round(active * NSEC_PER_MSEC),
      loopIdle: Math.round(idle * NSEC_PER_MSEC),
      loopDelay,
      gc: [...this.#pauses].map(([kind, { count, time }]) => ({
        kind,
        count,
        time: Math.round(time),
      })),
      heapTotal,
      heapUsed,
      external,
      arrayBuffers,
      resident,
      cpuUser: cpu.user * 1000,
      cpuSystem: cpu.system * 1000,
      poolUsed: this.#pool.out,
      poolCapacity: this.#pool.large.count + this.#pool.small.count,
    }
  }

  /** Stops watching; the counters remain. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#watched?.pauses.disconnect()
    this.#watched?.delay.disable()
    this.#watched = undefined
  }

  #watch() {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    delay.enable()
    const pauses = new PerformanceObserver(list => {
      for (const { detail, duration } of list.getEntries() as GcEntry[]) {
        const kind = GC_KINDS[detail.kind] ?? 'other'
        const { count, time } = this.#pauses.get(kind) ?? { count: 0, time: 0 }
        this.#pauses.set(kind, { count: count + 1, time: time + duration * NSEC_PER_MSEC })
      }
    })
    pauses.observe({ entryTypes: ['gc'] })
    return { delay, pauses }
  }
}

/** Returns how late a timer was, in ns, from the times between its expirations. */
export function delayOf(times: Histogram, interval: number) {
  const late = (ns: number) => Math.max(0, Math.round(ns - interval))
  const { min, mean, max, stddev } = times
  const [p50, p90, p99] = [50, 90, 99].map(p => late(times.percentile(p))) as [
    number,
    number,
    number,
  ]
  return {
    min: late(min),
    mean: late(mean),
    max: late(max),
    stddev: Math.round(stddev),
    p50,
    p90,
    p99,
  }
}
