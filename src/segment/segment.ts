/**
 * Segment: an Ethernet segment, a switch with a station at each port. A frame for an address that was heard goes to the
 * station behind which it was heard; one for a group, for everybody, or for who was never heard goes to all others, in copies.
 * Frames of 01:80:c2:00:00:00 to 0f, which are for the switch itself, end here (IEEE 802.1D sec. 7.12.6).
 *
 * Every frame is accounted for: in = out + taken + dropped + held, at any moment. Nothing here allocates a frame but a copy.
 */
import type { Clock } from '../core/clock.ts'
import { ETH_HLEN, isMulticastAddress, isStationAddress, source } from '../header/ethernet.ts'
import {
  SKB_DROP_REASON_MAC_INVALID_SOURCE,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_PKT_TOO_SMALL,
} from '../skb/drop-reason.ts'
import { OWNER_WIRE, type SkBuff } from '../skb/sk-buff.ts'
import { ForwardingTable } from './forwarding-table.ts'
import { type Inhabitant, isInhabitant, type Station } from './station.ts'

export interface SegmentStats {
  /** Frames that stations sent, copies, and frames that inhabitants made. */
  in: number
  /** Of those in, copies and what inhabitants made: on no device were they counted as sent. */
  made: number
  /** Handed to stations that are not inhabitants. */
  out: number
  /** Kept by an inhabitant, which needed nothing more of it, or by the switch. */
  taken: number
  dropped: number
  /** Waiting with an inhabitant. */
  held: number
}

export interface SegmentOptions {
  readonly clock: Clock
  /** Addresses it learns at most. */
  readonly maxAddresses?: number
  /** Seconds until an address that is not heard is forgotten. */
  readonly ageing?: number
}

export class Segment {
  readonly stats: SegmentStats = { in: 0, made: 0, out: 0, taken: 0, dropped: 0, held: 0 }
  /** Drops by reason, SKB_DROP_REASON_*. */
  readonly drops = new Float64Array(SKB_DROP_REASON_MAX)
  readonly table: ForwardingTable
  /** Replaced, never changed: who attaches or detaches may do so while a frame goes round. */
  #stations: readonly Station[] = []
  #inhabitants: readonly Inhabitant[] = []

  constructor({ clock, maxAddresses, ageing }: SegmentOptions) {
    this.table = new ForwardingTable(clock, maxAddresses, ageing)
  }

  get stations(): readonly Station[] {
    return this.#stations
  }

  /** Plugs a station in. One that is plugged in already stays. */
  attach(station: Station): void {
    if (this.#stations.includes(station)) return
    this.#set([...this.#stations, station])
  }

  /** Unplugs a station, and forgets who was behind it. */
  detach(station: Station): void {
    this.#set(this.#stations.filter(other => other !== station))
    this.table.forget(station)
  }

  /** Takes over a frame that `from` sends: a new one on the segment. */
  send(skb: SkBuff, from: Station): void {
    this.stats.in++
    skb.dev = undefined
    skb.owner = OWNER_WIRE
    this.forward(skb, from)
  }

  /** The same for a frame that an inhabitant made: no device counted it as sent. */
  sendMade(skb: SkBuff, from: Inhabitant): void {
    this.stats.made++
    this.send(skb, from)
  }

  /** Takes over a frame that is on the segment already: what an inhabitant got and sends on, changed or not. */
  forward(skb: SkBuff, from: Station): void {
    const { bytes, data } = skb
    if (skb.len < ETH_HLEN) {
      this.drop(skb, SKB_DROP_REASON_PKT_TOO_SMALL)
      return
    }
    if (!isStationAddress(bytes, source(data))) {
      this.drop(skb, SKB_DROP_REASON_MAC_INVALID_SOURCE)
      return
    }
    if (!isInhabitant(from)) this.#learn(bytes, source(data), from)
    if (isMulticastAddress(bytes, data)) {
      if (isReserved(bytes, data)) this.take(skb)
      else this.#flood(skb, from)
      return
    }
    const to = this.#owner(bytes, data) ?? this.table.get(bytes, data)
    if (to === undefined) this.#flood(skb, from)
    // A switch sends nothing back to where it came from.
    else if (to === from) this.take(skb)
    else this.#deliver(skb, to)
  }

  /** An inhabitant, or the switch, has no more use for a frame. */
  take(skb: SkBuff): void {
    this.stats.taken++
    skb.free()
  }

  /** A frame is lost on the segment: counted here, and on no device, since it had left it. */
  drop(skb: SkBuff, reason: number): void {
    this.stats.dropped++
    this.drops[reason] = this.drops[reason] + 1
    skb.free()
  }

  /** Inhabitants come last: what they answer at once is not to overtake what they answer. */
  #set(stations: readonly Station[]): void {
    this.#inhabitants = stations.filter(isInhabitant)
    this.#stations = [...stations.filter(station => !isInhabitant(station)), ...this.#inhabitants]
  }

  /** Nobody can make himself heard under the address of an inhabitant. */
  #learn(bytes: Uint8Array, at: number, from: Station): void {
    if (this.#owner(bytes, at) === undefined) this.table.learn(bytes, at, from)
  }

  #owner(bytes: Uint8Array, at: number): Inhabitant | undefined {
    const inhabitants = this.#inhabitants
    for (let i = 0; i < inhabitants.length; i++) if (inhabitants[i].owns(bytes, at)) return inhabitants[i]
    return undefined
  }

  /** To all but who sent it; the last one gets the frame itself. For who is nobody's it goes to ports only. */
  #flood(skb: SkBuff, from: Station): void {
    const stations = this.#stations
    const isGroup = isMulticastAddress(skb.bytes, skb.data)
    let last: Station | undefined
    for (let i = 0; i < stations.length; i++) {
      const station = stations[i]
      if (station === from || (!isGroup && isInhabitant(station))) continue
      if (last !== undefined) this.#copyTo(skb, last)
      last = station
    }
    if (last === undefined) this.take(skb)
    else this.#deliver(skb, last)
  }

  #copyTo(skb: SkBuff, to: Station): void {
    const copy = skb.copy()
    this.stats.in++
    this.stats.made++
    if (copy !== undefined) {
      copy.owner = OWNER_WIRE
      this.#deliver(copy, to)
      return
    }
    this.stats.dropped++
    this.drops[SKB_DROP_REASON_NOMEM] = this.drops[SKB_DROP_REASON_NOMEM] + 1
  }

  #deliver(skb: SkBuff, to: Station): void {
    if (!isInhabitant(to)) this.stats.out++
    to.receive(skb)
  }
}

/** Whether the address at `at` is 01:80:c2:00:00:0x: no bridge passes it on. */
function isReserved(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x01 &&
    bytes[at + 1] === 0x80 &&
    bytes[at + 2] === 0xc2 &&
    bytes[at + 3] === 0 &&
    bytes[at + 4] === 0 &&
    bytes[at + 5] < 0x10
  )
}
