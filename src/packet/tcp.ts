/**
 * The TCP header (RFC 9293 sec. 3.1). `parse` checks the lengths; the accessors do not check
 * anything. `at` is the position of the header's first byte. Sequence numbers are unsigned.
 */
import { type Getter, get16, get32, put16, put32, type Setter } from './octets.ts'

/** Length of a header without options, and the offset of its checksum. */
export const TCP_HLEN = 20
export const TCP_CHECK = 16

/** Control bits (RFC 9293 sec. 3.1, RFC 3168). */
export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80

/** Returns the length of the header with options, or -1 if it does not fit in `length` bytes. */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < TCP_HLEN) return -1
  const header = dataOffset(bytes, at)
  return header < TCP_HLEN || header > length ? -1 : header
}

export const sourcePort: Getter = (bytes, at) => get16(bytes, at)
export const destinationPort: Getter = (bytes, at) => get16(bytes, at + 2)
export const setSourcePort: Setter = (bytes, at, port) => put16(bytes, at, port)
export const setDestinationPort: Setter = (bytes, at, port) => put16(bytes, at + 2, port)
export const sequenceNumber: Getter = (bytes, at) => get32(bytes, at + 4)
export const setSequenceNumber: Setter = (bytes, at, value) => put32(bytes, at + 4, value)
export const acknowledgmentNumber: Getter = (bytes, at) => get32(bytes, at + 8)
export const setAcknowledgmentNumber: Setter = (bytes, at, value) => put32(bytes, at + 8, value)

/** Length of header and options in bytes (the field is in units of four). */
export const dataOffset: Getter = (bytes, at) => (bytes[at + 12] >>> 4) << 2

/** TCP_* bits. */
export const flags: Getter = (bytes, at) => bytes[at + 13]
export function setFlags(bytes: Uint8Array, at: number, value: number): void {
  bytes[at + 13] = value
}

/** Writes a header without options, with window 0. Ports and checksum are left to the caller. */
export function create(
  bytes: Uint8Array,
  at: number,
  sequence: number,
  acknowledgment: number,
  control: number,
): void {
  put32(bytes, at + 4, sequence)
  put32(bytes, at + 8, acknowledgment)
  bytes[at + 12] = (TCP_HLEN >>> 2) << 4
  bytes[at + 13] = control
  put16(bytes, at + 14, 0)
  put32(bytes, at + 16, 0)
}

export const window: Getter = (bytes, at) => get16(bytes, at + 14)
export const checksum: Getter = (bytes, at) => get16(bytes, at + TCP_CHECK)
export const setChecksum: Setter = (bytes, at, value) => put16(bytes, at + TCP_CHECK, value)
export const urgentPointer: Getter = (bytes, at) => get16(bytes, at + 18)

// A signature of the segment, and the length of its option (RFC 2385).
const OPT_MD5 = 19
const MD5_LENGTH = 18

/** TCP-AO (RFC 5925). */
const OPT_AO = 29
const OPT_END = 0
export const OPT_NOP = 1
export const OPT_MSS = 2
export const OPT_WINDOW_SCALE = 3
export const OPT_SACK_PERMITTED = 4
export const OPT_SACK = 5
export const OPT_TIMESTAMPS = 8
/** The largest shift of a window (RFC 7323 sec. 2.3). */
const MAX_WINDOW_SCALE = 14

/** The options of a header (RFC 9293 sec. 3.2, RFC 7323, RFC 2018): 0, -1 or false if absent. */
export class TcpOptions {
  mss = 0
  windowScale = -1
  sackPermitted = false
  hasTimestamp = false
  timestamp = 0
  echo = 0
  /** Position of the first SACK block, and the number of blocks. */
  sackAt = 0
  sackBlocks = 0
  /**
   * Whether the segment has a signature, or may have one: an option of an impossible length hides
   * the following ones.
   */
  isSigned = false

  clearOptions(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.hasTimestamp = false
    this.sackBlocks = 0
    this.isSigned = false
  }

  /** Reads the options from `from` to `end`, up to the first invalid one. */
  readOptions(bytes: Uint8Array, from: number, end: number, isSyn: boolean): void {
    for (let at = from; at < end; ) {
      const kind = bytes[at]
      if (kind === OPT_END) return
      if (kind === OPT_NOP) {
        at++
        continue
      }
      const length = bytes[at + 1]
      const isSignature = kind === OPT_MD5 || kind === OPT_AO
      const mayBeSigned = isSignature || length < 2 || at + length > end
      if (mayBeSigned && end - at >= MD5_LENGTH) {
        this.isSigned = true
      }
      if (at + 1 >= end || length < 2 || at + length > end) return
      this.#readOption(bytes, at, kind, length, isSyn)
      at += length
    }
  }

  #readOption(bytes: Uint8Array, at: number, kind: number, length: number, isSyn: boolean): void {
    if (kind === OPT_TIMESTAMPS && length === 10) {
      this.hasTimestamp = true
      this.timestamp = get32(bytes, at + 2)
      this.echo = get32(bytes, at + 6)
    } else if (kind === OPT_SACK && length >= 10 && (length - 2) % 8 === 0) {
      this.sackAt = at + 2
      this.sackBlocks = (length - 2) >> 3
    } else if (!isSyn) {
      return
    } else if (kind === OPT_MSS && length === 4) {
      this.mss = get16(bytes, at + 2)
    } else if (kind === OPT_WINDOW_SCALE && length === 3) {
      this.windowScale = Math.min(bytes[at + 2], MAX_WINDOW_SCALE)
    } else if (kind === OPT_SACK_PERMITTED && length === 2) {
      this.sackPermitted = true
    }
  }
}
