/** Cuts what a packet socket reads into the frames that a network card would send. */
import { parseVnetHdr } from 'vnet/internal/linux/tap/frame-queue'
import { VIRTIO_NET_HDR_LEN } from 'vnet/internal/linux/uapi'
import { GSO_SEGS_MAX, skbGsoSegment } from 'vnet/internal/netdev/gso'
import { CHECKSUM_PARTIAL, FRAME_MAX, Ring, SkBuffPool } from 'vnet/internal/skb/index'
import type { Sent } from './world.ts'

/** Slots for frames of more than a usual MTU. */
const LARGE = 64

/** A pool of frame memory for cutting. Each call of cut() frees all that it took. */
export class Segments {
  readonly #pool = new SkBuffPool({ large: LARGE, small: GSO_SEGS_MAX })
  readonly #ring = new Ring(GSO_SEGS_MAX)

  /** Returns copies of the frames of `bytes`, which start with a vnet header. */
  cut(bytes: Uint8Array): Pick<Sent, 'frame' | 'isPartial'>[] {
    const frame = bytes.slice(VIRTIO_NET_HDR_LEN)
    const skb = frame.length > FRAME_MAX ? undefined : this.#pool.alloc(frame.length)
    if (skb === undefined) return [{ frame }]
    const at = skb.put(frame.length)
    skb.bytes.set(bytes, at - VIRTIO_NET_HDR_LEN)
    parseVnetHdr(skb)
    const isPartial = skb.ipSummed === CHECKSUM_PARTIAL
    if (skb.gsoSize === 0 || skbGsoSegment(skb, this.#ring) < 0) {
      skb.free()
      return [{ frame, isPartial }]
    }
    const frames: Pick<Sent, 'frame'>[] = []
    for (let part = this.#ring.shift(); part !== undefined; part = this.#ring.shift()) {
      frames.push({ frame: part.bytes.slice(part.data, part.data + part.len) })
      part.free()
    }
    return frames
  }
}
