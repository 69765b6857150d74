/**
 * BetweenHosts: frames from a simulated host to another. They take a moment, so that two that answer each other for ever keep
 * nobody else from being heard.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../core/clock.ts'
import { SKB_DROP_REASON_FULL_RING } from '../skb/drop-reason.ts'
import { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Segment } from './segment.ts'

/** Frames that wait at most. */
const ROOM = 256
/** How long a frame is on its way, ns. */
const LATENCY = NSEC_PER_MSEC / 10

export class BetweenHosts {
  readonly #ring = new Ring(ROOM)
  readonly #segment: Segment
  readonly #clock: Clock
  readonly #turn: Alarm

  /** `receive` takes each frame over in its turn. */
  constructor(segment: Segment, clock: Clock, receive: (skb: SkBuff) => void) {
    this.#segment = segment
    this.#clock = clock
    this.#turn = clock.alarm(() => this.#deliver(receive))
  }

  /** Takes a frame over, or drops it when too many wait. */
  push(skb: SkBuff): void {
    skb.hold()
    if (!this.#ring.push(skb)) {
      this.#segment.drop(skb, SKB_DROP_REASON_FULL_RING)
      return
    }
    this.#segment.stats.held++
    if (this.#ring.length === 1) this.#turn.at(this.#clock.now() + LATENCY)
  }

  /** Ends what waits. */
  close(): void {
    this.#turn.cancel()
    this.#take(skb => this.#segment.take(skb))
  }

  /** Those that are there; what they bring about waits for the turn after. */
  #deliver(receive: (skb: SkBuff) => void): void {
    this.#take(receive)
    if (this.#ring.length > 0) this.#turn.at(this.#clock.now() + LATENCY)
  }

  #take(give: (skb: SkBuff) => void): void {
    for (let n = this.#ring.length; n > 0; n--) {
      this.#segment.stats.held--
      give(this.#ring.shift() as SkBuff)
    }
  }
}
