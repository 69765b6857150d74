/**
 * Netlink attributes: length, type (struct nlattr), payload, padding to 4 octets; an attribute may hold attributes.
 * Finding them copies nothing. include/uapi/linux/netlink.h.
 */
import { getU16 } from './host-order.ts'
import { checkRange, NetlinkParseError } from './parse-error.ts'

export const NLA_HDRLEN = 4
export const NLA_F_NESTED = 0x8000
export const NLA_F_NET_BYTEORDER = 0x4000
export const NLA_TYPE_MASK = 0x3fff
/** Octets of payload that its length can say. */
export const NLA_PAYLOAD_MAX = 0xffff - NLA_HDRLEN

/** An attribute found in a buffer. */
export interface Attribute {
  /** Without the two flags. */
  readonly type: number
  /** NLA_F_NESTED: set by newer kernel code on attributes that hold attributes, left out by older. */
  readonly nested: boolean
  /** NLA_F_NET_BYTEORDER. */
  readonly netByteOrder: boolean
  /** Where its payload begins, in the buffer that was parsed. */
  readonly offset: number
  /** Octets of payload, padding not counted. */
  readonly length: number
}

/**
 * The attributes in `length` octets at `offset`, in order. Throws NetlinkParseError at the first one that is not whole, and
 * on octets left over; the last one's padding may be missing.
 */
export function* attributes(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Generator<Attribute, void> {
  checkRange(bytes, offset, length)
  const end = offset + length
  for (let at = offset; at < end; ) {
    const left = end - at
    if (left < NLA_HDRLEN) throw new NetlinkParseError(`${left} octets are too few for an attribute header`, at)
    const size = getU16(bytes, at)
    if (size < NLA_HDRLEN) throw new NetlinkParseError(`attribute length ${size} is less than its header`, at)
    if (size > left) throw new NetlinkParseError(`attribute length ${size} exceeds the ${left} octets left`, at)
    const type = getU16(bytes, at + 2)
    yield {
      type: type & NLA_TYPE_MASK,
      nested: (type & NLA_F_NESTED) !== 0,
      netByteOrder: (type & NLA_F_NET_BYTEORDER) !== 0,
      offset: at + NLA_HDRLEN,
      length: size - NLA_HDRLEN,
    }
    at += size + (-size & 3)
  }
}
