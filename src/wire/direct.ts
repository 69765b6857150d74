/** The end of every wire: a frame arrives at the device immediately and unchanged. */
import type { NetDevice } from '../netdev/net-device.ts'
import { netifRx } from '../netdev/netif.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Wire, WireStats } from './wire.ts'

/** Returns a wire to `to`, which receives each frame on the queue it came from. */
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
