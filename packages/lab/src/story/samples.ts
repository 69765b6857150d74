/** Samples of round-trip times, and trains of packets, which show the rate of the bottleneck. */
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'
import type { Distribution } from './story.ts'

const KEPT_MAX = 128

/** A distribution of at most KEPT_MAX of the samples, evenly spread over time. */
export class Samples {
  count = 0
  min = Number.POSITIVE_INFINITY
  max = 0
  readonly #kept: number[] = []
  #every = 1

  add(value: number): void {
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
    if (this.count++ % this.#every !== 0) return
    this.#kept.push(value)
    if (this.#kept.length < KEPT_MAX) return
    // Every second one is enough from here on.
    for (let i = 0; i < KEPT_MAX / 2; i++) this.#kept[i] = this.#kept[2 * i]
    this.#kept.length = KEPT_MAX / 2
    this.#every *= 2
  }

  /** Returns the distribution; undefined without samples. */
  get distribution(): Distribution | undefined {
    if (this.count === 0) return undefined
    const sorted = this.#kept.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]
    return { samples: this.count, min: this.min, median: at(0.5), p95: at(0.95), max: this.max }
  }
}

/** The shortest train that shows a rate. */
const TRAIN = 200
/** A pause so much longer than the packet takes at the rate of its train ends the train. */
const PAUSE = 2.5
const EARLY = 8
const BITS = 8

/** Packets that follow each other without a pause, as packets do that leave a busy queue. */
export class Train {
  /** Bits a second of the longest train; undefined without one of TRAIN packets. */
  rate: number | undefined
  #longest = TRAIN - 1
  #count = 0
  #start = 0
  #last = 0
  #bytes = 0

  add(time: number, bytes: number): void {
    const gap = time - this.#last
    this.#last = time
    const expected = (bytes * (time - gap - this.#start)) / this.#bytes
    if (this.#count === 0 || (this.#count > EARLY && !(gap <= PAUSE * expected))) {
      this.#count = 1
      this.#start = time
      this.#bytes = 0
      return
    }
    this.#bytes += bytes
    if (++this.#count <= this.#longest || time === this.#start) return
    this.#longest = this.#count
    this.rate = (this.#bytes * BITS * NSEC_PER_SEC) / (time - this.#start)
  }
}
