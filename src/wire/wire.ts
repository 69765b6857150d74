/**
 * Wire: what lies between two devices. Frames go in at one end, and out at the other, later, changed, or not at all:
 * in = out + dropped + held, always.
 */
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

export interface WireStats {
  in: number
  out: number
  dropped: number
  held: number
}

export interface Wire {
  readonly name: string
  readonly stats: Readonly<WireStats>
  /** Takes the frame over. */
  push(skb: SkBuff): void
  /** Drops what it holds. Idempotent. */
  close(): void
}

/** Wraps a wire in one that does something to the frames. `random` is a stream of its own. */
export type Impairment = (next: Wire, env: { clock: Clock; random: Random }) => Wire
