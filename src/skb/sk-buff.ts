/**
 * SkBuff: one Ethernet frame in a slot of the pool's arena, under the names of the kernel's `struct sk_buff`.
 *
 * Offsets (`data`, `mac`, `nh`, `h`, `csumStart`) are absolute positions in `bytes`, the whole arena, so `push` and
 * `pull` do not disturb them. Octets on the wire are in network byte order; every field here is a plain number.
 *
 * Whoever holds an skb either hands it on or frees it, once. A verb on a freed skb throws: that is one integer compare,
 * and it is always on.
 */
import { SKB_DROP_REASON_NOT_SPECIFIED } from './drop-reason.ts'
import { overPanic, skbPanic, underPanic, useAfterFree } from './error.ts'
import type { SkBuffPool, SlotAccount, SlotClass } from './pool.ts'

/**
 * `ipSummed`: the checksum policy of a frame, include/linux/skbuff.h. What was CHECKSUM_HW is two policies today: of a frame
 * to be sent it is CHECKSUM_PARTIAL; of a received one it is CHECKSUM_COMPLETE, a device's sum over the whole frame, which
 * does not exist here, since a virtio header has no place for it: a driver that verified the sum says CHECKSUM_UNNECESSARY.
 *
 * CHECKSUM_NONE, a fresh frame's: nothing was computed or verified; the sum in the frame counts and the receiving host
 * checks it.
 */
export const CHECKSUM_NONE = 0
/** The driver vouches for the checksum; nobody verifies it. */
export const CHECKSUM_UNNECESSARY = 1
/** The field at csumStart + csumOffset holds the pseudo-header's sum; the rest is still to be added (virtio 5.1.6.2). */
export const CHECKSUM_PARTIAL = 3

/** `gsoType` bits, include/linux/skbuff.h. */
export const SKB_GSO_TCPV4 = 1 << 0
export const SKB_GSO_TCP_ECN = 1 << 2
export const SKB_GSO_TCPV6 = 1 << 4
export const SKB_GSO_UDP_L4 = 1 << 17

/** `pktType`, include/uapi/linux/if_packet.h: whom the frame is for, seen from the receiving device. */
export const PACKET_HOST = 0
export const PACKET_BROADCAST = 1
export const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3

/** Who owns an skb; OWNER_XMIT is the driver while its ndoStartXmit has not handed it on. */
export const OWNER_FREE = 0
export const OWNER_HOLDER = 1
export const OWNER_RING = 2
export const OWNER_RX = 3
export const OWNER_WIRE = 4
export const OWNER_XMIT = 5

/** What an skb asks of its device: to count it when it is delivered or dropped. */
export interface SkBuffDevice {
  readonly name: string
  countReceived(skb: SkBuff): void
  countDrop(skb: SkBuff, reason: number): void
}

/** One frame. Made by the pool, a slot each, and used again: never constructed by others. */
export class SkBuff {
  /** The arena. The frame is bytes[data .. data + len). */
  readonly bytes: Uint8Array
  /** Position of the frame's first octet in `bytes`. */
  data = 0
  /** Octets of frame. */
  len = 0
  /** The device it is on: the sender's in ndoStartXmit, the receiver's for netifRx. */
  dev: SkBuffDevice | undefined = undefined
  /** ETH_P_*: the EtherType in host order, or what ethTypeTrans makes of a length in its place; 0 when not known. */
  protocol = 0
  /** One of PACKET_*, set by ethTypeTrans. */
  pktType = PACKET_HOST
  /** One of CHECKSUM_*. A frame read from a port says what the host did; one that a driver makes says what the driver did. */
  ipSummed = CHECKSUM_NONE
  /** Where checksumming starts (absolute), and the distance from there to the checksum field. For CHECKSUM_PARTIAL. */
  csumStart = 0
  csumOffset = 0
  /** Payload octets a segment, 0 when the frame is not GSO. */
  gsoSize = 0
  gsoType = 0
  /** The transmit queue the frame came from, and goes back out on. */
  queueMapping = 0
  /** Positions of the link, network and transport headers, 0 when not known. ethTypeTrans sets the first two. */
  mac = 0
  nh = 0
  h = 0

  /** First octet that `push` may reach, and the end of the slot. */
  head = 0
  end = 0
  /** One of OWNER_*: who must hand the frame on or free it. */
  owner = OWNER_FREE
  /** Where the slot begins and what it counts against. For the pool. */
  slot = 0
  slotClass: SlotClass
  account: SlotAccount | undefined = undefined
  readonly pool: SkBuffPool

  constructor(pool: SkBuffPool, slotClass: SlotClass) {
    this.pool = pool
    this.bytes = pool.bytes
    this.slotClass = slotClass
  }

  /** Position behind the frame's last octet (skb_tail_pointer). */
  get tail(): number {
    return this.data + this.len
  }

  /** The device receiving the frame: `dev` once netifRx has it, undefined before, when `dev` is the one sending it. */
  get rxDev(): SkBuffDevice | undefined {
    return this.owner === OWNER_RX ? this.dev : undefined
  }

  /** Grows the frame by `n` octets at its end; answers the position of the first of them (skb_put). */
  put(n: number): number {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.put, 'skb_put')
    const tail = this.data + this.len
    // >>> turns what is negative, broken or not a number into something else.
    if (n >>> 0 !== n || tail + n > this.end) throw overPanic(this.put, 'skb_put', n, this.end - tail)
    this.len += n
    return tail
  }

  /** `put` without a look at room or owner: for who knows that `n` octets fit. Else it writes over other frames (__skb_put). */
  __put(n: number): number {
    const tail = this.data + this.len
    this.len += n
    return tail
  }

  /** Grows the frame by `n` octets at its start, into the headroom; answers the new `data` (skb_push). */
  push(n: number): number {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.push, 'skb_push')
    if (n >>> 0 !== n || this.data - n < this.head) throw underPanic(this.push, 'skb_push', n, this.data - this.head)
    this.len += n
    this.data -= n
    return this.data
  }

  /** `push` without a look at room or owner, as dangerous as `__put` (__skb_push). */
  __push(n: number): number {
    this.len += n
    this.data -= n
    return this.data
  }

  /**
   * Takes `n` octets off the start; answers the new `data` (skb_pull). Throws where the kernel's answers NULL, when there
   * are fewer.
   */
  pull(n: number): number {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.pull, 'skb_pull')
    if (n >>> 0 !== n || n > this.len) throw overPanic(this.pull, 'skb_pull', n, this.len)
    this.len -= n
    this.data += n
    return this.data
  }

  /** Moves the start of an empty frame by `n`, to leave headroom; back when it is negative (skb_reserve). */
  reserve(n: number): void {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.reserve, 'skb_reserve')
    if (this.len !== 0) throw notEmpty(n, this.len)
    const data = this.data + n
    if (data < this.head) throw underPanic(this.reserve, 'skb_reserve', n, this.data - this.head)
    if ((n | 0) !== n || data > this.end) throw overPanic(this.reserve, 'skb_reserve', n, this.end - this.data)
    this.data = data
  }

  /** Cuts the frame to `len` octets; a longer `len` changes nothing (skb_trim). */
  trim(len: number): void {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.trim, 'skb_trim')
    if (len >= this.len) return
    if (len >>> 0 !== len) throw overPanic(this.trim, 'skb_trim', len, this.len)
    this.len = len
  }

  /** Fills the frame with zeros up to `len` octets, as ETH_ZLEN asks; a longer frame stays as it is (skb_put_padto). */
  padto(len: number): void {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.padto, 'skb_put_padto')
    if (len <= this.len) return
    const to = this.data + len
    if (len >>> 0 !== len || to > this.end) throw padPanic(len, this.end - this.data)
    this.bytes.fill(0, this.data + this.len, to)
    this.len = len
  }

  /** Octets that `push` may still take. */
  headroom(): number {
    return this.data - this.head
  }

  /** Octets that `put` may still take. */
  tailroom(): number {
    return this.end - this.data - this.len
  }

  /**
   * A copy in a slot of its own, with the same headroom where the slot allows it, owned by the caller (skb_copy).
   * undefined when the pool has no slot left.
   */
  copy(): SkBuff | undefined {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.copy, 'skb_copy')
    const skb = this.pool.allocLike(this)
    if (skb === undefined) return undefined
    this.copyTo(skb)
    return skb
  }

  /**
   * A second frame with the same content, owned by the caller (skb_clone). A slot has one owner, who writes in place, so
   * octets are never shared: this is `copy`, and what the kernel's forbids, writing to a clone, is allowed.
   */
  clone(): SkBuff | undefined {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.clone, 'skb_clone')
    return this.copy()
  }

  /**
   * Moves a frame that will stay a while to the smallest slot that fits, so that the large ones, which reads need, come
   * free. The skb stays the same object. Answers whether it now is in a slot of its size; without a free small slot it
   * stays where it is.
   */
  hold(): boolean {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.hold, 'skb_hold')
    return this.pool.shrink(this)
  }

  /** Gives the slot back (dev_kfree_skb, consume_skb). The frame was delivered, or its drop is counted by the caller. */
  free(): void {
    if (this.owner === OWNER_FREE) throw doubleFree()
    this.pool.release(this)
  }

  /** The host has the frame: counts it as received on the frame's device, then frees it (consume_skb). For ports. */
  consume(): void {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.consume, 'skb_consume')
    if (this.dev !== undefined) this.dev.countReceived(this)
    this.pool.release(this)
  }

  /** Counts a drop on the frame's device with its reason, then frees it (kfree_skb_reason). */
  drop(reason: number = SKB_DROP_REASON_NOT_SPECIFIED): void {
    if (this.owner === OWNER_FREE) throw useAfterFree(this.drop, 'skb_drop')
    if (this.dev === undefined) this.pool.countDrop(reason)
    else this.dev.countDrop(this, reason)
    this.pool.release(this)
  }

  /** Copies octets and fields to `to`, an empty frame with room for them; owner, slot and account stay its own. */
  copyTo(to: SkBuff): void {
    const by = to.data - this.data
    to.bytes.copyWithin(to.data, this.data, this.data + this.len)
    to.len = this.len
    to.dev = this.dev
    to.protocol = this.protocol
    to.pktType = this.pktType
    to.ipSummed = this.ipSummed
    to.csumStart = this.csumStart === 0 ? 0 : this.csumStart + by
    to.csumOffset = this.csumOffset
    to.gsoSize = this.gsoSize
    to.gsoType = this.gsoType
    to.queueMapping = this.queueMapping
    to.mac = this.mac === 0 ? 0 : this.mac + by
    to.nh = this.nh === 0 ? 0 : this.nh + by
    to.h = this.h === 0 ? 0 : this.h + by
  }
}

function padPanic(len: number, most: number): Error {
  return skbPanic(`skb_over_panic: skb_put_padto to ${len} octets where ${most} fit`, SkBuff.prototype.padto)
}

function notEmpty(n: number, len: number): Error {
  const text = `skb_reserve of ${n} octets on a frame of ${len}`
  return skbPanic(text, SkBuff.prototype.reserve, 'it must be empty')
}

function doubleFree(): Error {
  return skbPanic('double free', SkBuff.prototype.free, 'the frame was already given back to the pool')
}
