/** Samples of round-trip times, and trains of packets, which show the rate of the bottleneck. */
import { NSEC_PER_SEC } from 'vnet'
import type { Distribution } from './story.ts'

const KEPT_MAX = 64
/** Fewer values have no trend, nor have values with less spread than this share of their mean. */
const TREND_MIN = 16
const SPREAD_MIN = 0.1

/** A distribution of at most KEPT_MAX of the samples, evenly spread over time. */
export class Samples {
  count = 0
  min = Number.POSITIVE_INFINITY
  max = 0
  last = 0
  readonly #kept: (readonly [time: number, value: number])[] = []
  #every = 1

  /** Adds a time in ns, and the round trip that started then. */
  add(time: number, value: number): void {
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
    this.last = value
    if (this.count++ % this.#every !== 0) return
    this.#kept.push([time, value])
    if (this.#kept.length < KEPT_MAX) return
    // Every second one is enough from here on.
    for (let i = 0; i < KEPT_MAX / 2; i++) {
      this.#kept[i] = this.#kept[2 * i]
    }
    this.#kept.length = KEPT_MAX / 2
    this.#every *= 2
  }

  /** Returns the distribution; undefined without samples. */
  get distribution(): Distribution | undefined {
    if (this.count === 0) return undefined
    const values = this.#kept.map(([, value]) => value)
    const sorted = values.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]
    const { count, min, max } = this
    const trend = hasTrend(values) ? this.#kept : undefined
    return {
      samples: count,
      min,
      median: at(0.5),
      p95: at(0.95),
      max,
      ...(trend !== undefined && { trend }),
    }
  }
}

/**
 * Returns whether values follow each other closely, as on a link that changes: the mean square of
 * their steps is far less than the 2 variances of values in random order (von Neumann 1941).
 */
function hasTrend(values: readonly number[]): boolean {
  if (values.length < TREND_MIN) return false
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  const steps = values
    .slice(1)
    .reduce((sum, value, i) => sum + (value - (values[i] as number)) ** 2, 0)
  return Math.sqrt(variance) > SPREAD_MIN * mean && steps / (values.length - 1) < variance / 2
}

/** A rate is that of CHUNKS chunks of packets with nearly the same rate, none with a pause. */
const CHUNK = 50
const CHUNKS = 4
const TOLERANCE = 0.03
/** A busy queue has this share of full segments: others leave when their sender has something. */
const FULL_SHARE = 0.75
/** A gap so many times longer than the others of its chunk is a pause. */
const PAUSE = 3

/** Packets that follow each other as packets do that leave a busy queue. */
export class Train {
  /** Bits a second, the highest that was found; undefined without CHUNKS such chunks. */
  rate: number | undefined
  #count = 0
  #bytes = 0
  #start = 0
  #last = 0
  #longest = 0
  #full = 0
  readonly #rates: number[] = []

  add(time: number, bytes: number, isFull: boolean): void {
    if (isFull) {
      this.#full++
    }
    if (this.#count++ > 0) {
      this.#bytes += bytes
      this.#longest = Math.max(this.#longest, time - this.#last)
    } else {
      this.#start = time
    }
    this.#last = time
    if (this.#count > CHUNK) {
      this.#endChunk(time)
    }
  }

  #endChunk(time: number): void {
    const rates = this.#rates
    const past = time - this.#start
    const isBusy =
      this.#longest * CHUNK <= PAUSE * past && past > 0 && this.#full >= FULL_SHARE * CHUNK
    if (!isBusy) {
      rates.length = 0
    } else if (rates.push((this.#bytes * 8 * NSEC_PER_SEC) / past) > CHUNKS) {
      rates.shift()
    }
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / CHUNKS
    const isSteady =
      rates.length === CHUNKS && rates.every(rate => Math.abs(rate - mean) < TOLERANCE * mean)
    if (isSteady) {
      this.rate = Math.max(this.rate ?? 0, mean)
    }
    this.#count = 1
    this.#bytes = 0
    this.#longest = 0
    this.#full = 0
    this.#start = time
  }
}
