/** Gaps: bytes of a direction that were not seen before bytes after them. */
import type { Packet } from './transmissions.ts'

/** A gap, and the packet after it that showed it. Numbers count from the SYN. */
export interface Gap extends Packet {
  start: number
  end: number
  /** The number of packets up to that one. */
  readonly packets: number
}

const GAPS_MAX = 256

export class Gaps {
  #list: Gap[] = []

  add(
    start: number,
    end: number,
    { time, frame, stamp, id, place }: Packet,
    packets: number,
  ): void {
    if (this.#list.length >= GAPS_MAX) {
      this.#list.shift()
    }
    this.#list.push({ start, end, time, frame, stamp, id, place, packets })
  }

  /** Returns the gap with a byte. */
  find(at: number): Gap | undefined {
    return this.#list.find(({ start, end }) => start <= at && at < end)
  }

  /** Returns the first byte of the next gap after `at`, and at most `to`. */
  nextAfter(at: number, to: number): number {
    return this.#list.reduce(
      (least, { start }) => (start > at ? Math.min(least, start) : least),
      to,
    )
  }

  /** Removes the bytes from `start` to `end` of a gap. */
  fill(gap: Gap, start: number, end: number): void {
    if (end < gap.end) {
      this.#list.push({ ...gap, start: end })
    }
    gap.end = start
    if (gap.end === gap.start) {
      this.#list.splice(this.#list.indexOf(gap), 1)
    }
  }

  /** Removes bytes that were acknowledged. Returns how many never passed the capture. */
  acknowledge(ack: number): number {
    if (this.#list.length === 0) return 0
    const unseen = this.#list.reduce(
      (sum, { start, end }) => sum + Math.max(0, Math.min(end, ack) - start),
      0,
    )
    this.#list = this.#list.filter(({ end }) => end > ack)
    for (const gap of this.#list) {
      gap.start = Math.max(gap.start, ack)
    }
    return unseen
  }
}
