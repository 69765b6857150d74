/** The DHCP options that a configuration may set, by name or, in hex, by number. */
import { parseAddress, parsePrefix } from 'vnet'
import codes from './options.json' with { type: 'json' }

/** A value as in a configuration file. */
export type OptionValue = string | number | boolean | readonly (string | number)[]

/** The name of an encoding. */
export type OptionType = keyof typeof encoders

/** Codes by type and name, from RFC 2132 and the IANA registry of BOOTP parameters. */
const CODES: Partial<Record<OptionType, Readonly<Record<string, number>>>> = codes

const NAMED = Object.entries(CODES)
  .flatMap(([type, named]) =>
    Object.entries(named).map(([name, code]) => ({ name, code, type: type as OptionType })),
  )
  .sort((one, other) => one.code - other.code)

/** Set by the server itself, by the client or by a relay. */
const RESERVED = [0, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82, 255]

/** The names of all options, in the order of their codes. */
export const optionNames: readonly string[] = NAMED.map(({ name }) => name)

/**
 * Finds an option by its name, `router`, or its number, `224`. A number without a name has the type
 * `bytes`. Returns undefined for an unknown option, and for one that cannot be set.
 */
export function optionOf(name: string): { code: number; type: OptionType } | undefined {
  const code = Number(name)
  const known = NAMED.find(option => option.name === name || option.code === code)
  if (known?.name === name) return { code: known.code, type: known.type }
  if (!/^[1-9][0-9]{0,2}$/.test(name) || code > 254 || RESERVED.includes(code)) return undefined
  return { code, type: known?.type ?? 'bytes' }
}

/** @throws RangeError `takes an IPv4 address, not "x"` if the value does not fit the type */
export function encodeOption(type: OptionType, value: OptionValue): Uint8Array {
  const { encode, takes } = encoders[type]
  const bytes = encode(value)
  if (bytes === undefined) throw new RangeError(`takes ${takes}, not ${JSON.stringify(value)}`)
  return bytes
}

interface Encoder {
  /** Returns undefined for a value of another type. */
  readonly encode: (value: OptionValue) => Uint8Array | undefined
  readonly takes: string
}

type One = (value: unknown) => Uint8Array | undefined

const encoders = {
  address: { encode: address, takes: 'an IPv4 address' },
  addresses: { encode: several(address), takes: 'one or more IPv4 addresses' },
  routes: {
    encode: several(route),
    takes: 'one or more routes, such as "198.19.0.0/24 via 198.18.0.1"',
  },
  pairs: {
    encode: several(toPair),
    takes: 'one or more pairs of addresses, such as "198.19.0.1 198.18.0.1"',
  },
  text: { encode: text, takes: 'text of 1 to 255 bytes' },
  names: { encode: several(toName), takes: 'one or more domain names' },
  flag: { encode: flag, takes: 'true or false' },
  u8: whole(1, 0, 0xff),
  u16: whole(2, 0, 0xffff),
  u16s: {
    encode: several(integer(2, 0, 0xffff)),
    takes: 'one or more whole numbers from 0 to 65535',
  },
  u32: whole(4, 0, 0xffff_ffff),
  i32: whole(4, -0x8000_0000, 0x7fff_ffff),
  mtu: whole(2, 68, 0xffff),
  bytes: { encode: hex, takes: 'bytes in hex, such as "01:04:c6:12:00:01" or "0x0104c6120001"' },
} satisfies Record<string, Encoder>

function address(value: unknown): Uint8Array | undefined {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined
  return parsed?.length === 4 ? parsed : undefined
}

/** RFC 3442: prefix length, the significant bytes of the prefix, router. */
function route(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const [to = '', via, router, more] = value.trim().split(/\s+/)
  const prefix = parsePrefix(to)
  const by = address(router)
  if (prefix?.bytes.length !== 4 || via !== 'via' || by === undefined || more !== undefined) {
    return undefined
  }
  const significant = prefix.bytes.subarray(0, Math.ceil(prefix.prefixLen / 8))
  return Uint8Array.of(prefix.prefixLen, ...significant, ...by)
}

function toPair(value: unknown): Uint8Array | undefined {
  const words = typeof value === 'string' ? value.trim().split(/\s+/).map(address) : []
  const [one, other] = words
  return one === undefined || other === undefined || words.length > 2
    ? undefined
    : Uint8Array.of(...one, ...other)
}

function text(value: unknown): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(typeof value === 'string' ? value : '')
  return bytes.length === 0 || bytes.length > 255 || bytes.includes(0) ? undefined : bytes
}

/** A domain name in wire form (RFC 1035 sec. 3.1), uncompressed. */
function toName(value: unknown): Uint8Array | undefined {
  const labels = typeof value === 'string' ? value.replace(/\.$/, '').split('.') : ['']
  if (!labels.every(label => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))) {
    return undefined
  }
  const bytes = labels.flatMap(label => [label.length, ...new TextEncoder().encode(label)])
  return bytes.length > 254 ? undefined : Uint8Array.of(...bytes, 0)
}

function flag(value: unknown): Uint8Array | undefined {
  return typeof value === 'boolean' ? Uint8Array.of(value ? 1 : 0) : undefined
}

function whole(length: number, min: number, max: number): Encoder {
  return { encode: integer(length, min, max), takes: `a whole number from ${min} to ${max}` }
}

function integer(length: number, min: number, max: number): One {
  return value => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      return undefined
    }
    return Uint8Array.from({ length }, (_, i) => value >>> (8 * (length - 1 - i)))
  }
}

function hex(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const digits = value.replace(/^0x/, '').replaceAll(':', '')
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) return undefined
  return Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}

/** Accepts one value or a list of at least one. */
function several(one: One): (value: OptionValue) => Uint8Array | undefined {
  return value => {
    const bytes: number[] = []
    for (const item of Array.isArray(value) ? value : [value]) {
      const part = one(item)
      if (part === undefined) return undefined
      bytes.push(...part)
    }
    return bytes.length === 0 ? undefined : Uint8Array.from(bytes)
  }
}
