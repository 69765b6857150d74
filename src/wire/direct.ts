/** The end of every wire: a frame arrives at the device immediately and unchanged. */
import type { NetDevice } from '../netdev/net-device.ts'
import { netifRxFrom } from '../netdev/netif.ts'
import { SKB_DROP_REASON_TX_CARRIER } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Wire } from './wire.ts'

/**
 * Returns a wire to `to`, which receives each frame on the queue it came from. What arrives while
 * the cable is cut is dropped.
 */
export function direct(to: NetDevice): Wire {
  return {
    push(skb: SkBuff): void {
      if (to.cut) {
        skb.drop(SKB_DROP_REASON_TX_CARRIER)
        return
      }
      skb.dev = to
      netifRxFrom(skb, 'wire')
    },
  }
}
