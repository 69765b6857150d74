/**
 * Policies: which attributes a set may hold and what each is, as the kernel's struct nla_policy; decoding by one gives a
 * plain typed object. Lengths are always checked exactly. Octets are given as views of the parsed buffer, never copies.
 */
import { attributes, NLA_HDRLEN } from './attribute.ts'
import { getS32, getU16, getU32, getU64 } from './host-order.ts'
import { decodeName } from './name.ts'
import {
  NL_ATTR_TYPE_BINARY,
  NL_ATTR_TYPE_FLAG,
  NL_ATTR_TYPE_NESTED,
  NL_ATTR_TYPE_S32,
  NL_ATTR_TYPE_STRING,
  NL_ATTR_TYPE_U8,
  NL_ATTR_TYPE_U16,
  NL_ATTR_TYPE_U32,
  NL_ATTR_TYPE_U64,
  type NlaType,
} from './nla-type.ts'
import { NetlinkParseError } from './parse-error.ts'

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** One attribute of a policy: its number and how its payload becomes a T. */
export interface Field<T, Required extends boolean = boolean> {
  readonly type: number
  readonly required: Required
  /** Gives the value, or throws NetlinkParseError. `offset` and `length` are the payload's, and inside `bytes`. */
  readonly decode: (bytes: Uint8Array, offset: number, length: number) => T
  /** What it is, for those who ask for the policy. */
  readonly nla?: NlaType
}

export type Fields = Readonly<Record<string, Field<unknown>>>

type Value<F> = F extends Field<infer T> ? T : never
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends Field<unknown, true> ? K : never }[keyof F]

/** What decoding gives: required attributes as they are, the others perhaps absent. */
export type Decoded<F extends Fields> = { [K in RequiredKeys<F>]: Value<F[K]> } & {
  [K in Exclude<keyof F, RequiredKeys<F>>]?: Value<F[K]>
}

export interface Policy<F extends Fields> {
  readonly fields: F
  /** Attributes the policy does not name are an error, not passed over. */
  readonly strict: boolean
  readonly byType: ReadonlyMap<number, readonly [name: string, field: Field<unknown>]>
}

/**
 * A policy from named attributes. `strict` is for what a user sends us; replies of the kernel are read without it, since a
 * newer kernel adds attributes. Throws RangeError when two names share a type.
 */
export function policy<F extends Fields>(fields: F, { strict = false }: { strict?: boolean } = {}): Policy<F> {
  const byType = new Map<number, readonly [string, Field<unknown>]>()
  for (const [name, field] of Object.entries(fields)) {
    if (byType.has(field.type)) throw new RangeError(`${name}: attribute type ${field.type} is named twice`)
    byType.set(field.type, [name, field])
  }
  return { fields, strict, byType }
}

/**
 * Decodes the set of attributes in `length` octets at `offset`. Of an attribute sent twice the last one counts, as in the
 * kernel. Throws NetlinkParseError with the attribute's name and place; octets in the result are views into `bytes`.
 */
export function decodeAttributes<F extends Fields>(
  { fields, strict, byType }: Policy<F>,
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
): Decoded<F> {
  const decoded: Record<string, unknown> = {}
  for (const attribute of attributes(bytes, offset, length)) {
    const entry = byType.get(attribute.type)
    const at = attribute.offset - NLA_HDRLEN
    if (entry === undefined) {
      if (strict) throw new NetlinkParseError(`unknown attribute type ${attribute.type}`, at)
      continue
    }
    const [name, field] = entry
    try {
      decoded[name] = field.decode(bytes, attribute.offset, attribute.length)
    } catch (error) {
      throw error instanceof NetlinkParseError ? error.within(name) : error
    }
  }
  for (const name in fields) {
    const { required, type } = fields[name]
    if (required && !(name in decoded)) throw new NetlinkParseError('is missing', offset, name, type)
  }
  return decoded as Decoded<F>
}

function field<T>(type: number, nla: NlaType, decode: Field<T>['decode']): Field<T, false> {
  return { type, required: false, decode, nla }
}

function fixed<T>(
  type: number,
  kind: number,
  size: number,
  read: (bytes: Uint8Array, offset: number) => T,
): Field<T, false> {
  return field(type, { type: kind }, (bytes, offset, length) => {
    if (length !== size) throw new NetlinkParseError(`has ${length} octets, not ${size}`, offset - NLA_HDRLEN)
    return read(bytes, offset)
  })
}

export const u8 = (type: number): Field<number, false> =>
  fixed(type, NL_ATTR_TYPE_U8, 1, (bytes, offset) => bytes[offset])
export const u16 = (type: number): Field<number, false> => fixed(type, NL_ATTR_TYPE_U16, 2, getU16)
export const u32 = (type: number): Field<number, false> => fixed(type, NL_ATTR_TYPE_U32, 4, getU32)
export const s32 = (type: number): Field<number, false> => fixed(type, NL_ATTR_TYPE_S32, 4, getS32)
export const u64 = (type: number): Field<bigint, false> => fixed(type, NL_ATTR_TYPE_U64, 8, getU64)
/** Present or not; no payload. Decodes to true. */
export const flag = (type: number): Field<true, false> => fixed(type, NL_ATTR_TYPE_FLAG, 0, () => true as const)

/**
 * Text of at most `maxLength` octets, the terminating NUL not counted; it ends at the first NUL and may come without one
 * (NLA_STRING, NLA_NUL_STRING). Octets that are not UTF-8 become U+FFFD.
 */
export function string(type: number, maxLength = 0xffff): Field<string, false> {
  // a copy of a few octets: TextDecoder refuses views of a SharedArrayBuffer
  return text(type, maxLength, octets => UTF8.decode(octets.slice()))
}

/** A name: text like `string`, of which every byte can be had back, also when it is not UTF-8 (see name.ts). */
export function name(type: number, maxLength = 0xffff): Field<string, false> {
  return text(type, maxLength, decodeName)
}

function text(type: number, maxLength: number, decode: (octets: Uint8Array) => string): Field<string, false> {
  return field(type, { type: NL_ATTR_TYPE_STRING, maxLength }, (bytes, offset, length) => {
    const payload = bytes.subarray(offset, offset + length)
    const nul = payload.indexOf(0)
    const size = nul === -1 ? length : nul
    if (size > maxLength) throw new NetlinkParseError(`has ${size} octets, more than ${maxLength}`, offset - NLA_HDRLEN)
    return decode(payload.subarray(0, size))
  })
}

/** Octets, `min` to `max` of them, as a view into the parsed buffer. */
export function binary(type: number, min = 0, max = 0xffff): Field<Uint8Array, false> {
  return field(type, { type: NL_ATTR_TYPE_BINARY, minLength: min, maxLength: max }, (bytes, offset, length) => {
    if (length < min) throw new NetlinkParseError(`has ${length} octets, fewer than ${min}`, offset - NLA_HDRLEN)
    if (length > max) throw new NetlinkParseError(`has ${length} octets, more than ${max}`, offset - NLA_HDRLEN)
    return bytes.subarray(offset, offset + length)
  })
}

/** Attributes inside an attribute. NLA_F_NESTED is not asked for: much of the kernel leaves it out. */
export function nested<F extends Fields>(type: number, inner: Policy<F>): Field<Decoded<F>, false> {
  return field(type, { type: NL_ATTR_TYPE_NESTED }, (bytes, offset, length) =>
    decodeAttributes(inner, bytes, offset, length),
  )
}

/** The same attribute, which must not be missing. */
export function required<T>(field: Field<T>): Field<T, true> {
  return { ...field, required: true }
}
