/**
 * A PortQueue on a descriptor that reads and writes one frame per call: a queue of a TAP (tap.ts)
 * or a packet socket (packet-socket.ts). Frames are read and written in batches, one native call
 * each. The vnet header (struct virtio_net_hdr, include/uapi/linux/virtio_net.h, little-endian)
 * directly precedes the frame.
 */
import * as errnos from '../../base/errno.ts'
import { ETH_HLEN } from '../../netdev/if.ts'
import type { PortQueue } from '../../netdev/port.ts'
import { getU16, putU16 } from '../../netlink/index.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_HDR_TRUNC,
  SKB_DROP_REASON_KERNEL_ERROR,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_QDISC_DROP,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_SKB_GSO_SEG,
} from '../../skb/drop-reason.ts'
import { FRAME_MAX, type Ring, type SkBuffPool, type SlotAccount } from '../../skb/index.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '../../skb/sk-buff.ts'
import { type Batch, closeFd, type Native, type Poller } from '../index.ts'
import * as uapi from '../uapi.ts'

/** Frames per native call. */
const FRAMES = 64
/**
 * The most bytes per call: the frames, and the frames that drivers make of them, fit the L2 cache.
 */
const READ_BYTES = 256 * 1024

/** The arrays that describe frames of one pool to the addon. Used by one call at a time. */
type FrameBatch = Readonly<{ handle: Batch; offsets: Int32Array; lengths: Int32Array }>

/** The FrameBatch of each pool that the queues read or write frames of. */
export class FrameBatches {
  readonly #native: Native
  readonly #made = new WeakMap<SkBuffPool, FrameBatch>()

  constructor(native: Native) {
    this.#native = native
  }

  /** Returns the same for the same pool. */
  of(pool: SkBuffPool): FrameBatch {
    const known = this.#made.get(pool)
    if (known !== undefined) return known
    const offsets = new Int32Array(new SharedArrayBuffer(4 * FRAMES))
    const lengths = new Int32Array(new SharedArrayBuffer(4 * FRAMES))
    const handle = this.#native.createBatch(pool.bytes, offsets, lengths)
    if (typeof handle === 'number') throw new errnos.VnetError(handle, 'createBatch')
    const batch = { handle, offsets, lengths }
    this.#made.set(pool, batch)
    return batch
  }
}

export class FrameQueue implements PortQueue {
  readonly #native: Native
  /** The functions for each batch: the addon has too many for V8 to find one quickly. */
  readonly #readBatch: Native['readBatch']
  readonly #writeBatch: Native['writeBatch']
  readonly #batch: FrameBatch
  readonly #batches: FrameBatches
  readonly #slots: SlotAccount
  readonly #vnetHdrLen: number
  #fd: number
  #poller: Poller | undefined
  #listener: (status: number) => boolean | void = () => {}
  #paused = true
  #dead = false

  constructor(
    native: Native,
    fd: number,
    vnetHdrLen: number,
    slots: SlotAccount,
    batches: FrameBatches,
  ) {
    this.#native = native
    this.#readBatch = native.readBatch
    this.#writeBatch = native.writeBatch
    this.#fd = fd
    this.#vnetHdrLen = vnetHdrLen
    this.#slots = slots
    this.#batch = batches.of(slots.pool)
    this.#batches = batches
  }

  /** (1) One native call reads a batch of frames into slots of the pool. */
  read(into: SkBuff[], max: number): number {
    const { offsets, lengths, handle } = this.#batch
    const slots = this.#slots
    const header = this.#vnetHdrLen
    const n = slots.pool.peek(slots, max > FRAMES ? FRAMES : max, offsets)
    if (n === 0) return -errnos.ENOBUFS
    for (let i = 0; i < n; i++) {
      offsets[i] = offsets[i] - header
      lengths[i] = FRAME_MAX + header
    }
    const got = this.#readBatch(handle, this.#fd, n, READ_BYTES)
    for (let i = 0; i < got; i++) {
      const skb = slots.pool.take(slots, lengths[i] - header)
      if (header !== 0) {
        parseVnetHdr(skb)
      }
      into[i] = skb
    }
    return got
  }

  /** (5) One native call hands a batch of frames to the network stack. */
  submit(from: Ring): number {
    const header = this.#vnetHdrLen
    let sent = 0
    while (from.length > 0) {
      const { pool } = from.peek(0) as SkBuff
      const { offsets, lengths, handle } =
        pool === this.#slots.pool ? this.#batch : this.#batches.of(pool)
      let n = from.length > FRAMES ? FRAMES : from.length
      for (let i = 0; i < n; i++) {
        const skb = from.peek(i) as SkBuff
        if (skb.pool !== pool) {
          n = i
          break
        }
        if (header !== 0) {
          createVnetHdr(skb)
        }
        offsets[i] = skb.data - header
        lengths[i] = skb.len + header
      }
      const done = this.#writeBatch(handle, this.#fd, n)
      for (let i = 0; i < done; i++) {
        const skb = from.shift() as SkBuff
        const result = lengths[i]
        if (result > 0) {
          skb.consume()
        } else {
          skb.drop(dropReason(-result, skb))
        }
      }
      if (done > 0) {
        sent += done
      }
      if (done < n) break
    }
    return sent
  }

  listen(fn: (status: number) => boolean | void): void {
    const poller = this.#native.createPoller(this.#fd, status => {
      // After an error the poller has stopped. Started again it would report the same error.
      this.#dead = status < 0
      return fn(this.#dead ? -errnos.EBADFD : 0)
    })
    if (typeof poller === 'number') throw new errnos.VnetError(poller, 'uv_poll_init')
    this.#poller = poller
    this.#listener = fn
    if (!this.#paused) {
      poller.start()
    }
  }

  pause(): void {
    this.#paused = true
    this.#poller?.stop()
  }

  resume(): void {
    this.#paused = false
    if (!this.#dead) {
      this.#poller?.start()
    }
  }

  /** Resumes after a reported error is over: the interface of a packet socket may be up again. */
  revive(): void {
    this.#dead = false
    if (!this.#paused) {
      this.#poller?.start()
    }
  }

  /** Closes the descriptor, and notifies the listener unless it knows that the queue is dead. */
  close(): void {
    const fd = this.release()
    if (fd >= 0) {
      closeFd(this.#native, fd)
    }
  }

  /** Like close(), but returns the descriptor for the caller to close; -1 if it is closed. */
  release(): number {
    const fd = this.#fd
    if (fd < 0) return -1
    this.#poller?.close()
    this.#poller = undefined
    this.#fd = -1
    if (!this.#dead) {
      this.#listener(-errnos.ECANCELED)
    }
    return fd
  }
}

/** The drop reason of a frame by the error of its write, on a TAP or a packet socket. */
const DROP_REASONS: ReadonlyMap<number, number> = new Map([
  ...[errnos.EIO, errnos.EBADFD, errnos.ENETDOWN, errnos.ENXIO, errnos.ENODEV].map(
    error => [error, SKB_DROP_REASON_DEV_READY] as const,
  ),
  [errnos.EMSGSIZE, SKB_DROP_REASON_PKT_TOO_BIG],
  [errnos.ENOBUFS, SKB_DROP_REASON_QDISC_DROP],
])

/** Returns why the kernel refused a frame with this error. */
function dropReason(
  error: number,
  { len, data, gsoSize, ipSummed, csumStart, csumOffset }: SkBuff,
): number {
  if (error !== errnos.EINVAL) return DROP_REASONS.get(error) ?? SKB_DROP_REASON_KERNEL_ERROR
  // The kernel has one error for a short frame and for a header of offloads that does not fit it.
  if (len < ETH_HLEN) return SKB_DROP_REASON_HDR_TRUNC
  if (gsoSize !== 0) return SKB_DROP_REASON_SKB_GSO_SEG
  const isOutside = ipSummed === CHECKSUM_PARTIAL && csumStart - data + csumOffset + 2 > len
  return isOutside ? SKB_DROP_REASON_SKB_CSUM : SKB_DROP_REASON_HDR_TRUNC
}

/** Sets the checksum and segmentation fields of the skb from the header before the frame. */
export function parseVnetHdr(skb: SkBuff): void {
  const { bytes, data } = skb
  const at = data - uapi.VIRTIO_NET_HDR_LEN
  const flags = bytes[at]
  const gso = bytes[at + 1]
  if ((flags & uapi.VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = data + getU16(bytes, at + 6)
    skb.csumOffset = getU16(bytes, at + 8)
  } else if ((flags & uapi.VIRTIO_NET_HDR_F_DATA_VALID) !== 0) {
    skb.ipSummed = CHECKSUM_UNNECESSARY
  }
  if (gso === 0) return
  const kind = gso & ~uapi.VIRTIO_NET_HDR_GSO_ECN
  const ecn = (gso & uapi.VIRTIO_NET_HDR_GSO_ECN) === 0 ? 0 : SKB_GSO_TCP_ECN
  skb.gsoSize = getU16(bytes, at + 4)
  if (kind === uapi.VIRTIO_NET_HDR_GSO_TCPV4) {
    skb.gsoType = SKB_GSO_TCPV4 | ecn
  } else if (kind === uapi.VIRTIO_NET_HDR_GSO_TCPV6) {
    skb.gsoType = SKB_GSO_TCPV6 | ecn
  } else if (kind === uapi.VIRTIO_NET_HDR_GSO_UDP_L4) {
    skb.gsoType = SKB_GSO_UDP_L4
  }
}

/** Writes the header before the frame from the skb's fields. Overwrites the bytes there. */
export function createVnetHdr(skb: SkBuff): void {
  const { bytes, data, gsoSize } = skb
  const at = data - uapi.VIRTIO_NET_HDR_LEN
  const partial = skb.ipSummed === CHECKSUM_PARTIAL
  if (partial) {
    bytes[at] = uapi.VIRTIO_NET_HDR_F_NEEDS_CSUM
  } else {
    bytes[at] = skb.ipSummed === CHECKSUM_UNNECESSARY ? uapi.VIRTIO_NET_HDR_F_DATA_VALID : 0
  }
  bytes[at + 1] = gsoSize === 0 ? 0 : virtioGsoType(skb.gsoType)
  putU16(bytes, at + 2, gsoSize === 0 ? 0 : headerLength(skb))
  putU16(bytes, at + 4, gsoSize)
  putU16(bytes, at + 6, partial ? skb.csumStart - data : 0)
  putU16(bytes, at + 8, partial ? skb.csumOffset : 0)
}

function virtioGsoType(gsoType: number): number {
  const ecn = (gsoType & SKB_GSO_TCP_ECN) === 0 ? 0 : uapi.VIRTIO_NET_HDR_GSO_ECN
  if ((gsoType & SKB_GSO_TCPV4) !== 0) return uapi.VIRTIO_NET_HDR_GSO_TCPV4 | ecn
  if ((gsoType & SKB_GSO_TCPV6) !== 0) return uapi.VIRTIO_NET_HDR_GSO_TCPV6 | ecn
  return uapi.VIRTIO_NET_HDR_GSO_UDP_L4
}

/** The length of all headers of a GSO frame, a hint to the kernel of how much to keep linear. */
function headerLength({ bytes, data, len, csumStart, gsoType }: SkBuff): number {
  const doff = csumStart + 12
  if ((gsoType & SKB_GSO_UDP_L4) !== 0 || doff >= data + len) {
    return Math.min(csumStart - data + 8, len)
  }
  return Math.min(csumStart - data + (bytes[doff] >> 4) * 4, len)
}
