/** Counts the frames of a Tap. */

import { SKB_DROP_REASON_MAX } from '../skb/drop-reason.ts'
import { dropsByName } from '../skb/drop-reason-name.ts'
import type { SkBuff, SkBuffDevice } from '../skb/sk-buff.ts'

/** Frames and bytes of a Tap since it was opened. */
export interface TapCounters {
  /** Frames that the kernel sent through the interface and the program has read. */
  readonly framesRead: number
  readonly bytesRead: number
  /** Frames that were written and the kernel has received. Each segment that was cut counts. */
  readonly framesWritten: number
  readonly bytesWritten: number
  /** Frames that were written and lost: in all, and by reason (docs/statistics.md). */
  readonly dropped: number
  readonly drops: Readonly<Record<string, number>>
}

/** The device of all frames that are written: each is counted when it ends. */
export class TapCounts implements SkBuffDevice {
  name: string
  framesRead = 0
  bytesRead = 0
  #framesWritten = 0
  #bytesWritten = 0
  readonly #drops = new Float64Array(SKB_DROP_REASON_MAX)

  constructor(name: string) {
    this.name = name
  }

  countReceived(skb: SkBuff): void {
    this.#framesWritten++
    this.#bytesWritten += skb.len
  }

  countDrop(_: SkBuff | undefined, reason: number): void {
    this.#drops[reason] += 1
  }

  counters(): TapCounters {
    const { framesRead, bytesRead } = this
    const drops = dropsByName(this.#drops)
    const dropped = this.#drops.reduce((sum, n) => sum + n, 0)
    return {
      framesRead,
      bytesRead,
      framesWritten: this.#framesWritten,
      bytesWritten: this.#bytesWritten,
      dropped,
      drops,
    }
  }
}
