/**
 * LanPort: the medium side of a lan interface, a station of its segment while the link is up. Up, it negotiates, then has a
 * carrier; with a rate limit it sends and receives through lines of its speed.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../core/clock.ts'
import { ETH_ZLEN } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import {
  ethTypeTrans,
  netifCarrierOff,
  netifCarrierOn,
  netifRx,
  netifRxDrop,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
} from '../core/netif.ts'
import { Line } from '../segment/line.ts'
import type { Segment } from '../segment/segment.ts'
import type { Station } from '../segment/station.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
} from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/** Frames that wait for a line. */
const LINE_ROOM = 256

export class LanPort implements Station {
  readonly dev: NetDevice
  readonly #segment: Segment
  readonly #clock: Clock
  readonly #negotiation: number
  readonly #linkUp: Alarm
  readonly #tx: Line | undefined
  readonly #rx: Line | undefined

  /** `negotiation` in ms; `limit` is the speed of both directions in Mbit/s, undefined is none. */
  constructor(dev: NetDevice<never> | NetDevice, segment: Segment, clock: Clock, negotiation: number, limit?: number) {
    this.dev = dev as NetDevice
    this.#segment = segment
    this.#clock = clock
    this.#negotiation = negotiation * NSEC_PER_MSEC
    this.#linkUp = clock.alarm(() => this.#up())
    if (limit === undefined) return
    const line = { clock, speed: limit, room: LINE_ROOM }
    const onRoom = () => netifTxWakeAllQueues(this.dev)
    this.#tx = new Line({ ...line, deliver: skb => this.#segment.send(skb, this), onRoom })
    this.#rx = new Line({ ...line, deliver: skb => this.#toHost(skb) })
  }

  get name(): string {
    return this.dev.name
  }

  /** Begins to negotiate; with no time for it the carrier is there at once. */
  up(): void {
    if (this.#negotiation === 0) this.#up()
    else this.#linkUp.at(this.#clock.now() + this.#negotiation)
  }

  /** The link is gone, and what was on the line. */
  down(): void {
    this.#linkUp.cancel()
    this.#segment.detach(this)
    this.#tx?.purge(skb => skb.drop(SKB_DROP_REASON_DEV_STOPPED))
    this.#rx?.purge(skb => netifRxDrop(skb, this.dev, SKB_DROP_REASON_DEV_STOPPED))
    netifCarrierOff(this.dev)
  }

  /** The link goes, and comes again as after `up`. */
  flap(): void {
    this.down()
    this.#linkUp.at(this.#clock.now() + this.#negotiation)
  }

  /** Takes over a frame of the host's. */
  transmit(skb: SkBuff): void {
    const line = this.#tx
    if (line === undefined) this.#segment.send(skb, this)
    else if (!line.push(skb)) skb.drop(SKB_DROP_REASON_FULL_RING)
    else if (line.full) netifTxStopAllQueues(this.dev)
  }

  receive(skb: SkBuff): void {
    const line = this.#rx
    if (line === undefined) this.#toHost(skb)
    else if (!line.push(skb)) netifRxDrop(skb, this.dev, SKB_DROP_REASON_FULL_RING)
  }

  #toHost(skb: SkBuff): void {
    const { dev } = this
    // The carrier can also be taken away from outside.
    if (!dev.carrier) {
      netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)
      return
    }
    skb.dev = dev
    skb.padto(ETH_ZLEN)
    ethTypeTrans(skb, dev)
    netifRx(skb)
  }

  #up(): void {
    this.#segment.attach(this)
    netifCarrierOn(this.dev)
    netifTxWakeAllQueues(this.dev)
  }
}
