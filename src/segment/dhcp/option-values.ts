/**
 * The values of DHCP options (RFC 2132), from what a configuration says to octets. A value that is not of its option's type is
 * a RangeError, which says what the option takes.
 */
import { addressOctets, parseIpv4, parseIpv4Prefix } from '../../header/ipv4-address.ts'

export type OptionValue = string | number | boolean | readonly (string | number)[]

export type OptionType = keyof typeof encoders

/** The octets of `value`. */
export function encodeOption(type: OptionType, value: OptionValue): Uint8Array {
  const { encode, takes } = encoders[type]
  const octets = encode(value)
  if (octets === undefined) throw new RangeError(`takes ${takes}, not ${JSON.stringify(value)}`)
  return octets
}

interface Encoder {
  /** Octets, or undefined for a value of another type. */
  readonly encode: (value: OptionValue) => Uint8Array | undefined
  readonly takes: string
}

type One = (value: unknown) => Uint8Array | undefined

const encoders = {
  address: { encode: address, takes: 'an IPv4 address' },
  addresses: { encode: several(address), takes: 'one or more IPv4 addresses' },
  routes: { encode: several(route), takes: 'one or more routes, as "198.19.0.0/24 via 198.18.0.1"' },
  pairs: { encode: several(pair), takes: 'one or more pairs of addresses, as "198.19.0.1 198.18.0.1"' },
  text: { encode: text, takes: 'text of 1 to 255 octets' },
  names: { encode: several(name), takes: 'one or more domain names' },
  flag: { encode: flag, takes: 'true or false' },
  u8: whole(1, 0, 0xff),
  u16: whole(2, 0, 0xffff),
  u16s: { encode: several(integer(2, 0, 0xffff)), takes: 'one or more whole numbers of 0 to 65535' },
  u32: whole(4, 0, 0xffff_ffff),
  i32: whole(4, -0x8000_0000, 0x7fff_ffff),
  mtu: whole(2, 68, 0xffff),
  octets: { encode: hex, takes: 'octets in hex, as "01:04:c6:12:00:01" or "0x0104c6120001"' },
} satisfies Record<string, Encoder>

function address(value: unknown): Uint8Array | undefined {
  const parsed = typeof value === 'string' ? parseIpv4(value) : undefined
  return parsed === undefined ? undefined : addressOctets(parsed)
}

/** RFC 3442: the length of a prefix, its significant octets, the router. */
function route(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const [to = '', via, router, more] = value.trim().split(/\s+/)
  const prefix = parseIpv4Prefix(to)
  const by = address(router)
  if (prefix === undefined || via !== 'via' || by === undefined || more !== undefined) return undefined
  const significant = addressOctets(prefix.address).subarray(0, Math.ceil(prefix.length / 8))
  return Uint8Array.of(prefix.length, ...significant, ...by)
}

function pair(value: unknown): Uint8Array | undefined {
  const words = typeof value === 'string' ? value.trim().split(/\s+/).map(address) : []
  const [one, other] = words
  return one === undefined || other === undefined || words.length > 2 ? undefined : Uint8Array.of(...one, ...other)
}

function text(value: unknown): Uint8Array | undefined {
  const octets = new TextEncoder().encode(typeof value === 'string' ? value : '')
  return octets.length === 0 || octets.length > 255 || octets.includes(0) ? undefined : octets
}

/** RFC 1035 sec. 3.1, without compression. */
function name(value: unknown): Uint8Array | undefined {
  const labels = typeof value === 'string' ? value.replace(/\.$/, '').split('.') : ['']
  if (!labels.every(label => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))) return undefined
  const octets = labels.flatMap(label => [label.length, ...new TextEncoder().encode(label)])
  return octets.length > 254 ? undefined : Uint8Array.of(...octets, 0)
}

function flag(value: unknown): Uint8Array | undefined {
  return typeof value === 'boolean' ? Uint8Array.of(value ? 1 : 0) : undefined
}

function whole(octets: number, min: number, max: number): Encoder {
  return { encode: integer(octets, min, max), takes: `a whole number of ${min} to ${max}` }
}

function integer(octets: number, min: number, max: number): One {
  return value => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) return undefined
    return Uint8Array.from({ length: octets }, (_, i) => value >>> (8 * (octets - 1 - i)))
  }
}

function hex(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const digits = value.replace(/^0x/, '').replaceAll(':', '')
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) return undefined
  return Uint8Array.from(digits.match(/../g) ?? [], octet => Number.parseInt(octet, 16))
}

/** One value, or a list of one or more. */
function several(one: One): (value: OptionValue) => Uint8Array | undefined {
  return value => {
    const octets: number[] = []
    for (const item of Array.isArray(value) ? value : [value]) {
      const part = one(item)
      if (part === undefined) return undefined
      octets.push(...part)
    }
    return octets.length === 0 ? undefined : Uint8Array.from(octets)
  }
}
