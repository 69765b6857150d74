/**
 * TCP segments as records: headers with the options that Linux uses (RFC 9293, RFC 7323, RFC 2018).
 * `Segment` is a received one, `Header` one to send. A host has one record of each and fills it
 * again and again, so that a segment costs no object.
 */

import { tcp } from 'vnet'
import { get16, get32, put16, put32 } from 'vnet/kit/packet'
import type { Packet } from '../contract.ts'

const MAX_OPTIONS = 40
/** Length of the timestamps option with its padding. */
export const TIMESTAMPS_LENGTH = 12
const NONE = new Uint8Array(0)

/** The fields that received and sent segments share. */
class HeaderFields extends tcp.TcpOptions {
  sourcePort = 0
  destinationPort = 0
  sequence = 0
  acknowledgment = 0
  flags = 0
  /** The window field, without scaling. */
  window = 0
}

/** A received segment, with the sequence numbers of the wire. */
export class Segment extends HeaderFields {
  bytes: Uint8Array = NONE
  source: Uint8Array = NONE
  destination: Uint8Array = NONE
  /** The urgent pointer, which counts if URG is set. */
  urgent = 0
  /** DSCP and ECN of its packet. */
  trafficClass = 0
  /** Position and length of the data. */
  at = 0
  length = 0

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
  parse({ bytes, at, length, source, destination, trafficClass = 0 }: Packet): boolean {
    const header = tcp.parse(bytes, at, length)
    if (header < 0) return false
    this.bytes = bytes
    this.source = source
    this.destination = destination
    this.trafficClass = trafficClass
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
    if (header > tcp.TCP_HLEN) {
      this.readOptions(bytes, at + tcp.TCP_HLEN, at + header, this.isSyn)
    }
    return true
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
    let length =
      (this.mss > 0 ? 4 : 0) +
      (this.windowScale >= 0 ? 4 : 0) +
      (this.hasTimestamp ? TIMESTAMPS_LENGTH : 0)
    if (this.sackPermitted && !this.hasTimestamp) {
      length += 4
    }
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
    if (header > tcp.TCP_HLEN) {
      this.#writeOptions(bytes, tcp.TCP_HLEN)
    }
    return bytes
  }

  /** Writes options in Linux's order. SACK permitted takes the place of the timestamps' padding. */
  #writeOptions(bytes: Uint8Array, from: number): void {
    let at = from
    if (this.mss > 0) {
      put32(bytes, at, (tcp.OPT_MSS << 24) | (4 << 16) | this.mss)
      at += 4
    }
    if (this.sackPermitted) {
      put16(bytes, at + (this.hasTimestamp ? 0 : 2), (tcp.OPT_SACK_PERMITTED << 8) | 2)
      if (!this.hasTimestamp) {
        put16(bytes, at, (tcp.OPT_NOP << 8) | tcp.OPT_NOP)
      }
      if (!this.hasTimestamp) {
        at += 4
      }
    } else if (this.hasTimestamp) {
      put16(bytes, at, (tcp.OPT_NOP << 8) | tcp.OPT_NOP)
    }
    if (this.hasTimestamp) {
      put16(bytes, at + 2, (tcp.OPT_TIMESTAMPS << 8) | 10)
      put32(bytes, at + 4, this.timestamp)
      put32(bytes, at + 8, this.echo)
      at += TIMESTAMPS_LENGTH
    }
    if (this.windowScale >= 0) {
      put32(
        bytes,
        at,
        (tcp.OPT_NOP << 24) | (tcp.OPT_WINDOW_SCALE << 16) | (3 << 8) | this.windowScale,
      )
      at += 4
    }
    if (this.sackEdges === 0) return
    put32(
      bytes,
      at,
      (tcp.OPT_NOP << 24) | (tcp.OPT_NOP << 16) | (tcp.OPT_SACK << 8) | (2 + this.sackEdges * 4),
    )
    for (let i = 0; i < this.sackEdges; i++) {
      put32(bytes, at + 4 + i * 4, this.sacks[i])
    }
  }
}

/** Length of the option with so many SACK blocks, with its padding. */
export const sacksLength = (blocks: number): number => (blocks === 0 ? 0 : 4 + blocks * 8)

/** The number of SACK blocks that fit: three with timestamps, four without. */
export function maxSacks(hasTimestamp: boolean): number {
  return (MAX_OPTIONS - (hasTimestamp ? TIMESTAMPS_LENGTH : 0) - 4) >> 3
}
