/** Random vnet headers as a kernel may write them, parsed by the code of the queues. */

import type { Random } from '#src/base/random.ts'
import type { FrameInfo } from '#src/bed/memory-port.ts'
import { parseVnetHdr } from '#src/linux/tap/frame-queue.ts'
import { VIRTIO_NET_HDR_LEN } from '#src/linux/uapi.ts'
import { CHECKSUM_NONE, type SkBuff } from '#src/skb/sk-buff.ts'

/** All kinds, with and without ECN, and one that a TAP never has (UFO). */
const GSO = [0, 1, 4, 5, 0x81, 0x84, 3]

/** Returns a function that makes the offload fields of a frame of `length` bytes. */
export function vnetHeaders({ below }: Random): (length: number) => FrameInfo {
  const bytes = new Uint8Array(VIRTIO_NET_HDR_LEN)
  const view = new DataView(bytes.buffer)
  const near = (length: number) =>
    [below(65536), below(65536), below(length + 1), 14, 34, 54, 0][below(7)] as number
  return length => {
    bytes[0] = below(2) === 0 ? below(4) : below(256)
    bytes[1] = below(4) === 0 ? below(256) : (GSO[below(GSO.length)] as number)
    view.setUint16(2, near(length), true)
    view.setUint16(4, [0, 1, 536, 1448, 0xffff, below(65536)][below(6)] as number, true)
    view.setUint16(6, near(length), true)
    view.setUint16(8, [6, 16, 2, 0, below(65536)][below(5)] as number, true)
    // Like a frame that was just read, after its header.
    const data = VIRTIO_NET_HDR_LEN
    const skb = {
      bytes,
      data,
      ipSummed: CHECKSUM_NONE,
      csumStart: data,
      csumOffset: 0,
      gsoSize: 0,
      gsoType: 0,
    }
    parseVnetHdr(skb as SkBuff)
    const { ipSummed, csumStart, csumOffset, gsoSize, gsoType } = skb
    return { ipSummed, csumStart: csumStart - data, csumOffset, gsoSize, gsoType }
  }
}
