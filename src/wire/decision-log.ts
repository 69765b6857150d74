/**
 * The log of a wire: what arrived, and what became of it. A stage reports every decision here, and
 * the program writes a JSON line for each (`--log`).
 */
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Direction } from './wire.ts'

export interface DecisionLog {
  /** Packet `id` of a direction arrived at `time`, ns of the wire's clock. The caller owns it. */
  arrival(direction: Direction, id: number, time: number, skb: SkBuff): void
  /**
   * A stage decided: `verdict` is drop, duplicate, corrupt, reorder, mark, delay ...; `amount` its
   * size, ns for a delay; `why` the reason of a drop.
   */
  decision(
    direction: Direction,
    id: number,
    time: number,
    stage: string,
    verdict: string,
    amount?: number,
    why?: string,
  ): void
}
