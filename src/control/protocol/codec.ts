/** The codecs of vnet_nl, in addition to netlink's own: attributes in the terms of programs. */
import {
  binary,
  counter64,
  type Decoded,
  type Encodable,
  type Field,
  type Fields,
  indexedArray,
  NetlinkParseError,
  NLA_HDRLEN,
  nested,
  type Policy,
  policy,
  required,
  u8,
  u32,
  withDefault,
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
    decode: (bytes, offset, length) => decode(field.decode(bytes, offset, length), offset - NLA_HDRLEN),
    encode: (builder, type, value) => field.encode(builder, type, encode(value)),
  }
}

/** A u64 as a number. */
export const count = (type: number) => mapped(counter64(type), n => n, toCount)

/** A driver may have counted anything: an invalid count becomes 0. */
export const toCount = (n: number): number => (Number.isFinite(n) && n > 0 ? Math.min(Math.trunc(n), 2 ** 64) : 0)

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
  const names = new Map(Object.entries<number>(numbers).map(([name, number]) => [number, name as N]))
  const decode = (number: number) => names.get(number) ?? (`${enumName} ${number}` as const)
  return mapped(field, decode, (name: N) => numbers[name])
}

/** A u32 of flags. Unknown ones are refused, as by the kernel. */
export function flags(type: number, mask: number): Field<number, false> {
  const known = (value: number, at: number) => {
    const unknown = value & ~mask
    if (unknown !== 0) throw new NetlinkParseError(`0x${(unknown >>> 0).toString(16)} is unknown`, at)
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

/** Returns the policy with `make` of each attribute in `changes` and of the value there. */
function changed<T>(
  { fields, strict }: Policy<Fields>,
  changes: Readonly<Record<string, T>>,
  make: (field: Field<never>, value: T) => Field<never>,
): never {
  const made = Object.entries(changes).map(([name, value]) => [name, make(fields[name] as never, value)])
  return policy({ ...fields, ...Object.fromEntries(made) }, { strict }) as never
}

type Replaced<F extends Fields, G> = Policy<Omit<F, keyof G> & G>
type Present<F extends Fields, K extends keyof F> = {
  readonly [P in K]: F[P] extends Field<infer T, boolean, infer In> ? Field<T, true, In> : never
}
/** The policies of sets that attributes of F contain. */
type Inner<F extends Fields> = { readonly [K in keyof F]?: Policy<Fields> }
type FieldsOf<P> = P extends Policy<infer F> ? F : never

/** The same policy, but the attributes `names` are required. */
export function requiring<F extends Fields, K extends keyof F & string>(
  outer: Policy<F>,
  ...names: readonly K[]
): Replaced<F, Present<F, K>> {
  return changed(outer, Object.fromEntries(names.map(name => [name, name])), required)
}

/** The same policy, but only the attributes `optional` may be missing. */
export function complete<F extends Fields, K extends keyof F & string = never>(
  outer: Policy<F>,
  ...optional: readonly K[]
) {
  type Rest = Exclude<keyof F & string, K>
  const { fields } = outer
  const names = Object.keys(fields).filter(name => !fields[name].required && !optional.some(each => each === name))
  return requiring<F, Rest>(outer, ...(names as Rest[]))
}

/** The same policy, with the values of `defaults` for missing attributes. */
export function defaulting<F extends Fields, K extends keyof F & string, T>(
  outer: Policy<F>,
  defaults: Readonly<Record<K, T>>,
): Replaced<F, Present<F, K>> {
  return changed<unknown>(outer, defaults, withDefault as never)
}

/** The same policy, but the attributes of `inner` contain a set of the policy there. */
export function nesting<F extends Fields, G extends Inner<F>>(
  outer: Policy<F>,
  inner: G,
): Replaced<F, { readonly [P in keyof G]: Field<Decoded<FieldsOf<G[P]>>, false, Encodable<FieldsOf<G[P]>>> }> {
  return changed(outer, inner, ({ type }, policy) => nested(type, policy as never) as never)
}

/** The same policy, but the attributes of `inner` contain lists of such sets; [] if absent. */
export function listing<F extends Fields, G extends Inner<F>>(
  outer: Policy<F>,
  inner: G,
): Replaced<
  F,
  { readonly [P in keyof G]: Field<readonly Decoded<FieldsOf<G[P]>>[], true, Iterable<Encodable<FieldsOf<G[P]>>>> }
> {
  return changed(outer, inner, ({ type }, policy) => withDefault(indexedArray(type, policy as never), []) as never)
}
