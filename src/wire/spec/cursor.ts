/**
 * The tokens of a wire's text, the Cursor from which stages read them, and errors that point at a
 * token. Tokens are words, quoted texts, `(`, `)` and `|`.
 */
import { type DurationOptions, parseDuration } from '../../base/duration.ts'
import { printable } from '../../base/printable.ts'
import { FileError, UsageError } from '../../base/usage-error.ts'
import { parseShare, quote } from '../units.ts'

export interface Token {
  readonly text: string
  /** From the first character to the end of the last, quotes included. */
  readonly at: number
  readonly end: number
  readonly quoted: boolean
}

const TOKEN = /[()|]|'[^']*'|"[^"]*"|[^\s()|'"]+/y
const SPACE = /\s*/y

/** Returns the tokens of `words`. Throws a UsageError at a quote that is not closed. */
export function tokensOf(words: string): Token[] {
  const tokens: Token[] = []
  for (let at = spaceEnd(words, 0); at < words.length; at = spaceEnd(words, TOKEN.lastIndex)) {
    TOKEN.lastIndex = at
    const [text] = TOKEN.exec(words) ?? []
    if (text === undefined) {
      throw wordsError(words, { at, end: words.length }, `the quote ${words[at]} is not closed`)
    }
    const quoted = text.startsWith("'") || text.startsWith('"')
    tokens.push({ text: quoted ? text.slice(1, -1) : text, at, end: at + text.length, quoted })
  }
  return tokens
}

export class Cursor {
  readonly words: string
  /** The number of branches around this place. */
  depth = 0
  readonly #tokens: readonly Token[]
  readonly #options: DurationOptions
  #at = 0

  /** By default times without a unit are microseconds. */
  constructor(words: string, options: DurationOptions = { bareUs: true }) {
    this.words = words
    this.#options = options
    this.#tokens = tokensOf(words)
  }

  /** The token that is `ahead` tokens from here; undefined past the last. */
  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  /** Returns the token here and moves to the next. */
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

  /** Moves past `word`; returns false if the token here is another. */
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
    return this.value(missing, text => parseDuration(text, this.#options))
  }

  /** Reads a duration if there is a number here. */
  optionalDuration(absent: number): number {
    return this.atNumber ? this.duration('') : absent
  }

  share(missing: string): number {
    return this.value(missing, parseShare)
  }

  /** Reads a filter: a quoted text, or tokens up to one of `followers`. */
  filter(followers: readonly string[]): string {
    const first = this.peek()
    const filter = this.value("a filter is missing: 'tcp port 80'", text => text)
    const token = this.peek()
    if (first === undefined || token === undefined || (!token.quoted && followers.includes(token.text))) return filter
    let end = 0
    while (this.peek(end) !== undefined && !followers.includes(this.peek(end)?.text ?? '')) end++
    if (first.quoted || this.peek(end) === undefined) return filter
    const span = { at: first.at, end: (this.peek(end - 1) ?? first).end }
    const text = quote(this.words.slice(span.at, span.end))
    throw this.error(`a filter of several words needs quotes: ${text}`, span)
  }

  /** Returns an error that points at `span`, by default at the token here or the end. */
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

function spaceEnd(words: string, at: number): number {
  SPACE.lastIndex = at
  SPACE.exec(words)
  return SPACE.lastIndex
}

/** A part of the words: from a character to behind another. */
export interface Span {
  readonly at: number
  readonly end: number
}

/** How many characters an error shows on either side of the wrong word, and of the word itself. */
const CONTEXT = 30
const WRONG_MAX = 60

/**
 * Returns an error of three lines: the message, which makes sense alone, the words, and a caret
 * under each character of `span`.
 */
export function wordsError(words: string, span: Span, message: string): FileError {
  const { at } = span
  const end = Math.min(span.end, at + WRONG_MAX)
  const from = at > CONTEXT + 3 ? at - CONTEXT : 0
  const to = words.length > end + CONTEXT + 3 ? end + CONTEXT : words.length
  const before = `${from > 0 ? '...' : ''}${shown(words.slice(from, at).padEnd(at - from))}`
  const wrong = shown(words.slice(at, end))
  const line = `${before}${wrong}${shown(words.slice(end, to))}${to < words.length ? '...' : ''}`
  const carets = `${' '.repeat(before.length)}${'^'.repeat(Math.max(1, wrong.length))}`
  return new FileError(`${printable(message)}\n  ${line.trimEnd()}\n  ${carets}`)
}

/** Calls `fn`. Its UsageError is rethrown as one that points at `span`, unless it has a caret. */
export function pointing<T>(words: string, span: Span, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof FileError) throw error
    throw wordsError(words, span, error.message)
  }
}

/** Returns `; did you mean 'delay'?`, or nothing if no word is near. */
export function didYouMean(wrong: string, candidates: Iterable<string>): string {
  let best: string | undefined
  let least = Math.min(3, Math.ceil(wrong.length / 2))
  for (const candidate of candidates) {
    const distance = distanceOf(wrong.toLowerCase(), candidate)
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === undefined ? '' : `; did you mean '${best}'?`
}

function shown(text: string): string {
  return printable(text.replaceAll(/\s/g, ' '))
}

/** Letters to insert, remove, replace or swap with their neighbour to make `b` of `a`. */
function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(replaced, row[j] + 1, next[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}
