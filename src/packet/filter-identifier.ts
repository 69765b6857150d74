/** Identifiers in a filter, such as addresses and ports, and their qualifiers. */
import { maskOf, networkOf, sameBytes } from './address.ts'
import { and, type Condition, not, or } from './condition.ts'
import { ETH_P_802_3_MIN } from './ethernet.ts'
import {
  type Direction,
  IP_PROTOCOLS,
  isEtherType,
  isHost4,
  isHost6,
  isMac,
  isPort,
  isProtocol,
  LINK_PROTOCOLS,
} from './filter-primitives.ts'
import type { Cursor } from './filter-tokens.ts'

/** The qualifiers before an identifier. They also hold for the identifiers that follow. */
export interface Qualifiers {
  readonly protocol: string | undefined
  readonly direction: Direction
  readonly type: 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

export const TYPES: readonly Qualifiers['type'][] = ['host', 'net', 'port', 'portrange', 'proto']

/** Reads one identifier, or several in parentheses: `port (80 or 443)`. */
export function identifiers(cursor: Cursor, qualifiers: Qualifiers): Condition {
  if (!cursor.takes('(')) {
    return cursor.takes('not', '!')
      ? not(identifiers(cursor, qualifiers))
      : identifier(cursor, qualifiers)
  }
  let condition = identifiers(cursor, qualifiers)
  while (!cursor.takes(')')) {
    if (cursor.takes('and', '&&')) {
      condition = and(condition, identifiers(cursor, qualifiers))
    } else if (cursor.takes('or', '||')) {
      condition = or(condition, identifiers(cursor, qualifiers))
    } else {
      throw cursor.unexpected()
    }
  }
  return condition
}

/** Reads one identifier. Throws a RangeError. */
export function identifier(cursor: Cursor, qualifiers: Qualifiers): Condition {
  const { type } = qualifiers
  if (type === 'port' || type === 'portrange') return ports(cursor, qualifiers)
  return type === 'proto' ? protocolNumber(cursor, qualifiers) : hosts(cursor, qualifiers)
}

function ports(cursor: Cursor, { protocol, direction, type }: Qualifiers): Condition {
  const number = protocol === undefined ? undefined : IP_PROTOCOLS.get(protocol)?.number
  if (protocol !== undefined && !['tcp', 'udp', 'sctp'].includes(protocol)) {
    throw new RangeError(`'${protocol}' has no ports`)
  }
  const low = port(cursor)
  const high = type === 'portrange' && cursor.takes('-') ? port(cursor) : low
  return isPort(Math.min(low, high), Math.max(low, high), direction, number)
}

function port(cursor: Cursor): number {
  const number = cursor.number()
  if (number > 0xffff) throw new RangeError(`${number} is not a port`)
  return number
}

function protocolNumber(cursor: Cursor, { protocol, direction }: Qualifiers): Condition {
  if (direction !== 'src or dst') throw new RangeError("'proto' has no direction")
  const { token } = cursor
  const name = token?.kind === 'escaped' ? token.text.slice(1).toLowerCase() : undefined
  if (name !== undefined) {
    cursor.move()
  }
  if (protocol === 'ether') {
    const type = name === undefined ? cursor.number() : LINK_PROTOCOLS.get(name)
    if (type === undefined || type < ETH_P_802_3_MIN || type > 0xffff) {
      throw new RangeError("'ether proto' takes libpcap for this")
    }
    return isEtherType(type)
  }
  const number = name === undefined ? cursor.number() : IP_PROTOCOLS.get(name)?.number
  if (number === undefined || number > 0xff) {
    throw new RangeError(`'proto ${name ?? number}' is not known without libpcap`)
  }
  if (protocol !== undefined && protocol !== 'ip' && protocol !== 'ip6') {
    throw new RangeError(`'${protocol} proto' has no meaning`)
  }
  if (protocol === undefined) return isProtocol(number, undefined)
  return isProtocol(number, protocol === 'ip' ? 4 : 6)
}

function hosts(cursor: Cursor, { protocol, direction, type }: Qualifiers): Condition {
  const { token } = cursor
  cursor.move()
  if (token?.kind === 'mac' && protocol === 'ether' && type === 'host') {
    return isMac(token.bytes, direction)
  }
  if (token?.kind === 'ip6' && (protocol === undefined || protocol === 'ip6')) {
    return hosts6(cursor, token, direction, type)
  }
  const isOn4 =
    protocol === undefined || protocol === 'ip' || protocol === 'arp' || protocol === 'rarp'
  if (!isOn4 || (token?.kind !== 'quad' && token?.kind !== 'number')) {
    cursor.move(-1)
    throw cursor.unexpected()
  }
  const numberBits = type === 'net' ? networkBits(token.value) : 32
  const bits = token.kind === 'quad' ? token.bits : numberBits
  const address = (token.value * 2 ** (32 - bits)) >>> 0
  const mask = type === 'net' && token.kind === 'quad' ? netMask(cursor, bits) : maskOf(bits)
  if (type !== 'net' && cursor.takes('/')) {
    throw new RangeError("'/' is for networks: net 198.18.0.0/24")
  }
  if ((address & ~mask) !== 0) throw new RangeError(`${token.text} has bits outside of its network`)
  return isHost4(address, mask, direction, protocol)
}

/** Like libpcap, which takes 10 for a network's first byte, and 0 for the address 0.0.0.0. */
const networkBits = (value: number): number =>
  value === 0 ? 32 : 32 - 8 * Math.floor(Math.clz32(value) / 8)

function netMask(cursor: Cursor, bits: number): number {
  if (cursor.takes('/')) return maskOf(prefixLength(cursor, 32))
  if (!cursor.takes('mask')) return maskOf(bits)
  const { token } = cursor
  if (token?.kind !== 'quad') throw cursor.unexpected()
  cursor.move()
  return (token.value * 2 ** (32 - token.bits)) >>> 0
}

function prefixLength(cursor: Cursor, most: number): number {
  const length = cursor.number()
  if (length > most) throw new RangeError(`/${length} is longer than the address`)
  return length
}

function hosts6(
  cursor: Cursor,
  { bytes, text }: { bytes: Uint8Array; text: string },
  direction: Direction,
  type: string,
): Condition {
  const isPrefixed = cursor.takes('/')
  if (isPrefixed && type !== 'net') throw new RangeError("'/' is for networks: net 2001:db8::/64")
  const prefixLen = isPrefixed ? prefixLength(cursor, 128) : 128
  if (!sameBytes(networkOf({ bytes, prefixLen }), bytes)) {
    throw new RangeError(`${text} has bits outside of its network`)
  }
  const mask = networkOf({ bytes: new Uint8Array(16).fill(0xff), prefixLen })
  return isHost6(bytes, mask, direction)
}
