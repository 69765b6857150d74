/**
 * The frames that a program reads from a Tap. They are in slots of a pool, and the objects that
 * represent them are made once and used again for every batch, so reading allocates nothing.
 */
import { withCode } from '../../base/usage-error.ts'
import { GSO_SEGS_MAX, skbChecksumHelp, skbGsoSegment } from '../../netdev/gso.ts'
import { BATCH } from '../../netdev/port-reader.ts'
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, put16 } from '../../packet/index.ts'
import {
  CHECKSUM_PARTIAL,
  Ring,
  SKB_DROP_REASON_SKB_GSO_SEG,
  type SkBuff,
} from '../../skb/index.ts'

export type TapLayer = 'tap' | 'tun'

/** Information about the bytes of a frame. Positions count from the frame's first byte. */
export interface TapFrameInfo {
  /** CHECKSUM_*: CHECKSUM_PARTIAL if the sum from `csumStart` on is still to be completed. */
  readonly ipSummed?: number
  readonly csumStart?: number
  /** The distance from `csumStart` to the checksum field. */
  readonly csumOffset?: number
  /** Payload bytes per segment; 0 for a frame that is one packet. */
  readonly gsoSize?: number
  /** SKB_GSO_* */
  readonly gsoType?: number
  /** The queue of the interface; for a frame that was read, the queue it came from. */
  readonly queue?: number
}

/**
 * A frame of a batch. It can be used until the batch ends: until `onFrames` returns, or until the
 * loop requests the next batch. Handing it to a `write` ends it, too. Every use afterwards throws;
 * views made before show other frames. To keep the bytes, `copy()` them.
 *
 * Without offloads every frame is a plain packet: `gsoSize` and `ipSummed` are 0.
 */
export interface TapFrame extends Required<TapFrameInfo> {
  readonly length: number
  /**
   * The bytes, which may be changed in place. A view of the memory of all frames: making it takes
   * an object, unless the last frame in the same place had the same length.
   */
  readonly bytes: Uint8Array
  /**
   * The memory of all frames. This one is `memory[offset .. offset + length)`, for functions on
   * (bytes, at, length) such as `ipv4.parse`, without a view.
   */
  readonly memory: Uint8Array
  readonly offset: number
  /** Returns a copy of the bytes in new memory. */
  copy(): Uint8Array<ArrayBuffer>
  /**
   * Completes a partial checksum in place. Returns false if its field is not in the frame, and for
   * a GSO frame, because each segment has its own: `segment` completes these.
   */
  completeChecksum(): boolean
  /**
   * Returns the packets of the frame, with full checksums: itself, or the segments of a GSO frame,
   * which replace it. They end with the batch. Returns none for a frame that cannot be cut: its
   * headers do not fit its kind, or no memory is left.
   */
  segment(): readonly TapFrame[]
}

/** A TapFrame, which represents one skb after another. */
export class FrameView implements TapFrame {
  readonly #batch: TapBatch
  #skb: SkBuff | undefined

  constructor(batch: TapBatch) {
    this.#batch = batch
  }

  get length(): number {
    return this.#frame.len
  }

  get bytes(): Uint8Array {
    return this.#batch.view(this.#frame)
  }

  get memory(): Uint8Array {
    return this.#frame.bytes
  }

  get offset(): number {
    return this.#frame.data
  }

  get ipSummed(): number {
    return this.#frame.ipSummed
  }

  get csumStart(): number {
    const { ipSummed, csumStart, data } = this.#frame
    return ipSummed === CHECKSUM_PARTIAL ? csumStart - data : 0
  }

  get csumOffset(): number {
    return this.#frame.csumOffset
  }

  get gsoSize(): number {
    return this.#frame.gsoSize
  }

  get gsoType(): number {
    return this.#frame.gsoType
  }

  get queue(): number {
    return this.#frame.queueMapping
  }

  copy(): Uint8Array<ArrayBuffer> {
    const { bytes, data, len } = this.#frame
    const copy = new Uint8Array(len)
    copy.set(bytes.subarray(data, data + len))
    return copy
  }

  completeChecksum(): boolean {
    return skbChecksumHelp(this.#frame)
  }

  segment(): readonly TapFrame[] {
    const skb = this.#frame
    if (skb.gsoSize === 0) return skbChecksumHelp(skb) ? [this] : []
    return this.#batch.cut(this)
  }

  /** Lets it represent `skb`, which it owns. */
  bind(skb: SkBuff): void {
    this.#skb = skb
  }

  /** Returns the skb, which the caller then owns. The frame has ended. */
  take(): SkBuff {
    const skb = this.#frame
    this.#skb = undefined
    return skb
  }

  /** Ends the frame, if that has not happened. */
  end(): void {
    this.#skb?.free()
    this.#skb = undefined
  }

  get #frame(): SkBuff {
    if (this.#skb !== undefined) return this.#skb
    const when = 'it was written, or its batch is over'
    const text = `a frame was used after its end: ${when}; copy() what is to be kept`
    throw withCode(new Error(text), 'ERR_INVALID_STATE')
  }
}

/** The frames of one read. Each list of them is made once. */
export class TapBatch {
  /** Where a PortQueue reads to. */
  readonly skbs: SkBuff[] = []
  readonly #layer: TapLayer
  readonly #frames: readonly FrameView[]
  /** Element n is the list of the first n frames. */
  readonly #lists: readonly (readonly FrameView[])[]
  #length = 0
  /** The last view of each place in the memory: each slot is one. */
  readonly #views = new Map<number, Uint8Array>()
  /** Segments that the program requested, and the ring in which they are made. */
  #segments: FrameView[] = []
  #ring: Ring | undefined

  constructor(layer: TapLayer) {
    this.#layer = layer
    const frames = Array.from({ length: BATCH }, () => new FrameView(this))
    this.#frames = frames
    this.#lists = Array.from({ length: BATCH + 1 }, (_, n) => frames.slice(0, n))
  }

  /** Starts a batch: the first `n` of `skbs`, which came from `queue`. */
  begin(n: number, queue: number): readonly TapFrame[] {
    for (let i = 0; i < n; i++) {
      const skb = this.skbs[i]
      skb.queueMapping = queue
      this.#frames[i].bind(skb)
    }
    this.#length = n
    return this.#lists[n]
  }

  /** Ends the batch and all its frames. Idempotent. */
  end(): void {
    const n = this.#length
    this.#length = 0
    for (let i = 0; i < n; i++) {
      this.#frames[i].end()
    }
    if (this.#segments.length === 0) return
    for (const segment of this.#segments) {
      segment.end()
    }
    this.#segments = []
  }

  /** Returns the bytes of a frame as a view: the last one of its place, if that has its length. */
  view({ bytes, data, len }: SkBuff): Uint8Array {
    const last = this.#views.get(data)
    if (last !== undefined && last.length === len) return last
    const view = bytes.subarray(data, data + len)
    this.#views.set(data, view)
    return view
  }

  /** Cuts a GSO frame into segments, which end with the batch. */
  cut(frame: FrameView): readonly TapFrame[] {
    this.#ring ??= new Ring(GSO_SEGS_MAX)
    const skb = frame.take()
    if (segmentSkb(skb, this.#ring, this.#layer) < 0) {
      frame.bind(skb)
      return []
    }
    const segments: FrameView[] = []
    for (let segment = this.#ring.shift(); segment !== undefined; segment = this.#ring.shift()) {
      const view = new FrameView(this)
      view.bind(segment)
      segments.push(view)
    }
    this.#segments.push(...segments)
    return segments
  }
}

/** Like skbGsoSegment, also for IP packets, which get an Ethernet header meanwhile. */
export function segmentSkb(skb: SkBuff, into: Ring, layer: TapLayer): number {
  if (layer === 'tap') return skbGsoSegment(skb, into)
  if (skb.headroom() < ETH_HLEN) return -SKB_DROP_REASON_SKB_GSO_SEG
  const version = skb.bytes[skb.data] >>> 4
  const at = skb.push(ETH_HLEN)
  put16(skb.bytes, at + ETH_HLEN - 2, version === 4 ? ETH_P_IP : ETH_P_IPV6)
  const n = skbGsoSegment(skb, into)
  if (n < 0) {
    skb.pull(ETH_HLEN)
  }
  for (let i = 0; i < n; i++) {
    into.peek(i)?.pull(ETH_HLEN)
  }
  return n
}
