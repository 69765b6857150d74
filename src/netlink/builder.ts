/**
 * MessageBuilder writes messages into a growing buffer: header, fixed payload and attributes,
 * aligned and with their lengths filled in. A value that the format cannot represent throws a
 * RangeError; the builder must then be `reset`.
 */
import { putCounter64, putU16, putU32, putU64 } from './host-order.ts'
import { align4, NLA_F_NESTED, NLA_HDRLEN, NLMSG_HDRLEN } from './message.ts'
import { encodeName } from './name.ts'

const ENCODER = new TextEncoder()

export class MessageBuilder {
  // Replaced when it grows: read it only after #reserve.
  #bytes: Uint8Array
  #length = 0
  #message = -1

  constructor(capacity = 512) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** A view of the messages written so far, valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Bytes of the messages written so far. */
  get length(): number {
    return this.#length
  }

  /** Removes all messages; keeps the buffer. */
  reset(): this {
    this.#length = 0
    this.#message = -1
    return this
  }

  /** Starts a message. All writes before the next one go to its payload. */
  message(type: number, flags: number, seq: number, portid = 0): this {
    this.#message = this.#reserve(NLMSG_HDRLEN)
    putU16(this.#bytes, this.#message + 4, range(type, 0, 0xffff))
    putU16(this.#bytes, this.#message + 6, range(flags, 0, 0xffff))
    putU32(this.#bytes, this.#message + 8, range(seq, 0, 0xffff_ffff))
    putU32(this.#bytes, this.#message + 12, range(portid, 0, 0xffff_ffff))
    return this.#close()
  }

  /** Writes the fixed part before the attributes (struct ifinfomsg ...). */
  payload(octets: Uint8Array): this {
    const at = this.#reserve(octets.length)
    this.#bytes.set(octets, at)
    return this.#close()
  }

  u8(type: number, value: number): this {
    return this.#integer(type, 1, range(value, 0, 0xff))
  }

  u16(type: number, value: number): this {
    return this.#integer(type, 2, range(value, 0, 0xffff))
  }

  u32(type: number, value: number): this {
    return this.#integer(type, 4, range(value, 0, 0xffff_ffff))
  }

  s32(type: number, value: number): this {
    return this.#integer(type, 4, range(value, -0x8000_0000, 0x7fff_ffff))
  }

  u64(type: number, value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} is not a u64`)
    const at = this.#attribute(type, 8)
    putU64(this.#bytes, at, value)
    return this
  }

  /** Writes a whole number of at most 2^64 as a u64 (putCounter64). */
  counter64(type: number, value: number): this {
    const at = this.#attribute(type, 8)
    putCounter64(this.#bytes, at, range(value, 0, 2 ** 64))
    return this
  }

  /** Writes an attribute without payload: its presence is the value. */
  flag(type: number): this {
    this.#attribute(type, 0)
    return this
  }

  /** Writes UTF-8 with a final NUL. RangeError for a NUL before, where readers would stop. */
  string(type: number, value: string): this {
    if (value.includes('\0')) throw new RangeError('a netlink string cannot hold a NUL')
    return this.#ascii(type, value) ?? this.binary(type, ENCODER.encode(`${value}\0`))
  }

  /** Like `string`, for a name: bytes that are not UTF-8 are written as they were read. */
  name(type: number, value: string): this {
    if (value.includes('\0')) throw new RangeError('a name cannot hold a NUL')
    return this.#ascii(type, value) ?? this.binary(type, encodeName(`${value}\0`))
  }

  binary(type: number, octets: Uint8Array): this {
    const at = this.#attribute(type, octets.length)
    this.#bytes.set(octets, at)
    return this
  }

  /** Writes an attribute that contains the attributes written by `write`, with NLA_F_NESTED. */
  nested(type: number, write: (builder: this) => void): this {
    const at = this.#attribute(type, 0) - NLA_HDRLEN
    putU16(this.#bytes, at + 2, type | NLA_F_NESTED)
    write(this)
    putU16(this.#bytes, at, range(this.#length - at, 0, 0xffff))
    return this
  }

  #integer(type: number, size: number, value: number): this {
    const at = this.#attribute(type, size)
    for (let i = 0; i < size; i++) {
      this.#bytes[at + i] = value >>> (8 * i)
    }
    return this
  }

  /** Writes a string that is ASCII; returns undefined, and writes nothing, for another one. */
  #ascii(type: number, value: string): this | undefined {
    for (let i = 0; i < value.length; i++) {
      if (value.charCodeAt(i) >= 0x80) {
        return undefined
      }
    }
    const at = this.#attribute(type, value.length + 1)
    for (let i = 0; i < value.length; i++) {
      this.#bytes[at + i] = value.charCodeAt(i)
    }
    return this
  }

  /** Writes an attribute's header and a payload of zeros; returns the position of the payload. */
  #attribute(type: number, size: number): number {
    const total = range(NLA_HDRLEN + size, 0, 0xffff)
    range(type, 0, 0x3fff)
    const at = this.#reserve(align4(total))
    putU16(this.#bytes, at, total)
    putU16(this.#bytes, at + 2, type)
    this.#close()
    return at + NLA_HDRLEN
  }

  /** Reserves `size` zero bytes at the next aligned position. Returns the position. */
  #reserve(size: number): number {
    const at = align4(this.#length)
    const end = at + size
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes.fill(0, this.#length, end)
    this.#length = end
    return at
  }

  #close(): this {
    if (this.#message === -1) throw new RangeError('no message has been started')
    putU32(this.#bytes, this.#message, this.#length - this.#message)
    return this
  }
}

function range(value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${value} is not an integer from ${min} to ${max}`)
  }
  return value
}
