/**
 * SkBuff: one Ethernet frame in a slot of the pool's arena, with the names of the kernel's `struct
 * sk_buff`.
 *
 * `data`, `mac`, `nh`, `h` and `csumStart` are absolute positions in `bytes`, the whole arena, so
 * that `push` and `pull` do not change the others.
 *
 * The owner of an skb hands it on or frees it, once. From then on every method throws, until the
 * slot is used again; the check is one integer comparison and always on.
 */
import { SKB_DROP_REASON_NOT_SPECIFIED } from './drop-reason.ts'
import {
  handedOn,
  OWNER_FREE,
  OWNER_HOLDER,
  OWNER_PORT,
  OWNER_RX,
  overPanic,
  skbPanic,
  underPanic,
} from './error.ts'
import type { SkBuffPool, SlotAccount, SlotClass } from './pool.ts'

/**
 * `ipSummed`: the checksum policy of a frame, include/linux/skbuff.h. The CHECKSUM_HW of old
 * kernels is now CHECKSUM_PARTIAL for a frame to send, and CHECKSUM_COMPLETE, a device's sum over
 * the whole frame, for a received one. The latter does not exist here, because a virtio header has
 * no field for it: a driver that verified the checksum sets CHECKSUM_UNNECESSARY.
 *
 * CHECKSUM_NONE is the policy of a new frame: nothing was computed or verified, and the receiving
 * network stack verifies the checksum in the frame.
 */
export const CHECKSUM_NONE = 0
/** The driver verified the checksum; the network stack does not. */
export const CHECKSUM_UNNECESSARY = 1
/** The field at csumStart + csumOffset has the sum of the pseudo-header only (virtio 5.1.6.2). */
export const CHECKSUM_PARTIAL = 3

/** `gsoType` bits, include/linux/skbuff.h. */
export const SKB_GSO_TCPV4 = 1 << 0
export const SKB_GSO_TCP_ECN = 1 << 2
export const SKB_GSO_TCPV6 = 1 << 4
export const SKB_GSO_UDP_L4 = 1 << 17

/** `pktType`, include/uapi/linux/if_packet.h: the destination, seen from the receiving device. */
export const PACKET_HOST = 0
export const PACKET_BROADCAST = 1
export const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3

/** The part of a device that an skb calls: counts of deliveries and drops. */
export interface SkBuffDevice {
  readonly name: string
  countReceived(skb: SkBuff): void
  countDrop(skb: SkBuff, reason: number): void
  /** Counts `n` extra frames that were made from this one. */
  countMade?(skb: SkBuff, n: number): void
  /** Logs mistakes of a driver, with few lines in a second. */
  readonly limitedLog?: { warn(about: string, text: string): void }
}

/** One frame. Only the pool makes them, one for each slot, and reuses them. */
export class SkBuff {
  /** The arena. The frame is bytes[data .. data + len). */
  readonly bytes: Uint8Array
  /** Position of the frame's first byte in `bytes`. */
  data = 0
  /** The frame's length. */
  len = 0
  /** The sending device in ndoStartXmit, the receiving one for netifRx. */
  dev: SkBuffDevice | undefined = undefined
  /** ETH_P_*: the EtherType, or ethTypeTrans's value for a length in its place; 0 if unknown. */
  protocol = 0
  /** One of PACKET_*, set by ethTypeTrans. */
  pktType = PACKET_HOST
  /** CHECKSUM_*, set by the port for a frame that it read, by the driver for one that it makes. */
  ipSummed = CHECKSUM_NONE
  /** For CHECKSUM_PARTIAL: where checksumming starts, and from there to the checksum field. */
  csumStart = 0
  csumOffset = 0
  /** Payload bytes per segment, 0 if the frame is not GSO. */
  gsoSize = 0
  gsoType = 0
  /** The transmit queue that the frame came from; it is sent back on the same. */
  queueMapping = 0
  /** Link, network, transport header positions; 0: unknown. ethTypeTrans sets `mac` and `nh`. */
  mac = 0
  nh = 0
  h = 0
  /**
   * Number of the packet on its wire, from 1; 0 if it is on none. A duplicate has the same. It is
   * negative for frames that a stage made (an ICMP error, a reset).
   */
  packetId = 0
  /** For a wire: the number under which its copies are counted (Copies); 0 if it has none. */
  family = 0
  /** Place in the heap of frames that a wire delays (MomentHeap); -1 if it is in none. */
  index = -1

  /** The first byte that `push` may use, and the end of the slot. */
  head = 0
  end = 0
  /** OWNER_*: the owner, which must hand the frame on or free it. */
  owner = OWNER_FREE
  /** For the pool: the start of the slot, its size class and the account it is charged to. */
  slot = 0
  slotClass: SlotClass
  account: SlotAccount | undefined = undefined
  readonly pool: SkBuffPool

  constructor(pool: SkBuffPool, slotClass: SlotClass) {
    this.pool = pool
    this.bytes = pool.bytes
    this.slotClass = slotClass
  }

  /** The position after the frame's last byte (skb_tail_pointer). */
  get tail(): number {
    return this.data + this.len
  }

  /** The receiving device; undefined until netifRx, while `dev` is the sending one. */
  get rxDev(): SkBuffDevice | undefined {
    return this.owner === OWNER_RX || this.owner === OWNER_PORT ? this.dev : undefined
  }

  /** Adds `n` bytes at the end and returns the position of the first (skb_put). */
  put(n: number): number {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.put, 'skb_put')
    const tail = this.data + this.len
    // >>> changes every value that is not a whole number from 0 to 2^32 - 1.
    if (n >>> 0 !== n || tail + n > this.end) {
      throw overPanic(this.put, 'skb_put', n, this.end - tail)
    }
    this.len += n
    return tail
  }

  /** Like `put` without checks: if `n` bytes do not fit, it overwrites other frames (__skb_put). */
  __put(n: number): number {
    const tail = this.data + this.len
    this.len += n
    return tail
  }

  /** Adds `n` bytes at the start, from the headroom, and returns the new `data` (skb_push). */
  push(n: number): number {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.push, 'skb_push')
    if (n >>> 0 !== n || this.data - n < this.head) {
      throw underPanic(this.push, 'skb_push', n, this.data - this.head)
    }
    this.len += n
    this.data -= n
    return this.data
  }

  /** Like `push` without checks, as dangerous as `__put` (__skb_push). */
  __push(n: number): number {
    this.len += n
    this.data -= n
    return this.data
  }

  /**
   * Removes `n` bytes from the start and returns the new `data` (skb_pull). Throws if it has fewer;
   * the kernel's function returns NULL.
   */
  pull(n: number): number {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.pull, 'skb_pull')
    if (n >>> 0 !== n || n > this.len) throw overPanic(this.pull, 'skb_pull', n, this.len)
    this.len -= n
    this.data += n
    return this.data
  }

  /** Moves the start of an empty frame by `n`, which may be negative (skb_reserve). */
  reserve(n: number): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.reserve, 'skb_reserve')
    if (this.len !== 0) throw notEmpty(n, this.len)
    const data = this.data + n
    if (data < this.head) throw underPanic(this.reserve, 'skb_reserve', n, this.data - this.head)
    if ((n | 0) !== n || data > this.end) {
      throw overPanic(this.reserve, 'skb_reserve', n, this.end - this.data)
    }
    this.data = data
  }

  /** Truncates the frame to `len` bytes; a shorter frame is not changed (skb_trim). */
  trim(len: number): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.trim, 'skb_trim')
    if (len >= this.len) return
    if (len >>> 0 !== len) throw overPanic(this.trim, 'skb_trim', len, this.len)
    this.len = len
  }

  /** Pads the frame with zeros to `len` bytes; a longer frame is not changed (skb_put_padto). */
  padto(len: number): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.padto, 'skb_put_padto')
    if (len <= this.len) return
    const to = this.data + len
    if (len >>> 0 !== len || to > this.end) throw padPanic(len, this.end - this.data)
    this.bytes.fill(0, this.data + this.len, to)
    this.len = len
  }

  /** The number of bytes that `push` can add. */
  headroom(): number {
    return this.data - this.head
  }

  /** The number of bytes that `put` can add. */
  tailroom(): number {
    return this.end - this.data - this.len
  }

  /**
   * Returns a copy in another slot, owned by the caller, with the same headroom if the slot is
   * large enough (skb_copy); undefined if the pool has no slot left.
   */
  copy(): SkBuff | undefined {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.copy, 'skb_copy')
    const skb = this.pool.allocLike(this)
    if (skb === undefined) return undefined
    copyFrame(this, skb)
    return skb
  }

  /** Like `copy` (skb_clone). Frames never share bytes here: a clone may be written to. */
  clone(): SkBuff | undefined {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.clone, 'skb_clone')
    return this.copy()
  }

  /**
   * Moves a frame that is kept for a while to the smallest slot that fits, because reads need the
   * large ones. The skb remains the same object. Returns false if no small slot is free; the frame
   * then remains in its slot.
   */
  hold(): boolean {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.hold, 'skb_hold')
    return this.pool.shrink(this)
  }

  /**
   * Moves a frame to a slot with room for 64 KiB, like the kernel's pskb_expand_head. The skb
   * remains the same object. Returns false if no large slot is free.
   */
  expand(): boolean {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.expand, 'skb_expand')
    return this.pool.expand(this)
  }

  /**
   * Frees a frame that arrived, or that the caller counts as dropped (dev_kfree_skb, consume_skb).
   */
  free(): void {
    if (this.owner < OWNER_HOLDER) throw notFreeable(this.owner)
    this.pool.release(this)
  }

  /** For ports, once the kernel has the frame: counts and frees it (consume_skb). */
  consume(): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.consume, 'skb_consume')
    if (this.dev !== undefined) {
      this.dev.countReceived(this)
    }
    this.pool.release(this)
  }

  /** Counts a drop on the frame's device with its reason, then frees it (kfree_skb_reason). */
  drop(reason: number = SKB_DROP_REASON_NOT_SPECIFIED): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.drop, 'skb_drop')
    if (this.dev === undefined) {
      this.pool.countDrop(reason)
    } else {
      this.dev.countDrop(this, reason)
    }
    this.pool.release(this)
  }

  /** Copies bytes and fields to an empty frame with room, which keeps owner, slot, account. */
  copyTo(to: SkBuff): void {
    if (this.owner < OWNER_HOLDER) throw handedOn(this.owner, this.copyTo, 'skb_copy')
    if (to.owner < OWNER_HOLDER) throw handedOn(to.owner, this.copyTo, 'skb_copy')
    copyFrame(this, to)
  }
}

function copyFrame(from: SkBuff, to: SkBuff): void {
  const by = to.data - from.data
  to.bytes.copyWithin(to.data, from.data, from.data + from.len)
  to.len = from.len
  to.dev = from.dev
  to.protocol = from.protocol
  to.pktType = from.pktType
  to.ipSummed = from.ipSummed
  to.csumStart = from.csumStart === 0 ? 0 : from.csumStart + by
  to.csumOffset = from.csumOffset
  to.gsoSize = from.gsoSize
  to.gsoType = from.gsoType
  to.queueMapping = from.queueMapping
  to.mac = from.mac === 0 ? 0 : from.mac + by
  to.nh = from.nh === 0 ? 0 : from.nh + by
  to.h = from.h === 0 ? 0 : from.h + by
  to.packetId = from.packetId
  to.family = from.family
}

function padPanic(len: number, most: number): Error {
  return skbPanic(
    `skb_over_panic: skb_put_padto to ${len} bytes where ${most} fit`,
    SkBuff.prototype.padto,
  )
}

function notEmpty(n: number, len: number): Error {
  const text = `skb_reserve of ${n} bytes on a frame of ${len}`
  return skbPanic(text, SkBuff.prototype.reserve, 'it must be empty')
}

function notFreeable(owner: number): Error {
  const { free } = SkBuff.prototype
  if (owner !== OWNER_FREE) return handedOn(owner, free, 'kfree_skb')
  return skbPanic('double free', free, 'the frame was already given back to the pool')
}
