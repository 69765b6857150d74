/**
 * PcapngReader: reads pcapng (draft-ietf-opsawg-pcapng), with any number of sections, in either
 * byte order. Packets are read from enhanced, simple and the old packet blocks. The properties of
 * interfaces that packets need are kept, and all other blocks are skipped.
 */
import { NSEC_PER_SEC } from '../base/clock.ts'
import { BlockWalker, Options } from './block-walker.ts'
import type { Input } from './input.ts'
import { type Moment, VERDICT_TC, VERDICT_XDP } from './packet.ts'
import * as pcapng from './pcapng.ts'
import type { CaptureRecord } from './record.ts'

/** The most bytes that are kept of the name of an interface. */
const MAX_NAME = 255
/** Drop count of an old packet block if it is unknown. */
const UNKNOWN_DROPS = 0xffff

interface Interface {
  readonly name: string | undefined
  readonly linkType: number
  /** Infinity without a limit. */
  readonly snaplen: number
  readonly unit: TimeUnit
  /** Bytes of the frame check sequence, unless a packet says otherwise. */
  readonly fcsLength: number
}

export class PcapngReader {
  readonly #input: Input
  readonly #options: Options
  readonly #walker: BlockWalker
  #interfaces: Interface[] = []

  constructor(input: Input) {
    this.#input = input
    this.#options = new Options(input)
    this.#walker = new BlockWalker(input)
  }

  read(record: CaptureRecord): boolean {
    const walker = this.#walker
    while (walker.peek()) {
      const isPacket = this.#block(walker.type, walker.length, record)
      walker.skip()
      if (isPacket) return true
    }
    return false
  }

  #block(type: number, length: number, record: CaptureRecord): boolean {
    if (type === pcapng.ENHANCED_PACKET) {
      this.#enhancedPacket(length, record)
    } else if (type === pcapng.SIMPLE_PACKET) {
      this.#simplePacket(length, record)
    } else if (type === pcapng.OLD_PACKET) {
      this.#oldPacket(length, record)
    } else {
      if (type === pcapng.INTERFACE_DESCRIPTION) {
        this.#interface(length)
      } else if (type === pcapng.SECTION_HEADER) {
        this.#section(length)
      }
      return false
    }
    return true
  }

  #section(length: number): void {
    this.#require(length, pcapng.MIN_SECTION, 'a section header')
    const { view, at } = this.#input
    const { isLittle } = this.#walker
    const [major, minor] = [view.getUint16(at + 12, isLittle), view.getUint16(at + 14, isLittle)]
    // Some writers use 1.2 for the same format.
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      throw this.#input.broken(`pcapng version ${major}.${minor} is not supported, 1.0 is`)
    }
    this.#interfaces = []
  }

  #interface(length: number): void {
    this.#require(length, pcapng.MIN_INTERFACE, 'an interface description')
    const { view, at } = this.#input
    if (this.#interfaces.length === pcapng.MAX_INTERFACES) {
      throw this.#input.broken(`a section of more than ${pcapng.MAX_INTERFACES} interfaces`)
    }
    const options = this.#options
    let name: string | undefined
    let tsresol: number | undefined
    let tsoffset: number | undefined
    let fcs = 0
    options.start(at + 16, at + length - 4, this.#walker.isLittle)
    while (options.next()) {
      if (options.code === pcapng.IF_NAME) {
        name = options.text(MAX_NAME)
      } else if (options.code === pcapng.IF_TSRESOL) {
        tsresol = options.u8()
      } else if (options.code === pcapng.IF_TSOFFSET) {
        tsoffset = options.s64()
      } else if (options.code === pcapng.IF_FCSLEN) {
        fcs = options.u8() ?? 0
      }
    }
    this.#interfaces.push({
      name,
      linkType: view.getUint16(at + 8, this.#walker.isLittle),
      snaplen: view.getUint32(at + 12, this.#walker.isLittle) || Number.POSITIVE_INFINITY,
      unit: new TimeUnit(tsresol, tsoffset),
      // In bits; some writers give bytes.
      fcsLength: fcs >= 8 ? fcs >> 3 : fcs,
    })
  }

  #enhancedPacket(length: number, record: CaptureRecord): void {
    this.#require(length, pcapng.MIN_PACKET, 'an enhanced packet')
    const { view, at } = this.#input
    this.#packet(length, view.getUint32(at + 8, this.#walker.isLittle), record)
    const options = this.#options
    while (options.next()) {
      if (options.code === pcapng.EPB_FLAGS) {
        record.flags = options.u32()
      } else if (options.code === pcapng.EPB_DROPCOUNT) {
        record.dropCount = options.u64()
      } else if (options.code === pcapng.EPB_PACKETID) {
        record.packetId = options.u64()
      } else if (options.code === pcapng.EPB_QUEUE) {
        record.queue = options.u32()
      } else if (options.code === pcapng.EPB_VERDICT) {
        this.#verdict(record)
      } else if (options.code === pcapng.OPT_COMMENT) {
        record.addComment(options.at, options.length)
      } else if (options.code === pcapng.EPB_DROP) {
        record.setDrop(options.at, options.length)
      }
    }
    this.#cutFcs(record)
  }

  /** The flags of a packet, if they give a length, are more exact than its interface. */
  #cutFcs(record: CaptureRecord): void {
    const { flags = 0 } = record
    const given = (flags >>> 5) & 0xf
    // A frame that is written again has none.
    if (given > 0) {
      record.flags = (flags & ~(0xf << 5)) >>> 0
    }
    record.cutFcs(given || this.#interfaceOf(record.interfaceIndex).fcsLength)
  }

  /** Reads a verdict of TC or XDP; one of another type is skipped. The last of several counts. */
  #verdict(record: CaptureRecord): void {
    const options = this.#options
    const type = options.length > 0 ? this.#input.bytes[options.at] : -1
    if (type !== VERDICT_TC && type !== VERDICT_XDP) return
    record.verdictType = type
    record.verdict = options.s64(1)
  }

  /** Reads an old packet block. Its flags and comments have today's codes. */
  #oldPacket(length: number, record: CaptureRecord): void {
    this.#require(length, pcapng.MIN_PACKET, 'a packet')
    const { view, at } = this.#input
    this.#packet(length, view.getUint16(at + 8, this.#walker.isLittle), record)
    const drops = view.getUint16(at + 10, this.#walker.isLittle)
    if (drops !== UNKNOWN_DROPS) {
      record.dropCount = drops
    }
    const options = this.#options
    while (options.next()) {
      if (options.code === pcapng.EPB_FLAGS) {
        record.flags = options.u32()
      } else if (options.code === pcapng.OPT_COMMENT) {
        record.addComment(options.at, options.length)
      }
    }
    this.#cutFcs(record)
  }

  #packet(length: number, interfaceIndex: number, record: CaptureRecord): void {
    const { view, at } = this.#input
    const little = this.#walker.isLittle
    const from = this.#interfaceOf(interfaceIndex)
    const capturedLength = view.getUint32(at + 20, little)
    this.#data(record, interfaceIndex, from, at + 28, capturedLength, length - pcapng.MIN_PACKET)
    from.unit.set(record, view.getUint32(at + 12, little), view.getUint32(at + 16, little))
    record.hasTime = true
    record.originalLength = view.getUint32(at + 24, little)
    this.#options.start(at + 28 + pcapng.padded(capturedLength), at + length - 4, little)
  }

  /** Reads a simple packet block. Its captured length must be inferred. */
  #simplePacket(length: number, record: CaptureRecord): void {
    this.#require(length, pcapng.MIN_SIMPLE, 'a simple packet')
    const { view, at } = this.#input
    const from = this.#interfaceOf(0)
    const originalLength = view.getUint32(at + 8, this.#walker.isLittle)
    this.#data(
      record,
      0,
      from,
      at + 12,
      Math.min(originalLength, from.snaplen),
      length - pcapng.MIN_SIMPLE,
    )
    record.seconds = 0
    record.nanoseconds = 0
    record.hasTime = false
    record.originalLength = originalLength
    record.cutFcs(from.fcsLength)
  }

  /** Notes where the frame is, in a block that has `room` bytes for it. */
  #data(
    record: CaptureRecord,
    index: number,
    from: Interface,
    at: number,
    length: number,
    room: number,
  ): void {
    if (length > room) {
      throw this.#input.broken(`a packet of ${length} bytes in a block with room for ${room}`)
    }
    record.clearOptions()
    record.interfaceIndex = index
    record.interfaceName = from.name
    record.linkType = from.linkType
    record.bytes = this.#input.bytes
    record.at = at
    record.capturedLength = length
  }

  #interfaceOf(index: number): Interface {
    const found = this.#interfaces[index]
    if (found === undefined) {
      throw this.#input.broken(`a packet of interface ${index}, which is not described`)
    }
    return found
  }

  #require(length: number, least: number, what: string): void {
    if (length < least) {
      throw this.#input.broken(`a block of ${length} bytes is too short for ${what}`)
    }
  }
}

const MICROSECONDS = 6
const BINARY = 0x80
/** Finer decimal units, and all binary ones, do not fit the arithmetic of doubles below. */
const FINEST_FAST = 9

/**
 * Turns the 64-bit timestamps of a pcapng interface into seconds and nanoseconds. Fractions of a
 * nanosecond are cut off; seconds are exact up to 2^53.
 */
class TimeUnit {
  /** Units per second; 0 for units that take bigints. */
  readonly #perSecond: number
  readonly #nanosecondsPerUnit: number
  readonly #wide: bigint
  readonly #offset: number

  /** `tsresol` is a negative power of 10, or of 2 with its high bit; `tsoffset` is in seconds. */
  constructor(tsresol = MICROSECONDS, tsoffset = 0) {
    const isFast = tsresol <= FINEST_FAST
    this.#perSecond = isFast ? 10 ** tsresol : 0
    this.#nanosecondsPerUnit = isFast ? 10 ** (FINEST_FAST - tsresol) : 0
    this.#wide = tsresol & BINARY ? 1n << BigInt(tsresol & ~BINARY) : 10n ** BigInt(tsresol)
    this.#offset = tsoffset
  }

  /** Sets the moment that is high * 2^32 + low units after 1970. */
  set(to: Moment, high: number, low: number): void {
    const unit = this.#perSecond
    if (unit === 0) {
      this.#setWide(to, high, low)
    } else {
      // A long division in digits of 16 bits: a rest is less than 2^30, so each step is exact.
      const first = Math.floor(high / unit)
      const middle = (high - first * unit) * 0x10000 + (low >>> 16)
      const second = Math.floor(middle / unit)
      const last = (middle - second * unit) * 0x10000 + (low & 0xffff)
      const third = Math.floor(last / unit)
      to.seconds = (first * 0x10000 + second) * 0x10000 + third + this.#offset
      to.nanoseconds = (last - third * unit) * this.#nanosecondsPerUnit
    }
  }

  #setWide(to: Moment, high: number, low: number): void {
    const units = (BigInt(high) << 32n) | BigInt(low)
    to.seconds = Number(units / this.#wide) + this.#offset
    to.nanoseconds = Number(((units % this.#wide) * BigInt(NSEC_PER_SEC)) / this.#wide)
  }
}
