/** The tokens of a filter in the language of pcap-filter(7), and a cursor that reads them. */
import { parseAddress, parseMac } from './address.ts'

export type Token =
  /** A keyword, or the name of a constant. */
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string; readonly value: number }
  /** An IPv4 address, or the start of one: 10.0 */
  | { readonly kind: 'quad'; readonly text: string; readonly value: number; readonly bits: number }
  | { readonly kind: 'ip6'; readonly text: string; readonly bytes: Uint8Array }
  | { readonly kind: 'mac'; readonly text: string; readonly bytes: Uint8Array }
  /** A name with a backslash in front, which is not a keyword. */
  | { readonly kind: 'escaped'; readonly text: string }

const WITH_COLONS = /^[0-9a-f]*:[0-9a-f:.]*/i
const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['escaped', /^\\[a-z][\w-]*/i],
  // Other spellings of MAC addresses, which would be numbers, words or addresses.
  [
    'mac',
    /^([0-9a-f]{12}|([0-9a-f]{4}\.){2}[0-9a-f]{4}|([0-9a-f]{1,2}[.:-]){5}[0-9a-f]{1,2})(?![\w.:-])/i,
  ],
  ['quad', /^\d+(\.\d+){1,3}/],
  ['number', /^(0x[0-9a-f]+|\d+)(?![\w.])/i],
  ['word', /^[a-z_][\w-]*/i],
  ['sign', /^(&&|\|\||<<|>>|>=|<=|==|!=|[!=<>+*/%^&|()[\]:-])/],
]

/** Returns the tokens of a text. Throws a RangeError for a text that is not in the language. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (let rest = text.trimStart(); rest !== ''; ) {
    const token = withColons(rest) ?? firstOf(rest)
    tokens.push(token)
    rest = rest.slice(token.text.length).trimStart()
  }
  return tokens
}

/** In `tcp[2:2]` the colon is a sign. */
function withColons(rest: string): Token | undefined {
  const [text] = WITH_COLONS.exec(rest) ?? []
  if (text === undefined) return undefined
  const mac = parseMac(text)
  if (mac !== undefined) return { kind: 'mac', text, bytes: mac }
  const bytes = parseAddress(text)
  return bytes === undefined ? undefined : { kind: 'ip6', text, bytes }
}

function firstOf(rest: string): Token {
  for (const [kind, pattern] of PATTERNS) {
    const [text] = pattern.exec(rest) ?? []
    if (text === undefined) continue
    if (kind === 'number') return { kind, text, value: numberOf(text) }
    if (kind === 'mac') return { kind, text, bytes: macOf(text) }
    if (kind === 'quad') return { kind, text, ...quadOf(text) }
    if (kind === 'word') return { kind, text: text.toLowerCase() }
    return { kind: kind as 'sign' | 'escaped', text }
  }
  throw new RangeError(
    `'${rest}' is not of pcap-filter(7), or names are not looked up without libpcap`,
  )
}

/** The bytes of 020000000001, 0200.0000.0001, 2.0.0.0.0.1, 2:0:0:0:0:1 or 2-0-0-0-0-1. */
function macOf(text: string): Uint8Array {
  const parts = /^.{1,2}[.:-]/.test(text)
    ? text.split(/[.:-]/)
    : (text.replaceAll('.', '').match(/../g) as string[])
  return Uint8Array.from(parts, part => Number.parseInt(part, 16))
}

/** Like C: 0x10 is 16, and so is 020. */
function numberOf(text: string): number {
  const isOctal = /^0\d/.test(text)
  if (isOctal && /[89]/.test(text)) throw new RangeError(`${text} is not an octal number`)
  const value = isOctal ? Number.parseInt(text, 8) : Number(text)
  if (value > 0xffffffff) throw new RangeError(`${text} has more than 32 bits`)
  return value
}

function quadOf(text: string) {
  const bytes = text.split('.').map(Number)
  if (bytes.some(byte => byte > 255)) throw new RangeError(`'${text}' is not an address`)
  return { value: bytes.reduce((sum, byte) => sum * 256 + byte, 0), bits: 8 * bytes.length }
}

/** A position in the tokens of a filter. */
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
    return (
      kind === 'number' || kind === 'quad' || kind === 'ip6' || kind === 'mac' || kind === 'escaped'
    )
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
    if (found) {
      this.#at++
    }
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
      if (i < this.#at) return false
      if (text === '(') {
        depth++
      } else if (text === ')') {
        depth--
      }
      return depth === 0
    })
    return at < 0 ? this.#tokens.length : at
  }
}
