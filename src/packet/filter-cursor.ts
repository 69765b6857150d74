/** A position in the tokens of a filter. */
import type { Token } from './filter-lexer.ts'

export class Cursor {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get at(): number {
    return this.#at
  }

  get token(): Token | undefined {
    return this.#tokens[this.#at]
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length
  }

  /** The token at a position. */
  tokenAt(at: number): Token | undefined {
    return this.#tokens[at]
  }

  /** Moves by tokens; forward by default. */
  move(by = 1): void {
    this.#at += by
  }

  isIdentifier(): boolean {
    const kind = this.#tokens[this.#at]?.kind
    return kind === 'number' || kind === 'quad' || kind === 'ip6' || kind === 'mac' || kind === 'escaped'
  }

  word(ahead = 0): string | undefined {
    const token = this.#tokens[this.#at + ahead]
    return token?.kind === 'word' ? token.text : undefined
  }

  number(): number {
    const { token } = this
    if (token?.kind !== 'number') throw this.unexpected()
    this.#at++
    return token.value
  }

  takes(...texts: readonly string[]): boolean {
    const { token } = this
    const found = (token?.kind === 'word' || token?.kind === 'sign') && texts.includes(token.text)
    if (found) this.#at++
    return found
  }

  expect(text: string): void {
    if (!this.takes(text)) throw this.unexpected()
  }

  unexpected(): RangeError {
    const { token } = this
    if (token === undefined) return new RangeError('it is not complete')
    return new RangeError(`'${token.text}' is not expected there, or takes libpcap`)
  }

  /** The position of the parenthesis that closes the one here. */
  closing(): number {
    let depth = 0
    const at = this.#tokens.findIndex(({ text }, i) => {
      if (i >= this.#at) depth += text === '(' ? 1 : text === ')' ? -1 : 0
      return i >= this.#at && depth === 0
    })
    return at < 0 ? this.#tokens.length : at
  }
}
