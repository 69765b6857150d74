/**
 * Policies: the attributes that a set may contain, and their kinds, as in the kernel's struct
 * nla_policy. Decoding returns a plain typed object. Lengths are checked exactly. Byte arrays are
 * views of the parsed buffer.
 */
import type { MessageBuilder } from './builder.ts'
import { getCounter64, getS32, getU16, getU32, getU64 } from './host-order.ts'
import {
  align4,
  attributeSize,
  attributes,
  attributeType,
  checkRange,
  NetlinkParseError,
  NLA_HDRLEN,
} from './message.ts'
import { decodeName } from './name.ts'

// include/uapi/linux/netlink.h: enum netlink_attribute_type, netlink_policy_type_attr
const NL_ATTR_TYPE_FLAG = 1
const NL_ATTR_TYPE_U8 = 2
const NL_ATTR_TYPE_U16 = 3
const NL_ATTR_TYPE_U32 = 4
const NL_ATTR_TYPE_U64 = 5
const NL_ATTR_TYPE_S32 = 8
const NL_ATTR_TYPE_BINARY = 10
const NL_ATTR_TYPE_STRING = 11
const NL_ATTR_TYPE_NESTED = 13
const NL_ATTR_TYPE_NESTED_ARRAY = 14

const NL_POLICY_TYPE_ATTR_TYPE = 1
const NL_POLICY_TYPE_ATTR_MIN_LENGTH = 6
const NL_POLICY_TYPE_ATTR_MAX_LENGTH = 7

/** The kind of an attribute, as a policy describes it to clients. */
export interface NlaType {
  /** NL_ATTR_TYPE_* */
  readonly type: number
  /** In bytes, for kinds without a fixed length. */
  readonly minLength?: number
  readonly maxLength?: number
}

/** Writes a kind as a reply to CTRL_CMD_GETPOLICY: absent bounds are left out. */
export function writeNlaType(
  builder: MessageBuilder,
  { type, minLength, maxLength }: NlaType,
): void {
  builder.u32(NL_POLICY_TYPE_ATTR_TYPE, type)
  if (minLength !== undefined) {
    builder.u32(NL_POLICY_TYPE_ATTR_MIN_LENGTH, minLength)
  }
  if (maxLength !== undefined) {
    builder.u32(NL_POLICY_TYPE_ATTR_MAX_LENGTH, maxLength)
  }
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
/** A text of so many bytes at most is decoded without a decoder, if it is ASCII. */
const SHORT_TEXT = 32

/** An attribute, decoded to a T and encoded from an In. `Present`: a decoded set always has it. */
export interface Field<T, Present extends boolean = boolean, In = T> {
  readonly type: number
  /** A set without it is refused, unless `absent` is given. */
  readonly required: Present
  /** The value in a set without the attribute. */
  readonly absent?: T
  /** Returns the value, or throws NetlinkParseError. The payload is inside `bytes`. */
  readonly decode: (bytes: Uint8Array, offset: number, length: number) => T
  readonly encode: (builder: MessageBuilder, type: number, value: In) => unknown
  /** Its kind, for clients that request the policy. */
  readonly nla?: NlaType | undefined
}

type AnyField = Field<unknown, boolean, never>
export type Fields = Readonly<Record<string, AnyField>>

type Value<F> = F extends Field<infer T, boolean, never> ? T : never
type Input<F> = F extends Field<unknown, boolean, infer In> ? In : never

/** A decoded set. Attributes that may be missing are optional. */
export type Decoded<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<unknown, true, never> ? K : never]: Value<F[K]>
} & {
  readonly [K in keyof F as F[K] extends Field<unknown, true, never> ? never : K]?: Value<F[K]>
}

/** The values of a set to encode; an undefined one is left out. */
export type Encodable<F extends Fields> = { readonly [K in keyof F]?: Input<F[K]> | undefined }

/** A set of attributes by name, which policy() makes. */
export interface Policy<F extends Fields> {
  readonly fields: F
  /** Unknown attributes are an error; otherwise they are ignored. */
  readonly strict: boolean
  readonly byType: ReadonlyMap<number, readonly [name: string, field: AnyField]>
}

/**
 * Makes a policy of named attributes. Messages of users are decoded with `strict`; the kernel's are
 * not, because newer kernels add attributes. RangeError if two names have one type.
 */
export function policy<F extends Fields>(
  fields: F,
  { strict = false }: { strict?: boolean } = {},
): Policy<F> {
  const byType = new Map<number, readonly [string, AnyField]>()
  for (const [key, field] of Object.entries(fields)) {
    if (byType.has(field.type)) {
      throw new RangeError(`${key}: attribute type ${field.type} is named twice`)
    }
    byType.set(field.type, [key, field])
  }
  return { fields, strict, byType }
}

/**
 * Decodes the attributes in `length` bytes at `offset`. Of several attributes of one type the last
 * one counts, as in the kernel. Attributes of unknown types are skipped, unless the policy is
 * strict. Throws a NetlinkParseError with the path and position of an attribute that is malformed,
 * missing, or unknown to a strict policy.
 */
export function decodeAttributes<F extends Fields>(
  { fields, strict, byType }: Policy<F>,
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
): Decoded<F> {
  checkRange(bytes, offset, length)
  const decoded: Record<string, unknown> = {}
  const end = offset + length
  // Not by attributes(), which makes an object for each: any namespace can send events for ever.
  for (let at = offset, size = 0; at < end; at += align4(size)) {
    size = attributeSize(bytes, at, end)
    const type = attributeType(bytes, at)
    const entry = byType.get(type)
    if (entry === undefined) {
      if (strict) throw new NetlinkParseError(`unknown attribute type ${type}`, at)
      continue
    }
    const [key, field] = entry
    try {
      decoded[key] = field.decode(bytes, at + NLA_HDRLEN, size - NLA_HDRLEN)
    } catch (error) {
      throw error instanceof NetlinkParseError ? error.within(key) : error
    }
  }
  for (const key in fields) {
    if (key in decoded) continue
    const field = fields[key]
    if (field.absent !== undefined) {
      decoded[key] = field.absent
    } else if (field.required) {
      throw new NetlinkParseError('is missing', offset, key, field.type)
    }
  }
  return decoded as Decoded<F>
}

/** Writes the attributes of a set, in the order of the policy. */
export function encodeAttributes<F extends Fields>(
  builder: MessageBuilder,
  { fields }: Policy<F>,
  values: Encodable<F>,
): void {
  for (const key in fields) {
    const value = values[key]
    if (value !== undefined) {
      fields[key].encode(builder, fields[key].type, value as never)
    }
  }
}

function fixed<T>(
  kind: number,
  size: number,
  read: (bytes: Uint8Array, offset: number) => T,
  encode: Field<T>['encode'],
): (type: number) => Field<T, false> {
  const decode: Field<T>['decode'] = (bytes, offset, length) => {
    if (length !== size) {
      throw new NetlinkParseError(`has ${length} bytes, not ${size}`, offset - NLA_HDRLEN)
    }
    return read(bytes, offset)
  }
  return type => ({ type, required: false, decode, encode, nla: { type: kind } })
}

export const u8 = fixed(
  NL_ATTR_TYPE_U8,
  1,
  (bytes, offset) => bytes[offset],
  (b, type, n) => b.u8(type, n),
)
export const u16 = fixed(NL_ATTR_TYPE_U16, 2, getU16, (b, type, n) => b.u16(type, n))
export const u32 = fixed(NL_ATTR_TYPE_U32, 4, getU32, (b, type, n) => b.u32(type, n))
export const s32 = fixed(NL_ATTR_TYPE_S32, 4, getS32, (b, type, n) => b.s32(type, n))
export const u64 = fixed(NL_ATTR_TYPE_U64, 8, getU64, (b, type, n) => b.u64(type, n))
/** A u64 as a number, for counters: exact up to 2^53. */
export const counter64 = fixed(NL_ATTR_TYPE_U64, 8, getCounter64, (b, type, n) =>
  b.counter64(type, n),
)

const presence = fixed<boolean>(
  NL_ATTR_TYPE_FLAG,
  0,
  () => true,
  (b, type, is) => is && b.flag(type),
)
/** An attribute without payload: true if present, false if not. */
export const flag = (type: number): Field<boolean, true> => withDefault(presence(type), false)

/** Text of at most `maxLength` bytes before a NUL. Bytes that are not UTF-8 become U+FFFD. */
export function string(type: number, maxLength = 0xffff): Field<string, false> {
  // A copy of a few bytes: TextDecoder refuses views of a SharedArrayBuffer.
  return text(
    type,
    maxLength,
    octets => UTF8.decode(octets.slice()),
    (b, nlaType, value) => b.string(nlaType, value),
  )
}

/** Like `string`, for a name: bytes that are not UTF-8 can be restored (name.ts). */
export function name(type: number, maxLength = 0xffff): Field<string, false> {
  return text(type, maxLength, decodeName, (b, nlaType, value) => b.name(nlaType, value))
}

function text(
  type: number,
  maxLength: number,
  decodeText: (octets: Uint8Array) => string,
  encode: Field<string>['encode'],
): Field<string, false> {
  const decode: Field<string>['decode'] = (bytes, offset, length) => {
    let size = 0
    let all = 0
    for (; size < length && bytes[offset + size] !== 0; size++) {
      all |= bytes[offset + size]
    }
    if (size > maxLength) {
      throw new NetlinkParseError(`has ${size} bytes, more than ${maxLength}`, offset - NLA_HDRLEN)
    }
    if (all >= 0x80 || size > SHORT_TEXT) return decodeText(bytes.subarray(offset, offset + size))
    // Most texts are short and ASCII, which takes neither a view nor a decoder.
    let decoded = ''
    for (let i = 0; i < size; i++) {
      decoded += String.fromCharCode(bytes[offset + i])
    }
    return decoded
  }
  return { type, required: false, decode, encode, nla: { type: NL_ATTR_TYPE_STRING, maxLength } }
}

/** `min` to `max` bytes, as a view of the parsed buffer. */
export function binary(type: number, min = 0, max = 0xffff): Field<Uint8Array, false> {
  const decode: Field<Uint8Array>['decode'] = (bytes, offset, length) => {
    if (length < min) {
      throw new NetlinkParseError(`has ${length} bytes, fewer than ${min}`, offset - NLA_HDRLEN)
    }
    if (length > max) {
      throw new NetlinkParseError(`has ${length} bytes, more than ${max}`, offset - NLA_HDRLEN)
    }
    return bytes.subarray(offset, offset + length)
  }
  const nla = { type: NL_ATTR_TYPE_BINARY, minLength: min, maxLength: max }
  return {
    type,
    required: false,
    decode,
    encode: (b, nlaType, octets) => b.binary(nlaType, octets),
    nla,
  }
}

/** Attributes in an attribute. NLA_F_NESTED is not required: much of the kernel omits it. */
export function nested<F extends Fields>(
  type: number,
  inner: Policy<F>,
): Field<Decoded<F>, false, Encodable<F>> {
  return {
    type,
    required: false,
    nla: { type: NL_ATTR_TYPE_NESTED },
    decode: (bytes, offset, length) => decodeAttributes(inner, bytes, offset, length),
    encode: (b, nlaType, values) => b.nested(nlaType, () => encodeAttributes(b, inner, values)),
  }
}

/** The same attribute; a set without it is refused. */
export function required<T, In>(field: Field<T, boolean, In>): Field<T, true, In> {
  return { ...field, required: true }
}

/** The same attribute; a set without it decodes to `absent`. */
export function withDefault<T, In>(field: Field<T, boolean, In>, absent: T): Field<T, true, In> {
  return { ...field, required: true, absent }
}

/**
 * An array of sets (`indexed-array` in YNL; nlctrl's lists of operations and groups): an attribute
 * of attributes. Their types are indices from 1, and each of them contains a set. The indices are
 * ignored when decoding. Encoding throws a RangeError if the sets do not fit an attribute (64 KiB).
 */
export function indexedArray<F extends Fields>(
  type: number,
  inner: Policy<F>,
): Field<readonly Decoded<F>[], false, Iterable<Encodable<F>>> {
  return {
    type,
    required: false,
    nla: { type: NL_ATTR_TYPE_NESTED_ARRAY },
    decode: (bytes, offset, length) =>
      Array.from(attributes(bytes, offset, length), each =>
        decodeAttributes(inner, bytes, each.offset, each.length),
      ),
    encode: (b, nlaType, sets) =>
      b.nested(nlaType, () => {
        let index = 1
        for (const values of sets) {
          b.nested(index++, () => encodeAttributes(b, inner, values))
        }
      }),
  }
}
