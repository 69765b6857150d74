/**
 * Copies bounds the frames that one frame may become in a chain: itself, its copies, and the frames
 * that stages make because of it. Nothing is counted for a frame before it is copied. The count is
 * found by a number that a frame shares with its copies, so copies that were held for long count
 * too.
 */
import type { SkBuff } from '../skb/sk-buff.ts'

export const COPIES_MAX = 64

/** Counts, one for each of the newest families. An older frame is not copied again. */
const FAMILIES = 1 << 18

export class Copies {
  readonly #counts = new Uint8Array(FAMILIES)
  /** The number of the newest family. Numbers start at 1. */
  #last = 0

  /** Returns the number of the family of a frame, which is new if the frame has none. */
  familyOf(skb: SkBuff): number {
    if (skb.family === 0) {
      skb.family = ++this.#last
      this.#counts[skb.family % FAMILIES] = 1
    }
    return skb.family
  }

  /** Counts one more frame of a family. Returns false if it has all that it may have. */
  add(skb: SkBuff): boolean {
    const family = this.familyOf(skb)
    const at = family % FAMILIES
    if (this.#last - family >= FAMILIES || this.#counts[at] >= COPIES_MAX) return false
    this.#counts[at]++
    return true
  }
}
