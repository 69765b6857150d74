/**
 * PcapngContent: several pcapng streams as one section of a file. Only the first of their section
 * headers is written. Interfaces are renumbered in the order of arrival, and so are the packet ids,
 * which have the number of an interface above their 40th bit. The comment of a drop loses its id if
 * that was renumbered. A file may end before its streams do: the next one starts with the section
 * header and the interfaces again. Until an interface's own statistics arrive, they are counted
 * here.
 */
import { idOfComment } from '../netdev/frame-drop.ts'
import { concat } from '../packet/octets.ts'
import { BlockWalker, decodeText } from './block-walker.ts'
import { Input } from './input.ts'
import type { Moment } from './packet.ts'
import * as pcapng from './pcapng.ts'
import { writeStatistics, writeTlsKeyLog } from './pcapng-writer.ts'

/** The most bytes of descriptions of interfaces, a bound of memory. */
const MAX_DESCRIPTIONS = 16 * 1024 * 1024
const STATISTICS_LENGTH = 128
/** Bits of a packet id below the number of the interface, in its high half. */
const ID_BITS = 8

const NOTHING = new Uint8Array(0)

interface FileInterface {
  readonly description: Uint8Array
  frames: number
  lost: number
  end: Uint8Array | undefined
  /** True if the current file has that block. */
  hasEnded: boolean
}

export class PcapngContent {
  readonly #start: Moment
  readonly interfaces: FileInterface[] = []
  /**
   * Whether packets are in the order of their times. A wire's arrivals are recorded when its timer
   * rings, after frames that were sent meanwhile, but with the wire's own time.
   */
  isOrdered = true
  #high = 0
  #low = 0
  #section: Uint8Array | undefined
  #descriptions = 0

  constructor(start: Moment) {
    this.#start = { ...start }
  }

  get hasBegun(): boolean {
    return this.interfaces.length > 0
  }

  /** Frames that were written, counted at each end where they were recorded, and drops. */
  get frames(): number {
    return this.interfaces.reduce((sum, { frames }) => sum + frames, 0)
  }

  /** Frames that the sources had no room for, as far as they reported it. */
  get lost(): number {
    return this.interfaces.reduce((sum, { lost }) => sum + lost, 0)
  }

  get tailRoom(): number {
    return this.interfaces.length * STATISTICS_LENGTH
  }

  noteTime(high: number, low: number): void {
    if (high < this.#high || (high === this.#high && low < this.#low)) {
      this.isOrdered = false
    }
    this.#high = high
    this.#low = low
  }

  source(name: string): PcapngSource {
    return new PcapngSource(this, name)
  }

  begin(block: Uint8Array): boolean {
    if (this.#section !== undefined) return false
    this.#section = block.slice()
    return true
  }

  /** Adds an interface and returns its number; undefined if there are too many. */
  add(block: Uint8Array): number | undefined {
    this.#descriptions += block.length
    if (this.interfaces.length === pcapng.MAX_INTERFACES || this.#descriptions > MAX_DESCRIPTIONS) {
      return undefined
    }
    const description = block.slice()
    return (
      this.interfaces.push({ description, frames: 0, lost: 0, end: undefined, hasEnded: false }) - 1
    )
  }

  head(): Uint8Array {
    if (this.#section === undefined) return NOTHING
    for (const each of this.interfaces) {
      each.hasEnded = false
    }
    return concat([this.#section, ...this.interfaces.map(({ description }) => description)])
  }

  tail(now: Moment): Uint8Array {
    const blocks = this.interfaces.map((each, interfaceIndex) => {
      if (each.hasEnded) return NOTHING
      if (each.end !== undefined) return each.end
      const counts = { delivered: each.frames, dropped: each.lost }
      const block = new Uint8Array(STATISTICS_LENGTH)
      const end = writeStatistics(block, 0, {
        interfaceIndex,
        start: this.#start,
        end: now,
        ...counts,
      })
      return block.subarray(0, end)
    })
    return concat(blocks)
  }

  keys(log: Uint8Array): Uint8Array {
    const block = new Uint8Array(20 + pcapng.padded(log.length))
    writeTlsKeyLog(block, 0, log)
    return block
  }

  /** Returns how many of the first `length` written bytes are whole records. */
  whole(bytes: Uint8Array, length: number): number {
    const input = new Input('')
    input.push(bytes.subarray(0, length))
    const walker = new BlockWalker(input)
    while (walker.peek()) {
      walker.skip()
    }
    return input.at
  }
}

export class PcapngSource {
  readonly #content: PcapngContent
  readonly #walker: BlockWalker
  /** The file's number of each of its interfaces. */
  #numbers: number[] = []
  /** True if one of them is another. */
  #isRenumbered = false
  #hasBegun = false

  constructor(content: PcapngContent, name: string) {
    this.#content = content
    this.#walker = new BlockWalker(new Input(name))
  }

  /**
   * Reads the next bytes of a pcapng stream, cut anywhere. Call it once take() has returned
   * undefined. The bytes are in use, and may be changed, until take() returns undefined again.
   */
  push(chunk: Uint8Array): void {
    this.#walker.input.borrow(chunk)
  }

  /**
   * Returns the next whole records that fit `room` bytes with the tail, valid until the next call;
   * an empty array if not even one fits, unless `atLeastOne`, and undefined if more bytes are
   * needed. Throws a CaptureError for broken data.
   */
  take(room: number, atLeastOne: boolean): Uint8Array | undefined {
    const walker = this.#walker
    let from = -1
    let end = 0
    let last = -1
    try {
      for (; walker.peek(); walker.skip()) {
        // Keys may follow the interfaces. editcap does not copy a file in which they precede them.
        if (last === pcapng.INTERFACE_DESCRIPTION && walker.type !== last) break
        const length = (from < 0 ? 0 : end - from) + walker.length + this.#content.tailRoom
        if (length > room && (from >= 0 || !atLeastOne)) {
          return from < 0 ? NOTHING : this.#run(from, end)
        }
        last = walker.type
        if (this.#note(walker)) {
          if (from < 0) {
            from = walker.at
          }
          end = walker.at + walker.length
        } else if (from >= 0) {
          // Omitted data ends the run. The next call records it again.
          break
        }
      }
    } catch (error) {
      // Data before a broken block is written first: the next call throws again.
      if (from < 0) throw error
    }
    if (from >= 0) return this.#run(from, end)
    walker.input.keep()
    return undefined
  }

  #run(from: number, end: number): Uint8Array {
    return this.#walker.input.bytes.subarray(from, end)
  }

  /** Records a block, and renumbers it for the file. Returns whether it is written. */
  #note(walker: BlockWalker): boolean {
    if (walker.type === pcapng.ENHANCED_PACKET) {
      this.#packet(walker)
      return true
    }
    if (walker.type === pcapng.SECTION_HEADER) return this.#section(walker)
    if (!this.#hasBegun) {
      throw walker.input.broken('a stream that does not begin with a section header')
    }
    if (walker.type === pcapng.INTERFACE_DESCRIPTION) {
      this.#interface(walker)
    } else if (walker.type === pcapng.INTERFACE_STATISTICS) {
      this.#statistics(walker)
    } else if (walker.type === pcapng.OLD_PACKET || walker.type === pcapng.SIMPLE_PACKET) {
      throw walker.input.broken(`a packet block of type ${walker.type}`)
    }

    return true
  }

  #packet(walker: BlockWalker): void {
    if (walker.length < pcapng.MIN_PACKET) {
      throw walker.input.broken('a packet block that is too short')
    }
    const { view, at } = walker
    const last = at + walker.length - 4
    const captured = view.getUint32(at + 20, true)
    if (captured > walker.length - pcapng.MIN_PACKET) {
      throw walker.input.broken('a packet that is longer than its block')
    }
    const on = this.#renumber(walker)
    on.frames++
    this.#content.noteTime(view.getUint32(at + 12, true), view.getUint32(at + 16, true))
    const lastOption = this.#isRenumbered ? Number.POSITIVE_INFINITY : pcapng.EPB_DROPCOUNT
    let hasNewId = false
    for (let option = at + 28 + pcapng.padded(captured); option + 12 <= last; ) {
      const header = view.getUint32(option, true)
      const code = header & 0xffff
      // A vnet writes these in the order of their codes, and comments last.
      if (code === pcapng.OPT_ENDOFOPT || code > lastOption) return
      if (code === pcapng.EPB_DROPCOUNT) {
        on.lost += u64(view, option + 4)
      } else if (code === pcapng.EPB_PACKETID) {
        hasNewId = this.#renumberId(view, option + 8)
      } else if (code === pcapng.OPT_COMMENT && hasNewId) {
        const end = Math.min(option + 4 + (header >>> 16), last)
        endBeforeId(walker.input.bytes.subarray(option + 4, end))
      }
      option += 4 + pcapng.padded(header >>> 16)
    }
  }

  #section(walker: BlockWalker): boolean {
    if (walker.length < pcapng.MIN_SECTION || !walker.isLittle) {
      throw walker.input.broken('not a section header of vnet')
    }
    this.#hasBegun = true
    this.#numbers = []
    this.#isRenumbered = false
    return this.#content.begin(walker.block)
  }

  #interface(walker: BlockWalker): void {
    if (walker.length < pcapng.MIN_INTERFACE) {
      throw walker.input.broken('an interface description that is too short')
    }
    const number = this.#content.add(walker.block)
    if (number === undefined) throw walker.input.broken('too many interfaces')
    if (number !== this.#numbers.length) {
      this.#isRenumbered = true
    }
    this.#numbers.push(number)
  }

  /**
   * Replaces the interface number in the packet id with its high half at `at` by the file's.
   * Returns whether the id has changed.
   */
  #renumberId(view: DataView, at: number): boolean {
    const high = view.getUint32(at, true)
    const own = high >>> ID_BITS
    const number = this.#numbers[own]
    if (number === undefined || number === own) return false
    view.setUint32(at, (number << ID_BITS) | (high & ((1 << ID_BITS) - 1)), true)
    return true
  }

  #statistics(walker: BlockWalker): void {
    if (walker.length < pcapng.MIN_STATISTICS) {
      throw walker.input.broken('a statistics block that is too short')
    }
    const of = this.#renumber(walker)
    of.lost = Math.max(of.lost, dropped(walker))
    of.end = walker.block.slice()
    of.hasEnded = true
  }

  /** Writes the file's number of the interface over the stream's, and returns the interface. */
  #renumber(walker: BlockWalker): FileInterface {
    const { view, at } = walker
    const own = view.getUint32(at + 8, true)
    const number = this.#numbers[own]
    const found = number === undefined ? undefined : this.#content.interfaces[number]
    if (number === undefined || found === undefined) {
      throw walker.input.broken(`interface ${own} is not described`)
    }
    if (number !== own) {
      view.setUint32(at + 8, number, true)
    }
    return found
  }
}

/** Ends the comment of a drop before its id. A zero byte ends a text, so its length remains. */
function endBeforeId(comment: Uint8Array): void {
  const text = decodeText(comment)
  const at = idOfComment(text)
  if (at >= 0) {
    // The id is in ASCII.
    comment.fill(0, comment.length - (text.length - at))
  }
}

/** A 64-bit number, exact up to 2^53. */
const u64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32

/** Returns isb_ifdrop of a statistics block, 0 if it has none. */
function dropped({ view, at, length }: BlockWalker): number {
  const last = at + length - 4
  for (
    let option = at + 20;
    option + 12 <= last;
    option += 4 + pcapng.padded(view.getUint16(option + 2, true))
  ) {
    if (view.getUint16(option, true) === pcapng.ISB_IFDROP) return u64(view, option + 4)
  }
  return 0
}

export const UNORDERED = 'the file is not in order of time: `reordercap IN OUT` sorts it'
