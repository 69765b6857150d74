/**
 * The filter of the table of frames. Every word must match a frame:
 *
 *     tx  rx              the direction of a frame
 *     dropped  passed     its fate
 *     queue 1             the number of its queue; also < <= = != >= >
 *     len > 100           its length in bytes; also < <= = != >=
 *     port 80             a TCP or UDP port, source or destination; also < <= = != >= >
 *     192.0.2.1           an address in one of its headers; a prefix: 198.18.0.0/15, 2001:db8::/32
 *     02:00:00:00:00:01   a hardware address
 *     arp  syn  "len"     any other word, or words in quotes: a part of its text, of the names of
 *                         its headers or of why it was dropped, in either case
 *     not X   X or Y   ( X Y )
 */
import { isInPrefix, type Prefix, parseAddress, parsePrefix } from '../../packet/address.ts'
import type { FrameRow } from '../feed-types.ts'

/** An error in a filter and its position: characters from the start. */
export class FilterError extends Error {
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

export type FrameFilter = (frame: FrameRow) => boolean

interface Token {
  readonly text: string
  readonly at: number
  readonly isQuoted: boolean
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>=': (a, b) => a >= b,
  '>': (a, b) => a > b,
}

/** The numbers of a frame that a word is compared with: any one of them must match. */
const NUMBERS: Readonly<Record<string, (frame: FrameRow) => readonly number[]>> = {
  queue: frame => [frame.queue],
  len: frame => [frame.length],
  port: portsOf,
}

const WORDS: Readonly<Record<string, FrameFilter>> = {
  tx: frame => frame.direction === 'tx',
  rx: frame => frame.direction === 'rx',
  dropped: frame => frame.dropped !== undefined,
  passed: frame => frame.dropped === undefined,
}

/** Returns the filter that a text describes. All frames pass an empty one. Throws a FilterError. */
export function parseFilter(text: string): FrameFilter {
  const parser = new Parser(tokens(text), text.length)
  return parser.isAtEnd ? () => true : parser.whole()
}

/** Returns the filter that a text describes, or what is wrong with it. */
export function readFilter(text: string): { readonly filter?: FrameFilter; readonly error: string } {
  try {
    return { filter: parseFilter(text), error: '' }
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return { error: `At character ${error.at + 1}: ${error.message}` }
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = []
  for (const match of text.matchAll(/"([^"]*)("?)|[()]|[<>=!]+|[^\s()<>=!"]+/g)) {
    const { index: at, 0: whole, 1: inside, 2: end } = match
    if (inside !== undefined && end === '') throw new FilterError('the closing " is missing', at)
    found.push({ text: inside ?? whole, at, isQuoted: inside !== undefined })
  }
  return found
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #end: number
  #next = 0

  constructor(found: readonly Token[], end: number) {
    this.#tokens = found
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#next === this.#tokens.length
  }

  whole(): FrameFilter {
    const filter = this.#either()
    if (!this.isAtEnd) throw new FilterError('this ) closes nothing', this.#at)
    return filter
  }

  #either(): FrameFilter {
    const choices = [this.#all()]
    while (this.#take('or')) choices.push(this.#all())
    return choices.length === 1 ? choices[0] : frame => choices.some(choice => choice(frame))
  }

  #all(): FrameFilter {
    const parts = [this.#one()]
    while (!this.isAtEnd && !this.#isNext(')') && !this.#isNext('or')) {
      // `and` may be written, and changes nothing.
      this.#take('and')
      parts.push(this.#one())
    }
    return parts.length === 1 ? parts[0] : frame => parts.every(part => part(frame))
  }

  #one(): FrameFilter {
    if (this.isAtEnd) throw new FilterError('a word is missing at the end', this.#end)
    if (this.#take('not') || this.#take('!')) {
      const filter = this.#one()
      return frame => !filter(frame)
    }
    if (this.#isNext('(')) return this.#inParentheses()
    const token = this.#tokens[this.#next++]
    if (token.isQuoted) return hasText(token.text)
    const word = token.text.toLowerCase()
    if (Object.hasOwn(NUMBERS, word)) return this.#comparison(word, token)
    if (Object.hasOwn(WORDS, word)) return WORDS[word]
    if (/^[()<>=!]|^(or|and)$/.test(word)) throw new FilterError(`a word is missing before ${word}`, token.at)
    return addressFilter(token) ?? hasText(token.text)
  }

  #inParentheses(): FrameFilter {
    const at = this.#at
    this.#next++
    const filter = this.#either()
    if (!this.#take(')')) throw new FilterError('this ( is not closed', at)
    return filter
  }

  #comparison(name: string, { at }: Token): FrameFilter {
    const sign = this.#tokens[this.#next]?.text ?? ''
    const isCompared = /^[<>=!]+$/.test(sign)
    if (isCompared && !Object.hasOwn(COMPARISONS, sign)) {
      throw new FilterError(`${sign} is unknown: write <, <=, =, !=, >= or >`, this.#at)
    }
    if (isCompared) this.#next++
    const compare = COMPARISONS[isCompared ? sign : '=']
    const number = this.#tokens[this.#next]
    if (number === undefined || number.isQuoted || !/^\d+$/.test(number.text)) {
      const example = name === 'len' ? 'len > 100' : `${name} 1`
      throw new FilterError(`${name} needs a number, as in ${example}; the text is "${name}"`, number?.at ?? at)
    }
    this.#next++
    const wanted = Number(number.text)
    const numbers = NUMBERS[name]
    return frame => numbers(frame).some(value => compare(value, wanted))
  }

  get #at(): number {
    return this.#tokens[this.#next]?.at ?? this.#end
  }

  #isNext(text: string): boolean {
    const token = this.#tokens[this.#next]
    return token !== undefined && !token.isQuoted && token.text.toLowerCase() === text
  }

  #take(text: string): boolean {
    const isNext = this.#isNext(text)
    if (isNext) this.#next++
    return isNext
  }
}

function addressFilter({ text, at }: Token): FrameFilter | undefined {
  if (/^([\da-f]{2}:){5}[\da-f]{2}$/i.test(text)) {
    const mac = text.toLowerCase()
    return frame => valuesOf(frame).some(value => value.toLowerCase() === mac)
  }
  const prefix = parsePrefix(text) ?? prefixOf(parseAddress(text))
  if (prefix !== undefined) {
    return frame => {
      return valuesOf(frame).some(value => {
        const address = parsePrefix(value)?.bytes ?? parseAddress(value)
        return address !== undefined && isInPrefix(address, prefix)
      })
    }
  }
  if (/^\d+(\.\d+){3}(\/|$)|^[\da-f:]*::[\da-f:]*\//i.test(text)) {
    throw new FilterError(`${text} is not an address`, at)
  }
  return undefined
}

/** Returns the prefix that has one address alone. */
function prefixOf(address: Uint8Array | undefined): Prefix | undefined {
  return address && { bytes: address, prefixLen: 8 * address.length }
}

function hasText(text: string): FrameFilter {
  const wanted = text.toLowerCase()
  return ({ text, dropped = '', headers }) => {
    return [text, dropped, ...headers.map(({ name }) => name)].some(part => part.toLowerCase().includes(wanted))
  }
}

/** The words of all values of its headers. */
function valuesOf({ headers }: FrameRow): string[] {
  return headers.flatMap(({ fields }) => fields.flatMap(({ value }) => value.split(/[\s,]+/)))
}

function portsOf({ headers }: FrameRow): number[] {
  const transport = headers.filter(({ name }) => /^(tcp|udp)/i.test(name))
  const fields = transport.flatMap(header => header.fields.filter(({ name }) => /^(source|destination)/i.test(name)))
  return fields.map(({ value }) => Number.parseInt(value, 10))
}
