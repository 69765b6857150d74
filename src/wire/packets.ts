/** The packets that a frame on a wire stands for. */
import { gsoSegs } from '../netdev/gso.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/**
 * Returns the number of packets that a frame stands for: 1, or the segments of a GSO frame, as many
 * as it would be cut into.
 */
export function packetsOf(skb: SkBuff): number {
  return skb.gsoSize === 0 ? 1 : gsoSegs(skb)
}
