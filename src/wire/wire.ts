/**
 * Wire: carries frames one way between two devices. A frame comes out later, changed or not at all:
 * in = out + dropped + held at any moment.
 */
import type { Clock } from '../netdev/clock.ts'
import type { Random } from '../netdev/random.ts'
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
  /** Takes ownership of the frame. */
  push(skb: SkBuff): void
  /** Drops the frames it holds. May be called again. */
  close(): void
}

/** Wraps a wire in one that impairs its frames. Each impairment has its own stream of `random`. */
export type Impairment = (next: Wire, env: { clock: Clock; random: Random }) => Wire
