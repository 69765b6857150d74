/**
 * Compiles filters in the language of pcap-filter(7) without libpcap: protocols, hosts,
 * networks and ports by number, broadcast and multicast, lengths, and arithmetic with bytes.
 * Frames are Ethernet. vlan, mpls, pppoe, gateway, protochain and names take libpcap.
 */
import type { BpfInstruction } from './bpf.ts'
import { and, type Condition, EVERY_FRAME, not, or, programOf } from './condition.ts'
import { identifier, identifiers, type Qualifiers, TYPES } from './filter-identifier.ts'
import * as filter from './filter-primitives.ts'
import { isArithmetic, relation } from './filter-relation.ts'
import { Cursor, type Token, tokensOf } from './filter-tokens.ts'

/** Returns the program of a filter. Throws a RangeError, also for what only libpcap compiles. */
export function compileExpression(text: string): BpfInstruction[] {
  const tokens = tokensOf(text)
  return tokens.length === 0 ? [EVERY_FRAME] : programOf(new Parser(tokens).whole())
}

class Parser {
  readonly #cursor: Cursor
  /** The qualifiers of identifiers that follow without words. */
  #last: Qualifiers | undefined

  constructor(tokens: readonly Token[]) {
    this.#cursor = new Cursor(tokens)
  }

  whole(): Condition {
    const condition = this.#expression()
    if (!this.#cursor.isAtEnd) throw this.#cursor.unexpected()
    return condition
  }

  /** `and` and `or` have the same precedence, and associate to the left. */
  #expression(): Condition {
    let condition = this.#term(false)
    for (;;) {
      if (this.#cursor.takes('and', '&&')) condition = and(condition, this.#term(true))
      else if (this.#cursor.takes('or', '||')) condition = or(condition, this.#term(true))
      else return condition
    }
  }

  #term(follows: boolean): Condition {
    if (this.#cursor.takes('not', '!')) return not(this.#term(follows))
    if (isArithmetic(this.#cursor)) {
      this.#last = undefined
      return relation(this.#cursor)
    }
    if (this.#cursor.takes('(')) {
      const condition = this.#expression()
      this.#cursor.expect(')')
      this.#last = undefined
      return condition
    }
    if (follows && this.#last !== undefined && this.#cursor.isIdentifier()) return identifier(this.#cursor, this.#last)
    return this.#primitive()
  }

  #primitive(): Condition {
    const start = this.#cursor.at
    const word = this.#cursor.word()
    if (word === 'less' || word === 'greater') {
      this.#cursor.move()
      this.#last = undefined
      return word === 'less' ? filter.isShorter(this.#cursor.number()) : filter.isLonger(this.#cursor.number())
    }
    const named = word === 'ether' || word === 'link' ? 'ether' : word
    const isProtocolName = named !== undefined && (named === 'ether' || filter.protocolNamed(named) !== undefined)
    const protocol = isProtocolName ? named : undefined
    if (protocol !== undefined) this.#cursor.move()
    if (this.#cursor.takes('broadcast')) return this.#cast(protocol, 'broadcast')
    if (this.#cursor.takes('multicast')) return this.#cast(protocol, 'multicast')
    const direction = this.#direction()
    const type = TYPES.find(each => this.#cursor.takes(each))
    if (direction !== undefined || type !== undefined) {
      this.#last = { protocol, direction: direction ?? 'src or dst', type: type ?? 'host' }
      return identifiers(this.#cursor, this.#last)
    }
    if (protocol === undefined || protocol === 'ether') {
      this.#cursor.move(start - this.#cursor.at)
      throw this.#cursor.unexpected()
    }
    this.#last = undefined
    return filter.protocolNamed(protocol) as Condition
  }

  #cast(protocol: string | undefined, kind: 'broadcast' | 'multicast'): Condition {
    this.#last = undefined
    if (protocol === undefined || protocol === 'ether')
      return kind === 'broadcast' ? filter.isBroadcast : filter.isMulticast
    if (kind === 'multicast' && protocol === 'ip') return filter.isIpMulticast
    if (kind === 'multicast' && protocol === 'ip6') return filter.isIp6Multicast
    throw new RangeError(`'${protocol} ${kind}' is not compiled without libpcap`)
  }

  #direction(): filter.Direction | undefined {
    const first = (['src', 'dst'] as const).find(each => this.#cursor.takes(each))
    if (first === undefined) return undefined
    const second = first === 'src' ? 'dst' : 'src'
    for (const word of ['or', 'and'] as const) {
      if (this.#cursor.word() !== word || this.#cursor.word(1) !== second) continue
      this.#cursor.move(2)
      return `src ${word} dst`
    }
    return first
  }
}
