/** The codecs of vnet_nl, in addition to netlink's own: attributes in the terms of programs. */
import {
  binary,
  counter64,
  type Field,
  type Fields,
  NetlinkParseError,
  NLA_HDRLEN,
  type Policy,
  policy,
  u8,
  u32,
} from '../../netlink/index.ts'
import { formatAddress, formatMac } from '../../packet/address.ts'

/** The same attribute in other terms. `decode` also gets its place, for an error. */
function mapped<T, In, V, W>(
  field: Field<T, false, In>,
  decode: (value: T, at: number) => V,
  encode: (value: W) => In,
): Field<V, false, W> {
  const { type, nla } = field
  return {
    type,
    required: false,
    nla,
    decode: (bytes, offset, length) =>
      decode(field.decode(bytes, offset, length), offset - NLA_HDRLEN),
    encode: (builder, nlaType, value) => field.encode(builder, nlaType, encode(value)),
  }
}

/** A u64 as a number. */
export const count = (type: number) => mapped(counter64(type), n => n, toCount)

/** A driver may have counted anything: an invalid count becomes 0. */
export const toCount = (n: number): number =>
  Number.isFinite(n) && n > 0 ? Math.min(Math.trunc(n), 2 ** 64) : 0

/** A u8 that is 0 or 1. */
export const bool = (type: number) => mapped(u8(type), toBool, (is: boolean) => (is ? 1 : 0))

function toBool(value: number, at: number): boolean {
  if (value > 1) throw new NetlinkParseError(`${value} is not 0 or 1`, at)
  return value === 1
}

/** A number as its name in an enum; a number 9 that `event` does not have is `event 9`. */
export function oneOf<E extends string, N extends string>(
  field: Field<number, false>,
  enumName: E,
  numbers: Readonly<Record<N, number>>,
): Field<N | `${E} ${number}`, false, N> {
  const names = new Map(
    Object.entries<number>(numbers).map(([name, number]) => [number, name as N]),
  )
  const decode = (number: number) => names.get(number) ?? (`${enumName} ${number}` as const)
  return mapped(field, decode, (name: N) => numbers[name])
}

/** A u32 of flags. Unknown ones are refused, as by the kernel. */
export function flags(type: number, mask: number): Field<number, false> {
  const known = (value: number, at: number) => {
    const unknown = value & ~mask
    if (unknown !== 0) {
      throw new NetlinkParseError(`0x${(unknown >>> 0).toString(16)} is unknown`, at)
    }
    return value
  }
  return mapped(u32(type), known, (value: number) => value)
}

const asBytes = (bytes: Uint8Array) => bytes

/** A hardware address: written as bytes, read as text. */
export const mac = (type: number) => mapped(binary(type, 6, 6), bytes => formatMac(bytes), asBytes)

/** An IPv4 or IPv6 address: written as bytes, read as text. */
export const address = (type: number) => mapped(binary(type, 4, 16), formatAddress, asBytes)

/** A policy for requests that refuses unknown attributes. */
export const strict = <F extends Fields>(fields: F): Policy<F> => policy(fields, { strict: true })
