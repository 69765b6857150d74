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
  return tokens.length === 0 ? [EVERY_FRAME] : programOf(parsed(new Cursor(tokens)))
}

/** Reads a whole filter. */
function parsed(cursor: Cursor): Condition {
  /** The qualifiers of identifiers that follow without words. */
  let last: Qualifiers | undefined

  /** `and` and `or` have the same precedence, and associate to the left. */
  function expression(): Condition {
    let condition = term(false)
    for (;;) {
      if (cursor.takes('and', '&&')) condition = and(condition, term(true))
      else if (cursor.takes('or', '||')) condition = or(condition, term(true))
      else return condition
    }
  }

  function term(follows: boolean): Condition {
    if (cursor.takes('not', '!')) return not(term(follows))
    if (isArithmetic(cursor)) {
      last = undefined
      return relation(cursor)
    }
    if (cursor.takes('(')) {
      const condition = expression()
      cursor.expect(')')
      last = undefined
      return condition
    }
    if (follows && last !== undefined && cursor.isIdentifier()) return identifier(cursor, last)
    return primitive()
  }

  function primitive(): Condition {
    const start = cursor.at
    const word = cursor.word()
    if (word === 'less' || word === 'greater') {
      cursor.move()
      last = undefined
      return word === 'less' ? isShorter(cursor.number()) : isLonger(cursor.number())
    }
    const named = word === 'ether' || word === 'link' ? 'ether' : word
    const isProtocolName = named !== undefined && (named === 'ether' || protocolNamed(named) !== undefined)
    const protocol = isProtocolName ? named : undefined
    if (protocol !== undefined) cursor.move()
    if (cursor.takes('broadcast')) return cast(protocol, 'broadcast')
    if (cursor.takes('multicast')) return cast(protocol, 'multicast')
    const direction = readDirection()
    const type = TYPES.find(each => cursor.takes(each))
    if (direction !== undefined || type !== undefined) {
      last = { protocol, direction: direction ?? 'src or dst', type: type ?? 'host' }
      return identifiers(cursor, last)
    }
    if (protocol === undefined || protocol === 'ether') {
      cursor.move(start - cursor.at)
      throw cursor.unexpected()
    }
    last = undefined
    return protocolNamed(protocol) as Condition
  }

  function cast(protocol: string | undefined, kind: 'broadcast' | 'multicast'): Condition {
    last = undefined
    if (protocol === undefined || protocol === 'ether') return kind === 'broadcast' ? isBroadcast : isMulticast
    if (kind === 'multicast' && protocol === 'ip') return isIpMulticast
    if (kind === 'multicast' && protocol === 'ip6') return isIp6Multicast
    throw new RangeError(`'${protocol} ${kind}' is not compiled without libpcap`)
  }

  function readDirection(): Direction | undefined {
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

  const condition = expression()
  if (!cursor.isAtEnd) throw cursor.unexpected()
  return condition
}
