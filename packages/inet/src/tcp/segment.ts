/**
 * TCP segments as records: headers with the options that Linux uses (RFC 9293, RFC 7323, RFC 2018).
 * `Segment` is a received one, `Header` one to send. A host has one record of each and fills it
 * again and again, so that a segment costs no object.
 */
import { get16, get32, put16, put32 } from 'vnet/internal/packet/octets'
import * as tcp from 'vnet/internal/packet/tcp'
import type { Packet } from '../contract.ts'

const OPT_END = 0
const OPT_NOP = 1
const OPT_MSS = 2
const OPT_WINDOW_SCALE = 3
const OPT_SACK_PERMITTED = 4
const OPT_SACK = 5
const OPT_TIMESTAMPS = 8

/** The largest shift of a window (RFC 7323 sec. 2.3). */
const MAX_WINDOW_SCALE = 14
const MAX_OPTIONS = 40
/** Length of the timestamps option with its padding. */
export const TIMESTAMPS_LENGTH = 12
const NONE = new Uint8Array(0)

/** The fields that received and sent segments share. Options are 0, -1 or false if absent. */
class HeaderFields {
  sourcePort = 0
  destinationPort = 0
  sequence = 0
  acknowledgment = 0
  flags = 0
  /** The window field, without scaling. */
  window = 0
  mss = 0
  windowScale = -1
  sackPermitted = false
  hasTimestamp = false
  timestamp = 0
  echo = 0

  protected clearOptions(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.hasTimestamp = false
  }
}

/** A received segment, with the sequence numbers of the wire. */
export class Segment extends HeaderFields {
  bytes: Uint8Array = NONE
  source: Uint8Array = NONE
  destination: Uint8Array = NONE
  /** The urgent pointer, which counts if URG is set. */
  urgent = 0
  /** Position and length of the data. */
  at = 0
  length = 0
  /** Position of the first SACK block, and the number of blocks. */
  sackAt = 0
  sacks = 0

  /** The sequence space that it occupies: data, SYN and FIN. */
  get space(): number {
    return this.length + ((this.flags >> 1) & 1) + (this.flags & 1)
  }

  get isSyn(): boolean {
    return (this.flags & tcp.TCP_SYN) !== 0
  }
  get isAck(): boolean {
    return (this.flags & tcp.TCP_ACK) !== 0
  }
  get isRst(): boolean {
    return (this.flags & tcp.TCP_RST) !== 0
  }
  get isFin(): boolean {
    return (this.flags & tcp.TCP_FIN) !== 0
  }

  /** Fills the record from a packet. Returns false if its header is invalid. */
  parse({ bytes, at, length, source, destination }: Packet): boolean {
    const header = tcp.parse(bytes, at, length)
    if (header < 0) return false
    this.bytes = bytes
    this.source = source
    this.destination = destination
    this.sourcePort = get16(bytes, at)
    this.destinationPort = get16(bytes, at + 2)
    this.sequence = get32(bytes, at + 4)
    this.acknowledgment = get32(bytes, at + 8)
    this.flags = bytes[at + 13]
    this.window = get16(bytes, at + 14)
    this.urgent = get16(bytes, at + 18)
    this.at = at + header
    this.length = length - header
    this.clearOptions()
    this.sacks = 0
    if (header > tcp.TCP_HLEN) this.#parseOptions(bytes, at + tcp.TCP_HLEN, at + header)
    return true
  }

  #parseOptions(bytes: Uint8Array, from: number, end: number): void {
    for (let at = from; at < end; ) {
      const kind = bytes[at]
      if (kind === OPT_END) return
      if (kind === OPT_NOP) {
        at++
        continue
      }
      const length = bytes[at + 1]
      if (at + 1 >= end || length < 2 || at + length > end) return
      this.#parseOption(bytes, at, kind, length)
      at += length
    }
  }

  #parseOption(bytes: Uint8Array, at: number, kind: number, length: number): void {
    if (kind === OPT_TIMESTAMPS && length === 10) {
      this.hasTimestamp = true
      this.timestamp = get32(bytes, at + 2)
      this.echo = get32(bytes, at + 6)
    } else if (kind === OPT_SACK && length >= 10 && (length - 2) % 8 === 0) {
      this.sackAt = at + 2
      this.sacks = (length - 2) >> 3
    } else if (!this.isSyn) return
    else if (kind === OPT_MSS && length === 4) this.mss = get16(bytes, at + 2)
    else if (kind === OPT_WINDOW_SCALE && length === 3) this.windowScale = Math.min(bytes[at + 2], MAX_WINDOW_SCALE)
    else if (kind === OPT_SACK_PERMITTED && length === 2) this.sackPermitted = true
  }
}

/** The header of a segment to send. */
export class Header extends HeaderFields {
  /** Edges of SACK blocks, in pairs; only the first `sackEdges` count. */
  readonly sacks: number[] = []
  sackEdges = 0

  /** Sets what most segments have: no option. */
  reset(sourcePort: number, destinationPort: number): void {
    this.sourcePort = sourcePort
    this.destinationPort = destinationPort
    this.acknowledgment = 0
    this.window = 0
    this.clearOptions()
    this.sackEdges = 0
  }

  #optionsLength(): number {
    let length = (this.mss > 0 ? 4 : 0) + (this.windowScale >= 0 ? 4 : 0) + (this.hasTimestamp ? TIMESTAMPS_LENGTH : 0)
    if (this.sackPermitted && !this.hasTimestamp) length += 4
    return length + sacksLength(this.sackEdges >> 1)
  }

  /** Returns a segment with room for `length` bytes of data at its end. The checksum is 0. */
  build(length: number): Uint8Array {
    const header = tcp.TCP_HLEN + this.#optionsLength()
    const bytes = new Uint8Array(header + length)
    put16(bytes, 0, this.sourcePort)
    put16(bytes, 2, this.destinationPort)
    tcp.create(bytes, 0, this.sequence, this.acknowledgment, this.flags)
    bytes[12] = header << 2
    put16(bytes, 14, this.window)
    if (header > tcp.TCP_HLEN) this.#writeOptions(bytes, tcp.TCP_HLEN)
    return bytes
  }

  /** Writes options in Linux's order. SACK permitted takes the place of the timestamps' padding. */
  #writeOptions(bytes: Uint8Array, from: number): void {
    let at = from
    if (this.mss > 0) {
      put32(bytes, at, (OPT_MSS << 24) | (4 << 16) | this.mss)
      at += 4
    }
    if (this.sackPermitted) {
      put16(bytes, at + (this.hasTimestamp ? 0 : 2), (OPT_SACK_PERMITTED << 8) | 2)
      if (!this.hasTimestamp) put16(bytes, at, (OPT_NOP << 8) | OPT_NOP)
      if (!this.hasTimestamp) at += 4
    } else if (this.hasTimestamp) put16(bytes, at, (OPT_NOP << 8) | OPT_NOP)
    if (this.hasTimestamp) {
      put16(bytes, at + 2, (OPT_TIMESTAMPS << 8) | 10)
      put32(bytes, at + 4, this.timestamp)
      put32(bytes, at + 8, this.echo)
      at += TIMESTAMPS_LENGTH
    }
    if (this.windowScale >= 0) {
      put32(bytes, at, (OPT_NOP << 24) | (OPT_WINDOW_SCALE << 16) | (3 << 8) | this.windowScale)
      at += 4
    }
    if (this.sackEdges === 0) return
    put32(bytes, at, (OPT_NOP << 24) | (OPT_NOP << 16) | (OPT_SACK << 8) | (2 + this.sackEdges * 4))
    for (let i = 0; i < this.sackEdges; i++) put32(bytes, at + 4 + i * 4, this.sacks[i])
  }
}

/** Length of the option with so many SACK blocks, with its padding. */
export const sacksLength = (blocks: number): number => (blocks === 0 ? 0 : 4 + blocks * 8)

/** The number of SACK blocks that fit: three with timestamps, four without. */
export function maxSacks(hasTimestamp: boolean): number {
  return (MAX_OPTIONS - (hasTimestamp ? TIMESTAMPS_LENGTH : 0) - 4) >> 3
}
