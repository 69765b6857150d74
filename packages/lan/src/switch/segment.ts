/**
 * Segment: an Ethernet switch with a station at each port. A frame goes to the station from which
 * its destination was last heard. A frame to a group or an unknown address is flooded, in copies;
 * messages to routers go to routers only. The switch consumes frames to 01:80:c2:00:00:00 to 0f
 * (IEEE 802.1D sec. 7.12.6). Every frame is accounted for: in = out + taken + dropped + held, at
 * any moment. Only the copies of a flooded frame take memory.
 */
import {
  type Clock,
  ETH_HLEN,
  ethernet,
  SKB_DROP_REASON_MAC_INVALID_SOURCE,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  type SkBuff,
} from 'vnet'
import { OWNER_STAGE } from 'vnet/kit/netdev'
import { ForwardingTable } from './forwarding-table.ts'
import { isForRouters, isFromRouter } from './router-ports.ts'

/** A port of a device, an uplink, the simulated hosts, or a device that a user simulates. */
export interface Station {
  /** Its name in listings of the segment: `eth9`. */
  readonly name?: string | undefined
  /** Whether routers may be past it that the segment never hears. */
  readonly leadsToRouters?: boolean
  /** Takes over a frame to this station, or a copy of one to a group. `skb.dev` is undefined. */
  receive(skb: SkBuff): void
}

/**
 * A station that is part of the segment and alone gets the frames to its addresses. It ends each
 * frame with one of `segment.forward`, `segment.take` (consumed) and `segment.drop` (lost).
 */
export interface Inhabitant extends Station {
  /** Whether it has the hardware address at `at`. */
  owns(bytes: Uint8Array, at: number): boolean
}

/** Returns whether a station is part of the segment itself. */
export const isInhabitant = (station: Station): station is Inhabitant => 'owns' in station

/** Counts of frames. They never decrease, except `held`. */
export interface SegmentStats {
  /** Frames that stations sent, copies included. */
  in: number
  /** The part of `in` that no device counted as transmitted: copies, or made by inhabitants. */
  made: number
  /** Delivered to stations that are not inhabitants. */
  out: number
  /** Consumed by an inhabitant or by the switch. */
  taken: number
  dropped: number
  /** Waiting in an inhabitant. */
  held: number
}

/** The environment and the limits of a segment. */
export interface SegmentOptions {
  readonly clock: Clock
  /** The capacity of the forwarding table. */
  readonly maxAddresses?: number
  /** Seconds until an address that is not seen again is forgotten. */
  readonly ageing?: number
}

/** The switch. Stations attach while their link is up, and pass it frames by send(). */
export class Segment {
  readonly stats: SegmentStats = { in: 0, made: 0, out: 0, taken: 0, dropped: 0, held: 0 }
  /** Drops by reason, SKB_DROP_REASON_*. */
  readonly drops = new Float64Array(SKB_DROP_REASON_MAX)
  readonly table: ForwardingTable
  /** Replaced, never changed: a station may attach or detach while a frame is flooded. */
  #stations: readonly Station[] = []
  #inhabitants: readonly Inhabitant[] = []
  /** Those that get messages to routers: inhabitants, uplinks and heard routers. */
  #routers: readonly Station[] = []
  readonly #heardRouters = new Set<Station>()

  constructor({ clock, maxAddresses, ageing }: SegmentOptions) {
    this.table = new ForwardingTable(clock, maxAddresses, ageing)
  }

  /** All attached stations, inhabitants last. */
  get stations(): readonly Station[] {
    return this.#stations
  }

  /** Plugs a station in. Does nothing if it is already plugged in. */
  attach(station: Station): void {
    if (this.#stations.includes(station)) return
    this.#set([...this.#stations, station])
  }

  /** Unplugs a station and forgets the addresses heard from it. */
  detach(station: Station): void {
    this.#heardRouters.delete(station)
    this.#set(this.#stations.filter(other => other !== station))
    this.table.forget(station)
  }

  /** Takes over a frame that `from` puts on the segment. */
  send(skb: SkBuff, from: Station): void {
    this.stats.in++
    skb.dev = undefined
    skb.owner = OWNER_STAGE
    this.forward(skb, from)
  }

  /** Takes over a frame that an inhabitant received and sends on. */
  forward(skb: SkBuff, from: Station): void {
    const { bytes, data } = skb
    if (skb.len < ETH_HLEN) {
      this.drop(skb, SKB_DROP_REASON_PKT_TOO_SMALL)
      return
    }
    if (!ethernet.isStationAddress(bytes, ethernet.sourceAt(data))) {
      this.drop(skb, SKB_DROP_REASON_MAC_INVALID_SOURCE)
      return
    }
    // An address of an inhabitant is never learned from another station.
    if (!isInhabitant(from) && this.#owner(bytes, ethernet.sourceAt(data)) === undefined) {
      this.table.learn(bytes, ethernet.sourceAt(data), from)
    }
    if (ethernet.isMulticastAddress(bytes, data)) {
      if (isReserved(bytes, data)) {
        this.take(skb)
      } else {
        if (isFromRouter(skb)) {
          this.#addRouter(from)
        }
        this.#flood(skb, from, isForRouters(skb) ? this.#routers : this.#stations)
      }
      return
    }
    const to = this.#owner(bytes, data) ?? this.table.get(bytes, data)
    if (to === undefined) {
      this.#flood(skb, from, this.#stations)
    } else if (to === from) {
      // A switch sends no frame back to its source station.
      this.take(skb)
    } else {
      this.#deliver(skb, to)
    }
  }

  /** Takes over a frame that an inhabitant, or the switch, has consumed. */
  take(skb: SkBuff): void {
    this.stats.taken++
    skb.free()
  }

  /** Drops a frame. Counted here and on no device: the frame has left the device of its sender. */
  drop(skb: SkBuff, reason: number): void {
    this.#countDrop(reason)
    skb.free()
  }

  /** Inhabitants are last, so that their immediate replies do not overtake the frame itself. */
  #set(stations: readonly Station[]): void {
    this.#inhabitants = stations.filter(isInhabitant)
    this.#stations = [...stations.filter(station => !isInhabitant(station)), ...this.#inhabitants]
    this.#routers = this.#stations.filter(
      station => isInhabitant(station) || station.leadsToRouters || this.#heardRouters.has(station),
    )
  }

  /** A station remains a router until it is unplugged. */
  #addRouter(station: Station): void {
    if (this.#routers.includes(station) || !this.#stations.includes(station)) return
    this.#heardRouters.add(station)
    this.#set(this.#stations)
  }

  #owner(bytes: Uint8Array, at: number): Inhabitant | undefined {
    const inhabitants = this.#inhabitants
    for (let i = 0; i < inhabitants.length; i++) {
      if (inhabitants[i].owns(bytes, at)) {
        return inhabitants[i]
      }
    }
    return undefined
  }

  /** The last one gets the frame itself. Inhabitants own their addresses: no unknown unicast. */
  #flood(skb: SkBuff, from: Station, stations: readonly Station[]): void {
    const isGroup = ethernet.isMulticastAddress(skb.bytes, skb.data)
    let last: Station | undefined
    for (let i = 0; i < stations.length; i++) {
      const station = stations[i]
      if (station === from || (!isGroup && isInhabitant(station))) continue
      if (last !== undefined) {
        this.#copyTo(skb, last)
      }
      last = station
    }
    if (last === undefined) {
      this.take(skb)
    } else {
      this.#deliver(skb, last)
    }
  }

  #copyTo(skb: SkBuff, to: Station): void {
    const copy = skb.copy()
    this.stats.in++
    this.stats.made++
    if (copy === undefined) {
      this.#countDrop(SKB_DROP_REASON_NOMEM)
    } else {
      copy.owner = OWNER_STAGE
      this.#deliver(copy, to)
    }
  }

  #countDrop(reason: number): void {
    this.stats.dropped++
    this.drops[reason] = this.drops[reason] + 1
  }

  #deliver(skb: SkBuff, to: Station): void {
    if (!isInhabitant(to)) {
      this.stats.out++
    }
    to.receive(skb)
  }
}

/** Whether the address at `at` is 01:80:c2:00:00:0x, which no bridge forwards. */
function isReserved(b: Uint8Array, at: number): boolean {
  return (
    ((b[at] ^ 0x01) |
      (b[at + 1] ^ 0x80) |
      (b[at + 2] ^ 0xc2) |
      b[at + 3] |
      b[at + 4] |
      (b[at + 5] & 0xf0)) ===
    0
  )
}
