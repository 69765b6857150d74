/**
 * FrameBlocks: writes frames as enhanced packet blocks of pcapng into a BlockRing, straight from
 * frame memory and without allocating. A capture uses it for each frame; writePacket() is for
 * packets of files.
 */
import { dropComment, type FrameDrop } from '../netdev/frame-drop.ts'
import { CHECKSUM_PARTIAL, type SkBuff, type SkBuffPool } from '../skb/index.ts'
import {
  FLAG_CHECKSUM_NOT_READY,
  FLAG_TCP_SEGMENTATION_OFFLOADED,
  type Moment,
  PACKET_ID_OFF_WIRE,
  TC_ACT_SHOT,
  VERDICT_TC,
} from './packet.ts'
import * as pcapng from './pcapng.ts'

/** The first bytes of a ring, which its blocks use while its reader keeps up. */
const WARM = 1024 * 1024

/**
 * BlockRing: bounded memory for blocks between a writer and a reader, both on one thread. No block
 * wraps around the end of the memory, so waiting blocks can be handed on as a view. While the
 * reader keeps up, blocks wrap around early, because the first bytes remain in the processor's
 * cache. The rest of the memory is for a slow reader.
 */
export class BlockRing {
  readonly bytes: Uint8Array
  readonly #warm: number
  /** The next block is written at #head; the oldest starts at #tail. Empty if they are equal. */
  #head = 0
  #tail = 0
  /** Where the blocks from #tail on end, if #head is before them. */
  #wrap = 0

  constructor(bytes: Uint8Array, warm = WARM) {
    this.bytes = bytes
    // Twice that and the blocks before it must fit the memory (#unwrap).
    this.#warm = Math.min(warm, bytes.length >> 2)
  }

  get used(): number {
    return this.#head >= this.#tail ? this.#head - this.#tail : this.#wrap - this.#tail + this.#head
  }

  /** Returns where to write a block of at most `size` bytes, or -1 if it does not fit. */
  reserve(size: number): number {
    const head = this.#head
    const tail = this.#tail
    if (head < tail) return head + size < tail ? head : this.#unwrap(size)
    const end = head + size
    if (end <= this.#warm) return head
    const isEarly = head <= 2 * this.#warm && tail >= head >> 1
    if (end <= this.bytes.length && !(isEarly && size < tail)) return head
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
    if (this.#tail === this.#head) {
      this.#head = 0
      this.#tail = 0
    } else if (this.#head < this.#tail && this.#tail === this.#wrap) {
      this.#tail = 0
    }
  }

  /** Moves the blocks before #tail after all others. Returns where to write a block, or -1. */
  #unwrap(size: number): number {
    const at = this.#wrap + this.#head
    if (at + size > this.bytes.length) return -1
    this.bytes.copyWithin(this.#wrap, 0, this.#head)
    this.#head = at
    return at
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

/** The head of an option: its code and length. */
const option = (code: number, length: number): number => code + length * 0x10000
const OPTION_FLAGS = option(pcapng.EPB_FLAGS, 4)
const OPTION_DROPCOUNT = option(pcapng.EPB_DROPCOUNT, 8)
const OPTION_PACKETID = option(pcapng.EPB_PACKETID, 8)
const OPTION_QUEUE = option(pcapng.EPB_QUEUE, 4)

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

/**
 * Writes blocks as 32-bit words of a machine that is little-endian (netlink/host-order.ts), which
 * takes half the time of a DataView.
 */
export class FrameBlocks {
  /** Bytes of the ring that frames leave free. */
  kept = 0
  readonly #ring: BlockRing
  readonly #to: Int32Array
  readonly #pool: Uint8Array
  readonly #from: Int32Array
  readonly #snaplen: number
  /** The number added to the clock's ns, as two 32-bit words. */
  readonly #high: number
  readonly #low: number

  /** `origin` is the wall clock when the clock of the frames was at 0. */
  constructor(ring: BlockRing, pool: SkBuffPool, snaplen: number, origin: Moment) {
    this.#ring = ring
    this.#to = wordsOf(ring.bytes)
    this.#pool = pool.bytes
    this.#from = wordsOf(pool.bytes)
    this.#snaplen = snaplen
    const ns = BigInt(origin.seconds) * 1_000_000_000n + BigInt(origin.nanoseconds)
    this.#high = Number(ns >> 32n)
    this.#low = Number(ns & 0xffff_ffffn)
  }

  /**
   * Writes a frame that passed at `time`, in ns of the clock, or that was dropped then. A frame
   * that does not fit the ring is counted as lost. Returns whether it was written. The frame
   * remains the caller's.
   */
  write(skb: SkBuff, side: Side, time: number, drop: FrameDrop | undefined): boolean {
    const { len, packetId } = skb
    const id =
      packetId === 0 ? 0 : side.idBase + (packetId > 0 ? packetId : PACKET_ID_OFF_WIRE - packetId)
    const captured = len < this.#snaplen ? len : this.#snaplen
    // The number of the packet on its wire is the id in one direction only.
    const texts =
      drop === undefined
        ? undefined
        : textsOf(drop, packetId <= 0 || id === packetId ? undefined : id)
    const most = HEADER + captured + 3 + TRAILER + (texts === undefined ? 0 : roomFor(texts))
    const start = this.#ring.reserve(most + this.kept)
    if (start < 0) {
      side.lost++
      side.lostSince++
      return false
    }
    const to = this.#to
    const block = start >> 2
    const whole = Math.floor(time)
    const timeHigh = Math.floor(whole / TWO_32)
    const low = this.#low + (whole - timeHigh * TWO_32)
    to[block] = pcapng.ENHANCED_PACKET
    to[block + 2] = side.number
    to[block + 3] = this.#high + timeHigh + (low >= TWO_32 ? 1 : 0)
    to[block + 4] = low
    to[block + 5] = captured
    to[block + 6] = len
    let at = this.#copy(skb, captured, block + HEADER / 4)
    to[at] = OPTION_FLAGS
    to[at + 1] = flagsOf(skb, side.flags)
    at += 2
    if (side.lostSince !== 0) {
      at = this.#number(at, OPTION_DROPCOUNT, side.lostSince)
      side.lostSince = 0
    }
    if (packetId !== 0) {
      at = this.#number(at, OPTION_PACKETID, id)
    }
    to[at] = OPTION_QUEUE
    to[at + 1] = skb.queueMapping
    at += 2
    if (texts !== undefined) {
      at = this.#drop(at, texts)
    }
    to[at] = pcapng.OPT_ENDOFOPT
    const length = 4 * (at + 2 - block)
    to[at + 1] = length
    to[block + 1] = length
    this.#ring.commit(start + length)
    side.written++
    return true
  }

  /** Copies the start of a frame to word `at`, padded with zeros. Returns the word after it. */
  #copy({ bytes, data }: SkBuff, length: number, at: number): number {
    const to = this.#to
    const from = this.#from
    const end = at + ((length + 3) >> 2)
    const first = data >> 2
    // Whole words of a frame may reach past its end, but not past the end of frame memory.
    if (length > COPY_BY_LOOP || bytes !== this.#pool || first + end - at >= from.length) {
      if (length > 0) {
        to[end - 1] = 0
      }
      this.#ring.bytes.set(bytes.subarray(data, data + length), 4 * at)
      return end
    }
    const shift = (data & 3) << 3
    if (shift === 0) {
      for (let i = first, j = at; j < end; j++) {
        to[j] = from[i++]
      }
    } else {
      let word = from[first]
      for (let i = first + 1, j = at; j < end; j++) {
        const next = from[i++]
        to[j] = (word >>> shift) | (next << (32 - shift))
        word = next
      }
    }
    if ((length & 3) !== 0) {
      to[end - 1] &= (1 << ((length & 3) << 3)) - 1
    }
    return end
  }

  /** Writes an option of 64 bits at word `at`. Returns the word after it. */
  #number(at: number, head: number, value: number): number {
    const to = this.#to
    to[at] = head
    to[at + 1] = value
    to[at + 2] = value / TWO_32
    return at + 3
  }

  /** Writes the options of a drop at word `at`. Returns the word after them. */
  #drop(at: number, { fields, comment }: DropTexts): number {
    const to = this.#to
    to[at] = option(pcapng.EPB_VERDICT, 9)
    to[at + 1] = VERDICT_TC + TC_ACT_SHOT * 0x100
    to[at + 2] = 0
    to[at + 3] = 0
    return this.#text(this.#text(at + 4, pcapng.EPB_DROP, fields), pcapng.OPT_COMMENT, comment)
  }

  #text(at: number, code: number, text: string): number {
    const value = 4 * (at + 1)
    const { bytes } = this.#ring
    const { written } = UTF8.encodeInto(text, bytes.subarray(value, value + pcapng.OPTION_MAX))
    const end = value + pcapng.padded(written)
    bytes.fill(0, value + written, end)
    this.#to[at] = option(code, written)
    return end >> 2
  }
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length >> 2)
}

type DropTexts = Readonly<{ fields: string; comment: string }>

function textsOf(drop: FrameDrop, id: number | undefined): DropTexts {
  return { fields: JSON.stringify(drop), comment: dropComment(drop, id) }
}

/** The most bytes of the options of a drop: a character takes at most 3. */
const roomFor = ({ fields, comment }: DropTexts): number =>
  16 + 3 * (fields.length + comment.length)

function flagsOf({ ipSummed, gsoSize }: SkBuff, direction: number): number {
  const checksum = ipSummed === CHECKSUM_PARTIAL ? FLAG_CHECKSUM_NOT_READY : 0
  return direction | checksum | (gsoSize === 0 ? 0 : FLAG_TCP_SEGMENTATION_OFFLOADED)
}
