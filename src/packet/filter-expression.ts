/**
 * Compiles filters in the language of pcap-filter(7) without libpcap: protocols, hosts,
 * networks and ports by number, broadcast and multicast, lengths, and arithmetic with bytes.
 * Frames are Ethernet. vlan, mpls, pppoe, gateway, protochain and names take libpcap.
 */
import type { BpfInstruction } from './bpf.ts'
import { and, type Condition, EVERY_FRAME, not, or, programOf } from './condition.ts'
import { identifier, identifiers, type Qualifiers, TYPES } from './filter-identifier.ts'
import {
  type Direction,
  isBroadcast,
  isIp6Multicast,
  isIpMulticast,
  isLonger,
  isMulticast,
  isShorter,
  protocolNamed,
} from './filter-primitives.ts'
import { isArithmetic, relation } from './filter-relation.ts'
import { Cursor, tokensOf } from './filter-tokens.ts'

/** Returns the program of a filter. Throws a RangeError, also for what only libpcap compiles. */
export function compileExpression(text: string): BpfInstruction[] {
  const tokens = tokensOf(text)
  return tokens.length === 0
    ? [EVERY_FRAME]
    : programOf(new FilterReader(new Cursor(tokens)).whole())
}

/** Reads the condition of a filter from its tokens. */
class FilterReader {
  readonly #cursor: Cursor
  /** The qualifiers of identifiers that follow without words. */
  #last: Qualifiers | undefined

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  /** Reads a whole filter. */
  whole(): Condition {
    const condition = this.#expression()
    if (!this.#cursor.isAtEnd) throw this.#cursor.unexpected()
    return condition
  }

  /** `and` and `or` have the same precedence, and associate to the left. */
  #expression(): Condition {
    let condition = this.#term(false)
    for (;;) {
      if (this.#cursor.takes('and', '&&')) {
        condition = and(condition, this.#term(true))
      } else if (this.#cursor.takes('or', '||')) {
        condition = or(condition, this.#term(true))
      } else {
        return condition
      }
    }
  }

  #term(follows: boolean): Condition {
    const cursor = this.#cursor
    if (cursor.takes('not', '!')) return not(this.#term(follows))
    if (isArithmetic(cursor)) {
      this.#last = undefined
      return relation(cursor)
    }
    if (cursor.takes('(')) {
      const condition = this.#expression()
      cursor.expect(')')
      this.#last = undefined
      return condition
    }
    if (follows && this.#last !== undefined && cursor.isIdentifier()) {
      return identifier(cursor, this.#last)
    }
    return this.#primitive()
  }

  #primitive(): Condition {
    const cursor = this.#cursor
    if (cursor.takes('less')) return this.#alone(isShorter(cursor.number()))
    if (cursor.takes('greater')) return this.#alone(isLonger(cursor.number()))
    const start = cursor.at
    const protocol = this.#readProtocol()
    if (cursor.takes('broadcast')) return this.#alone(castTo(protocol, 'broadcast'))
    if (cursor.takes('multicast')) return this.#alone(castTo(protocol, 'multicast'))
    const direction = this.#readDirection()
    const type = TYPES.find(each => cursor.takes(each))
    if (direction !== undefined || type !== undefined) {
      this.#last = { protocol, direction: direction ?? 'src or dst', type: type ?? 'host' }
      return identifiers(cursor, this.#last)
    }
    if (protocol === undefined || protocol === 'ether') {
      cursor.move(start - cursor.at)
      throw cursor.unexpected()
    }
    return this.#alone(protocolNamed(protocol) as Condition)
  }

  /** Returns a condition that no identifier without words follows. */
  #alone(condition: Condition): Condition {
    this.#last = undefined
    return condition
  }

  #readProtocol(): string | undefined {
    const word = this.#cursor.word()
    const protocol = word === 'link' ? 'ether' : word
    if (protocol === undefined) return undefined
    if (protocol !== 'ether' && protocolNamed(protocol) === undefined) return undefined
    this.#cursor.move()
    return protocol
  }

  #readDirection(): Direction | undefined {
    const cursor = this.#cursor
    const first = (['src', 'dst'] as const).find(each => cursor.takes(each))
    if (first === undefined) return undefined
    const second = first === 'src' ? 'dst' : 'src'
    for (const word of ['or', 'and'] as const) {
      if (cursor.word() !== word || cursor.word(1) !== second) continue
      cursor.move(2)
      return `src ${word} dst`
    }
    return first
  }
}

function castTo(protocol: string | undefined, kind: 'broadcast' | 'multicast'): Condition {
  if (protocol === undefined || protocol === 'ether') {
    return kind === 'broadcast' ? isBroadcast : isMulticast
  }
  if (kind === 'multicast' && protocol === 'ip') return isIpMulticast
  if (kind === 'multicast' && protocol === 'ip6') return isIp6Multicast
  throw new RangeError(`'${protocol} ${kind}' is not compiled without libpcap`)
}
