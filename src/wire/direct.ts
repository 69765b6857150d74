/** direct: the far end of every wire. A frame arrives at the device at once, unchanged. */
import type { NetDevice } from '../core/net-device.ts'
import { netifRx } from '../core/netif.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Wire, WireStats } from './wire.ts'

/** A wire that ends at `to`, which receives each frame on the queue it came from. */
export function direct(to: NetDevice): Wire {
  const stats: WireStats = { in: 0, out: 0, dropped: 0, held: 0 }
  return {
    name: 'direct',
    stats,
    push(skb: SkBuff): void {
      stats.in++
      stats.out++
      skb.dev = to
      netifRx(skb)
    },
    close() {},
  }
}
