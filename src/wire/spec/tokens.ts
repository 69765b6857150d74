/** The words of a wire as tokens: words, quoted texts, `(`, `)` and `|`, each with its place. */
import { wordsError } from './error.ts'

export interface Token {
  readonly text: string
  /** From the first character to behind the last, quotes included. */
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

/** Returns a text as one token: in quotes if it needs them. */
export function quote(text: string): string {
  return /^[^\s()|'"]+$/.test(text) ? text : quoted(text)
}

/** Returns a text in quotes, so that it cannot be another word. */
export function quoted(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`
}

function spaceEnd(words: string, at: number): number {
  SPACE.lastIndex = at
  SPACE.exec(words)
  return SPACE.lastIndex
}
