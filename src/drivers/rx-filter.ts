/**
 * RxFilter: the receive filter of an Ethernet port, as a driver programs it from ndoSetRxMode. Its
 * table holds the multicast groups that the kernel listens to. If they do not fit, every group
 * passes, and the kernel sorts them out. A table of 0 is hardware without one. Its own address and
 * the broadcast address always pass; in promiscuous mode every frame passes. Linux Device Drivers,
 * 2nd edition, ch. 14, "Multicasting".
 */
import { IFF_ALLMULTI, IFF_PROMISC, type NetDevice, netifRxDrop } from '../netdev/index.ts'
import {
  ETH_ALEN,
  isBroadcastAddress,
  isMulticastAddress,
  isSameAddress,
} from '../packet/ethernet.ts'
import { SKB_DROP_REASON_OTHERHOST } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Wire } from '../wire/wire.ts'

/**
 * The filter of one device. A driver makes it with the device and calls `setRxMode` from
 * ndoSetRxMode. `passes`, or the wire of `filtered`, then decides about each frame for the kernel.
 * The filter itself never owns a frame.
 */
export class RxFilter {
  readonly #table: Uint8Array
  #inTable = 0
  #all = false
  #allMulti = false

  /** `size` groups fit into the table. */
  constructor(size: number) {
    this.#table = new Uint8Array(size * ETH_ALEN)
  }

  /** dev_set_rx_mode: programs the filter from the device's flags and multicast list. */
  setRxMode(dev: NetDevice): void {
    this.#all = (dev.flags & IFF_PROMISC) !== 0
    this.#allMulti =
      (dev.flags & IFF_ALLMULTI) !== 0 || dev.mc.length * ETH_ALEN > this.#table.length
    this.#inTable = this.#allMulti ? 0 : dev.mc.length
    for (let i = 0; i < this.#inTable; i++) {
      this.#table.set(dev.mc[i], i * ETH_ALEN)
    }
  }

  /** Returns true if the kernel of `dev` receives the frame. */
  passes({ bytes, data }: SkBuff, dev: NetDevice): boolean {
    if (this.#all) return true
    if (!isMulticastAddress(bytes, data)) return isSameAddress(bytes, data, dev.devAddr)
    if (this.#allMulti || isBroadcastAddress(bytes, data)) return true
    for (let i = 0; i < this.#inTable; i++) {
      if (isSameAddress(bytes, data, this.#table, i * ETH_ALEN)) {
        return true
      }
    }
    return false
  }
}

/** Returns the last stretch of a wire: `to` drops and counts frames that its filter keeps out. */
export function filtered(next: Wire, to: NetDevice, filter: RxFilter): Wire {
  return {
    push(skb) {
      if (filter.passes(skb, to)) {
        next.push(skb)
      } else {
        netifRxDrop(skb, to, SKB_DROP_REASON_OTHERHOST)
      }
    },
  }
}
