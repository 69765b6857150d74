/**
 * Line: one direction of a port of limited speed, with a queue in frames. A frame costs its time on
 * the wire, with preamble, check sequence and gap (IEEE 802.3 sec. 4.2.3.2.2), and leaves when its
 * transmission starts. A GSO frame passes whole and costs as much as its segments.
 */
import { type Clock, NSEC_PER_MSEC, NSEC_PER_SEC, type Random } from 'vnet/internal/base/index'
import { ETH_ZLEN } from 'vnet/internal/packet/ethernet'
import { dataOffset } from 'vnet/internal/packet/tcp'
import { UDP_HLEN } from 'vnet/internal/packet/udp'
import { OWNER_STAGE, SKB_GSO_UDP_L4, type SkBuff } from 'vnet/internal/skb/index'
import { SharedLimit } from 'vnet/internal/wire/held'
import { RateWire } from 'vnet/internal/wire/stages/rate'

/** Preamble and start delimiter 8, check sequence 4, gap 12. */
const WIRE_OVERHEAD = 24
/** How far a sender may be ahead of the line: with less, the granularity of timers costs speed. */
const AHEAD = NSEC_PER_MSEC

export interface LineOptions {
  readonly clock: Clock
  readonly random: Random
  /** Mbit/s */
  readonly speed: number
  /** The capacity of the queue, in frames. */
  readonly room: number
  /** Takes over each frame once the line has sent it. */
  readonly deliver: (skb: SkBuff) => void
  /** Takes over a frame that finds the queue full (`limit`), or that `close` drops (`closed`). */
  readonly drop: (skb: SkBuff, why: string) => void
  /** Called when half of the queue is free again after it was full. */
  readonly onRoom?: () => void
}

export class Line extends RateWire {
  readonly #room: number
  readonly #limit: SharedLimit
  readonly #onRoom: (() => void) | undefined
  #full = false

  constructor({ clock, random, speed, room, deliver, drop, onRoom }: LineOptions) {
    const limit = { frames: room }
    const shared = new SharedLimit(limit)
    const owned = (skb: SkBuff) => {
      skb.owner = OWNER_STAGE
      return skb
    }
    const hold = (skb: SkBuff) => {
      // A frame alone on the line leaves soon: it keeps its slot.
      if (shared.frames !== 0) skb.hold()
      return true
    }
    super(
      {
        limit,
        queue: 'tail',
        bits: 1e6 * speed,
        byteTime: (8 * NSEC_PER_SEC) / (1e6 * speed),
        overhead: WIRE_OVERHEAD,
        cell: 0,
        cellOverhead: 0,
        burst: 0,
      },
      { push: skb => deliver(owned(skb)) },
      {
        clock,
        random,
        hold,
        limit: () => shared,
        note() {},
        decided() {},
        timed() {},
        drop: (skb, why) => drop(owned(skb), why),
      },
    )
    this.#room = room
    this.#limit = shared
    this.#onRoom = onRoom
  }

  get length(): number {
    return this.#limit.frames
  }

  get full(): boolean {
    return this.#full
  }

  override push(skb: SkBuff): void {
    super.push(skb)
    if (this.length === this.#room) this.#full = true
  }

  override close(): void {
    super.close()
    this.#full = false
  }

  protected override ring(): void {
    super.ring()
    if (!this.#full || this.length > this.#room / 2) return
    this.#full = false
    this.#onRoom?.()
  }

  protected override lineBytes(skb: SkBuff): number {
    return wireLength(skb)
  }

  protected override leavesAt(starts: number): number {
    return starts - AHEAD
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
