/** Cuts what a packet socket reads into the frames that a network card would send. */

import { CHECKSUM_PARTIAL, GSO_SEGS_MAX, Ring, SkBuffPool, skbGsoSegment } from 'vnet'
import { parseVnetHdr } from 'vnet/kit/machine'
import { uapi } from 'vnet/kit/net'
import { FRAME_MAX } from 'vnet/kit/netdev'
import type { Sent } from './world.ts'

/** Slots for frames of more than a usual MTU. */
const LARGE = 64

/** A pool of frame memory for cutting. Each call of cut() frees all that it took. */
export class Segments {
  readonly #pool = new SkBuffPool({ large: LARGE, small: GSO_SEGS_MAX })
  readonly #ring = new Ring(GSO_SEGS_MAX)

  /** Returns copies of the frames of `bytes`, which start with a vnet header. */
  cut(bytes: Uint8Array): Pick<Sent, 'frame' | 'isPartial'>[] {
    const frame = bytes.slice(uapi.VIRTIO_NET_HDR_LEN)
    const skb = frame.length > FRAME_MAX ? undefined : this.#pool.alloc(frame.length)
    if (skb === undefined) return [{ frame }]
    const at = skb.put(frame.length)
    skb.bytes.set(bytes, at - uapi.VIRTIO_NET_HDR_LEN)
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
