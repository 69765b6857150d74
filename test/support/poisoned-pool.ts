/** A pool that overwrites freed bytes, to make uses after free visible. */
import { SkBuffPool, type SkBuffPoolOptions, SLOT_SMALL } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'

export interface PoisonedPoolOptions extends SkBuffPoolOptions {
  /** False leaves freed bytes as they are, for tests that measure. */
  poison?: boolean
}

/** include/linux/poison.h */
const POISON = 0x6b

export class PoisonedPool extends SkBuffPool {
  readonly #poison: boolean

  constructor({ poison = true, ...options }: PoisonedPoolOptions = {}) {
    super(options)
    this.#poison = poison
  }

  override release(skb: SkBuff): void {
    if (this.#poison) {
      // Not the rest of a large slot, which no frame has used: its pages would be touched.
      const used = Math.max(skb.data + skb.len, skb.head + SLOT_SMALL)
      this.bytes.fill(POISON, skb.head, Math.min(skb.end, used))
    }
    super.release(skb)
  }
}
