/**
 * Line: one direction of a link of limited speed: a token bucket and a queue of frames that wait
 * for tokens. A frame costs its time on the wire, with preamble, check sequence and gap (IEEE 802.3
 * sec. 4.2.3.2.2); a GSO frame costs as much as its segments.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../../base/clock.ts'
import { ETH_ZLEN } from '../../packet/ethernet.ts'
import { dataOffset } from '../../packet/tcp.ts'
import { UDP_HLEN } from '../../packet/udp.ts'
import { Ring } from '../../skb/ring.ts'
import { SKB_GSO_UDP_L4, type SkBuff } from '../../skb/sk-buff.ts'

/** Preamble and start delimiter 8, check sequence 4, gap 12. */
const WIRE_OVERHEAD = 24
/** How far a sender may be ahead of the line: with less, the granularity of timers costs speed. */
const BURST = NSEC_PER_MSEC

export interface LineOptions {
  readonly clock: Clock
  /** Mbit/s */
  readonly speed: number
  /** The capacity of the queue, in frames. */
  readonly room: number
  /** Takes over each frame once the line has sent it. */
  readonly deliver: (skb: SkBuff) => void
  /** Called when half of the queue is free again after it was full. */
  readonly onRoom?: () => void
}

export class Line {
  readonly #options: LineOptions
  readonly #ring: Ring
  readonly #alarm: Alarm
  /** When the line has sent all its frames, ns. */
  #free = 0
  #full = false

  constructor(options: LineOptions) {
    this.#options = options
    this.#ring = new Ring(options.room)
    this.#alarm = options.clock.alarm(() => this.#send())
  }

  /** Frames in the queue. */
  get length(): number {
    return this.#ring.length
  }

  get full(): boolean {
    return this.#full
  }

  /** Takes over a frame; returns false if the queue is full, and the frame stays the caller's. */
  push(skb: SkBuff): boolean {
    const { clock, deliver } = this.#options
    if (this.#ring.length === 0) {
      const now = clock.now()
      if (this.#charge(skb, now)) {
        deliver(skb)
        return true
      }
      this.#alarm.at(this.#free - BURST)
    }
    if (!this.#ring.push(skb)) return false
    skb.hold()
    this.#full = this.#ring.length === this.#ring.capacity
    return true
  }

  /** Hands the queued frames to `give`, in order. */
  purge(give: (skb: SkBuff) => void): void {
    this.#alarm.cancel()
    for (let skb = this.#ring.shift(); skb !== undefined; skb = this.#ring.shift()) give(skb)
    this.#full = false
  }

  /** Sends the frames that are due. */
  #send(): void {
    const { clock, deliver, onRoom } = this.#options
    const now = clock.now()
    for (let skb = this.#ring.peek(0); skb !== undefined && this.#charge(skb, now); skb = this.#ring.peek(0)) {
      this.#ring.shift()
      deliver(skb)
    }
    if (this.#ring.length !== 0) this.#alarm.at(this.#free - BURST)
    if (!this.#full || this.#ring.length > this.#ring.capacity / 2) return
    this.#full = false
    onRoom?.()
  }

  /** Pays for a frame; returns false if the line is too far behind. */
  #charge(skb: SkBuff, now: number): boolean {
    if (this.#free - now > BURST) return false
    this.#free = Math.max(this.#free, now) + (wireLength(skb) * 8000) / this.#options.speed
    return true
  }
}

/** The bytes that a frame occupies on the wire. */
export function wireLength(skb: SkBuff): number {
  if (skb.gsoSize === 0) return Math.max(skb.len, ETH_ZLEN) + WIRE_OVERHEAD
  const transport = skb.gsoType === SKB_GSO_UDP_L4 ? UDP_HLEN : dataOffset(skb.bytes, skb.csumStart)
  const headers = Math.min(Math.max(skb.csumStart - skb.data, 0) + transport, skb.len)
  const segments = Math.max(1, Math.ceil((skb.len - headers) / skb.gsoSize))
  return skb.len + (segments - 1) * headers + segments * WIRE_OVERHEAD
}
