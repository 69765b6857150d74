/**
 * The tokens of a wire's text, the Cursor from which stages read them, and errors that point at a
 * token. Tokens are words, quoted texts, `(`, `)` and `|`.
 */
import type { DurationOptions } from '../../base/index.ts'
import {
  FileError,
  formatDuration,
  parseDuration,
  printable,
  UsageError,
} from '../../base/index.ts'
import { ETH_FRAME_LEN, ETH_ZLEN } from '../../packet/ethernet.ts'
import { noteOfFilter } from '../../packet/filter-note.ts'
import { formatRate, parseRate, parseShare, quote } from '../units.ts'

/** How the text of a wire is read. */
export interface TextOptions extends DurationOptions {
  /** Called with a line about a part of the text that is correct and may be a mistake. */
  readonly note?: (line: string) => void
}

/**
 * A token of a wire's text. Positions count characters of the whole text, for errors that point at
 * it.
 */
export interface Token {
  readonly text: string
  /** From the first character to the end of the last, quotes included. */
  readonly at: number
  readonly end: number
  readonly quoted: boolean
}

const TOKEN = /[()|]|'[^']*'|"[^"]*"|[^\s()|'"]+/y
const SPACE = /\s*/y

/** Returns the tokens of `text`. Throws a UsageError at a quote that is not closed. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (let at = spaceEnd(text, 0); at < text.length; at = spaceEnd(text, TOKEN.lastIndex)) {
    TOKEN.lastIndex = at
    const [token] = TOKEN.exec(text) ?? []
    if (token === undefined) {
      throw textError(text, { at, end: text.length }, `the quote ${text[at]} is not closed`)
    }
    const quoted = token.startsWith("'") || token.startsWith('"')
    tokens.push({ text: quoted ? token.slice(1, -1) : token, at, end: at + token.length, quoted })
  }
  return tokens
}

export class Cursor {
  readonly text: string
  depth = 0
  readonly options: TextOptions
  readonly #tokens: readonly Token[]
  #at = 0

  /** By default times without a unit are microseconds. */
  constructor(text: string, options: TextOptions = { bareUs: true }) {
    this.text = text
    this.options = options
    this.#tokens = tokensOf(text)
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++]
  }

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

  /** True if the token here is a number, perhaps with a unit. The word 5g is not. */
  get atNumber(): boolean {
    const token = this.peek()
    return token !== undefined && !token.quoted && /^(?!5g$)[-+.]?\d/.test(token.text)
  }

  /** Reads a value. Without one throws an error that names the missing value. */
  value<T>(missing: string, parse: (text: string) => T): T {
    const token = this.peek()
    if (token === undefined || (!token.quoted && /^[()|]$/.test(token.text))) {
      throw this.error(missing)
    }
    this.#at++
    return this.pointing(token, () => parse(token.text))
  }

  /**
   * Calls `fn`. Its UsageErrors then point at the word of `span` that they name, or at all of
   * `span`.
   */
  pointing<T>(span: Span, fn: () => T): T {
    return pointing(this.text, span, fn)
  }

  /** Reads a whole number: `what` it is, for the error about another. */
  whole(missing: string, what: string, min?: number, max?: number): number {
    return this.value(missing, whole(what, min, max))
  }

  optional<T>(parse: (text: string) => T, absent: T): T {
    return this.atNumber ? this.value('', parse) : absent
  }

  /** Reads a whole number as whole() does; returns `absent` if the token here is not a number. */
  optionalWhole(absent: number, what: string, min?: number, max?: number): number {
    return this.optional(whole(what, min, max), absent)
  }

  duration(missing: string): number {
    const ns = this.value(missing, text => parseDuration(text, this.options))
    if (ns !== 0) {
      this.#noteBare(formatDuration(ns))
    }
    return ns
  }

  rate(missing: string): number {
    const bits = this.value(missing, parseRate)
    this.#noteBare(`${formatRate(bits)}/s`)
    return bits
  }

  /** Refuses a size into which no frame fits, and notes one into which not every frame fits. */
  checkRoom(bytes: number, span?: Span): void {
    if (bytes < ETH_ZLEN) {
      throw this.error(`${bytes} bytes hold no frame: it needs at least ${ETH_ZLEN}`, span)
    }
    if (bytes < ETH_FRAME_LEN) {
      this.options.note?.(`frames of more than ${bytes} bytes never pass: they do not fit`)
    }
  }

  /** Notes the meaning of the number just read if it has no unit. */
  #noteBare(meaning: string): void {
    const { text } = this.last
    if (!/[a-df-z]/i.test(text)) {
      this.options.note?.(`'${text}' has no unit: it means ${meaning}, as in tc(8)`)
    }
  }

  share(missing: string): number {
    return this.value(missing, parseShare)
  }

  /** Reads a filter: a quoted text, or tokens up to one of `followers`. */
  filter(followers: readonly string[]): string {
    const first = this.peek()
    const filter = this.value("a filter is missing: 'tcp port 80'", written => written)
    const note = noteOfFilter(filter)
    if (note !== undefined) {
      this.options.note?.(note)
    }
    const token = this.peek()
    if (
      first === undefined ||
      token === undefined ||
      (!token.quoted && followers.includes(token.text))
    ) {
      return filter
    }
    let end = 0
    while (this.peek(end) !== undefined && !followers.includes(this.peek(end)?.text ?? '')) {
      end++
    }
    if (first.quoted || this.peek(end) === undefined) return filter
    const span = { at: first.at, end: (this.peek(end - 1) ?? first).end }
    const text = quote(this.text.slice(span.at, span.end))
    throw this.error(`a filter of several words needs quotes: ${text}`, span)
  }

  /** Returns an error that points at `span`, by default at the token here or just past the last. */
  error(message: string, span: Span | undefined = this.peek()): UsageError {
    const end = this.text.trimEnd().length
    return textError(this.text, span ?? { at: end, end: end + 1 }, message)
  }
}

/** Returns a parser of whole numbers. */
export function whole(
  what: string,
  min = 1,
  max = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return text => {
    const n = /^[-+]?\d+$/.test(text) ? Number(text) : Number.NaN
    if (n >= min && n <= max) return n
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new UsageError(`'${text}' is not ${what}: a whole number ${range}`)
  }
}

function spaceEnd(text: string, at: number): number {
  SPACE.lastIndex = at
  SPACE.exec(text)
  return SPACE.lastIndex
}

export type Span = Readonly<{ at: number; end: number }>

/** How many characters an error shows on either side of the wrong word, and of the word itself. */
const CONTEXT = 30
const WRONG_MAX = 60
/** Characters of a message, which may quote the word. */
const MESSAGE_MAX = 400

/** Returns an error of three lines: the message, the text, and carets under `span`. */
export function textError(text: string, span: Span, message: string): FileError {
  const { at } = span
  const end = Math.min(span.end, at + WRONG_MAX)
  const from = at > CONTEXT + 3 ? at - CONTEXT : 0
  const to = text.length > end + CONTEXT + 3 ? end + CONTEXT : text.length
  const before = `${from > 0 ? '...' : ''}${shown(text.slice(from, at))}`
  const wrong = shown(text.slice(at, end))
  const line = `${before}${wrong}${shown(text.slice(end, to))}${to < text.length ? '...' : ''}`
  const carets = `${' '.repeat(before.length)}${'^'.repeat(Math.max(1, wrong.length))}`
  const told = message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX)} ...` : message
  return new FileError(`${printable(told)}\n  ${line.trimEnd()}\n  ${carets}`, at + 1)
}

/** Like Cursor.pointing, in any text. */
export function pointing<T>(text: string, span: Span, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof FileError) throw error
    const named = tokensOf(text).find(each => {
      return each.at >= span.at && each.end <= span.end && error.message.includes(`${each.text}: `)
    })
    const pointed = textError(text, named ?? span, error.message)
    throw error.cause === undefined ? pointed : Object.assign(pointed, { cause: error.cause })
  }
}

const shown = (text: string): string => printable(text.replaceAll(/\s/g, ' '))
