/**
 * RxFilter: the receive filter of an Ethernet port, as a driver programs it from ndoSetRxMode. Its table holds the groups the
 * host listens to; with more of them than it has room for, every group passes, and the host sorts them out. A table of 0
 * is hardware that has none. Its own address and the broadcast address always pass; promiscuous, everything does.
 * Linux Device Drivers, 2nd edition, ch. 14, "Multicasting".
 */
import { IFF_ALLMULTI, IFF_PROMISC } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifRxDrop } from '../core/netif.ts'
import { ETH_ALEN, isBroadcastAddress, isMulticastAddress, isSameAddress } from '../header/ethernet.ts'
import { SKB_DROP_REASON_OTHERHOST } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Wire, WireStats } from '../wire/wire.ts'

export class RxFilter {
  readonly #table: Uint8Array
  #inTable = 0
  #all = false
  #allMulti = false

  /** `size` groups fit the table. */
  constructor(size: number) {
    this.#table = new Uint8Array(size * ETH_ALEN)
  }

  /** dev_set_rx_mode: programs the filter by the device's flags and multicast list. */
  setRxMode(dev: NetDevice): void {
    this.#all = (dev.flags & IFF_PROMISC) !== 0
    this.#allMulti = (dev.flags & IFF_ALLMULTI) !== 0 || dev.mc.length * ETH_ALEN > this.#table.length
    this.#inTable = this.#allMulti ? 0 : dev.mc.length
    for (let i = 0; i < this.#inTable; i++) this.#table.set(dev.mc[i], i * ETH_ALEN)
  }

  /** Whether a frame would come through to the host of `dev`. */
  passes({ bytes, data }: SkBuff, dev: NetDevice): boolean {
    if (this.#all) return true
    if (!isMulticastAddress(bytes, data)) return isSameAddress(bytes, data, dev.devAddr)
    if (this.#allMulti || isBroadcastAddress(bytes, data)) return true
    for (let i = 0; i < this.#inTable; i++) if (isSameAddress(bytes, data, this.#table, i * ETH_ALEN)) return true
    return false
  }
}

/** The last stretch of a wire: takes frames over; what the filter of `to` keeps out goes no further, and counts there. */
export function filtered(next: Wire, to: NetDevice, filter: RxFilter): Wire {
  const stats: WireStats = { in: 0, out: 0, dropped: 0, held: 0 }
  return {
    name: 'filtered',
    stats,
    push(skb) {
      stats.in++
      if (filter.passes(skb, to)) {
        stats.out++
        next.push(skb)
      } else {
        stats.dropped++
        netifRxDrop(skb, to, SKB_DROP_REASON_OTHERHOST)
      }
    },
    close: () => next.close(),
  }
}
