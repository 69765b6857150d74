/**
 * FrameBlocks: writes frames as enhanced packet blocks of pcapng into a BlockRing, straight from
 * frame memory and without allocating. A capture uses it for each frame; writePacket() is for
 * packets of files.
 */
import { capturedDropText, type FrameDrop } from '../netdev/frame-drop.ts'
import type { SkBuffPool } from '../skb/pool.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../skb/sk-buff.ts'
import {
  FLAG_CHECKSUM_NOT_READY,
  FLAG_TCP_SEGMENTATION_OFFLOADED,
  type Moment,
  PACKET_ID_OFF_WIRE,
  TC_ACT_SHOT,
  VERDICT_TC,
} from './packet.ts'
import * as pcapng from './pcapng.ts'

/**
 * BlockRing: bounded memory for blocks between a writer and a reader, both on one thread. No block
 * wraps around the end of the memory, so waiting blocks can be handed on as a view.
 */
export class BlockRing {
  readonly bytes: Uint8Array
  /** The next block is written at #head; the oldest starts at #tail. Empty if they are equal. */
  #head = 0
  #tail = 0
  /** Where the blocks from #tail on end, if #head is before them. */
  #wrap = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get used(): number {
    return this.#head >= this.#tail ? this.#head - this.#tail : this.#wrap - this.#tail + this.#head
  }

  /** Returns where to write a block of at most `size` bytes, or -1 if it does not fit. */
  reserve(size: number): number {
    const head = this.#head
    const tail = this.#tail
    if (head < tail) return head + size < tail ? head : -1
    if (head + size <= this.bytes.length) return head
    if (size >= tail) return -1
    this.#wrap = head
    this.#head = 0
    return 0
  }

  /** Adds the block written at the position that reserve() returned last, up to `end`. */
  commit(end: number): void {
    this.#head = end
  }

  /** Returns the oldest blocks, as a view of one contiguous piece; empty if none wait. */
  peek(): Uint8Array {
    return this.bytes.subarray(this.#tail, this.#head >= this.#tail ? this.#head : this.#wrap)
  }

  consume(n: number): void {
    this.#tail += n
    if (this.#tail === this.#head) this.#head = this.#tail = 0
    else if (this.#head < this.#tail && this.#tail === this.#wrap) this.#tail = 0
  }
}

const TWO_32 = 2 ** 32
/** Fixed fields before the frame. */
const HEADER = 28
/** All options but the texts of a drop, and the length after them. */
const TRAILER = 64
/** Longer frames are copied by a view, which costs an allocation but copies faster. */
const COPY_BY_LOOP = 256
const UTF8 = new TextEncoder()

/** One direction of a device: an interface of the file, and the capture's counters there. */
export interface Side {
  readonly number: number
  readonly flags: number
  /** Added to the number of a packet on its wire. */
  idBase: number
  passed: number
  written: number
  lost: number
  /** Those lost since the last one written. */
  lostSince: number
}

export class FrameBlocks {
  /** Bytes of the ring that frames leave free. */
  kept = 0
  readonly #ring: BlockRing
  readonly #to: DataView
  readonly #from: DataView
  readonly #snaplen: number
  /** The number added to the clock's ns, as two 32-bit words. */
  readonly #high: number
  readonly #low: number

  /** `origin` is the wall clock when the clock of the frames was at 0. */
  constructor(ring: BlockRing, pool: SkBuffPool, snaplen: number, origin: Moment) {
    this.#ring = ring
    this.#to = new DataView(ring.bytes.buffer)
    this.#from = new DataView(pool.bytes.buffer, pool.bytes.byteOffset, pool.bytes.byteLength)
    this.#snaplen = snaplen
    const ns = BigInt(origin.seconds) * 1_000_000_000n + BigInt(origin.nanoseconds)
    this.#high = Number(ns >> 32n)
    this.#low = Number(ns & 0xffff_ffffn)
  }

  /**
   * Writes a frame that passed at `time`, in ns of the clock, or was dropped. A frame that does not
   * fit is counted as lost. Returns whether it was written.
   */
  write(skb: SkBuff, side: Side, time: number, drop: FrameDrop | undefined): boolean {
    const { data, len, packetId } = skb
    const id = packetId === 0 ? 0 : side.idBase + (packetId > 0 ? packetId : PACKET_ID_OFF_WIRE - packetId)
    const fields = drop === undefined ? '' : JSON.stringify(drop)
    // The number of the packet on its wire is the id in one direction only.
    const comment = drop === undefined ? '' : commentOf(drop, packetId <= 0 || id === packetId ? undefined : id)
    const captured = len < this.#snaplen ? len : this.#snaplen
    // A character takes at most 3 bytes.
    const dropRoom = drop === undefined ? 0 : 16 + 3 * (fields.length + comment.length)
    const most = HEADER + captured + 3 + TRAILER + dropRoom
    const start = this.#ring.reserve(most + this.kept)
    if (start < 0) {
      side.lost++
      side.lostSince++
      return false
    }
    const to = this.#to
    const whole = Math.floor(time)
    const timeHigh = Math.floor(whole / TWO_32)
    const low = this.#low + (whole - timeHigh * TWO_32)
    to.setUint32(start, pcapng.ENHANCED_PACKET, true)
    to.setUint32(start + 8, side.number, true)
    to.setUint32(start + 12, this.#high + timeHigh + (low >= TWO_32 ? 1 : 0), true)
    to.setUint32(start + 16, low >= TWO_32 ? low - TWO_32 : low, true)
    to.setUint32(start + 20, captured, true)
    to.setUint32(start + 24, len, true)
    this.#copy(skb.bytes, data, captured, start + HEADER)
    let at = this.#option(start + HEADER + pcapng.padded(captured), pcapng.EPB_FLAGS, 4)
    to.setUint32(at - 4, flagsOf(skb, side.flags), true)
    if (side.lostSince !== 0) {
      at = this.#option64(at, pcapng.EPB_DROPCOUNT, side.lostSince)
      side.lostSince = 0
    }
    if (packetId !== 0) at = this.#option64(at, pcapng.EPB_PACKETID, id)
    at = this.#option(at, pcapng.EPB_QUEUE, 4)
    to.setUint32(at - 4, skb.queueMapping, true)
    if (drop !== undefined) {
      at = this.#verdict(at)
      at = this.#text(at, pcapng.EPB_DROP, fields)
      at = this.#text(at, pcapng.OPT_COMMENT, comment)
    }
    to.setUint32(at, pcapng.OPT_ENDOFOPT, true)
    const length = at + 8 - start
    to.setUint32(at + 4, length, true)
    to.setUint32(start + 4, length, true)
    this.#ring.commit(start + length)
    side.written++
    return true
  }

  #copy(bytes: Uint8Array, from: number, length: number, at: number): void {
    const to = this.#to
    const end = at + pcapng.padded(length)
    const source = this.#from
    // Whole words of a frame may reach past its end, but not past the end of frame memory.
    if (length > COPY_BY_LOOP || from + pcapng.padded(length) > source.byteLength) {
      this.#ring.bytes.set(bytes.subarray(from, from + length), at)
      for (let i = at + length; i < end; i++) to.setUint8(i, 0)
      return
    }
    for (let i = 0; at + i < end; i += 4) to.setInt32(at + i, source.getInt32(from + i))
    for (let i = at + length; i < end; i++) to.setUint8(i, 0)
  }

  #option(at: number, code: number, length: number): number {
    this.#to.setUint32(at, code + length * 0x10000, true)
    return at + 4 + pcapng.padded(length)
  }

  #option64(at: number, code: number, value: number): number {
    const end = this.#option(at, code, 8)
    this.#to.setUint32(end - 8, value >>> 0, true)
    this.#to.setUint32(end - 4, Math.floor(value / TWO_32), true)
    return end
  }

  #verdict(at: number): number {
    const to = this.#to
    const end = this.#option(at, pcapng.EPB_VERDICT, 9)
    to.setUint32(end - 12, VERDICT_TC + TC_ACT_SHOT * 0x100, true)
    to.setUint32(end - 8, 0, true)
    to.setUint32(end - 4, 0, true)
    return end
  }

  #text(at: number, code: number, text: string): number {
    const value = at + 4
    const { written } = UTF8.encodeInto(text, this.#ring.bytes.subarray(value, value + pcapng.OPTION_MAX))
    const end = this.#option(at, code, written)
    for (let i = value + written; i < end; i++) this.#to.setUint8(i, 0)
    return end
  }
}

function commentOf(drop: FrameDrop, id: number | undefined): string {
  const text = `dropped: ${capturedDropText(drop)}`
  return id === undefined ? text : `${text}, id ${id}`
}

function flagsOf({ ipSummed, gsoSize }: SkBuff, direction: number): number {
  const checksum = ipSummed === CHECKSUM_PARTIAL ? FLAG_CHECKSUM_NOT_READY : 0
  return direction | checksum | (gsoSize === 0 ? 0 : FLAG_TCP_SEGMENTATION_OFFLOADED)
}
