/**
 * LanPort: the wire side of a lan interface, and a station of the segment while its link is up,
 * after a negotiation. Frames pass a wire in each direction; `--rate-limit` adds the speed of the
 * line to it.
 */
import {
  type Alarm,
  type Clock,
  ETH_ZLEN,
  ethTypeTrans,
  type NetDevice,
  NSEC_PER_MSEC,
  netifCarrierOff,
  netifCarrierOn,
  netifRx,
  netifRxDrop,
  netifTxWakeAllQueues,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_TX_CARRIER,
  type SkBuff,
} from 'vnet'
import type { WireEnd } from 'vnet/kit/wire'
import type { DirectedWire } from 'vnet/wire'
import type { Segment, Station } from '../switch/segment.ts'

/** The port of one device. The device's operations call up(), down() and transmit(). */
export class LanPort implements Station {
  readonly dev: NetDevice
  readonly #segment: Segment
  readonly #clock: Clock
  readonly #negotiation: number
  readonly #linkUp: Alarm
  /** Leads to the segment, and back. The driver sets them. */
  wires: readonly DirectedWire[] = []

  /** `negotiation` is in ms. */
  constructor(
    dev: NetDevice<never> | NetDevice,
    segment: Segment,
    clock: Clock,
    negotiation: number,
  ) {
    this.dev = dev as NetDevice
    this.#segment = segment
    this.#clock = clock
    this.#negotiation = negotiation * NSEC_PER_MSEC
    this.#linkUp = clock.alarm(() => this.#up())
  }

  get name(): string {
    return this.dev.logPrefix + this.dev.name
  }

  /** Starts to negotiate. If that takes no time, the carrier is set immediately. */
  up(): void {
    if (this.dev.cut) return
    if (this.#negotiation === 0) {
      this.#up()
    } else {
      this.#linkUp.at(this.#clock.now() + this.#negotiation)
    }
  }

  /** Leaves the segment and takes the carrier away. Frames that a wire holds are dropped later. */
  down(): void {
    this.#linkUp.cancel()
    this.#segment.detach(this)
    netifCarrierOff(this.dev)
  }

  /** Takes the link down, and up again after the negotiation. */
  flap(): void {
    this.down()
    if (!this.dev.cut) {
      this.#linkUp.at(this.#clock.now() + this.#negotiation)
    }
  }

  /** The end of the wire at the kernel. */
  get nearEnd(): WireEnd {
    const { dev } = this
    return {
      dev,
      wire: { push: skb => this.#deliver(skb) },
      // Frames from the segment are on no device yet.
      drop: (skb, reason) => netifRxDrop(skb, dev, reason),
    }
  }

  /** The end of the wire at the segment. */
  get farEnd(): WireEnd {
    return { wire: { push: skb => this.#toSegment(skb) } }
  }

  /** Takes ownership of a frame that the kernel transmits. */
  transmit(skb: SkBuff): void {
    this.wires[0].wire.push(skb)
  }

  /** Takes ownership of a frame from the segment. */
  receive(skb: SkBuff): void {
    this.wires[1].wire.push(skb)
  }

  #toSegment(skb: SkBuff): void {
    // The link may have gone down while a wire held the frame.
    if (this.dev.carrier) {
      this.#segment.send(skb, this)
    } else {
      skb.drop(SKB_DROP_REASON_TX_CARRIER)
    }
  }

  #deliver(skb: SkBuff): void {
    const { dev } = this
    // `vnet carrier IF off` takes the carrier away as well.
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
