/** Cursor: a position in the words of a wire, from which tokens and values are read. */
import { UsageError } from '../../base/usage-error.ts'
import { parseDuration, parseShare } from '../units.ts'
import { pointing, type Span, wordsError } from './error.ts'
import { type Token, tokensOf } from './tokens.ts'

export class Cursor {
  readonly words: string
  /** The number of branches around this place. */
  depth = 0
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(words: string) {
    this.words = words
    this.#tokens = tokensOf(words)
  }

  /** The token that is `ahead` tokens from here; undefined behind the last. */
  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  /** Returns the token here and goes on. */
  next(): Token | undefined {
    return this.#tokens[this.#at++]
  }

  /** The token before this place. */
  get last(): Token {
    return this.#tokens[this.#at - 1]
  }

  /** True if the token here is `word`, without quotes. */
  is(word: string): boolean {
    const token = this.peek()
    return token !== undefined && !token.quoted && token.text === word
  }

  /** Goes on behind `word`; returns false if it is not here. */
  takes(word: string): boolean {
    if (!this.is(word)) return false
    this.#at++
    return true
  }

  /** True if the token here is a number, perhaps with a unit. */
  get atNumber(): boolean {
    const token = this.peek()
    return token !== undefined && !token.quoted && /^[-+.]?\d/.test(token.text)
  }

  /** Reads a value. Without one throws an error that says what is missing. */
  value<T>(missing: string, parse: (text: string) => T): T {
    const token = this.peek()
    if (token === undefined || (!token.quoted && /^[()|]$/.test(token.text))) throw this.error(missing)
    this.#at++
    return pointing(this.words, token, () => parse(token.text))
  }

  /** Reads a number if there is one here. */
  optional<T>(parse: (text: string) => T, absent: T): T {
    return this.atNumber ? this.value('', parse) : absent
  }

  duration(missing: string): number {
    return this.value(missing, parseDuration)
  }

  share(missing: string): number {
    return this.value(missing, parseShare)
  }

  /** Returns an error that points at `span`, by default at the token here or behind the last. */
  error(message: string, span: Span | undefined = this.peek()): UsageError {
    const end = this.words.trimEnd().length
    return wordsError(this.words, span ?? { at: end + 1, end: end + 2 }, message)
  }
}

/** Returns a parser of whole numbers. */
export function whole(what: string, min = 1, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const n = /^[-+]?\d+$/.test(text) ? Number(text) : Number.NaN
    if (n >= min && n <= max) return n
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new UsageError(`'${text}' is not ${what}: a whole number ${range}`)
  }
}

/** Parses a number that need not be whole, of at least 1: the mean length of a burst. */
export function meanLength(text: string): number {
  const n = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= 1)) throw new UsageError(`'${text}' is not a mean number of packets: a number of at least 1`)
  return n
}
